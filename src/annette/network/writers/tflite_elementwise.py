"""Arithmetic, activations and normalisation as TFLite operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.network.onnx_names import operator_name
from annette.network.tflite_schema import ACTIVATIONS
from annette.network.writers.tflite_fusion import clip_activation
from annette.network.writers.tflite_layout import Order, plain
from annette.network.writers.tflite_lowering import integers
from annette.network.writers.weights import weight_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.writers.tflite_fusion import Group
    from annette.network.writers.tflite_lowering import Rule, TfliteLowering, Value

__all__ = ["RULES"]

_ARITHMETIC: Final = {
    "add": ("ADD", "Add"),
    "sub": ("SUB", "Sub"),
    "mul": ("MUL", "Mul"),
    "max": ("MAXIMUM", "MaximumMinimum"),
    "min": ("MINIMUM", "MaximumMinimum"),
}
_ACTIVATIONS: Final = {"sigmoid": "LOGISTIC"} | {
    kind: kind.upper() for kind in ("tanh", "hard_swish", "elu", "exp", "log", "abs", "gelu", "leaky_relu")
}
_EMPTY: Final = {"RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "ELU", "LOG"}
"""Activations without a table of options."""
_MATRIX_RANK: Final = 3


def _activation(to: TfliteLowering, group: Group) -> None:
    """A function of one operand."""
    layer = group.anchor
    source = to.value(group.source or layer.inputs[0])
    name = clip_activation(layer).upper() or _ACTIVATIONS.get(group.kind)
    if name is None:
        _limits(to, group, source)
        return
    result = to.define(group.outputs[0], source.order)
    fields: dict[str, Any] = {}
    if name == "LEAKY_RELU":
        fields["alpha"] = float(layer.attributes.get("alpha", 0.01))  # type: ignore[arg-type]
    if name == "GELU":
        fields["approximate"] = layer.kind == "tanh" or layer.attributes.get("approximate") == "tanh"
    table = "" if name in _EMPTY else operator_name(name)
    to.append(group, name, [source], result, table, **fields)


def _limits(to: TfliteLowering, group: Group, source: Value) -> None:
    """A clip to limits that the format has no operator for: the larger of the lower one, the smaller of the upper."""
    layer = group.anchor
    limits = [(key, name) for key, name in (("min", "MAXIMUM"), ("max", "MINIMUM")) if key in layer.attributes]
    if layer.kind != "clip" or not limits:
        raise to.refuse(group, "the format has no such function of int8")
    for position, (key, name) in enumerate(limits):
        result = _result(to, group, source.order, key if position < len(limits) - 1 else "")
        number = to.number(f"{layer.name}/{key}", float(layer.attributes[key]))  # type: ignore[arg-type]
        to.append(group, name, [source, number], result, "MaximumMinimum")
        source = result


def _result(to: TfliteLowering, group: Group, order: Order, intermediate: str) -> Value:
    """What a group writes, or something of the same shape on the way there, by its label."""
    if not intermediate:
        return to.define(group.outputs[0], order)
    return to.intermediate(group.anchor, intermediate, to.tensor(group.outputs[0]).shape, order)


def _arithmetic(to: TfliteLowering, group: Group) -> None:
    """Two operands or more, with broadcasting; a quotient by a number is a product."""
    layer = group.anchor
    kind = layer.kind
    if kind == "div" and (len(layer.inputs) > 1 or layer.attributes.get("scalar_first")):
        raise to.refuse(group, "the format divides int8 by numbers only")
    name, table = _ARITHMETIC["mul" if kind == "div" else kind]
    order = _common_order(to, layer.outputs[0], layer.inputs)
    operands = [_operand(to, tensor, order, layer.name) for tensor in layer.inputs]
    if "scalar" in layer.attributes:
        number = float(layer.attributes["scalar"])  # type: ignore[arg-type]
        number = 1 / number if kind == "div" and number else number
        position = 0 if layer.attributes.get("scalar_first") else 1
        operands.insert(position, to.number(f"{layer.name}/number", number))
    if len(operands) < 2:
        raise to.refuse(group, "it has one operand and no number")
    fields = {"fused_activation_function": ACTIVATIONS.index(group.activation)} if table != "MaximumMinimum" else {}
    total = operands[0]
    for position, other in enumerate(operands[1:], 2):
        last = position == len(operands)
        result = _result(to, group, order, "" if last else "part")
        if table == "MaximumMinimum":
            total, other = (to.requantized(value, result.quantization, layer.name) for value in (total, other))  # noqa: PLW2901 - the operand at the result's scale
        to.append(group, name, [total, other], result, table, **(fields if last else {}))
        total = result


def _common_order(to: TfliteLowering, result: str, operands: Sequence[str]) -> Order:
    """The order of an operation with broadcasting: that of the largest operand of the result's rank."""
    rank = len(to.tensor(result).shape)
    values = [to.value(name) for name in operands if not to.tensor(name).constant]
    full = [value for value in values if len(value.shape) == rank]
    return max(full, key=lambda value: math.prod(value.shape)).order if full else plain(rank)


