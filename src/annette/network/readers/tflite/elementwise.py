"""Activations, arithmetic and normalisation of TFLite files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.readers.tflite.operator_layer import Follower, OperatorLayer, Rule, fused, scalar

if TYPE_CHECKING:
    from annette.network.layer import AttributeValue
    from annette.network.readers.tflite.file import FileOperator

__all__ = ["ELEMENTWISE"]


def _unary(kind: str, **attributes: AttributeValue) -> Rule:
    def rule(operator: FileOperator) -> OperatorLayer:
        return OperatorLayer(kind, attributes, (operator.tensor(0),))

    return rule


def _optioned(kind: str, *names: str) -> Rule:
    """Functions with options of the same names as the attributes."""

    def rule(operator: FileOperator) -> OperatorLayer:
        return OperatorLayer(kind, {name: operator.options.get(name, 0.0) for name in names}, (operator.tensor(0),))

    return rule


def _binary(kind: str) -> Rule:
    """Arithmetic of two operands; a constant of one element is an attribute."""

    def rule(operator: FileOperator) -> OperatorLayer:
        left, right = operator.tensor(0), operator.tensor(1)
        numbers = scalar(left), scalar(right)
        if numbers[1] is not None and not left.constant:
            return OperatorLayer(kind, {"scalar": numbers[1], "scalar_first": False}, (left,), fused(operator))
        if numbers[0] is not None and not right.constant:
            return OperatorLayer(kind, {"scalar": numbers[0], "scalar_first": True}, (right,), fused(operator))
        return OperatorLayer(kind, {}, (left, right), fused(operator))

    return rule


def _several(kind: str) -> Rule:
    def rule(operator: FileOperator) -> OperatorLayer:
        operator.tensor(0)
        return OperatorLayer(kind, {}, tuple(tensor for tensor in operator.inputs if tensor is not None))

    return rule


def _squared_difference(operator: FileOperator) -> OperatorLayer:
    difference = _binary("sub")(operator)
    if difference is None:  # pragma: no cover - the rule above always knows
        return _several("sub")(operator) or OperatorLayer("sub")
    power = Follower("square", "pow", {"scalar": 2.0, "scalar_first": False})
    return OperatorLayer("sub", difference.attributes, difference.operands, power)


def _gelu(operator: FileOperator) -> OperatorLayer:
    attributes: dict[str, AttributeValue] = {"approximate": "tanh"} if operator.options.get("approximate") else {}
    return OperatorLayer("gelu", attributes, (operator.tensor(0),))


def _prelu(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("prelu", {}, (operator.tensor(0), operator.tensor(1)))


def _cast(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("cast", {"to": operator.outputs[0].dtype.label}, (operator.tensor(0),))


def _last_axis(kind: str) -> Rule:
    def rule(operator: FileOperator) -> OperatorLayer:
        source = operator.tensor(0)
        return OperatorLayer(kind, {"axis": max(0, len(source.shape) - 1)}, (source,), fused(operator))

    return rule


def _lrn(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("lrn", {"size": 2 * operator.options.get("radius", 0) + 1}, (operator.tensor(0),))


def _lstm(operator: FileOperator) -> OperatorLayer | None:
    return _recurrent("lstm", operator)


def _rnn(operator: FileOperator) -> OperatorLayer | None:
    return _recurrent("rnn", operator)


def _recurrent(kind: str, operator: FileOperator) -> OperatorLayer | None:
    source, result = operator.tensor(0), operator.outputs[0]
    if len(source.shape) != 3 or not result.shape:
        return None
    attributes: dict[str, AttributeValue] = {
        "hidden_size": result.shape[-1],
        "directions": 1,
        "batch_first": not operator.options.get("time_major"),
    }
    return OperatorLayer(kind, attributes, tuple(tensor for tensor in operator.inputs if tensor is not None))


ELEMENTWISE: Final[dict[str, Rule]] = {
    "RELU": _unary("relu"),
    "RELU6": _unary("clip", min=0.0, max=6.0),
    "RELU_N1_TO_1": _unary("clip", min=-1.0, max=1.0),
    "RELU_0_TO_1": _unary("clip", min=0.0, max=1.0),
    "LEAKY_RELU": _optioned("leaky_relu", "alpha"),
    "PRELU": _prelu,
    "ELU": _unary("elu", alpha=1.0),
    "LOGISTIC": _unary("sigmoid"),
    "TANH": _unary("tanh"),
    "HARD_SWISH": _unary("hard_swish"),
    "GELU": _gelu,
    **{name: _unary(name.lower()) for name in ("ABS", "EXP", "LOG", "NEG", "SQRT", "SIN", "COS", "FLOOR", "CEIL",
                                               "ROUND", "SIGN")},
    "RSQRT": _unary("pow", scalar=-0.5, scalar_first=False),
    "SQUARE": _unary("pow", scalar=2.0, scalar_first=False),
    "LOGICAL_NOT": _unary("not"),
    "CAST": _cast,
    "QUANTIZE": _unary("quantize"),
    "DEQUANTIZE": _unary("dequantize"),
    "FAKE_QUANT": _unary("quantize"),
    "ADD": _binary("add"),
    "SUB": _binary("sub"),
    "MUL": _binary("mul"),
    "DIV": _binary("div"),
    "FLOOR_DIV": _binary("div"),
    "FLOOR_MOD": _binary("mod"),
    "POW": _binary("pow"),
    "SQUARED_DIFFERENCE": _squared_difference,
    "MAXIMUM": _several("max"),
    "MINIMUM": _several("min"),
    "ADD_N": _several("add"),
    **dict.fromkeys(
        ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL"), _several("compare")
    ),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR"), _several("logical")),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _several("where")),
    "SOFTMAX": _last_axis("softmax"),
    "LOG_SOFTMAX": _last_axis("log_softmax"),
    "L2_NORMALIZATION": _last_axis("lp_norm"),
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
}  # fmt: skip
"""Rules by operator."""
