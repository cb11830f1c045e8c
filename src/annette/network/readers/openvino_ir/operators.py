"""OpenVINO's operators as nodes of ONNX: one rule each, tables where only names differ."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.readers.openvino_ir.graph import element_type
from annette.network.readers.openvino_ir.movement import MOVEMENT
from annette.network.readers.openvino_ir.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.openvino_ir.graph import Context, Rule

__all__ = ["BIASED", "RULES"]

BIASED: Final = {"Convolution": 1, "GroupConvolution": 1, "ConvolutionBackpropData": 1, "MatMul": -1}
"""Operators that have a bias in ONNX, and the axis of their result that it lies along."""

_SAME: Final = {
    "Abs": "Abs", "Acos": "Acos", "Acosh": "Acosh", "Add": "Add", "Asin": "Asin", "Asinh": "Asinh", "Atan": "Atan",
    "Atanh": "Atanh", "BitwiseAnd": "BitwiseAnd", "BitwiseNot": "BitwiseNot", "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor", "Ceiling": "Ceil", "ConvertLike": "CastLike", "Cos": "Cos", "Cosh": "Cosh",
    "Divide": "Div", "Equal": "Equal", "Erf": "Erf", "Exp": "Exp", "Floor": "Floor", "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual", "HSwish": "HardSwish", "IsInf": "IsInf", "IsNaN": "IsNaN", "Less": "Less",
    "LessEqual": "LessOrEqual", "Log": "Log", "LogicalAnd": "And", "LogicalNot": "Not", "LogicalOr": "Or",
    "LogicalXor": "Xor", "Maximum": "Max", "Minimum": "Min", "Mish": "Mish", "Multiply": "Mul", "Negative": "Neg",
    "Power": "Pow", "PReLU": "PRelu", "Range": "Range", "ReLU": "Relu",
    "Round": "Round", "Select": "Where", "Sigmoid": "Sigmoid", "Sign": "Sign", "Sin": "Sin", "Sinh": "Sinh",
    "SoftPlus": "Softplus", "SoftSign": "Softsign", "Sqrt": "Sqrt", "Subtract": "Sub", "Tan": "Tan", "Tanh": "Tanh",
    "FloorMod": "Mod",
}  # fmt: skip
"""Operators whose operands and meaning are the same under both names."""

_REDUCTIONS: Final = {
    **{f"Reduce{name}": f"Reduce{name}" for name in ("L1", "L2", "Max", "Mean", "Min", "Prod", "Sum")},
    "ReduceLogicalAnd": "ReduceMin",
    "ReduceLogicalOr": "ReduceMax",
}


def _renamed(op: str, layer: Context) -> None:
    layer.node(op)


def _shape_of(layer: Context) -> None:
    layer.as_stated("Shape", 0)


def _non_zero(layer: Context) -> None:
    layer.as_stated("NonZero", 0)


def _mod(layer: Context) -> None:
    layer.node("Mod", fmod=1)


def _not_equal(layer: Context) -> None:
    layer.node("Not", [layer.step("Equal", layer.inputs)])


def _squared_difference(layer: Context) -> None:
    difference = layer.step("Sub", layer.inputs)
    layer.node("Mul", [difference, difference])


def _swish(layer: Context) -> None:
    """A rectifier that ONNX files have as two nodes."""
    scaled = layer.step("Mul", layer.inputs) if len(layer.inputs) > 1 else layer.inputs[0]
    layer.node("Mul", [layer.inputs[0], layer.step("Sigmoid", [scaled])])


def _gelu(layer: Context) -> None:
    layer.node("Gelu", approximate="tanh" if layer.text("approximation_mode").lower() == "tanh" else "none")


def _hard_sigmoid(layer: Context) -> None:
    layer.node("HardSigmoid", layer.inputs[:1])


def _hsigmoid(layer: Context) -> None:
    layer.node("HardSigmoid", alpha=1 / 6, beta=0.5)


def _elu(layer: Context) -> None:
    layer.node("Elu", alpha=layer.number("alpha", 1.0))


def _selu(layer: Context) -> None:
    layer.node("Selu", layer.inputs[:1])


def _clamp(layer: Context) -> None:
    element = layer.element(0)
    limits = [layer.number(key, default) for key, default in (("min", -3.4e38), ("max", 3.4e38))]
    whole = element not in (1, 10, 11, 16)
    bounds = [layer.constant(int(limit) if whole else limit, element) for limit in limits]
    layer.node("Clip", [layer.inputs[0], *bounds])


def _convert(layer: Context) -> None:
    layer.node("Cast", to=element_type(layer.text("destination_type"), f"layer {layer.layer.name!r}"))


def _soft_max(op: str, layer: Context) -> None:
    layer.node(op, axis=int(layer.number("axis", 1)))


def _reduce(op: str, layer: Context) -> None:
    kept = layer.flag("keep_dims")
    rank = len(layer.shape(0))
    axes = layer.known(1)
    spatial = axes is not None and rank > 2 and sorted(axis % rank for axis in axes) == list(range(2, rank))
    if spatial and kept and op == "ReduceMean":
        layer.node("GlobalAveragePool", layer.inputs[:1])
    elif spatial and kept and op == "ReduceMax":
        layer.node("GlobalMaxPool", layer.inputs[:1])
    else:
        layer.node(op, keepdims=int(kept))


def _mat_mul(layer: Context) -> None:
    """A product; what is transposed on the way is a constant, or a step of its own as in ONNX."""
    if len(layer.inputs) > 2:
        layer.node("Gemm", transA=int(layer.flag("transpose_a")), transB=int(layer.flag("transpose_b")))
        return
    operands = list(layer.inputs)
    for index, key in enumerate(("transpose_a", "transpose_b")):
        rank = len(layer.shape(index))
        if layer.flag(key) and rank > 1:
            order = [*range(rank - 2), rank - 1, rank - 2]
            operands[index] = layer.step("Transpose", [operands[index]], perm=order)
    layer.node("MatMul", operands)


def _mvn(layer: Context) -> bool | None:
    """Normalization by mean and variance: a layer's where the axes are the last ones."""
    rank, axes = len(layer.shape(0)), layer.known(1)
    if axes is None or sorted(axis % rank for axis in axes) != list(range(rank - len(axes), rank)):
        return False
    sizes = layer.shape(0)[rank - len(axes) :]
    if any(size < 1 for size in sizes):
        return False
    layer.node("LayerNormalization", [layer.inputs[0], layer.weights(sizes, layer.element(0))], axis=-len(axes))
    return None


