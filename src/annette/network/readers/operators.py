"""Operators of JSON network descriptions: which kind each is, and what its shapes must satisfy.

Every function takes a described layer and the tensors it reads, checks the stated output shape against them, and
returns the kind with its constants and canonical attributes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.kinds import UNSUPPORTED
from annette.network.readers.meaning import Meaning, refusal
from annette.network.readers.weighted import conv, conv_transpose, fully_connected, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.described import Described
    from annette.network.readers.repair import Notes
    from annette.network.tensor import Tensor

__all__ = ["OPERATORS", "meaning"]


def meaning(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
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
    return Meaning(UNSUPPORTED, {"operator": layer.operator})


def _same(kind: str, **attributes: AttributeValue) -> Callable[..., Meaning]:
    """One operand; the result has its elements, possibly under another rank."""

    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        del notes
        if len(sources) != 1 or math.prod(layer.shape) != sources[0].elements:
            raise refusal(layer, sources, "it writes as many elements as its one operand has")
        return Meaning(kind, attributes)

    return read


def _batch_norm(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    same = _same("batch_norm")(layer, sources, notes)
    channels = (layer.shape[-1],)
    return Meaning(same.kind, {}, dict.fromkeys(("scale", "bias", "mean", "variance"), channels))


def _along_last(kind: str) -> Callable[..., Meaning]:
    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        same = _same(kind)(layer, sources, notes)
        return Meaning(same.kind, {"axis": len(sources[0].shape) - 1})

    return read


def _binary(kind: str) -> Callable[..., Meaning]:
    """Several operands, broadcast; a single one means that the other was a constant, which the format does not hold."""

    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        if _broadcast([source.shape for source in sources]) != layer.shape:
            raise refusal(layer, sources, "its operands do not broadcast to that shape")
        if len(sources) > 1:
            return Meaning(kind)
        notes.add("the constant operand of {} is not in the file; counted as one number", layer.name)
        return Meaning(kind, {}, {"constant": ()})

    return read


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = tuple(max(sizes) for sizes in zip(*padded, strict=True))
    fits = all(size in (1, whole) for shape in padded for size, whole in zip(shape, result, strict=True))
    return result if fits else None


def _concat(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    rank = len(sources[0].shape)
    if any(len(source.shape) != rank for source in sources):
        raise refusal(layer, sources, "joined tensors have the same rank")
    stated = layer.detail("axis")
    joins = range(rank) if stated is None or len(layer.shape) != rank else (stated % max(1, rank),)
    for axis in joins:
        joined = _joined([source.shape for source in sources], axis)
        if joined == layer.shape:
            return Meaning("concat", {"axis": axis})
        if joined is not None and len(layer.shape) > rank == 2 and _squeezed(joined) == _squeezed(layer.shape):
            notes.add("the result of {} that join rows is stored under another rank", layer.name)
            return Meaning("concat", {"axis": layer.shape.index(joined[axis])})
    raise refusal(layer, sources, "they cannot be joined along one axis to that shape")


def _joined(shapes: list[tuple[int, ...]], axis: int) -> tuple[int, ...] | None:
    """Shape of tensors joined along an axis, or None where they differ elsewhere."""
    first = shapes[0]
    if any(shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :] for shape in shapes):
        return None
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def _reduce(kind: str) -> Callable[..., Meaning]:
    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        axes = _reduced_axes(layer, sources[0].shape, notes)
        if axes is None:
            raise refusal(layer, sources, "no reduction along axes gives that")
        if kind == "arg_max":
            return Meaning(kind, {"axis": axes[0]})
        return Meaning(kind, {"axes": axes} if axes else {})

    return read


def _reduced_axes(layer: Described, shape: tuple[int, ...], notes: Notes) -> tuple[int, ...] | None:
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


def _resize(kind: str) -> Callable[..., Meaning]:
    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        shape = sources[0].shape
        if len(shape) != 4 or len(layer.shape) != 4 or shape[0] != layer.shape[0] or shape[3] != layer.shape[3]:
            raise refusal(layer, sources, "resampling keeps batch and channels")
        if layer.operator == "Resize":
            notes.add("the method of {} that resample is not in the file; taken for nearest neighbour", layer.name)
        return Meaning(kind)

    return read


def _slice(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    del notes
    shape = sources[0].shape
    if len(shape) != len(layer.shape) or any(new > old for new, old in zip(layer.shape, shape, strict=True)):
        raise refusal(layer, sources, "a part is not larger than the whole")
    return Meaning("slice")


def _pad(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    shape, pads = sources[0].shape, layer.pads
    if shape == layer.shape and not any(pads):
        notes.add("{} that pad by nothing taken for views", layer.name)
        return Meaning("identity")
    rank = len(shape)
    if len(layer.shape) != rank or len(pads) not in (0, 2 * rank):
        raise refusal(layer, sources, f"pads {list(pads)} do not fit that")
    added = tuple(new - old for new, old in zip(layer.shape, shape, strict=True))
    if min(added) < 0 or (any(pads) and added != tuple(pads[axis] + pads[axis + rank] for axis in range(rank))):
        raise refusal(layer, sources, f"pads {list(pads)} do not give that")
    return Meaning("pad", {"pads": pads} if pads else {})


def _transpose(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    del notes
    shape, perm = sources[0].shape, layer.detail("perm")
    if perm is not None and sorted(perm) != list(range(len(shape))):
        raise refusal(layer, sources, f"{list(perm)} is not a permutation of its dimensions")
    written = tuple(shape[axis] for axis in perm) if perm is not None else None
    if sorted(shape) != sorted(layer.shape) or written not in (None, layer.shape):
        raise refusal(layer, sources, "that is not its operand's shape permuted")
    return Meaning("transpose", {} if perm is None else {"perm": tuple(perm)})


def _move(kind: str) -> Callable[..., Meaning]:
    """Blocks of positions moved to or from the batch, with a border added or cut: channels stay."""

    def read(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
        del notes
        shape = sources[0].shape
        if len(sources) != 1 or len(shape) != 4 or len(layer.shape) != 4 or shape[3] != layer.shape[3]:
            raise refusal(layer, sources, "moving blocks to or from the batch keeps rank and channels")
        return Meaning(kind)

    return read


def _prior_box(layer: Described, sources: list[Tensor], notes: Notes) -> Meaning:
    del layer, sources, notes
    return Meaning("generate", reads=False)


_RELU6: Final = _same("clip", min=0.0, max=6.0)

OPERATORS: Final[Mapping[str, Callable[[Described, list[Tensor], Notes], Meaning]]] = {
    "Conv": conv,
    "Conv1d": conv,
    "DepthwiseConv": conv,
    "DepthwiseConv1d": conv,
    "ConvTranspose": conv_transpose,
    "ConvTranspose2d": conv_transpose,
    "Pool": pool,
    "Pool1d": pool,
    "FullyConnected": fully_connected,
    "MatMul": fully_connected,
    "BatchNorm": _batch_norm,
    "Relu": _same("relu"),
    "Relu6": _RELU6,
    "Relu6 (stored as DataInput)": _RELU6,
    "Clip": _same("clip"),
    "LeakyRelu": _same("leaky_relu"),
    "Sigmoid": _same("sigmoid"),
    "Softplus": _same("softplus"),
    "Tanh": _same("tanh"),
    "LRN": _same("lrn"),
    "Softmax": _along_last("softmax"),
    "Add": _binary("add"),
    "Sub": _binary("sub"),
    "Mul": _binary("mul"),
    "Div": _binary("div"),
    "RealDiv": _binary("div"),
    "Pow": _binary("pow"),
    "Concat": _concat,
    "ReduceMean": _reduce("reduce_mean"),
    "ArgMax": _reduce("arg_max"),
    "Slice": _slice,
    "Pad": _pad,
    "Transpose": _transpose,
    "Permute": _transpose,
    "Resize": _resize("resize_nearest"),
    "ResizeNearestNeighbor": _resize("resize_nearest"),
    "ResizeBilinear": _resize("resize_linear"),
    "SpaceToDepth": _same("space_to_depth"),
    "SpaceToBatchND": _move("copy"),
    "BatchToSpaceND": _move("copy"),
    "Reshape": _same("reshape"),
    "Flatten": _same("reshape"),
    "Squeeze": _same("reshape"),
    "Unsqueeze": _same("reshape"),
    "Dropout": _same("identity"),
    "PriorBox": _prior_box,
}
"""Every operator that is understood, by the name both formats give it."""
