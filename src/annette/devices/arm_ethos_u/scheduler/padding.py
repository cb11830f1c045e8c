"""What Vela writes around the feature map of a pooling that does not pad by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import BRICK, FeatureMap
from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.arm_ethos_u.scheduler.feature_maps import ExplicitPadding
    from annette.mapping.kernel import Kernel

__all__ = ["padded", "padding_copies"]


def padding_copies(
    kernel: Kernel, padding: ExplicitPadding, name: str, maps: dict[str, FeatureMap]
) -> tuple[list[NpuOp], str]:
    """The copies of a constant into the sides of a feature map.

    One sample is written into the padded map right away. Several are copied there, one after the other, as Vela's
    reports show it.

    Args:
        kernel: The pooling that reads it.
        padding: What is added.
        name: Of the feature map.
        maps: All feature maps; the padded one of several samples is added.

    Returns:
        The copies, and the name of the padded map.
    """
    d = kernel.anchor.workload.dimensions
    inside = any(layer.kind == "pad" for layer in kernel.layers)
    top, left, bottom, right = padding
    rows = d.in_height - (top + bottom if inside else 0)
    columns = d.in_width - (left + right if inside else 0)
    height, width = rows + top + bottom, columns + left + right
    target, samples = name, []
    if d.batch > 1:
        target = f"{name}/{len(maps)}"
        size = round_up(d.batch * height * width * d.in_channels, BRICK)
        maps[target] = FeatureMap(size, nhwc=True, whole=True)
        one = _copy(rows, columns, d.in_channels, target, maps)
        samples = [
            replace(
                one,
                ifms=(name,),
                ifm_bytes=(one.ofm_bytes,),
                constant_elements=0,
                ifm_nhwc=maps[name].nhwc,
                repeats=d.batch,
            )
        ]
    sides = ((height, left), (height, right), (top, width), (bottom, width))
    around = [_copy(d.batch * side, across, d.in_channels, target, maps) for side, across in sides if side and across]
    return samples + around, target


def padded(operations: Sequence[NpuOp], name: str, target: str) -> list[NpuOp]:
    """The operations of a pooling, which read a padded map instead of the one in front of it."""
    if target == name:
        return list(operations)
    return [replace(op, ifms=(target,), ifm_nhwc=True) if op.ifms == (name,) else op for op in operations]


def _copy(rows: int, columns: int, depth: int, target: str, maps: dict[str, FeatureMap]) -> NpuOp:
    """A copy of a constant."""
    elements = rows * columns * depth
    return NpuOp(
        kind="copy",
        shape=OpShape("copy", rows, columns, depth, depth, rows, columns, 1, 1, 1, 1, 1),
        ifms=(),
        ifm_bytes=(),
        ofm=target,
        ofm_bytes=elements,
        ofm_elements=elements,
        ofm_height=rows,
        ofm_depth=depth,
        constant_elements=elements,
        ifm_nhwc=True,
        ofm_nhwc=maps[target].nhwc,
    )
