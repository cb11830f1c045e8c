"""Operators of JSON network descriptions: which kind each is, and what its shapes must satisfy.

Every function takes a described layer and the tensors it reads, checks the stated output shape against them, and
returns the kind with its constants and canonical attributes.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS, UNSUPPORTED, output_shapes
from annette.network.readers.descriptions.convolution import conv, conv_transpose, fully_connected, pool
from annette.network.readers.descriptions.described_layer import LayerPlan, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.descriptions.described_layer import DescribedLayer
    from annette.network.readers.descriptions.reconstruction import Notes
    from annette.network.tensor import Tensor

__all__ = ["OPERATORS", "plan_layer"]


def plan_layer(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Determines what a described layer is.

    Args:
        layer: The layer, its output shape known.
        sources: The tensors it reads, at least one.
        notes: Where repairs are recorded.

    Raises:
        NetworkShapeError: Its shapes contradict each other.
    """
    if layer.operator in OPERATORS:
        return OPERATORS[layer.operator](layer, sources, notes)
    return LayerPlan(UNSUPPORTED, {"operator": layer.operator})


def _same(kind: str, layer: DescribedLayer, sources: list[Tensor], _: Notes, **attributes: AttributeValue) -> LayerPlan:
    """One operand; the result has its elements, possibly under another rank."""
    if len(sources) != 1 or math.prod(layer.shape) != sources[0].elements:
        raise refusal(layer, sources, "it writes as many elements as its one operand has")
    return LayerPlan(kind, attributes)


