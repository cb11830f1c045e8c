"""Convolutions, pools and matrix products of TFLite files."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.convolution import convolution_kind
from annette.network.kinds.matrix import product_dimensions
from annette.network.kinds.shapes import same_pads
from annette.network.readers.tflite.operator_layer import OperatorLayer, Rule, fused
from annette.network.tflite_schema import SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.layer import AttributeValue
    from annette.network.readers.tflite.file import FileOperator, FileTensor

__all__ = ["CONVOLUTION", "transposed_window"]

_AXES: Final = {1: ("w",), 2: ("h", "w"), 3: ("d", "h", "w")}


def _conv(operator: FileOperator) -> OperatorLayer:
    """Convolutions; the kernel stands in front of the weights' channels in three dimensions, between them in two."""
    source, weights = operator.tensor(0), operator.tensor(1)
    rank = 5 if operator.name == "CONV_3D" else 4
    _require(operator, len(source.shape) == len(weights.shape) == rank, source, weights)
    channels, kernel = source.shape[-1], weights.shape[:3] if rank == 5 else weights.shape[1:3]
    if operator.name == "CONV_2D":
        _require(operator, weights.shape[3] > 0 and channels % max(1, weights.shape[3]) == 0, source, weights)
        groups = channels // weights.shape[3]
    else:
        groups = channels if operator.name == "DEPTHWISE_CONV_2D" else 1
    attributes = _window(operator, source.shape[1:-1], kernel) | {"groups": groups}
    return OperatorLayer(convolution_kind(groups, channels), attributes, operator.present, fused(operator))


def transposed_window(
    read: Sequence[int], written: Sequence[int], kernel: tuple[int, ...], strides: tuple[int, ...]
) -> dict[str, AttributeValue]:
    """Attributes of a transposed convolution whose padding follows from its sizes, the odd pixel at the end.

    Args:
        read: Height and width of the input.
        written: Height and width of the result.
        kernel: Height and width of the window.
        strides: Steps along both.
    """
    pads = [
        max(0, (size - 1) * stride + taps - out)
        for size, out, taps, stride in zip(read, written, kernel, strides, strict=True)
    ]
    fronts = tuple(pad // 2 for pad in pads)
    return {
        "kernel_shape": kernel,
        "strides": strides,
        "dilations": (1, 1),
        "pads": (*fronts, *(pad - front for pad, front in zip(pads, fronts, strict=True))),
        "groups": 1,
    }


def _conv_transpose(operator: FileOperator) -> OperatorLayer:
    """Operands are the result's shape, the weights, the input, and perhaps a bias."""
    weights, source = operator.tensor(1), operator.tensor(2)
    written = operator.outputs[0].shape
    _require(operator, len(source.shape) == len(weights.shape) == len(written) == 4, source, weights)
    kernel, strides = weights.shape[1:3], _steps(operator, "stride", "")
    _require_window(operator, kernel, strides, (1, 1))
    attributes = transposed_window(source.shape[1:3], written[1:3], kernel, strides)
    rest = tuple(tensor for tensor in operator.inputs[3:] if tensor is not None)
    return OperatorLayer("conv_transpose", attributes, (source, weights, *rest), fused(operator))


def _pool(kind: str, operator: FileOperator) -> OperatorLayer:
    source = operator.tensor(0)
    _require(operator, len(source.shape) == 4, source)
    kernel = (operator.options.get("filter_height", 0), operator.options.get("filter_width", 0))
    attributes = _window(operator, source.shape[1:-1], kernel) | {"ceil_mode": 0}
    if kind == "average_pool":
        attributes["count_include_pad"] = 0
    return OperatorLayer(kind, attributes, (source,), fused(operator))


def _window(operator: FileOperator, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> dict[str, AttributeValue]:
    strides, dilations = _steps(operator, "stride", ""), _steps(operator, "dilation", "_factor")
    _require_window(operator, kernel, strides, dilations)
    _require(operator, len(sizes) == len(kernel) == len(strides), operator.tensor(0))
    same = operator.options.get("padding", SAME) == SAME
    pads = same_pads(sizes, kernel, strides, dilations) if same else (0,) * (2 * len(kernel))
    return {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads}


def _require_window(
    operator: FileOperator, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> None:
    if min(*kernel, *strides, *dilations) < 1:
        raise NetworkShapeError(
            f"operator {operator.name} that writes {operator.label!r} has kernel {kernel}, strides {strides} and "
            f"dilations {dilations}: each must be at least 1"
        )


def _steps(operator: FileOperator, what: str, suffix: str) -> tuple[int, ...]:
    """Strides or dilations; the format's default for the latter is 1."""
    rank = len(operator.outputs[0].shape) - 2
    return tuple(operator.options.get(f"{what}_{axis}{suffix}", 0) or 1 for axis in _AXES.get(rank, ("h", "w")))


def _fully_connected(operator: FileOperator) -> OperatorLayer:
    operator.tensor(0), operator.tensor(1)
    return OperatorLayer("fully_connected", {"transposed_weights": 1}, operator.present, fused(operator))


def _matmul(operator: FileOperator) -> OperatorLayer:
    left, right = operator.tensor(0), operator.tensor(1)
    result = operator.outputs[0].shape
    _require(operator, min(len(left.shape), len(right.shape), len(result)) >= 2, left, right)
    if right.constant and len(right.shape) == 2 and not operator.options.get("adj_x"):
        transposed = int(bool(operator.options.get("adj_y")))
        return OperatorLayer("fully_connected", {"transposed_weights": transposed}, (left, right))
    depth = left.shape[-2 if operator.options.get("adj_x") else -1]
    count = 2 - left.constant - right.constant
    dimensions = product_dimensions(math.prod(result[:-2]), result[-2], depth, result[-1], input_count=count)
    return OperatorLayer("matmul", {}, (left, right), dimensions=dimensions)


def _require(operator: FileOperator, fits: bool, *operands: FileTensor) -> None:
    if not fits:
        shapes = " and ".join(str(list(tensor.shape)) for tensor in operands)
        raise NetworkShapeError(
            f"operator {operator.name} that writes {operator.label!r} cannot read operands of shapes {shapes}"
        )


CONVOLUTION: Final[dict[str, Rule]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"), _conv),
    "TRANSPOSE_CONV": _conv_transpose,
    "MAX_POOL_2D": partial(_pool, "max_pool"),
    "AVERAGE_POOL_2D": partial(_pool, "average_pool"),
    "L2_POOL_2D": partial(_pool, "lp_pool"),
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _matmul,
}
"""Rules by operator."""
