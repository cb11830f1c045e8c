"""Windows that slide over feature maps: how many positions they take, and the shape rules that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = ["conv_shapes", "conv_transpose_shapes", "integers", "pool_shapes", "same_padding", "window_count"]

Shape: TypeAlias = tuple[int, ...]


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


def integers(attributes: Mapping[str, AttributeValue], key: str, default: Shape | None = None) -> Shape:
    """An attribute as integers, one number as one.

    Args:
        attributes: Canonical attributes of a layer.
        key: The attribute's name.
        default: Stands in where it is absent; None requires it.

    Raises:
        KeyError: It is absent and there is no default.
    """
    value = attributes[key] if default is None else attributes.get(key, default)
    return tuple(int(v) for v in value) if isinstance(value, tuple) else (int(value),)


def _window(shape: Shape, attributes: Mapping[str, AttributeValue]) -> tuple[Shape, Shape, Shape, Shape]:
    """Kernel, strides, dilations and pads, each complete for the spatial rank of ``shape``."""
    spatial = len(shape) - 2
    kernel = integers(attributes, "kernel_shape")
    strides = integers(attributes, "strides", (1,) * spatial)
    dilations = integers(attributes, "dilations", (1,) * spatial)
    pads = integers(attributes, "pads", (0,) * (2 * spatial))
    lengths = (len(kernel), len(strides), len(dilations), len(pads))
    if spatial < 1 or lengths != (spatial, spatial, spatial, 2 * spatial):
        raise NetworkShapeError(f"window attributes for {len(kernel)} dimensions do not fit a tensor of shape {shape}")
    return kernel, strides, dilations, pads


def _windows(shape: Shape, attributes: Mapping[str, AttributeValue]) -> Shape:
    kernel, strides, dilations, pads = _window(shape, attributes)
    ceil, half = bool(attributes.get("ceil_mode", 0)), len(kernel)
    return tuple(
        window_count(size, kernel[i], strides[i], dilations[i], pads[i], pads[half + i], ceil=ceil)
        for i, size in enumerate(shape[2:])
    )


def conv_shapes(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of convolutions; see `annette.network.shape_inference.output_shapes`."""
    source, weights = inputs[0], inputs[1]
    groups = integers(attributes, "groups", (1,))[0]
    kernel = integers(attributes, "kernel_shape")
    if groups < 1 or source[1] != weights[1] * groups or weights[0] % groups or weights[2:] != kernel:
        raise NetworkShapeError(f"weights {weights} in {groups} groups with kernel {kernel} do not fit input {source}")
    return [(source[0], weights[0], *_windows(source, attributes))]


def conv_transpose_shapes(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of transposed convolutions."""
    source, weights = inputs[0], inputs[1]
    groups = integers(attributes, "groups", (1,))[0]
    kernel, strides, dilations, pads = _window(source, attributes)
    extra = integers(attributes, "output_padding", (0,) * len(kernel))
    if groups < 1 or source[1] != weights[0] or source[1] % groups or weights[2:] != kernel:
        raise NetworkShapeError(f"weights {weights} in {groups} groups with kernel {kernel} do not fit input {source}")
    sizes = tuple(
        (size - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + extra[i] - pads[i] - pads[len(kernel) + i]
        for i, size in enumerate(source[2:])
    )
    if min(sizes) < 1:
        raise NetworkShapeError(f"padding {pads} leaves nothing of input {source}")
    return [(source[0], weights[1] * groups, *sizes)]


def pool_shapes(_kind: str, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of pooling."""
    return [(*inputs[0][:2], *_windows(inputs[0], attributes))]
