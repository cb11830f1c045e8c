"""Chaining on the Ethos-U85: element-wise operators that run while the operator before them writes its result.

As Vela's ``SchedulerPacking`` and ``EthosU85OpGroup`` (regor): an element-wise operator joins the one that runs right
before it if that one's OFM is read by nobody else, no network output, and of the shape that is written. A chain has up
to four operators and three feature maps that come from memory; scalars are encoded in the operator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.feature_maps import ELEMENTWISE

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

__all__ = ["can_chain", "chain"]

_MOST_OPERATORS: Final = 4
_MOST_FEATURE_MAPS: Final = 3
_NOT_FIRST: Final = frozenset({"resize", "copy"})


def can_chain(before: NpuOp, op: NpuOp) -> bool:
    """Whether an operation can run as part of the one right before it.

    Args:
        before: What runs right before, and writes what only ``op`` reads.
        op: The operation.
    """
    first, shape = before.shape, op.shape
    if first is None or shape is None or op.kind not in ELEMENTWISE or before.ofm not in op.ifms:
        return False
    if first.block_type in _NOT_FIRST or before.transposes or before.repeats > 1:
        return False
    if first[1:4] != shape[1:4]:
        return False
    if 1 + before.chained + 1 + op.chained > _MOST_OPERATORS:
        return False
    return _from_memory(before) + _from_memory(op) - 1 <= _MOST_FEATURE_MAPS


def chain(before: NpuOp, op: NpuOp) -> NpuOp:
    """Both operations as one."""
    others = [size for name, size in zip(op.ifms, op.ifm_bytes, strict=True) if name != before.ofm]
    return replace(
        before,
        ifms=chained_ifms(before, op),
        ifm_bytes=(*before.ifm_bytes, *others),
        ofm=op.ofm,
        ofm_bytes=op.ofm_bytes,
        ofm_nhwc=op.ofm_nhwc,
        chained=before.chained + 1 + op.chained,
        constant_elements=before.constant_elements + (op.constant_elements if op.constant_elements > 1 else 0),
        lut=before.lut or op.lut,
        activated=before.activated or op.activated,
    )


def chained_ifms(before: NpuOp, op: NpuOp) -> tuple[str, ...]:
    """The feature maps that both operations read as one."""
    return *before.ifms, *[name for name in op.ifms if name != before.ofm]


def _from_memory(op: NpuOp) -> int:
    """Feature maps that an operation reads from memory, constants among them."""
    return len(op.ifms) + (op.constant_elements > 1)
