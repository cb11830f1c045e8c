"""Convolutions and pooling: kinds that slide a window over feature maps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.kind import FLAG, INTEGER, INTEGERS, TEXT, Category, Kind, family
from annette.network.kinds.shapes import Shape, integers, window_attributes, windowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.dimensions import Operands
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["KINDS", "convolution_kind"]

_map_dimensions: Final = partial(map_dimensions, channels_first_rank_3=True)
_convolved_dimensions: Final = partial(_map_dimensions, first=True)
"""The map is the first operand, also where it is a learned constant and the weights are computed."""

_WINDOW: Final = {
    "kernel_shape": INTEGERS,
    "strides": INTEGERS._replace(default=1),
    "dilations": INTEGERS._replace(default=1),
    "pads": INTEGERS._replace(default=0),
}
_CONVOLUTION: Final = _WINDOW | {"groups": INTEGER._replace(default=1), "activation": TEXT}


def convolution_kind(groups: int, channels: int) -> str:
    """Kind of a convolution of ``channels`` input channels in ``groups`` groups."""
    return "conv" if groups == 1 else "depthwise_conv" if groups == channels else "grouped_conv"


def _shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, weights = inputs[0], inputs[1]
    groups, kernel = integers(attributes, "groups", (1,))[0], integers(attributes, "kernel_shape")
    if groups < 1 or source[1] != weights[1] * groups or weights[0] % groups or weights[2:] != kernel:
        raise NetworkShapeError(f"weights {weights} in {groups} groups with kernel {kernel} do not fit input {source}")
    return [(source[0], weights[0], *windowed(source, attributes))]


def _transposed_shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, weights = inputs[0], inputs[1]
    groups = integers(attributes, "groups", (1,))[0]
    kernel, strides, dilations, pads = window_attributes(source, attributes)
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


def _pool_shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    return [(*inputs[0][:2], *windowed(inputs[0], attributes))]


def _global_pool_shapes(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    if len(inputs[0]) < 3:
        raise NetworkShapeError(f"input {inputs[0]} has no spatial dimensions")
    return [(*inputs[0][:2], *(1,) * (len(inputs[0]) - 2))]


def _macs(d: Dimensions) -> int:
    """For each output element, the taps of the kernel over the input channels of a group."""
    return _per_position(d, d.out_depth * d.out_height * d.out_width)


def _transposed_macs(d: Dimensions) -> int:
    """For each *input* element, the taps of the kernel over the output channels of a group."""
    return _per_position(d, d.in_depth * d.in_height * d.in_width)


def _per_position(d: Dimensions, positions: int) -> int:
    if d.groups < 1 or d.in_channels % d.groups or d.out_channels % d.groups:
        raise NetworkShapeError(
            f"has {d.in_channels} input and {d.out_channels} output channels, which {d.groups} groups do not divide"
        )
    kernel = d.kernel_depth * d.kernel_height * d.kernel_width
    return d.batch * positions * kernel * d.in_channels * d.out_channels // d.groups


def _window_ops(_: int, d: Dimensions, operands: Operands) -> int:
    """One operation for each element of each window."""
    return sum(t.elements for t in operands.outputs) * d.kernel_depth * d.kernel_height * d.kernel_width


def _weights(shape: Shape, attributes: Mapping[str, AttributeValue], filters: int) -> dict[str, Shape]:
    groups = integers(attributes, "groups", (1,))[0]
    if groups < 1 or shape[1] % groups or filters % groups:
        raise NetworkShapeError(f"{groups} groups do not divide {shape[1]} input and {filters} output channels")
    return {"weight": (filters, shape[1] // groups, *integers(attributes, "kernel_shape")), "bias": (filters,)}


def _transposed_weights(shape: Shape, attributes: Mapping[str, AttributeValue], filters: int) -> dict[str, Shape]:
    groups = integers(attributes, "groups", (1,))[0]
    if groups < 1 or filters % groups:
        raise NetworkShapeError(f"{groups} groups do not divide {filters} filters")
    return {"weight": (shape[1], filters // groups, *integers(attributes, "kernel_shape")), "bias": (filters,)}


KINDS: Final = (
    *family(
        Category.CONVOLUTION,
        (
            ("conv", 0, "dense convolution, 1 to 3 spatial dimensions"),
            ("grouped_conv", 0, "convolution in groups of several channels"),
            ("depthwise_conv", 0, "convolution with one input channel per group"),
            ("deformable_conv", 0, "convolution at learned offsets"),
        ),
        attributes=_CONVOLUTION,
        shapes=_shapes,
        dimensions=_convolved_dimensions,
        spatial=True,
        macs=_macs,
        weights=_weights,
    ),
    Kind(
        "conv_transpose",
        Category.CONVOLUTION,
        "transposed convolution (deconvolution)",
        attributes=_CONVOLUTION | {"output_padding": INTEGERS._replace(default=0)},
        shapes=_transposed_shapes,
        dimensions=_convolved_dimensions,
        spatial=True,
        macs=_transposed_macs,
        weights=_transposed_weights,
    ),
    *family(
        Category.POOLING,
        (
            ("max_pool", 0, "maximum over a window"),
            ("average_pool", 0, "mean over a window"),
            ("lp_pool", 0, "p-norm over a window"),
        ),
        attributes=_WINDOW | {"ceil_mode": FLAG, "count_include_pad": FLAG},
        shapes=_pool_shapes,
        dimensions=_map_dimensions,
        spatial=True,
        ops=_window_ops,
    ),
    *family(
        Category.GLOBAL_POOLING,
        (
            ("global_average_pool", 1, "mean over all spatial positions"),
            ("global_max_pool", 1, "maximum over all spatial positions"),
        ),
        shapes=_global_pool_shapes,
        dimensions=_map_dimensions,
        spatial=True,
    ),
)
"""Convolutions and pooling."""
