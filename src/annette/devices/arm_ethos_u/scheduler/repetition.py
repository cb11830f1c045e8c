"""What was found of operations before: networks repeat theirs, and so do the networks of a search.

Operations that differ by the names of their feature maps only are *alike*: they carry the same token. What follows from
an operation and a few numbers around it is then looked up. Operations without a token are worked out each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.chaining import chain, chained_ifms
from annette.devices.arm_ethos_u.scheduler.operations import NpuOp
from annette.kept import Recent

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from annette.devices.arm_ethos_u.scheduler.block_config import BlockConfig
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap, Storage
    from annette.devices.arm_ethos_u.scheduler.weight_buffering import WeightBuffering
    from annette.mapping.kernel import Kernel

__all__ = ["Known", "places_of", "repeated"]

_MOST: Final = 16_384


class Known:
    """What one accelerator does with operations that have a token.

    Attributes:
        operations: The operation of a kernel (`repeated`), with the kernel, whose layers are thereby kept from being
            replaced by others of the same identity.
        chains: Two operations as one, by their tokens and which IFM of the second the first writes.
        scheduled: Of each token, its blocks, cycles and how often it reads its weights, outside of cascades.
        accesses: Elements that it reads and writes, by token and `places_of` its feature maps.
        buffering: Where its weights are copied to, by token and what surrounds it.
        contexts: What its kernel is given, by token and everything that was decided for it, with the buffering whose
            identity is a part of that.
    """

    def __init__(self) -> None:
        self.operations: Recent[Hashable, tuple[Kernel, NpuOp]] = Recent(_MOST)
        self.chains: Recent[tuple[object, object, int], NpuOp] = Recent(_MOST)
        self.scheduled: Recent[object, tuple[BlockConfig | None, float, int]] = Recent(_MOST)
        self.accesses: Recent[Hashable, tuple[float, ...]] = Recent(_MOST)
        self.buffering: Recent[Hashable, tuple[WeightBuffering | None]] = Recent(_MOST)
        self.contexts: Recent[Hashable, tuple[dict[str, float], WeightBuffering | None]] = Recent(_MOST)

    def operation_of(self, key: Hashable, ifms: tuple[str, ...], ofm: str) -> NpuOp | None:
        """The operation of a kernel that was kept under a key, between other feature maps; None where there is none."""
        found = self.operations.get(key)
        return None if found is None else _named(found[1], ifms, ofm, found[1].alike)

    def keep(self, key: Hashable, kernel: Kernel, operation: NpuOp) -> NpuOp:
        """Keeps the operation of a kernel under a key; the same with a token."""
        tokened = _named(operation, operation.ifms, operation.ofm, object())
        self.operations.put(key, (kernel, tokened))
        return tokened

    def chained(self, before: NpuOp, operation: NpuOp) -> NpuOp:
        """An operation and the one right before it as one, with a token if both have theirs."""
        if before.alike is None or operation.alike is None:
            return chain(before, operation)
        key = before.alike, operation.alike, operation.ifms.index(before.ofm)
        found = self.chains.get(key)
        if found is None:
            both = chain(before, operation)
            found = _named(both, both.ifms, both.ofm, object())
            self.chains.put(key, found)
        return _named(found, chained_ifms(before, operation), operation.ofm, found.alike)


def _named(operation: NpuOp, ifms: tuple[str, ...], ofm: str, token: object) -> NpuOp:
    """As `dataclasses.replace`, in a tenth of the time."""
    made = object.__new__(NpuOp)
    vars(made).update(vars(operation), ifms=ifms, ofm=ofm, alike=token)
    return made


def repeated(
    kernel: Kernel, storage: Storage, root: Mapping[str, str], maps: Mapping[str, FeatureMap]
) -> tuple[Hashable, tuple[str, ...], str] | None:
    """What the operation of a kernel follows from, but for names, and the names of its IFMs and OFM.

    Layers that were built alike have workload and attributes in common, whose identities stand for them.

    Returns:
        None for kernels that may run as several operations, read or write several feature maps in a way of their own,
        or have weights whose values are known.
    """
    anchor = kernel.anchor
    if kernel.kind in ("transpose", "concat", "grouped_conv") or len(kernel.outputs) != 1 or storage.code_bits:
        return None
    if anchor.workload.dimensions.batch != 1:
        return None
    read, shapes, result = kernel.inputs, storage.shapes, kernel.outputs[0]
    written = root[result]
    ifms: tuple[str, ...]
    places: tuple[Hashable, ...]
    if len(read) == 1:
        name = root[read[0]]
        ifms, places = (name,), (shapes[read[0]], maps[name].nhwc)
    else:
        inputs = [root[tensor] for tensor in read]
        ifms = tuple(dict.fromkeys(inputs))
        places = (
            *[(shapes[tensor], maps[name].nhwc) for tensor, name in zip(read, inputs, strict=True)],
            len(ifms) == len(inputs) or tuple(map(inputs.index, inputs)),
        )
    layers = kernel.layers
    own = len(layers) == 1 and layers[0] is anchor
    key = (
        kernel.kind,
        id(anchor.workload),
        id(anchor.attributes),
        anchor.kind
        if own
        else tuple([(id(layer.workload), id(layer.attributes), layer.kind, layer is anchor) for layer in layers]),
        places,
        shapes[result],
        maps[written].nhwc,
    )
    return key, ifms, written


def places_of(operation: NpuOp, maps: Mapping[str, FeatureMap]) -> tuple[int, ...]:
    """Sizes of the feature maps of an operation, the IFMs first; their formats follow from its token."""
    names = (*operation.ifms, operation.ofm) if operation.ofm else operation.ifms
    return tuple([maps[name].size_bytes for name in names])
