"""Operators that move a window: convolutions, pools, resampling."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.openvino_ir.graph import Context, Rule

__all__ = ["WINDOWS"]

_AUTO_PADS: Final = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER", "valid": "VALID"}
_COORDINATES: Final = frozenset(
    {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn"}
)


def _placement(layer: Context) -> dict[str, Any]:
    """How a window moves: attributes that convolutions and pools share."""
    attributes: dict[str, Any] = {"strides": layer.numbers("strides"), "dilations": layer.numbers("dilations")}
    automatic = _AUTO_PADS.get(layer.text("auto_pad").lower())
    if automatic:
        attributes["auto_pad"] = automatic
    else:
        attributes["pads"] = [*layer.numbers("pads_begin"), *layer.numbers("pads_end")]
    return {key: value for key, value in attributes.items() if value}


def _convolution(layer: Context) -> None:
    layer.node("Conv", **_placement(layer))


def _ungrouped(layer: Context) -> tuple[str, int]:
    """Weights with the groups folded into their first axis, as ONNX has them."""
    shape = layer.shape(1)
    groups, outer, inner = shape[:3]
    target = layer.constant([groups * outer, inner, *shape[3:]])
    return layer.step("Reshape", [layer.inputs[1], target]), groups


def _group_convolution(layer: Context) -> None:
    weights, groups = _ungrouped(layer)
    layer.node("Conv", [layer.inputs[0], weights, *layer.inputs[2:]], group=groups, **_placement(layer))


def _transposed(layer: Context, *, grouped: bool) -> None:
    weights, groups = _ungrouped(layer) if grouped else (layer.inputs[1], 1)
    attributes = _placement(layer)
    padding = layer.numbers("output_padding")
    if padding:
        attributes["output_padding"] = padding
    # A third operand of two dimensions less is the shape of the result; a bias has one number for each channel.
    spatial = len(layer.shape(1)) - 2 - grouped
    stated = layer.known(2) if len(layer.layer.inputs) > 2 else None
    bias = layer.inputs[3 if len(layer.layer.inputs) > 2 else 2 :]
    if stated is not None and len(stated) == spatial:
        attributes["output_shape"] = stated
    layer.node("ConvTranspose", [layer.inputs[0], weights, *bias], group=groups, **attributes)


def _max_pool(layer: Context) -> None:
    attributes = {**_placement(layer), "kernel_shape": layer.numbers("kernel")}
    rounding = int(layer.text("rounding_type").startswith("ceil"))
    outputs = [name for name in layer.outputs if name not in layer.unread or name == layer.outputs[0]]
    layer.node("MaxPool", outputs=outputs, ceil_mode=rounding, **attributes)


def _average_pool(layer: Context) -> None:
    attributes = {**_placement(layer), "kernel_shape": layer.numbers("kernel")}
    rounding = int(layer.text("rounding_type").startswith("ceil"))
    excluded = int(not layer.flag("exclude-pad"))
    layer.node("AveragePool", ceil_mode=rounding, count_include_pad=excluded, **attributes)


def _adaptive_pool(op: str, layer: Context) -> bool | None:
    """A pool to a size that is stated; to one position it is a global one."""
    sizes, target = layer.shape(0)[2:], layer.known(1)
    if target is None or len(target) != len(sizes) or any(size < 1 for size in sizes):
        return False
    if set(target) == {1}:
        layer.node(f"Global{op}", layer.inputs[:1], layer.outputs[:1])
        return None
    strides = [size // parts for size, parts in zip(sizes, target, strict=True)]
    windows = [size - stride * (parts - 1) for size, stride, parts in zip(sizes, strides, target, strict=True)]
    if math.prod(strides) < 1:
        return False
    layer.node(op, layer.inputs[:1], layer.outputs[:1], kernel_shape=windows, strides=strides)
    return None


def _interpolate(layer: Context) -> bool | None:
    """Resampling: sizes as the IR states them, or from scales."""
    mode = {"nearest": "nearest", "linear": "linear", "linear_onnx": "linear", "cubic": "cubic"}.get(
        layer.text("mode").lower()
    )
    if mode is None:
        return False
    rank = len(layer.shape(0))
    coordinates = layer.text("coordinate_transformation_mode", "half_pixel").lower()
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates if coordinates in _COORDINATES else "half_pixel",
    }
    if mode == "nearest":
        rounding = layer.text("nearest_mode", "round_prefer_floor").lower()
        attributes["nearest_mode"] = "round_prefer_floor" if rounding == "simple" else rounding
    by_scales = layer.text("shape_calculation_mode").lower() == "scales"
    modern = layer.layer.data.get("version") == "opset11" or len(layer.inputs) in (2, 3)
    axes_at = 2 if len(layer.inputs) < 4 and modern and not _looks_like_v4(layer) else 3
    axes = layer.known(axes_at) if axes_at < len(layer.inputs) else list(range(rank))
    if axes is None:
        return False
    scales_at = 1 if axes_at == 2 or len(layer.inputs) == 2 else 2
    chosen = layer.inputs[scales_at if by_scales else 1]
    operands = [layer.inputs[0], "", chosen] if by_scales else [layer.inputs[0], "", "", chosen]
    layer.node("Resize", operands, axes=[axis % rank for axis in axes], **attributes)
    return None


def _looks_like_v4(layer: Context) -> bool:
    """Version 4 has sizes, scales and perhaps axes; version 11 has sizes or scales, and perhaps axes."""
    return len(layer.inputs) == 3 and layer.layer.inputs[2].precision.upper() in ("FP32", "FP16")


def _grid_sample(layer: Context) -> None:
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(layer.text("mode", "bilinear").lower(), "nearest")
    layer.node(
        "GridSample",
        mode=mode,
        padding_mode=layer.text("padding_mode", "zeros").lower(),
        align_corners=int(layer.flag("align_corners")),
    )


WINDOWS: Final[Mapping[str, Rule]] = {
    "AdaptiveAvgPool": partial(_adaptive_pool, "AveragePool"),
    "AdaptiveMaxPool": partial(_adaptive_pool, "MaxPool"),
    "AvgPool": _average_pool,
    "Convolution": _convolution,
    "ConvolutionBackpropData": partial(_transposed, grouped=False),
    "GridSample": _grid_sample,
    "GroupConvolution": _group_convolution,
    "GroupConvolutionBackpropData": partial(_transposed, grouped=True),
    "Interpolate": _interpolate,
    "MaxPool": _max_pool,
}
