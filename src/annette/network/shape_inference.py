"""Shapes of what a layer writes, from the shapes it reads and its canonical attributes.

Shapes are whole (batch included), feature maps N, C, …spatial…; constants are operands like any other, in the
operator's order (a convolution reads its input, its weights and perhaps its bias). `docs/network.md` lists the
attributes of every kind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS, Category
from annette.network.windows import conv_shapes, conv_transpose_shapes, integers, pool_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = ["broadcast_shapes", "normalize_axis", "output_shapes"]

Shape: TypeAlias = tuple[int, ...]


def output_shapes(
    kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue], *, name: str = ""
) -> list[Shape]:
    """Infers the shapes a layer writes.

    Args:
        kind: A name in `annette.network.kinds.KINDS`.
        inputs: Shapes of all operands in order, constants included.
        attributes: Canonical attributes; those that decide the shape must be there.
        name: The layer's name, for messages.

    Returns:
        One shape per output.

    Raises:
        NetworkShapeError: The operands do not fit each other or the attributes, an attribute that decides the shape
            is missing, or the kind has no shape rule.
        KeyError: ``kind`` is not a kind.

    Example:
        >>> output_shapes("max_pool", [(1, 64, 112, 112)], {"kernel_shape": (2, 2), "strides": (2, 2)})
        [(1, 64, 56, 56)]
    """
    rule = _BY_KIND.get(kind) or _BY_CATEGORY.get(KINDS[kind].category)
    if rule is None:
        raise NetworkShapeError(f"layer {name!r} ({kind}): its output shape must be stated")
    try:
        return rule(kind, inputs, attributes)
    except NetworkShapeError as error:
        raise NetworkShapeError(f"layer {name!r} ({kind}): {error}") from None
    except KeyError as error:
        raise NetworkShapeError(f"layer {name!r} ({kind}) has no attribute {error}, which decides its shape") from None
    except IndexError:
        raise NetworkShapeError(f"layer {name!r} ({kind}) cannot read operands of shapes {list(inputs)}") from None


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Combines shapes by the multidirectional broadcasting of numpy and ONNX.

    Raises:
        NetworkShapeError: Two sizes of a dimension differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for position, size in enumerate(shape, rank - len(shape)):
            if size == 1 or size == result[position]:
                continue
            if result[position] != 1:
                raise NetworkShapeError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
            result[position] = size
    return tuple(result)


def normalize_axis(axis: int, rank: int) -> int:
    """Turns an axis that may count from the end into one that counts from the front.

    Raises:
        NetworkShapeError: There is no such axis.
    """
    if not -rank <= axis < rank:
        raise NetworkShapeError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis % rank if rank else 0


def _global_pool(_kind: str, inputs: Sequence[Shape], _attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    if len(inputs[0]) < 3:
        raise NetworkShapeError(f"input {inputs[0]} has no spatial dimensions")
    return [(*inputs[0][:2], *(1,) * (len(inputs[0]) - 2))]


def _same(_kind: str, inputs: Sequence[Shape], _attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    return [inputs[0]]


def _binary(_kind: str, inputs: Sequence[Shape], _attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    return [broadcast_shapes(*inputs)]


def _fully_connected(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, weights = inputs[0], inputs[1]
    depth, features = reversed(weights) if attributes.get("transposed_weights") else weights
    if source[-1] != depth:
        raise NetworkShapeError(f"input {source} has {source[-1]} features, the weights {weights} take {depth}")
    return [(*source[:-1], features)]


def _matmul(_kind: str, inputs: Sequence[Shape], _attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    left, right = inputs[0], inputs[1]
    depth = right[0] if len(right) == 1 else right[-2]
    if left[-1] != depth:
        raise NetworkShapeError(f"operands {left} and {right} do not share their inner dimension")
    rows = left[-2:-1]
    columns = right[-1:] if len(right) > 1 else ()
    return [(*broadcast_shapes(left[:-2], right[:-2]), *rows, *columns)]


def _reduce(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source = inputs[0]
    named = (
        integers(attributes, "axis")
        if "axis" in attributes
        else integers(attributes, "axes", tuple(range(len(source))))
    )
    axes = {normalize_axis(axis, len(source)) for axis in named}
    if attributes.get("keepdims", 1):
        return [tuple(1 if i in axes else size for i, size in enumerate(source))]
    return [tuple(size for i, size in enumerate(source) if i not in axes)]


def _concat(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    first = inputs[0]
    axis = normalize_axis(integers(attributes, "axis")[0], len(first))
    for shape in inputs:
        if len(shape) != len(first) or shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
            raise NetworkShapeError(f"shapes {first} and {shape} cannot be joined along axis {axis}")
    return [(*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])]


def _split(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, sizes = inputs[0], integers(attributes, "split")
    axis = normalize_axis(integers(attributes, "axis")[0], len(source))
    if sum(sizes) != source[axis] or min(sizes) < 1:
        raise NetworkShapeError(f"parts {sizes} do not add up to axis {axis} of {source}")
    return [(*source[:axis], size, *source[axis + 1 :]) for size in sizes]


def _slice(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    result = list(inputs[0])
    starts, ends = integers(attributes, "starts"), integers(attributes, "ends")
    axes = integers(attributes, "axes", tuple(range(len(starts))))
    steps = integers(attributes, "steps", (1,) * len(starts))
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise NetworkShapeError(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit together")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        position = normalize_axis(axis, len(result))
        result[position] = len(range(*slice(start, end, step).indices(result[position])))
    if 0 in result:
        raise NetworkShapeError(f"nothing is left of {inputs[0]} between {starts} and {ends}")
    return [tuple(result)]


def _pad(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, pads = inputs[0], integers(attributes, "pads")
    if len(pads) != 2 * len(source):
        raise NetworkShapeError(f"padding {pads} does not fit {source}: two numbers per dimension, all fronts first")
    sizes = tuple(size + pads[i] + pads[len(source) + i] for i, size in enumerate(source))
    if min(sizes) < 1:
        raise NetworkShapeError(f"padding {pads} leaves nothing of {source}")
    return [sizes]


def _transpose(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, perm = inputs[0], integers(attributes, "perm")
    if sorted(perm) != list(range(len(source))):
        raise NetworkShapeError(f"perm {perm} is not a permutation of the dimensions of {source}")
    return [tuple(source[axis] for axis in perm)]


def _reshape(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    shape, elements = integers(attributes, "shape"), math.prod(inputs[0])
    known = math.prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and known > 0 and elements % known == 0:
        return [tuple(elements // known if size == -1 else size for size in shape)]
    if -1 in shape or known != elements:
        raise NetworkShapeError(f"{inputs[0]} cannot be reshaped to {shape}")
    return [shape]


def _expand(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    return [broadcast_shapes(inputs[0], integers(attributes, "shape"))]


def _tile(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    repeats = integers(attributes, "repeats")
    if len(repeats) != len(inputs[0]) or min(repeats) < 1:
        raise NetworkShapeError(f"repeats {repeats} do not fit {inputs[0]}")
    return [tuple(size * count for size, count in zip(inputs[0], repeats, strict=True))]


def _gather(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Rows at the positions of the second operand, or at the one position of ``index``."""
    source = inputs[0]
    indices = inputs[1] if "index" not in attributes else ()
    axis = normalize_axis(integers(attributes, "axis", (0,))[0], len(source))
    return [(*source[:axis], *indices, *source[axis + 1 :])]


