"""Operators that work element by element: activations, arithmetic, comparison, selection, quantization."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.onnx_names import FUNCTIONS, operator_name
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["CONTRIB_RULES", "RULES", "as_float"]

_UNARY: Final[Mapping[str, str]] = {
    **{operator_name(kind): kind for kind in FUNCTIONS},
    **dict.fromkeys(("Asin", "Acos", "Atan"), "trigonometric"),
    **dict.fromkeys(("Tan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"), "hyperbolic"),
    "Shrink": "thresholded_relu",
    "Swish": "silu",
    "BitwiseNot": "not",
}
_ARITHMETIC: Final = ("add", "sub", "mul", "div", "pow", "mod", "max", "min", "mean")
_BINARY: Final[Mapping[str, str]] = {
    **{operator_name(kind): kind for kind in _ARITHMETIC},
    "Sum": "add",
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"), "logical"),
}
_PREDICATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), "compare"),
    **dict.fromkeys(("And", "Or", "Xor"), "logical"),
}
_REALS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "LeakyRelu": (("alpha", 0.01),),
    "ThresholdedRelu": (("alpha", 1.0),),
    "Elu": (("alpha", 1.0),),
    "Celu": (("alpha", 1.0),),
    "HardSigmoid": (("alpha", 0.2), ("beta", 0.5)),
    "Swish": (("alpha", 1.0),),
    "QuickGelu": (("alpha", 1.702),),
}


_NEUTRAL: Final = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}


def unary(kind: str, node: Node) -> Result:
    """An operator whose result looks like its first operand."""
    operand = node.input(0)
    attributes: dict[str, AttributeValue] = {
        name: node.real(name, default) for name, default in _REALS.get(node.op, ())
    }
    if node.op == "Gelu" and node.text("approximate", "none") != "none":
        attributes["approximate"] = node.text("approximate", "none")
    return Result([operand.meta], kind, attributes, operands=[operand])


def binary(kind: str, node: Node, *, result: DType | None = None) -> Result:
    """An operator on several operands that are broadcast against each other."""
    operands = [node.input(index) for index in range(max(1, len(node.inputs)))]
    if len(operands) == 1:
        return Result([operands[0].meta], alias=operands[0])
    (shape,) = node.infer(kind, *[value.shape for value in operands])
    kept, attributes = split_scalar(operands)
    if _changes_nothing(kind, attributes) and kept[0].shape == shape and result in (None, kept[0].dtype):
        return Result([kept[0].meta], alias=kept[0])
    return Result([Meta(shape, result or operands[0].dtype)], kind, attributes, operands=kept)


def _changes_nothing(kind: str, attributes: dict[str, AttributeValue]) -> bool:
    """Whether a stored number is added or multiplied that every optimising runtime leaves out: 0, or 1."""
    if kind not in _NEUTRAL or "scalar" not in attributes:
        return False
    reversed_ = kind in ("sub", "div") and bool(attributes["scalar_first"])
    return attributes["scalar"] == _NEUTRAL[kind] and not reversed_


def split_scalar(operands: list[Value]) -> tuple[list[Value], dict[str, AttributeValue]]:
    """Moves a known constant of one element from the operands to the attributes ``scalar`` and ``scalar_first``."""
    if len(operands) != 2 or operands[0].constant == operands[1].constant:
        return operands, {}
    index = 0 if operands[0].constant else 1
    number = as_float(operands[index])
    if number is None:
        return operands, {}
    return [operands[1 - index]], {"scalar": number, "scalar_first": index == 0}


def as_float(value: Value | None) -> float | None:
    """The real number a known constant of one element holds."""
    if value is None or value.data is None or value.elements != 1 or value.data.dtype.kind == "c":
        return None
    try:
        return float(value.data.reshape(-1)[0])
    except (TypeError, ValueError):
        return None


def _where(node: Node) -> Result:
    operands = [node.input(index) for index in range(3)]
    (shape,) = node.infer("where", *[value.shape for value in operands])
    attributes: dict[str, AttributeValue] = {}
    kept: list[Value] = [operands[0]]
    for index, name in ((1, "scalar_true"), (2, "scalar_false")):
        number = as_float(operands[index]) if operands[index].constant else None
        if number is None:
            kept.append(operands[index])
        else:
            attributes[name] = number
    return Result([Meta(shape, operands[1].dtype)], "where", attributes, operands=kept)


def _clip(node: Node) -> Result:
    operand = node.input(0)
    attributes: dict[str, AttributeValue] = {}
    for index, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        number = node.real(name, default) if node.version < 11 else as_float(node.optional(index))
        if number is not None and math.isfinite(number):
            attributes[name] = number
    bounds = [] if node.version < 11 else [v for v in node.inputs[1:3] if v is not None and not v.constant]
    return Result([operand.meta], "clip", attributes, operands=[operand, *bounds])


def _prelu(node: Node) -> Result:
    operand, slope = node.input(0), node.input(1)
    # Before opset 16, and in many later files, the slope is one number per channel without trailing dimensions.
    if len(slope.shape) != 1 or slope.elements not in (1, *operand.shape[1:2]):
        node.infer("mul", operand.shape, slope.shape)
    return Result([operand.meta], "prelu", operands=[operand, slope])


def _cast(node: Node) -> Result:
    operand = node.input(0)
    target = node.input(1).dtype if node.op == "CastLike" else dtype_of(node.integer("to", 0), f"node {node.name!r}")
    if target is operand.dtype:
        return Result([operand.meta], alias=operand)
    return Result([Meta(operand.shape, target)], "cast", {"to": target.label}, operands=[operand])


def _is_nan(node: Node) -> Result:
    return node.layer("is_nan", node.input(0), dtype=DType.BOOL)


def _identity(node: Node) -> Result:
    if node.op == "Identity" and node.inputs and node.inputs[0] is not None and node.inputs[0].items is not None:
        return Result(items=node.inputs[0].items)
    operand = node.input(0)
    mask = Meta(operand.shape, DType.BOOL)
    return Result([operand.meta, mask], alias=operand)


def _biased(kind: str, node: Node) -> Result:
    """Contributed activations that add a bias first."""
    operand = node.input(0)
    node.infer("add", operand.shape, *[value.shape for value in node.inputs[1:2] if value is not None])
    return Result([operand.meta], kind, operands=node.inputs[:2])


def _gated(node: Node) -> Result:
    """SwiGLU and BiasSplitGelu: one half gates the other; the standard's SwiGLU has the halves as two operands."""
    operand = node.input(0)
    if node.domain == "" and node.has(1):
        node.infer("mul", operand.shape, node.input(1).shape)
        return Result([operand.meta], "silu", operands=node.inputs[:2])
    if not operand.shape or operand.shape[-1] % 2:
        raise node.error(f"halves the last dimension of {list(operand.shape)}")
    kind = "silu" if "wi" in node.op else "gelu"
    return Result([Meta((*operand.shape[:-1], operand.shape[-1] // 2), operand.dtype)], kind, operands=node.inputs)


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


RULES: Final[Mapping[str, Rule]] = {
    **{op: partial(unary, kind) for op, kind in _UNARY.items()},
    **{op: partial(binary, kind) for op, kind in _BINARY.items()},
    **{op: partial(binary, kind, result=DType.BOOL) for op, kind in _PREDICATES.items()},
    "Where": _where,
    "Clip": _clip,
    "PRelu": _prelu,
    "Cast": _cast,
    "CastLike": _cast,
    "IsNaN": _is_nan,
    "IsInf": _is_nan,
    "Identity": _identity,
    "Dropout": _identity,
    "SwiGLU": _gated,
    "Erfc": partial(unary, "erf"),  # of which TensorFlow's GELU is made: tf2onnx leaves it, though ONNX has none
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic_quantize,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "Gelu": partial(unary, "gelu"),
    "QuickGelu": partial(unary, "silu"),
    "BiasGelu": partial(_biased, "gelu"),
    "FastGelu": partial(_biased, "gelu"),
    "BiasSplitGelu": _gated,
    **dict.fromkeys(
        ("BiasDropout", "BiasAdd"), lambda node: Result([node.input(0).meta], "add", operands=node.inputs[:3])
    ),
    "Dropout": _identity,
    "IsAllFinite": _is_nan,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "QLinearAdd": lambda node: node.layer("add", node.input(0), node.input(3)),
    "QLinearMul": lambda node: node.layer("mul", node.input(0), node.input(3)),
    "QLinearSigmoid": partial(_quantized_unary, "sigmoid"),
    "QLinearLeakyRelu": partial(_quantized_unary, "leaky_relu"),
    "QLinearSoftmax": partial(_quantized_unary, "softmax"),
    "QLinearConcat": _quantized_concat,
    "QLinearWhere": lambda node: node.layer(
        "where", node.input(0), node.input(1), node.input(4), dtype=node.input(1).dtype
    ),
}
"""Rules of ``com.microsoft`` by operator."""
