"""Parts of a tensor that are cut out of it at once.

Networks take a tensor apart by one slice, or one row, after the other: queries, keys and values, gates, the steps of a
loop that was written out. Where the parts make up the tensor, a runtime may cut it by one split: ONNX Runtime does
(``core/optimizer/gather_slice_fusion.cc``, ``core/optimizer/gather_fusion.cc`` of
https://github.com/microsoft/onnxruntime), whoever else reads the tensor, unless the node that writes it has other
results. It does so from version 13 of ONNX's operators on, which networks do not keep.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.mapping.one_kernel import KIND_OF
from annette.network import describe_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["cut_at_once"]

_RULE: Final = "parts-cut-at-once"
_FEWEST: Final = 2
_CUTTING: Final = frozenset({"slice", "gather"})


class _Part(NamedTuple):
    """What one kernel cuts out along one axis.

    Attributes:
        at: Position of the kernel.
        size: How much of the axis it takes.
        start: Where it begins; None of a single row, whose place the network does not keep.
    """

    at: int
    size: int
    start: int | None


def cut_at_once(kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
    """Kernels with one split instead of the slices and rows that make up a tensor together.

    Args:
        kernels: In topological order.
        network: Where their tensors are described.

    Returns:
        The kernels, in topological order; a split stands where the first of its parts was.
    """
    if _CUTTING.isdisjoint(map(KIND_OF, kernels)):
        return tuple(kernels)
    found: dict[tuple[str, int], list[_Part]] = defaultdict(list)
    for at, kernel in enumerate(kernels):
        if kernel.kind in _CUTTING and len(kernel.layers) == 1 and not kernel.free:
            cut = _cut(kernel, network)
            if cut is not None:
                found[(kernel.inputs[0], cut[0])].append(_Part(at, *cut[1:]))
    made: dict[int, Kernel] = {}
    gone: set[int] = set()
    for (source, axis), parts in found.items():
        producer = network.producers.get(source)
        alone = producer is None or len(producer.outputs) == 1
        if alone and _make_up(parts, network.tensors[source].shape[axis]):
            positions = [part.at for part in parts]
            made[positions[0]] = _split([kernels[at] for at in positions], source, axis, network)
            gone.update(positions[1:])
    return tuple(made.get(at, kernel) for at, kernel in enumerate(kernels) if at not in gone)


def _cut(kernel: Kernel, network: Network) -> tuple[int, int, int | None] | None:
    """Axis, size and start of what a kernel cuts out of its only operand; None where it does something else."""
    (layer,) = kernel.layers
    read, written = network.tensors[layer.inputs[0]].shape, network.tensors[layer.outputs[0]].shape
    if len(layer.inputs) != 1 or kernel.inputs != layer.inputs:
        return None
    if layer.kind == "gather":
        axis = layer.attributes.get("axis", 0)
        return (axis % len(read), 1, None) if isinstance(axis, int) and read else None
    axes, steps, starts = (layer.attributes.get(name) for name in ("axes", "steps", "starts"))
    if not (isinstance(axes, tuple) and isinstance(steps, tuple) and isinstance(starts, tuple)):
        return None
    if len(axes) != 1 or steps != (1,) or len(written) != len(read):  # TFLite's slices may drop the axis
        return None
    axis = int(axes[0])
    return axis, written[axis], int(starts[0])


def _make_up(parts: Sequence[_Part], size: int) -> bool:
    """Whether parts make up an axis of the given size without overlap: rows are taken to fill what is left."""
    begun = sorted((part.start, part.size) for part in parts if part.start is not None)
    overlap = any(start + length > after for (start, length), (after, _) in pairwise(begun))
    return len(parts) >= _FEWEST and not overlap and sum(part.size for part in parts) == size


def _split(parts: Sequence[Kernel], source: str, axis: int, network: Network) -> Kernel:
    operand = network.tensors[source]
    results = []
    for part in parts:
        result = network.tensors[part.outputs[0]]
        kept = list(operand.shape)
        kept[axis] = result.shape[axis] if len(result.shape) == len(kept) and part.kind == "slice" else 1
        results.append(replace(result, shape=tuple(kept)))
    sizes = tuple(result.shape[axis] for result in results)
    anchor = describe_layer(
        "split",
        parts[0].name,
        inputs=[operand],
        outputs=results,
        attributes={"axis": axis, "split": sizes},
        channels_last=network.channels_last,
    )
    return replace(
        parts[0],
        kind="split",
        anchor=anchor,
        layers=tuple(layer for part in parts for layer in part.layers),
        outputs=tuple(output for part in parts for output in part.outputs),
        rules=(*parts[0].rules, _RULE),
        followers=(),
    )