def _normalize(layer: Context) -> bool | None:
    axes, rank = layer.known(1), len(layer.shape(0))
    if axes is None or len(axes) != 1:
        return False
    layer.node("LpNormalization", layer.inputs[:1], axis=axes[0] % rank, p=2)
    return None


def _group_norm(layer: Context) -> bool | None:
    groups = int(layer.number("num_groups", 0))
    if groups < 1:
        return False
    if groups == layer.shape(0)[1]:
        layer.node("InstanceNormalization", layer.inputs[:3])
    else:
        layer.node("GroupNormalization", layer.inputs[:3], num_groups=groups)
    return None


def _batch_norm(layer: Context) -> None:
    # Older versions have the data third.
    first = 2 if len(layer.shape(0)) == 1 < len(layer.shape(2)) else 0
    data = layer.inputs[first]
    rest = [name for index, name in enumerate(layer.inputs) if index != first]
    layer.node("BatchNormalization", [data, *rest])


def _lrn(layer: Context) -> bool | None:
    if layer.known(1) not in (None, [1]):
        return False
    layer.node("LRN", layer.inputs[:1], size=int(layer.number("size", 1)))
    return None


def _attention(layer: Context) -> bool | None:
    """Scaled dot-product attention as the operators that ONNX files have for it."""
    rank = len(layer.shape(1))
    if rank < 2 or len(layer.inputs) > 5:
        return False
    element = layer.element(0)
    scale = layer.constant(1.0, element)
    keys = layer.step("Transpose", [layer.inputs[1]], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = layer.step("MatMul", [layer.step("Mul", [layer.inputs[0], scale]), layer.step("Mul", [keys, scale])])
    if len(layer.inputs) > 3 and layer.shape(3):
        scores = layer.step("Add", [scores, layer.inputs[3]])
    layer.node("MatMul", [layer.step("Softmax", [scores], axis=-1), layer.inputs[2]])
    return None


def _fake_quantize(layer: Context) -> None:
    """Rounding to few levels: to integers and back."""
    scale, zero = layer.constant(1.0, layer.element(0)), layer.constant(0, 2)
    levels = layer.step("QuantizeLinear", [layer.inputs[0], scale, zero])
    layer.node("DequantizeLinear", [levels, scale, zero])


def _recurrent(op: str, layer: Context) -> bool | None:
    """A sequence through recurrent cells; OpenVINO has the batch first, and one bias where ONNX has two."""
    states = 2 if op == "LSTM" else 1
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    hidden = int(layer.number("hidden_size", 0))
    weights, recurrence = layer.inputs[states + 2 : states + 4]
    directions = layer.shape(states + 2)[0]
    if hidden < 1 or directions < 1:
        return False
    bias = layer.weights([directions, 2 * gates * hidden], layer.element(0))
    states_read = layer.inputs[1 : 1 + states]
    result = f"{layer.outputs[0]}/{op}"
    attributes = {"LSTM": {}, "GRU": {"linear_before_reset": int(layer.flag("linear_before_reset"))}, "RNN": {}}[op]
    direction = layer.text("direction", "forward").lower()
    layer.node(
        op,
        [layer.inputs[0], weights, recurrence, bias, "", *states_read],
        [result, *("" if name in layer.unread else name for name in layer.outputs[1:])],
        hidden_size=hidden,
        layout=1,
        direction=direction,
        **attributes,
    )
    layer.node("Transpose", [result], layer.outputs[:1], perm=[0, 2, 1, 3])
    return None


def _einsum(layer: Context) -> None:
    layer.node("Einsum", equation=layer.text("equation"))


def _cum_sum(layer: Context) -> None:
    layer.node("CumSum", exclusive=int(layer.flag("exclusive")), reverse=int(layer.flag("reverse")))


RULES: Final[Mapping[str, Rule]] = {
    **{name: partial(_renamed, op) for name, op in _SAME.items()},
    **{name: partial(_reduce, op) for name, op in _REDUCTIONS.items()},
    **MOVEMENT,
    **WINDOWS,
    "BatchNormInference": _batch_norm,
    "Clamp": _clamp,
    "Convert": _convert,
    "CumSum": _cum_sum,
    "Einsum": _einsum,
    "Elu": _elu,
    "FakeQuantize": _fake_quantize,
    "GRUSequence": partial(_recurrent, "GRU"),
    "Gelu": _gelu,
    "GroupNormalization": _group_norm,
    "HSigmoid": _hsigmoid,
    "HardSigmoid": _hard_sigmoid,
    "LRN": _lrn,
    "LSTMSequence": partial(_recurrent, "LSTM"),
    "LogSoftmax": partial(_soft_max, "LogSoftmax"),
    "MVN": _mvn,
    "MatMul": _mat_mul,
    "Mod": _mod,
    "NonZero": _non_zero,
    "NormalizeL2": _normalize,
    "NotEqual": _not_equal,
    "RNNSequence": partial(_recurrent, "RNN"),
    "ScaledDotProductAttention": _attention,
    "Selu": _selu,
    "ShapeOf": _shape_of,
    "SoftMax": partial(_soft_max, "Softmax"),
    "Softmax": partial(_soft_max, "Softmax"),
    "SquaredDifference": _squared_difference,
    "Swish": _swish,
}
"""Rule of each operator by OpenVINO's name; False means that this form of it is not known."""