def _batch_norm(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    same = _same("batch_norm", layer, sources, notes)
    return LayerPlan(same.kind, {}, KINDS["batch_norm"].weights((1, layer.shape[-1]), {}, 0))  # type: ignore[misc]


def _along_last(kind: str, layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    same = _same(kind, layer, sources, notes)
    return LayerPlan(same.kind, {"axis": len(sources[0].shape) - 1})


def _binary(kind: str, layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Several operands, broadcast; a single one means that the other was a constant, which the format does not hold."""
    if _written(kind, [source.shape for source in sources]) != layer.shape:
        raise refusal(layer, sources, "its operands do not broadcast to that shape")
    if len(sources) > 1:
        return LayerPlan(kind)
    notes.add("the constant operand of {} is not in the file; counted as one number", layer.name)
    return LayerPlan(kind, {}, {"constant": ()})


def _written(
    kind: str, shapes: list[tuple[int, ...]], attributes: Mapping[str, AttributeValue] | None = None
) -> tuple[int, ...] | None:
    """The shape that a layer of a kind writes, or None where it cannot read such shapes."""
    try:
        return output_shapes(kind, shapes, attributes or {})[0]
    except NetworkShapeError:
        return None


def _concat(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    rank = len(sources[0].shape)
    if any(len(source.shape) != rank for source in sources):
        raise refusal(layer, sources, "joined tensors have the same rank")
    stated = layer.detail("axis")
    joins = range(rank) if stated is None or len(layer.shape) != rank else (stated % max(1, rank),)
    for axis in joins:
        joined = _written("concat", [source.shape for source in sources], {"axis": axis})
        if joined == layer.shape:
            return LayerPlan("concat", {"axis": axis})
        if joined is not None and len(layer.shape) > rank == 2 and _squeezed(joined) == _squeezed(layer.shape):
            notes.add("the result of {} that join rows is stored under another rank", layer.name)
            return LayerPlan("concat", {"axis": layer.shape.index(joined[axis])})
    raise refusal(layer, sources, "they cannot be joined along one axis to that shape")


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def _reduce(kind: str, layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    axes = _reduced_axes(layer, sources[0].shape, notes)
    if axes is None:
        raise refusal(layer, sources, "no reduction along axes gives that")
    return LayerPlan(kind, {} if not axes else {"axis": axes[0]} if kind == "arg_max" else {"axes": axes})


def _reduced_axes(layer: DescribedLayer, shape: tuple[int, ...], notes: Notes) -> tuple[int, ...] | None:
    """Axes along which a reduction of one shape gives the layer's, or None where there are none."""
    written = layer.shape
    if len(written) == len(shape):
        axes = tuple(axis for axis, size in enumerate(shape) if written[axis] != size)
        return axes if all(written[axis] == 1 for axis in axes) else None
    axes = _removed(shape, written)
    if not axes and len(shape) == 4 and (shape[0], shape[3], shape[1]) == written:
        notes.add("the result of {} that reduce the width is stored channels first", layer.name)
        return (2,)
    return axes or None


def _removed(shape: tuple[int, ...], left: tuple[int, ...]) -> tuple[int, ...]:
    """Axes whose removal turns one shape into another, positions first; empty if there are none."""
    count = len(shape) - len(left)
    for start in (1, *range(len(shape) - count + 1)):
        if count > 0 and shape[:start] + shape[start + count :] == left:
            return tuple(range(start, start + count))
    return ()


def _resize(kind: str, layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    shape = sources[0].shape
    if len(shape) != 4 or len(layer.shape) != 4 or shape[0] != layer.shape[0] or shape[3] != layer.shape[3]:
        raise refusal(layer, sources, "resampling keeps batch and channels")
    if layer.operator == "Resize":
        notes.add("the method of {} that resample is not in the file; taken for nearest neighbour", layer.name)
    return LayerPlan(kind)


def _slice(layer: DescribedLayer, sources: list[Tensor], _: Notes) -> LayerPlan:
    shape = sources[0].shape
    if len(shape) != len(layer.shape) or any(new > old for new, old in zip(layer.shape, shape, strict=True)):
        raise refusal(layer, sources, "a part is not larger than the whole")
    return LayerPlan("slice")


def _pad(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    shape, pads = sources[0].shape, layer.pads
    if shape == layer.shape and not any(pads):
        notes.add("{} that pad by nothing taken for views", layer.name)
        return LayerPlan("identity")
    rank = len(shape)
    if len(layer.shape) != rank or len(pads) not in (0, 2 * rank):
        raise refusal(layer, sources, f"pads {list(pads)} do not fit that")
    added = tuple(new - old for new, old in zip(layer.shape, shape, strict=True))
    if min(added) < 0 or (any(pads) and added != tuple(pads[axis] + pads[axis + rank] for axis in range(rank))):
        raise refusal(layer, sources, f"pads {list(pads)} do not give that")
    return LayerPlan("pad", {"pads": pads} if pads else {})


def _transpose(layer: DescribedLayer, sources: list[Tensor], _: Notes) -> LayerPlan:
    shape, perm = sources[0].shape, layer.detail("perm")
    if perm is not None and sorted(perm) != list(range(len(shape))):
        raise refusal(layer, sources, f"{list(perm)} is not a permutation of its dimensions")
    written = None if perm is None else _written("transpose", [shape], {"perm": tuple(perm)})
    if sorted(shape) != sorted(layer.shape) or written not in (None, layer.shape):
        raise refusal(layer, sources, "that is not its operand's shape permuted")
    return LayerPlan("transpose", {} if perm is None else {"perm": tuple(perm)})


def _move_blocks(layer: DescribedLayer, sources: list[Tensor], _: Notes) -> LayerPlan:
    """Blocks of positions moved to or from the batch, with a border added or cut: channels stay."""
    shape = sources[0].shape
    if len(sources) != 1 or len(shape) != 4 or len(layer.shape) != 4 or shape[3] != layer.shape[3]:
        raise refusal(layer, sources, "moving blocks to or from the batch keeps rank and channels")
    return LayerPlan("copy")


_Rule: TypeAlias = "Callable[[DescribedLayer, list[Tensor], Notes], LayerPlan]"

OPERATORS: Final[Mapping[str, _Rule]] = {
    **dict.fromkeys(("Conv", "Conv1d", "DepthwiseConv", "DepthwiseConv1d"), conv),
    **dict.fromkeys(("ConvTranspose", "ConvTranspose2d"), conv_transpose),
    **dict.fromkeys(("Pool", "Pool1d"), pool),
    **dict.fromkeys(("FullyConnected", "MatMul"), fully_connected),
    "BatchNorm": _batch_norm,
    "Relu": partial(_same, "relu"),
    **dict.fromkeys(("Relu6", "Relu6 (stored as DataInput)"), partial(_same, "clip", min=0.0, max=6.0)),
    "Clip": partial(_same, "clip"),
    "LeakyRelu": partial(_same, "leaky_relu"),
    "Sigmoid": partial(_same, "sigmoid"),
    "Softplus": partial(_same, "softplus"),
    "Tanh": partial(_same, "tanh"),
    "LRN": partial(_same, "lrn"),
    "Softmax": partial(_along_last, "softmax"),
    **{operator: partial(_binary, operator.lower()) for operator in ("Add", "Sub", "Mul", "Div", "Pow")},
    "RealDiv": partial(_binary, "div"),
    "Concat": _concat,
    "ReduceMean": partial(_reduce, "reduce_mean"),
    "ArgMax": partial(_reduce, "arg_max"),
    "Slice": _slice,
    "Pad": _pad,
    **dict.fromkeys(("Transpose", "Permute"), _transpose),
    **dict.fromkeys(("Resize", "ResizeNearestNeighbor"), partial(_resize, "resize_nearest")),
    "ResizeBilinear": partial(_resize, "resize_linear"),
    "SpaceToDepth": partial(_same, "space_to_depth"),
    **dict.fromkeys(("SpaceToBatchND", "BatchToSpaceND"), _move_blocks),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), partial(_same, "reshape")),
    "Dropout": partial(_same, "identity"),
    "PriorBox": lambda *_: LayerPlan("generate", reads=False),
}
"""Every operator that is understood, by the name both formats give it."""