def _operand(to: TfliteLowering, name: str, order: Order, layer: str) -> Value:
    """An operand, aligned with a result of a given order; constants are made here."""
    tensor = to.tensor(name)
    rank = len(order)
    shape = (1,) * (rank - len(tensor.shape)) + tensor.shape
    if tensor.constant:
        stored = tuple(shape[dimension] for dimension in order)
        return to.constant(f"{layer}/constant", weight_values(to.seed, name, stored, math.prod(stored)))
    if len(tensor.shape) == rank:
        return to.ordered(name, order)
    source = to.ordered(name, plain(len(tensor.shape)))
    aligned = to.temporary(to.unused(f"{name}/aligned"), shape, None, source.dtype, source.quantization)
    to.reshape(source, aligned, ())
    return to.in_order(aligned, order, name)


def _power(to: TfliteLowering, group: Group) -> None:
    """A small whole power, as products."""
    layer = group.anchor
    number = layer.attributes.get("scalar", 0)
    if number not in (2, 3) or layer.attributes.get("scalar_first"):
        raise to.refuse(group, f"the format has no power of {number} of int8")
    total = source = to.value(layer.inputs[0])
    for step in range(int(number) - 1):
        result = _result(to, group, source.order, "square" if step < number - 2 else "")
        to.append(group, "MUL", [total, source], result, "Mul")
        total = result


def _prelu(to: TfliteLowering, group: Group) -> None:
    """PRELU with a slope per channel."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    slope = _operand(to, layer.inputs[1], source.order, layer.name)
    if len(to.tensor(layer.inputs[1]).shape) == 1 and len(source.shape) > 2:
        shape = tuple(source.shape[d] if d == to.channel % len(source.shape) else 1 for d in source.order)
        slope = to.constant(f"{layer.name}/slope", weight_values(to.seed, layer.name, shape, math.prod(shape)))
    to.append(group, "PRELU", [source, slope], to.define(group.outputs[0], source.order))


def _hard_sigmoid(to: TfliteLowering, group: Group) -> None:
    """min(max(x + 3, 0), 6) / 6, as converters write it."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    shifted = to.intermediate(layer, "shifted", source.shape, source.order)
    three = to.number(f"{layer.name}/three", 3.0)
    to.append(group, "ADD", [source, three], shifted, "Add", fused_activation_function=ACTIVATIONS.index("relu6"))
    result = to.define(group.outputs[0], source.order)
    sixth = to.number(f"{layer.name}/sixth", 1 / 6)
    to.append(group, "MUL", [shifted, sixth], result, "Mul")


def _silu(to: TfliteLowering, group: Group) -> None:
    """LOGISTIC of the operand times the operand."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    gate = to.intermediate(layer, "gate", source.shape, source.order)
    to.append(group, "LOGISTIC", [source], gate)
    to.append(group, "MUL", [source, gate], to.define(group.outputs[0], source.order), "Mul")


def _batch_norm(to: TfliteLowering, group: Group) -> None:
    """A product and a sum with constants per channel."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    result = to.define(group.outputs[0], source.order)
    _scale_and_shift(to, group, source, result, (to.channel % len(source.shape),))


def _scale_and_shift(to: TfliteLowering, group: Group, source: Value, result: Value, axes: Sequence[int]) -> None:
    """Ends a normalisation: its learned factor and its learned summand, which vary along ``axes``."""
    name = group.anchor.name
    scaled = to.intermediate(group.anchor, "scaled", source.shape, source.order)
    shape = tuple(source.shape[d] if d in axes else 1 for d in source.order)
    factor, summand = (
        to.constant(f"{name}/{label}", weight_values(to.seed, f"{name}/{label}", shape, math.prod(shape)))
        for label in ("factor", "summand")
    )
    to.append(group, "MUL", [source, factor], scaled, "Mul")
    code = ACTIVATIONS.index(group.activation)
    to.append(group, "ADD", [scaled, summand], result, "Add", fused_activation_function=code)


