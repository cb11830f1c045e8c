"""Convolutions, pools and fully connected layers as TFLite operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.network.kinds.shapes import same_padding
from annette.network.tflite_schema import ACTIVATIONS, SAME, VALID
from annette.network.writers.tflite_file import Quantization
from annette.network.writers.tflite_layout import plain
from annette.network.writers.tflite_lowering import integers
from annette.network.writers.weights import bias_values, weight_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.layer import Layer
    from annette.network.writers.tflite_fusion import Group
    from annette.network.writers.tflite_lowering import Rule, TfliteLowering, Value

__all__ = ["RULES"]

_WEIGHT_SCALE = 0.005
_SMALLEST = -128


def _conv(to: TfliteLowering, group: Group) -> None:
    """CONV_2D, with groups where there are several, or DEPTHWISE_CONV_2D."""
    size = group.anchor.workload.dimensions
    source, padding = _padded(to, group)
    kernel = size.kernel_height, size.kernel_width
    options = {
        "padding": padding,
        "stride_h": size.stride_height,
        "stride_w": size.stride_width,
        "dilation_h_factor": size.dilation_height,
        "dilation_w_factor": size.dilation_width,
        "fused_activation_function": ACTIVATIONS.index(group.activation),
    }
    if group.kind == "depthwise_conv":
        name, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2D"
        weights = _weights(to, group, source, (1, *kernel, size.out_channels), 3)
        options["depth_multiplier"] = size.out_channels // size.in_channels
    else:
        name, table = "CONV_2D", "Conv2D"
        weights = _weights(to, group, source, (size.out_channels, *kernel, size.in_channels // size.groups), 0)
    to.append(group, name, [source, *weights], to.define(group.outputs[0], to.features(4)), table, **options)


def _conv_transpose(to: TfliteLowering, group: Group) -> None:
    """TRANSPOSE_CONV, where its result has one of the two sizes that the format can express."""
    layer, size = group.anchor, group.anchor.workload.dimensions
    if size.groups != 1 or (size.dilation_height, size.dilation_width) != (1, 1):
        raise to.refuse(group, "the format has no groups or dilation for it")
    read, written = (size.in_height, size.in_width), (size.out_height, size.out_width)
    kernel, strides = (size.kernel_height, size.kernel_width), (size.stride_height, size.stride_width)
    if written == tuple(r * s for r, s in zip(read, strides, strict=True)):
        padding = SAME
    elif written == tuple((r - 1) * s + k for r, s, k in zip(read, strides, kernel, strict=True)):
        padding = VALID
    else:
        raise to.refuse(group, f"{read} positions become {written}, which is neither SAME nor VALID padding")
    source = to.ordered(layer.inputs[0], to.features(4))
    result = to.define(group.outputs[0], to.features(4))
    shape = (size.out_channels, *kernel, size.in_channels)
    weights = _weights(to, group, source, shape, 0)
    target = to.integers(f"{layer.name}/shape", result.stored)
    options = {"padding": padding, "stride_h": strides[0], "stride_w": strides[1]}
    to.append(group, "TRANSPOSE_CONV", [target, weights[0], source, *weights[1:]], result, "TransposeConv", **options)


def _pool(to: TfliteLowering, group: Group) -> None:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""
    layer = group.anchor
    highest = layer.kind == "max_pool"
    source, padding = _padded(to, group, lowest=highest)
    size = layer.workload.dimensions
    options = {
        "padding": padding,
        "stride_h": size.stride_height,
        "stride_w": size.stride_width,
        "filter_height": size.kernel_height,
        "filter_width": size.kernel_width,
    }
    operator = "MAX_POOL_2D" if highest else "AVERAGE_POOL_2D"
    result = to.define(group.outputs[0], to.features(4))
    source = to.requantized(source, result.quantization, layer.inputs[0])
    to.append(group, operator, [source], result, "Pool2D", **options)


def _fully_connected(to: TfliteLowering, group: Group) -> None:
    """FULLY_CONNECTED over the last dimension."""
    layer, size = group.anchor, group.anchor.workload.dimensions
    name = next(tensor for tensor in layer.inputs if not to.tensor(tensor).constant)
    value = to.value(name)
    source = to.in_order(value, plain(len(value.shape)), name)
    weights = _weights(to, group, source, (size.out_channels, size.in_channels), 0, per_channel=False)
    rank = len(to.tensor(group.outputs[0]).shape)
    result = to.define(group.outputs[0], plain(rank))
    options = {"keep_num_dims": rank > 2, "fused_activation_function": ACTIVATIONS.index(group.activation)}
    to.append(group, "FULLY_CONNECTED", [source, *weights], result, "FullyConnected", **options)


def _weights(
    to: TfliteLowering, group: Group, source: Value, shape: Sequence[int], axis: int, *, per_channel: bool = True
) -> list[int]:
    """Appends weights and bias; the format always has a bias, which costs the same whether it is zero."""
    layer, channels = group.anchor, shape[axis]
    shared = math.prod(shape) // (channels if per_channel else 1)
    scales = channels if per_channel else 0
    weights = to.file.tensor(
        to.unused(f"{layer.name}/weights"),
        shape,
        "int8",
        quantization=Quantization(_WEIGHT_SCALE, 0),
        channels=scales,
        axis=axis,
        data=weight_values(to.seed, layer.name, shape, shared),
    )
    input_scale = source.quantization.scale if source.quantization else 1.0
    bias = to.file.tensor(
        to.unused(f"{layer.name}/bias"),
        (channels,),
        "int32",
        quantization=Quantization(_WEIGHT_SCALE * input_scale, 0),
        channels=scales,
        data=bias_values(to.seed, f"{layer.name}/bias", channels),
    )
    return [weights, bias]


def _padded(to: TfliteLowering, group: Group, *, lowest: bool = False) -> tuple[Value, int]:
    """The operand of a window and its padding; a PAD is inserted where the format's two kinds do not do."""
    layer, size = group.anchor, group.anchor.workload.dimensions
    source = to.value(layer.inputs[0])
    if len(source.shape) != 4:
        raise to.refuse(group, f"its operand {source.shape} is not a two-dimensional feature map")
    source = to.in_order(source, to.features(4), layer.inputs[0])
    pads = integers(layer, "pads") or (0, 0, 0, 0)
    sides = []
    for axis, (read, written, kernel, stride, dilation) in enumerate((
        (size.in_height, size.out_height, size.kernel_height, size.stride_height, size.dilation_height),
        (size.in_width, size.out_width, size.kernel_width, size.stride_width, size.dilation_width),
    )):  # fmt: skip
        reach = (written - 1) * stride + (kernel - 1) * dilation + 1 - read - pads[axis]
        same = same_padding(read, kernel, stride, dilation) if written == -(-read // stride) else None
        sides.append((pads[axis], max(0, reach), max(pads[axis + 2], reach), same))
    if all((front, back) == same for front, back, _, same in sides):
        return source, SAME if any(front or back for front, back, _, _ in sides) else VALID
    if not any(front or back for front, back, _, _ in sides):
        return source, VALID
    return _pad(to, layer, source, [(front, behind) for front, _, behind, _ in sides], lowest=lowest), VALID


def _pad(to: TfliteLowering, layer: Layer, source: Value, sides: Sequence[tuple[int, int]], *, lowest: bool) -> Value:
    """Inserts a PAD of zeros, or of the smallest value that there is."""
    rows, columns = (2, 3) if not to.network.channels_last else (1, 2)
    shape = list(source.shape)
    shape[rows] += sum(sides[0])
    shape[columns] += sum(sides[1])
    name = to.unused(f"{layer.name}/padded")
    result = to.temporary(name, shape, source.order, "int8", source.quantization)
    amounts = to.integers(f"{layer.name}/pads", [(0, 0), *sides, (0, 0)])
    operands = [source.index, amounts]
    if lowest:
        scale = source.quantization or Quantization(1.0, 0)
        fill = np.array(_SMALLEST, dtype=np.int8)
        operands.append(to.file.tensor(f"{name}/fill", (), "int8", quantization=scale, data=fill))
    to.file.operator("PADV2" if lowest else "PAD", operands, [result.index], "PadV2" if lowest else "Pad")
    return result


RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("conv", "grouped_conv", "depthwise_conv"), _conv),
    "conv_transpose": _conv_transpose,
    "fully_connected": _fully_connected,
    **dict.fromkeys(("max_pool", "average_pool"), _pool),
}