def _resize(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    sizes = integers(attributes, "sizes")
    if len(sizes) != len(inputs[0]) - 2 or min(sizes) < 1:
        raise NetworkShapeError(f"sizes {sizes} do not fit the spatial dimensions of {inputs[0]}")
    return [(*inputs[0][:2], *sizes)]


def _depth_to_space(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    (batch, channels, height, width), block = _map(inputs[0]), integers(attributes, "block_size")[0]
    if channels % block**2:
        raise NetworkShapeError(f"{channels} channels do not divide into blocks of {block}x{block}")
    return [(batch, channels // block**2, height * block, width * block)]


def _space_to_depth(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    (batch, channels, height, width), block = _map(inputs[0]), integers(attributes, "block_size")[0]
    if height % block or width % block:
        raise NetworkShapeError(f"{height}x{width} positions do not divide into blocks of {block}x{block}")
    return [(batch, channels * block**2, height // block, width // block)]


def _map(shape: Shape) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise NetworkShapeError(f"input {shape} is not a two-dimensional feature map")
    return shape[0], shape[1], shape[2], shape[3]


def _recurrent(kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    steps, batch = inputs[0][:2]
    directions, hidden = integers(attributes, "directions", (1,))[0], integers(attributes, "hidden_size")[0]
    state = (directions, batch, hidden)
    return [(steps, directions, batch, hidden), state, *([state] if kind == "lstm" else [])]


Rule: TypeAlias = "Callable[[str, Sequence[Shape], Mapping[str, AttributeValue]], list[Shape]]"

_BY_KIND: Final[dict[str, Rule]] = {
    "conv_transpose": conv_transpose_shapes,
    "fully_connected": _fully_connected,
    "matmul": _matmul,
    "cumulative_sum": _same,
    "identity": _same,
    "copy": _same,
    "concat": _concat,
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    "transpose": _transpose,
    "reshape": _reshape,
    "expand": _expand,
    "tile": _tile,
    "gather": _gather,
    "scatter": _same,
    "resize_nearest": _resize,
    "resize_linear": _resize,
    "resize_cubic": _resize,
    "depth_to_space": _depth_to_space,
    "space_to_depth": _space_to_depth,
}

_BY_CATEGORY: Final[dict[Category, Rule]] = {
    Category.CONVOLUTION: conv_shapes,
    Category.POOLING: pool_shapes,
    Category.GLOBAL_POOLING: _global_pool,
    Category.ACTIVATION: _same,
    Category.UNARY: _same,
    Category.BINARY: _binary,
    Category.NORMALIZATION: _same,
    Category.REDUCTION: _reduce,
    Category.RECURRENT: _recurrent,
}
