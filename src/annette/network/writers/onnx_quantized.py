"""Layers of quantised networks as ONNX operators: conversions, products of integers, constants kept as integers.

Scales and zero points are no part of a network: they have fixed values here, which keep results within the integers'
range for the random weights that are written. Runtimes' times depend on them in one place: a concatenation copies parts
of its own scale and converts all others byte by byte (QLinearConcat of ONNX Runtime,
onnxruntime/contrib_ops/cpu/quantization/qlinear_concat.cc). Parts come from different layers, whose ranges differ, so
that its result has another scale than its parts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from annette.network.kinds import Category, kinds_in
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import Layer
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = [
    "INTEGER_OPERATORS",
    "QUANTIZED_RULES",
    "dynamic_recurrent",
    "is_integer_product",
    "is_quantized_product",
    "quantized_number",
    "quantized_product",
    "with_real_operands",
]

_SCALE: Final = 0.05
_OTHER_SCALE: Final = 0.06
_KEEPING: Final = kinds_in(Category.VIEW, Category.MOVEMENT) | {"max_pool", "quantize", "dequantize"}
"""Kinds whose results have the scale of their first operand."""
_CONTRIBUTED: Final = "com.microsoft"
_WEIGHT_SCALE: Final = 0.002
_ZERO_POINTS: Final = {DType.UINT8: 128, DType.INT8: 0}
_BIASED: Final = kinds_in(Category.CONVOLUTION) | kinds_in(Category.MATRIX_PRODUCT) | kinds_in(Category.NORMALIZATION)
_DYNAMIC: Final = ("lstm",)
INTEGER_OPERATORS: Final = {
    **dict.fromkeys(("conv", "grouped_conv", "depthwise_conv"), "ConvInteger"),
    **dict.fromkeys(("fully_connected", "matmul"), "MatMulInteger"),
}
"""Operators that multiply integers and keep 32 bits, by kind of layer."""


class Operators(Protocol):
    """What operators and constants are appended to (`annette.network.writers.onnx_nodes.Lowering`)."""

    @property
    def network(self) -> Network:
        """What is written."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The network's tensors, and those that were appended."""

    def node(
        self, operator: str, layer: Layer, inputs: Sequence[str], *, operator_set: str = "", **attributes: Any
    ) -> None:
        """Appends an operator that writes the layer's outputs."""

    def constant(self, layer: Layer, label: str, values: Any) -> str:
        """Appends a constant that belongs to a layer and returns its name."""

    def dequantized(self, layer: Layer, tensor: str, scale: float, zero_point: int = 0) -> str:
        """Appends the dequantization of a constant of integers for a layer and returns the result's name."""

    def dequantization(self, name: str, integers: str, scale: str, zero: str) -> str:
        """Appends a dequantization of that name and returns it."""


def with_real_operands(to: Operators, layer: Layer) -> Layer:
    """A layer of floating-point numbers, its constants that are kept as integers dequantized before it.

    Args:
        to: Where the dequantizations are appended.
        layer: Any layer.
    """
    tensors = to.tensors
    if layer.kind in QUANTIZED_RULES or layer.kind in _DYNAMIC or not tensors[layer.outputs[0]].dtype.is_float:
        return layer
    inputs = list(layer.inputs)
    for position, name in enumerate(inputs):
        dtype, constant = tensors[name].dtype, tensors[name].constant
        bias = dtype is DType.INT32 and (layer.kind == "add" or (position == 2 and layer.kind in _BIASED))
        if constant and layer.kind == "gather" and dtype in _ZERO_POINTS:
            inputs[position] = to.dequantized(layer, name, _SCALE, _ZERO_POINTS[dtype])
        elif constant and (bias or dtype in _ZERO_POINTS):
            zero = 0 if bias else _ZERO_POINTS[dtype]
            inputs[position] = to.dequantized(layer, name, _bias_scale(to, layer) if bias else _WEIGHT_SCALE, zero)
    return layer if tuple(inputs) == layer.inputs else replace(layer, inputs=tuple(inputs))


def _bias_scale(to: Operators, layer: Layer) -> float:
    """Scale of a product with weights; integer operators take no bias of another."""
    (source, *_) = to.network.activations[layer.name]
    if layer.kind == "add":
        producer = to.network.producers.get(source)
        source = next(iter(to.network.activations[producer.name]), source) if producer is not None else source
    return _WEIGHT_SCALE * _scale_of(source, to.network)


def is_integer_product(to: Operators, layer: Layer) -> bool:
    """Whether a layer multiplies integers and writes integers of 32 bits."""
    tensors = to.tensors
    return (
        layer.kind in INTEGER_OPERATORS
        and tensors[layer.inputs[0]].dtype in _ZERO_POINTS
        and tensors[layer.outputs[0]].dtype is DType.INT32
    )


def is_quantized_product(to: Operators, layer: Layer) -> bool:
    """Whether a layer multiplies integers and quantises its result."""
    types = [to.tensors[name].dtype for name in (layer.inputs[0], layer.outputs[0])]
    return layer.kind in INTEGER_OPERATORS and all(each in _ZERO_POINTS for each in types)


