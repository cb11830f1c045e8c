"""Convolutions and pooling: operators that slide a window over feature maps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.convolution import convolution_kind
from annette.network.kinds.shapes import integers, same_pads
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["CONTRIB_RULES", "RULES"]


def _window(node: Node, operand: Value, kernel: Sequence[int]) -> dict[str, AttributeValue]:
    """Reads the window's attributes, one entry per spatial dimension, and resolves ``auto_pad``."""
    spatial = operand.shape[2:]
    rank = len(spatial)
    if not 1 <= rank <= 3:
        raise node.error(f"slides over {rank} spatial dimensions; 1 to 3 are known")
    if len(kernel) != rank or any(size < 1 for size in kernel):
        raise node.error(f"has kernel_shape {list(kernel)} over {rank} spatial dimensions")
    strides, dilations = _per_dimension(node, "strides", rank, 1), _per_dimension(node, "dilations", rank, 1)
    pads = _per_dimension(node, "pads", 2 * rank, 0)
    auto = node.text("auto_pad", "NOTSET")
    if auto == "VALID":
        pads = (0,) * (2 * rank)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = same_pads(spatial, kernel, strides, dilations, lower=auto == "SAME_LOWER")
    elif auto != "NOTSET" and auto:
        raise node.error(f"has auto_pad {auto!r}, which ONNX does not define")
    return {"kernel_shape": tuple(kernel), "strides": strides, "dilations": dilations, "pads": pads}


def _per_dimension(node: Node, name: str, count: int, default: int) -> tuple[int, ...]:
    values = node.integers(name)
    if values is None or (not values and count):
        return (default,) * count
    if len(values) != count:
        raise node.error(f"has {len(values)} {name} where {count} belong")
    if name != "pads" and any(value < 1 for value in values):
        raise node.error(f"has {name} {list(values)}: each must be at least 1")
    return values


def _conv(
    node: Node, *, kind: str = "", weights: int = 1, kept: Sequence[int] | None = None, dtype: DType | None = None
) -> Result:
    """A convolution, perhaps with a residual and an activation in one (written by ONNX Runtime's optimizer).

    Args:
        node: The operator.
        kind: Its kind, where that does not follow from its groups.
        weights: Position of the weights.
        kept: Positions of the layer's operands; all where absent.
        dtype: Element type of the result, the first operand's if None.
    """
    operand, filters, groups = node.input(0), node.input(weights), node.integer("group", 1)
    attributes = _window(node, operand, node.integers("kernel_shape") or filters.shape[2:]) | {"groups": groups}
    activation = node.text("activation", "")
    if activation:
        attributes["activation"] = activation.lower()
    result = node.layer(
        kind or convolution_kind(groups, operand.shape[1]), operand, filters, attributes=attributes, dtype=dtype
    )
    result.operands = node.inputs if kept is None else [node.optional(index) for index in kept]
    return result


def _qlinear_conv(node: Node) -> Result:
    point = node.optional(7)
    return _conv(node, weights=3, kept=(0, 3, 8), dtype=point.dtype if point is not None else DType.UINT8)


def _conv_transpose(node: Node) -> Result:
    """The sizes written follow from the pads, or are stated, or follow from the strides alone (SAME)."""
    operand, weights = node.input(0), node.input(1)
    spatial, rank = operand.shape[2:], len(operand.shape) - 2
    auto, stated = node.text("auto_pad", "NOTSET"), node.integers("output_shape")
    strides = _per_dimension(node, "strides", rank, 1)
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": tuple(node.integers("kernel_shape") or weights.shape[2:]),
        "strides": strides,
        "dilations": _per_dimension(node, "dilations", rank, 1),
        "pads": (0,) * (2 * rank) if auto == "VALID" else _per_dimension(node, "pads", 2 * rank, 0),
        "groups": node.integer("group", 1),
    }
    extra: dict[str, AttributeValue] = {"output_padding": node.integers("output_padding") or (0,) * rank}
    free = stated is not None or auto.startswith("SAME")
    if free:
        extra |= {"pads": (0,) * (2 * rank)}
    result = node.layer("conv_transpose", operand, weights, attributes=attributes, only_for_shapes=extra)
    result.operands = node.inputs
    if not free:
        return result
    sizes = stated[-rank:] if stated else tuple(size * stride for size, stride in zip(spatial, strides, strict=True))
    if len(sizes) != rank or min(sizes) < 1:
        raise node.error(f"would produce spatial dimensions {list(sizes)}")
    result.outputs = [Meta((*result.outputs[0].shape[:2], *sizes), operand.dtype)]
    return result


