"""What shape rules share: axes, broadcasting, windows that slide over feature maps, attributes as whole numbers.

Shapes are whole (batch included), feature maps N, C, …spatial…; constants are operands like any other, in the
operator's order (a convolution reads its input, its weights and perhaps its bias). A size may be 0 here: files hold
empty tensors; whoever wants none asks `annette.network.kinds.output_shapes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = [
    "Shape",
    "ShapeRule",
    "broadcast",
    "broadcast_shapes",
    "integers",
    "normalize_axis",
    "same",
    "same_padding",
    "same_pads",
    "window_attributes",
    "window_count",
    "windowed",
]

Shape: TypeAlias = tuple[int, ...]

ShapeRule: TypeAlias = "Callable[[Sequence[Shape], Mapping[str, AttributeValue]], list[Shape]]"
"""Shapes of what a layer writes. A missing attribute is a KeyError, a missing operand or dimension an IndexError."""


def integers(attributes: Mapping[str, AttributeValue], key: str, default: Shape | None = None) -> Shape:
    """An attribute as whole numbers, one number as a tuple of one.

    Args:
        attributes: Canonical attributes of a layer.
        key: The attribute's name.
        default: Stands in where it is absent; None requires it.

    Raises:
        KeyError: It is absent and there is no default.
    """
    value = attributes[key] if default is None else attributes.get(key, default)
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)


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


def same(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of layers whose result looks like their first operand."""
    return [inputs[0]]


def broadcast(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of layers whose operands are broadcast against each other."""
    return [broadcast_shapes(*inputs)]


def window_count(size: int, kernel: int, stride: int, dilation: int, before: int, after: int, *, ceil: bool) -> int:
    """Number of positions a window takes along one dimension.

    Args:
        size: Elements along the dimension.
        kernel: Taps of the window.
        stride: Distance between positions.
        dilation: Distance between taps.
        before: Padding in front.
        after: Padding behind.
        ceil: Whether a last window that reaches beyond the end counts, as long as it starts on data.

    Raises:
        NetworkShapeError: A number makes no sense, or the window is larger than the padded dimension.
    """
    if min(size, kernel, stride, dilation) < 1 or min(before, after) < 0:
        raise NetworkShapeError(
            f"window of {kernel} (stride {stride}, dilation {dilation}, padding {before} and {after}) makes no sense"
        )
    room = size + before + after - ((kernel - 1) * dilation + 1)
    if room < 0:
        raise NetworkShapeError(
            f"window of {kernel} (dilation {dilation}) does not fit in {size} elements padded by {before} and {after}"
        )
    count = (-(-room // stride) if ceil else room // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= size + before else count


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding in front and behind that makes ⌈size / stride⌉ positions, the odd element behind (TensorFlow's SAME)."""
    total = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def same_pads(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    lower: bool = False,
) -> Shape:
    """`same_padding` of several dimensions in ONNX order: all fronts, then all backs.

    Args:
        sizes: Spatial sizes.
        kernel: Taps of the window in each dimension.
        strides: Distances between positions.
        dilations: Distances between taps.
        lower: Whether the odd element stands in front (ONNX's SAME_LOWER).
    """
    sides = [same_padding(*values) for values in zip(sizes, kernel, strides, dilations, strict=True)]
    smaller, larger = tuple(side[0] for side in sides), tuple(side[1] for side in sides)
    return (*larger, *smaller) if lower else (*smaller, *larger)


def window_attributes(shape: Shape, attributes: Mapping[str, AttributeValue]) -> tuple[Shape, Shape, Shape, Shape]:
    """Kernel, strides, dilations and pads, each complete for the spatial rank of a feature map N, C, …spatial….

    Raises:
        NetworkShapeError: The numbers of entries do not fit the shape.
    """
    spatial = len(shape) - 2
    kernel = integers(attributes, "kernel_shape")
    strides = integers(attributes, "strides", (1,) * spatial)
    dilations = integers(attributes, "dilations", (1,) * spatial)
    pads = integers(attributes, "pads", (0,) * (2 * spatial))
    lengths = (len(kernel), len(strides), len(dilations), len(pads))
    if not 1 <= spatial <= 3 or lengths != (spatial, spatial, spatial, 2 * spatial):
        raise NetworkShapeError(f"window attributes for {len(kernel)} dimensions do not fit a tensor of shape {shape}")
    return kernel, strides, dilations, pads


def windowed(shape: Shape, attributes: Mapping[str, AttributeValue]) -> Shape:
    """Number of positions that a layer's window takes in each spatial dimension of a feature map.

    Raises:
        NetworkShapeError: The window does not fit.
    """
    kernel, strides, dilations, pads = window_attributes(shape, attributes)
    ceil, half = bool(attributes.get("ceil_mode", 0)), len(kernel)
    return tuple(
        window_count(size, kernel[i], strides[i], dilations[i], pads[i], pads[half + i], ceil=ceil)
        for i, size in enumerate(shape[2:])
    )