def quantized_product(to: Operators, layer: Layer, attributes: Mapping[str, Any]) -> None:
    """A product of integers that quantises its result.

    Args:
        to: Where it is appended.
        layer: The layer, with integers, weights of integers and perhaps a bias of 32 bits as operands.
        attributes: Of a convolution.
    """
    source, weights, *bias = layer.inputs
    result = layer.outputs[0]
    parameters: dict[str, list[str]] = {}
    for tensor in (source, weights, result):
        dtype = to.tensors[tensor].dtype
        scale = _WEIGHT_SCALE if tensor == weights else _SCALE
        zero = np.array(_ZERO_POINTS[dtype], dtype=dtype.label)
        named = [to.constant(layer, f"{tensor}.scale", np.float32(scale)), to.constant(layer, f"{tensor}.zero", zero)]
        parameters[tensor] = named
    operands = [source, *parameters[source], weights, *parameters[weights]]
    if layer.kind not in ("fully_connected", "matmul"):
        to.node("QLinearConv", layer, [*operands, *parameters[result], *bias], **attributes)
    elif bias or layer.attributes.get("transposed_weights"):
        transposed = int(bool(layer.attributes.get("transposed_weights")))
        inputs = [*operands, *(bias or [""]), *parameters[result]]
        to.node("QGemm", layer, inputs, operator_set=_CONTRIBUTED, transB=transposed, alpha=1.0)
    else:
        to.node("QLinearMatMul", layer, [*operands, *parameters[result]])


def quantized_number(to: Operators, layer: Layer, number: str) -> str:
    """The other operand of a sum or product between conversions: a number that is kept as an integer, too.

    Args:
        to: Where it is appended.
        layer: The layer.
        number: The number as it stands.

    Returns:
        Name of the number that the layer reads.
    """
    producer = to.network.producers.get(layer.inputs[0])
    if layer.kind not in ("add", "mul") or producer is None or producer.kind != "dequantize":
        return number
    dtype = to.tensors[producer.inputs[0]].dtype
    scale = to.constant(layer, "scalar.scale", np.float32(_SCALE))
    integer = to.constant(layer, "scalar.integer", np.array(100, dtype=dtype.label))
    zero = to.constant(layer, "scalar.zero", np.zeros((), dtype=dtype.label))
    return to.dequantization(f"{layer.name}.scalar.real", integer, scale, zero)


def _conversion(to: Operators, layer: Layer) -> None:
    operator = "QuantizeLinear" if layer.kind == "quantize" else "DequantizeLinear"
    integers = layer.outputs[0] if layer.kind == "quantize" else layer.inputs[0]
    dtype = to.tensors[integers].dtype
    scale = to.constant(layer, "scale", np.float32(_scale_of(layer.inputs[0], to.network)))
    zero = to.constant(layer, "zero_point", np.array(_ZERO_POINTS.get(dtype, 0), dtype=dtype.label))
    to.node(operator, layer, [layer.inputs[0], scale, zero])


def _scale_of(tensor: str, network: Network) -> float:
    """The scale of an activation: it changes with each concatenation on the way from what computed it."""
    concatenations = 0
    while (producer := network.producers.get(tensor)) is not None and producer.kind in _KEEPING:
        activations = network.activations[producer.name]
        if not activations:
            break
        concatenations += producer.kind == "concat"
        tensor = activations[0]
    return _OTHER_SCALE if concatenations % 2 else _SCALE


def dynamic_recurrent(to: Operators, layer: Layer, attributes: Mapping[str, Any]) -> None:
    """An LSTM that quantises its operands in every run, with weights of integers that lie transposed.

    Args:
        to: Where it is appended.
        layer: The layer, with the sequence, two arrays of weights and perhaps a bias as operands.
        attributes: Of the operator.
    """
    directions = to.tensors[layer.inputs[1]].shape[0]
    scales = [to.constant(layer, f"{part}.scale", np.full(directions, _WEIGHT_SCALE, np.float32)) for part in "WR"]
    dtype = to.tensors[layer.inputs[1]].dtype
    zero = np.full(directions, _ZERO_POINTS[dtype], dtype.label)
    zeros = [to.constant(layer, f"{part}.zero", zero) for part in "WR"]
    bias = layer.inputs[3] if len(layer.inputs) > 3 else ""
    parameters = [scales[0], zeros[0], scales[1], zeros[1]]
    inputs = [*layer.inputs[:3], bias, *[""] * 4, *parameters]
    to.node("DynamicQuantizeLSTM", layer, inputs, operator_set=_CONTRIBUTED, **attributes)


def _dynamic(to: Operators, layer: Layer) -> None:
    to.node("DynamicQuantizeLinear", layer, layer.inputs)


QUANTIZED_RULES: Final = {"quantize": _conversion, "dequantize": _conversion, "dynamic_quantize": _dynamic}
"""From kinds of conversions to ONNX operators."""