def _pool(kind: str, node: Node) -> Result:
    """Pooling over a window."""
    operand = node.input(0)
    if len(operand.shape) < 3:
        raise node.error(f"pools a tensor of shape {list(operand.shape)}, which has no spatial dimensions")
    kernel = node.integers("kernel_shape")
    if kernel is None:
        raise node.error("has no kernel_shape")
    attributes = _window(node, operand, kernel) | {"ceil_mode": node.integer("ceil_mode", 0) == 1}
    if kind == "average_pool":
        attributes["count_include_pad"] = node.integer("count_include_pad", 0) == 1
    result = node.layer(kind, operand, attributes=attributes)
    result.outputs = [*result.outputs, Meta(result.outputs[0].shape, DType.INT64)]
    return result


def _global_pool(kind: str, node: Node) -> Result:
    """Pooling over all positions."""
    operand = node.input(0)
    if len(operand.shape) < 2:
        raise node.error(f"pools a tensor of shape {list(operand.shape)}, which has no spatial dimensions")
    shape = (*operand.shape[:2], *(1 for _ in operand.shape[2:]))
    return Result([Meta(shape, operand.dtype)], kind, operands=[operand])


def _max_unpool(node: Node) -> Result:
    operand = node.input(0)
    attributes = _window(node, operand, node.integers("kernel_shape") or ())
    if node.has(2):
        shape = node.known_shape(2, "output shape")
    else:  # What a transposed convolution of each channel would write.
        weights = (operand.shape[1], 1, *integers(attributes, "kernel_shape"))
        (shape,) = node.infer(
            "conv_transpose", operand.shape, weights, attributes=attributes | {"groups": operand.shape[1]}
        )
    return Result([Meta(shape, operand.dtype)], "scatter", operands=node.inputs[:2])


def _col2im(node: Node) -> Result:
    operand = node.input(0)
    image, block = node.known_shape(1, "image shape"), node.known_shape(2, "block shape")
    if len(operand.shape) != 3 or math.prod(block) < 1 or operand.shape[1] % math.prod(block):
        raise node.error(f"folds columns of shape {list(operand.shape)} with blocks {block}")
    shape = (operand.shape[0], operand.shape[1] // math.prod(block), *image)
    return Result([Meta(shape, operand.dtype)], "im2col", {"kernel_shape": block}, operands=[operand])


def _quantized(rule: Rule, node: Node) -> Result:
    if node.integer("channels_last", 0):
        raise node.error("keeps its channels last; export the model before it is optimized for one runtime")
    return rule(node)


RULES: Final[Mapping[str, Rule]] = {
    "Conv": _conv,
    "ConvInteger": partial(_conv, kept=(0, 1), dtype=DType.INT32),
    "QLinearConv": _qlinear_conv,
    "DeformConv": partial(_conv, kind="deformable_conv"),
    "ConvTranspose": _conv_transpose,
    "MaxPool": partial(_pool, "max_pool"),
    "AveragePool": partial(_pool, "average_pool"),
    "LpPool": partial(_pool, "lp_pool"),
    "GlobalAveragePool": partial(_global_pool, "global_average_pool"),
    "GlobalMaxPool": partial(_global_pool, "global_max_pool"),
    "GlobalLpPool": partial(_global_pool, "global_average_pool"),
    "MaxUnpool": _max_unpool,
    "Col2Im": _col2im,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "FusedConv": _conv,
    "QLinearAveragePool": partial(_quantized, partial(_pool, "average_pool")),
    "QLinearGlobalAveragePool": partial(_quantized, partial(_global_pool, "global_average_pool")),
}
"""Rules of ``com.microsoft`` by operator."""
