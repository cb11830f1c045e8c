"""Convolutions, pooling and resampling of feature maps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from annette.errors import NetworkShapeError
from annette.network.building.graph import Graph, check_rank, pair
from annette.network.kinds.convolution import convolution_kind
from annette.network.kinds.shapes import same_pads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.layer import AttributeValue
    from annette.network.tensor import Tensor

__all__ = ["ConvolutionOperators"]

Size: TypeAlias = "int | tuple[int, int]"
Padding: TypeAlias = "int | tuple[int, ...] | Literal['same', 'half']"


def _pads(padding: Padding, shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
          dilation: Sequence[int]) -> tuple[int, ...]:  # fmt: skip
    """Padding in ONNX order: all fronts, then all backs."""
    spatial = len(kernel)
    if padding == "half":
        one_side = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
        return one_side * 2
    if padding == "same":
        return same_pads(shape[2:], kernel, stride, dilation)
    if isinstance(padding, int):
        return (padding,) * (2 * spatial)
    numbers = tuple(int(number) for number in padding)
    if len(numbers) == spatial:
        return numbers * 2
    if len(numbers) != 2 * spatial:
        raise NetworkShapeError(f"padding {numbers} does not fit a kernel of {spatial} dimensions")
    return numbers


def _window(x: Tensor, kernel: Size, stride: Size, padding: Padding, dilation: Size = 1) -> dict[str, AttributeValue]:
    """Attributes of a window over N, C, steps, or over feature maps."""
    usual = type(kernel) is type(stride) is type(dilation) is int and type(padding) in (int, str)
    return dict((_usual_window if usual else _window_over)(x.shape, kernel, stride, padding, dilation))


def _window_over(
    shape: tuple[int, ...], kernel: Size, stride: Size, padding: Padding, dilation: Size
) -> dict[str, AttributeValue]:
    single = len(shape) == 3
    taps, steps, gaps = (
        ((size,) if single else (size, size)) if isinstance(size, int) else pair(size)
        for size in (kernel, stride, dilation)
    )
    pads = _pads(padding, shape, taps, steps, gaps)
    return {"kernel_shape": taps, "strides": steps, "dilations": gaps, "pads": pads}


_usual_window = lru_cache(1024)(_window_over)


class ConvolutionOperators(Graph):
    """Convolution, pooling and resampling.

    ``kernel``, ``stride`` and ``dilation`` are one number or (height, width). ``padding`` is one number, (height,
    width), the four numbers top, left, bottom, right, ``"half"`` (what keeps the size at stride 1, the same on both
    sides; PyTorch's habit) or ``"same"`` (⌈size / stride⌉ positions, the odd row behind; TensorFlow's).
    """

    def conv(
        self,
        x: Tensor,
        filters: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        name: str = "",
    ) -> Tensor:
        """A convolution of N, C, steps or of feature maps; its kind follows from ``groups``.

        Raises:
            NetworkShapeError: The kernel does not fit, or ``groups`` do not divide the channels.
        """
        check_rank(x, 3, 5)
        attributes = _window(x, kernel, stride, padding, dilation) | {"groups": groups}
        kind = convolution_kind(groups, x.shape[1])
        return self.apply(kind, x, attributes=attributes, features=filters, bias=bias, name=name)

    conv1d = conv
    """`conv`, where a reader should see that it is one-dimensional."""

    def depthwise_conv(
        self,
        x: Tensor,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = "half",
        dilation: Size = 1,
        multiplier: int = 1,
        bias: bool = True,
        name: str = "",
    ) -> Tensor:
        """A convolution of each channel by itself, into ``multiplier`` channels.

        Raises:
            NetworkShapeError: The kernel does not fit.
        """
        check_rank(x, 3, 5)
        channels = x.shape[1]
        return self.conv(
            x,
            channels * multiplier,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=channels,
            bias=bias,
            name=name,
        )

    def conv_transpose(
        self,
        x: Tensor,
        filters: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        name: str = "",
    ) -> Tensor:
        """A transposed convolution.

        Raises:
            NetworkShapeError: Nothing is left after padding, or ``groups`` do not divide the channels.
        """
        attributes = _window(x, kernel, stride, padding)
        attributes |= {"output_padding": pair(output_padding), "groups": groups}
        return self.apply("conv_transpose", x, attributes=attributes, features=filters, bias=bias, name=name)

    def max_pool(
        self, x: Tensor, kernel: Size, *, stride: Size, padding: Padding = 0, ceil: bool = False, name: str = ""
    ) -> Tensor:
        """The maximum over windows.

        Raises:
            NetworkShapeError: The window does not fit.
        """
        attributes = _window(x, kernel, stride, padding) | {"ceil_mode": int(ceil)}
        return self.apply("max_pool", x, attributes=attributes, name=name)

    def average_pool(
        self,
        x: Tensor,
        kernel: Size,
        *,
        stride: Size,
        padding: Padding = 0,
        ceil: bool = False,
        count_padding: bool = False,
        name: str = "",
    ) -> Tensor:
        """The mean over windows; ``count_padding`` divides by the whole window even at the border.

        Raises:
            NetworkShapeError: The window does not fit.
        """
        attributes = _window(x, kernel, stride, padding)
        attributes |= {"ceil_mode": int(ceil), "count_include_pad": int(count_padding)}
        return self.apply("average_pool", x, attributes=attributes, name=name)

    def global_average_pool(self, x: Tensor, *, name: str = "") -> Tensor:
        """The mean over all positions, as N, C, 1, 1."""
        return self.apply("global_average_pool", x, name=name)

    def global_max_pool(self, x: Tensor, *, name: str = "") -> Tensor:
        """The maximum over all positions, as N, C, 1, 1."""
        return self.apply("global_max_pool", x, name=name)

    def resize(
        self,
        x: Tensor,
        size: Size | None = None,
        *,
        scale: Size = 2,
        mode: Literal["nearest", "linear", "cubic"] = "nearest",
        coordinates: Literal["asymmetric", "half_pixel", "align_corners"] | None = None,
        name: str = "",
    ) -> Tensor:
        """Resamples a feature map to ``size`` (height, width), or by ``scale`` where there is no size.

        ``coordinates`` is how positions correspond; ``asymmetric`` for nearest, ``half_pixel`` otherwise by default.

        Raises:
            NetworkShapeError: It is no feature map of two dimensions, or the size is not positive.
        """
        check_rank(x, 4)
        height, width = pair(scale)
        target = pair(size) if size is not None else (x.shape[2] * height, x.shape[3] * width)
        mapping = coordinates or ("asymmetric" if mode == "nearest" else "half_pixel")
        attributes: dict[str, AttributeValue] = {"mode": mode, "sizes": target, "coordinates": mapping}
        return self.apply(f"resize_{mode}", x, attributes=attributes, name=name)

    def depth_to_space(self, x: Tensor, block: int, *, name: str = "") -> Tensor:
        """Moves channels into ``block`` x ``block`` positions (pixel shuffle).

        Raises:
            NetworkShapeError: The channels do not divide.
        """
        return self.apply("depth_to_space", x, attributes={"block_size": block, "mode": "CRD"}, name=name)

    def space_to_depth(self, x: Tensor, block: int, *, name: str = "") -> Tensor:
        """Moves ``block`` x ``block`` positions into channels.

        Raises:
            NetworkShapeError: The positions do not divide.
        """
        return self.apply("space_to_depth", x, attributes={"block_size": block, "mode": "DCR"}, name=name)
