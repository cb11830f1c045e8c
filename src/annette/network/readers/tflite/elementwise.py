"""Activations, arithmetic and normalisation of TFLite files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.readers.tflite.operator_layer import Follower, OperatorLayer, Rule, fused, of_first, scalar

if TYPE_CHECKING:
    from annette.network.layer import AttributeValue
    from annette.network.readers.tflite.file import FileOperator

__all__ = ["ELEMENTWISE"]


def _arithmetic(kind: str, operator: FileOperator) -> OperatorLayer:
    """Arithmetic of two operands; a constant of one element is an attribute."""
    left, right = operator.tensor(0), operator.tensor(1)
    numbers = scalar(left), scalar(right)
    if numbers[1] is not None and not left.constant:
        return OperatorLayer(kind, {"scalar": numbers[1], "scalar_first": False}, (left,), fused(operator))
    if numbers[0] is not None and not right.constant:
        return OperatorLayer(kind, {"scalar": numbers[0], "scalar_first": True}, (right,), fused(operator))
    return OperatorLayer(kind, {}, (left, right), fused(operator))


def _several(kind: str, operator: FileOperator) -> OperatorLayer:
    operator.tensor(0)
    return OperatorLayer(kind, {}, operator.present)


def _squared_difference(operator: FileOperator) -> OperatorLayer:
    difference = _arithmetic("sub", operator)
    power = Follower("square", "pow", {"scalar": 2.0, "scalar_first": False})
    return OperatorLayer("sub", difference.attributes, difference.operands, power)


def _gelu(operator: FileOperator) -> OperatorLayer:
    attributes: dict[str, AttributeValue] = {"approximate": "tanh"} if operator.options.get("approximate") else {}
    return OperatorLayer("gelu", attributes, (operator.tensor(0),))


def _prelu(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("prelu", {}, (operator.tensor(0), operator.tensor(1)))


def _cast(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("cast", {"to": operator.outputs[0].dtype.label}, (operator.tensor(0),))


def _last_axis(kind: str, operator: FileOperator) -> OperatorLayer:
    source = operator.tensor(0)
    return OperatorLayer(kind, {"axis": max(0, len(source.shape) - 1)}, (source,), fused(operator))


def _lrn(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("lrn", {"size": 2 * operator.options.get("radius", 0) + 1}, (operator.tensor(0),))


def _recurrent(kind: str, operator: FileOperator) -> OperatorLayer | None:
    source, result = operator.tensor(0), operator.outputs[0]
    if len(source.shape) != 3 or not result.shape:
        return None
    attributes: dict[str, AttributeValue] = {
        "hidden_size": result.shape[-1],
        "directions": 1,
        "batch_first": not operator.options.get("time_major"),
    }
    return OperatorLayer(kind, attributes, operator.present)


ELEMENTWISE: Final[dict[str, Rule]] = {
    "RELU": of_first("relu"),
    "RELU6": of_first("clip", min=0.0, max=6.0),
    "RELU_N1_TO_1": of_first("clip", min=-1.0, max=1.0),
    "RELU_0_TO_1": of_first("clip", min=0.0, max=1.0),
    "LEAKY_RELU": of_first("leaky_relu", "alpha"),
    "PRELU": _prelu,
    "ELU": of_first("elu", alpha=1.0),
    "LOGISTIC": of_first("sigmoid"),
    "TANH": of_first("tanh"),
    "HARD_SWISH": of_first("hard_swish"),
    "GELU": _gelu,
    **{name: of_first(name.lower()) for name in ("ABS", "EXP", "LOG", "NEG", "SQRT", "SIN", "COS", "FLOOR", "CEIL",
                                               "ROUND", "SIGN")},
    "RSQRT": of_first("pow", scalar=-0.5, scalar_first=False),
    "SQUARE": of_first("pow", scalar=2.0, scalar_first=False),
    "LOGICAL_NOT": of_first("not"),
    "CAST": _cast,
    "QUANTIZE": of_first("quantize"),
    "DEQUANTIZE": of_first("dequantize"),
    "FAKE_QUANT": of_first("quantize"),
    "ADD": partial(_arithmetic, "add"),
    "SUB": partial(_arithmetic, "sub"),
    "MUL": partial(_arithmetic, "mul"),
    "DIV": partial(_arithmetic, "div"),
    "FLOOR_DIV": partial(_arithmetic, "div"),
    "FLOOR_MOD": partial(_arithmetic, "mod"),
    "POW": partial(_arithmetic, "pow"),
    "SQUARED_DIFFERENCE": _squared_difference,
    "MAXIMUM": partial(_several, "max"),
    "MINIMUM": partial(_several, "min"),
    "ADD_N": partial(_several, "add"),
    **dict.fromkeys(
        ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL"), partial(_several, "compare")
    ),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR"), partial(_several, "logical")),
    **dict.fromkeys(("SELECT", "SELECT_V2"), partial(_several, "where")),
    "SOFTMAX": partial(_last_axis, "softmax"),
    "LOG_SOFTMAX": partial(_last_axis, "log_softmax"),
    "L2_NORMALIZATION": partial(_last_axis, "lp_norm"),
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": partial(_recurrent, "lstm"),
    "UNIDIRECTIONAL_SEQUENCE_RNN": partial(_recurrent, "rnn"),
}  # fmt: skip
"""Rules by operator."""
