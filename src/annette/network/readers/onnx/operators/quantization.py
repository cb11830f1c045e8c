"""Conversions between real numbers and integers, and arithmetic on quantized tensors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["CONTRIB_RULES", "RULES"]


def _per_axis(node: Node) -> dict[str, AttributeValue]:
    scale, rank = node.input(1), len(node.input(0).shape)
    return {"axis": node.axis(node.integer("axis", 1), rank)} if scale.elements > 1 and rank > 1 else {}


def _quantize(node: Node) -> Result:
    operand, scale, point = node.input(0), node.input(1), node.optional(2)
    number = node.integer("output_dtype", 0)
    dtype = dtype_of(number, f"node {node.name!r}") if number else point.dtype if point else DType.UINT8
    kept = [operand, scale, point] if scale.elements > 1 else [operand]
    return Result([Meta(operand.shape, dtype)], "quantize", _per_axis(node), operands=kept)


def _dequantize(node: Node) -> Result:
    operand, scale = node.input(0), node.input(1)
    kept = [operand, scale, node.optional(2)] if scale.elements > 1 else [operand]
    dtype = scale.dtype if scale.dtype.is_float else DType.FLOAT32
    return Result([Meta(operand.shape, dtype)], "dequantize", _per_axis(node), operands=kept)


def _dynamic_quantize(node: Node) -> Result:
    operand = node.input(0)
    metas = [Meta(operand.shape, DType.UINT8), Meta((), DType.FLOAT32), Meta((), DType.UINT8)]
    return Result(metas, "dynamic_quantize", operands=[operand])


def _quantized_binary(kind: str, node: Node) -> Result:
    return node.layer(kind, node.input(0), node.input(3))


def _quantized_unary(kind: str, node: Node) -> Result:
    operand = node.input(0)
    attributes: dict[str, AttributeValue] = {}
    if kind == "softmax":
        attributes["axis"] = node.axis(node.integer("axis", -1), len(operand.shape))
    return Result([operand.meta], kind, attributes, operands=[operand])


def _quantized_concat(node: Node) -> Result:
    operands = [node.input(index) for index in range(2, len(node.inputs), 3)]
    if not operands:
        raise node.error("joins nothing")
    axis = node.axis(node.integer("axis", 0), len(operands[0].shape))
    return node.layer("concat", *operands, attributes={"axis": axis})


def _quantized_where(node: Node) -> Result:
    left = node.input(1)
    return node.layer("where", node.input(0), left, node.input(4), dtype=left.dtype)


RULES: Final[Mapping[str, Rule]] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic_quantize,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "QLinearAdd": partial(_quantized_binary, "add"),
    "QLinearMul": partial(_quantized_binary, "mul"),
    "QLinearSigmoid": partial(_quantized_unary, "sigmoid"),
    "QLinearLeakyRelu": partial(_quantized_unary, "leaky_relu"),
    "QLinearSoftmax": partial(_quantized_unary, "softmax"),
    "QLinearConcat": _quantized_concat,
    "QLinearWhere": _quantized_where,
}
"""Rules of ``com.microsoft`` by operator."""