def _normalize(to: TfliteLowering, group: Group) -> None:
    """Normalisation over axes, in the steps in which converters write it.

    Rows of features are normalised as a matrix, for a mean over the channels of a map is not for every accelerator.
    """
    layer = group.anchor
    source = to.value(layer.inputs[0])
    rank = len(source.shape)
    axes = {axis % rank for axis in integers(layer, "axes") or (rank - 1,)}
    if rank <= _MATRIX_RANK or axes != {source.order[-1]}:
        _append_normalization(to, group, source, axes, to.define(group.outputs[0], source.order))
        return
    shape = (1, math.prod(source.stored[:-1]), source.stored[-1])
    rows = to.temporary(to.unused(f"{layer.name}/rows"), shape, None, source.dtype, source.quantization)
    to.reshape(source, rows, ())
    result = to.define(group.outputs[0], source.order)
    normal = to.temporary(to.unused(f"{layer.name}/normal_rows"), shape, None, result.dtype, result.quantization)
    _append_normalization(to, group, rows, {2}, normal)
    to.reshape(normal, result, ())


def _append_normalization(to: TfliteLowering, group: Group, source: Value, axes: set[int], result: Value) -> None:
    layer, rank = group.anchor, len(source.shape)
    places = sorted(source.order.index(axis) for axis in axes)
    small = tuple(1 if dimension in axes else size for dimension, size in enumerate(source.shape))
    along = to.integers(f"{layer.name}/axes", places)

    def step(label: str, operator: str, operands: list[Value | int], shape: Sequence[int], **more: Any) -> Value:
        written = to.intermediate(layer, label, shape, source.order)
        table = {"MEAN": "Reducer", "RSQRT": ""}.get(operator, operator_name(operator))
        to.append(group, operator, operands, written, table, **more)
        return written

    centred = source
    if layer.kind != "rms_norm":
        mean = step("mean", "MEAN", [source, along], small, keep_dims=True)
        centred = step("centred", "SUB", [source, mean], source.shape)
    squares = step("squares", "MUL", [centred, centred], source.shape)
    variance = step("variance", "MEAN", [squares, along], small, keep_dims=True)
    epsilon = to.number(f"{layer.name}/epsilon", float(layer.attributes.get("epsilon", 1e-5)))  # type: ignore[arg-type]
    inverse = step("inverse", "RSQRT", [step("guarded", "ADD", [variance, epsilon], small)], small)
    normal = step("normal", "MUL", [centred, inverse], source.shape)
    learned = (to.channel % rank,) if layer.kind == "instance_norm" else tuple(axes)
    _scale_and_shift(to, group, normal, result, learned)


def _select(to: TfliteLowering, group: Group) -> None:
    """SELECT_V2 by a constant or computed mask."""
    layer = group.anchor
    order = _common_order(to, layer.outputs[0], layer.inputs[1:])
    mask = to.tensor(layer.inputs[0])
    if mask.constant:
        shape = (1,) * (len(order) - len(mask.shape)) + mask.shape
        stored = tuple(shape[dimension] for dimension in order)
        values = np.arange(math.prod(stored)).reshape(stored) % 2 == 0
        operands: list[Value | int] = [to.file.tensor(to.unused(f"{layer.name}/mask"), stored, "bool", data=values)]
    else:
        operands = [_operand(to, layer.inputs[0], order, layer.name)]
    branches = [_operand(to, tensor, order, layer.name) for tensor in layer.inputs[1:]]
    for position, key in enumerate(("scalar_true", "scalar_false")):
        if key in layer.attributes:
            number = to.number(f"{layer.name}/{key}", float(layer.attributes[key]))  # type: ignore[arg-type]
            branches.insert(position, number)
    to.append(group, "SELECT_V2", [*operands, *branches], to.define(group.outputs[0], order), "SelectV2")


def _cast(to: TfliteLowering, group: Group) -> None:
    """CAST to real numbers, which are then quantised; between integers nothing changes."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    written = to.tensor(layer.outputs[0])
    if to.stored_as(written) == source.dtype:
        to.alias(written.name, source, source.order)
        return
    if source.dtype == "int8" or not written.dtype.is_float:
        raise to.refuse(group, f"from {to.tensor(layer.inputs[0]).dtype.label} to {written.dtype.label}")
    real = to.temporary(to.unused(f"{layer.name}/real"), source.shape, source.order, "float32")
    to.append(group, "CAST", [source], real)
    to.append(group, "QUANTIZE", [real], to.define(written.name, source.order), "Quantize")


RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "max", "min"), _arithmetic),
    **dict.fromkeys(("relu", "clip", *_ACTIVATIONS), _activation),
    "hard_sigmoid": _hard_sigmoid,
    "silu": _silu,
    "prelu": _prelu,
    "pow": _power,
    "where": _select,
    "cast": _cast,
    "batch_norm": _batch_norm,
    **dict.fromkeys(("layer_norm", "rms_norm", "instance_norm"), _normalize),
}
