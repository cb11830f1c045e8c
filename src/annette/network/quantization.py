"""Quantised networks, made of networks in floating point as converters make them.

**Static** quantisation puts a pair of ``quantize`` and ``dequantize`` around every activation that a layer of
`STATIC_KINDS` reads or writes; weights become integers, biases int32, and a ReLU or clip behind such a layer goes away,
for the range of the integers does its work. **Operators** of integers say the same without pairs: convolutions and
products with constant weights read integers and write them. **Dynamic** quantisation finds the scale of an activation
in every run (``dynamic_quantize``); products with constant weights are done in integers, scaled and shifted in floating
point. An LSTM stays one layer, whose weights are transposed.

Facts used: what `quantize_static` and `quantize_dynamic` of onnxruntime.quantization 1.32 make of networks. Scales are
no part of a network; writers take fixed ones, which no runtime's time depends on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.errors import NetworkError, OptionError, nearest
from annette.network.kinds import KINDS, Category, kinds_in
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue, Layer

__all__ = ["SCHEMES", "STATIC_KINDS", "is_quantizable", "quantized"]


class Scheme(NamedTuple):
    """A way of quantising.

    Attributes:
        activations: Their element type.
        weights: That of constants that activations are multiplied with.
        form: ``static``, ``operators`` or ``dynamic``.
    """

    activations: DType
    weights: DType
    form: str


SCHEMES: Final[Mapping[str, Scheme]] = {
    "static-uint8": Scheme(DType.UINT8, DType.INT8, "static"),
    "static-int8": Scheme(DType.INT8, DType.INT8, "static"),
    "static-unsigned": Scheme(DType.UINT8, DType.UINT8, "static"),
    "operators-int8": Scheme(DType.INT8, DType.INT8, "operators"),
    "dynamic": Scheme(DType.UINT8, DType.INT8, "dynamic"),
    "dynamic-unsigned": Scheme(DType.UINT8, DType.UINT8, "dynamic"),
}
"""Ways of quantising."""

_WEIGHTED: Final = ("conv", "grouped_conv", "depthwise_conv", "fully_connected", "matmul")
_RECURRENT: Final = ("lstm",)
_ABSORBING: Final = frozenset((*_WEIGHTED, "add", "mul", "concat", "max_pool", "average_pool"))
STATIC_KINDS: Final = frozenset(
    (
        *_WEIGHTED, "add", "mul", "concat", "max_pool", "average_pool", "global_average_pool", "sigmoid", "leaky_relu",
        "softmax", "resize_nearest", "resize_linear", "reshape", "transpose", "split", "slice", "gather",
        "conv_transpose", "layer_norm", "div", "sub",
    )
)  # fmt: skip
"""Kinds of layer whose operands and results are quantised."""

_REDUNDANT: Final = frozenset({"relu", "clip"})
_MOVED: Final = kinds_in(Category.VIEW, Category.MOVEMENT)


def is_quantizable(network: Network, scheme: str) -> bool:
    """Whether a scheme changes anything but movements of data in a network."""
    kinds = {layer.kind for layer in network.layers if not _is_einsum(layer)}
    form = SCHEMES[scheme].form
    if form == "dynamic":
        return not kinds.isdisjoint((*_WEIGHTED, *_RECURRENT))
    return not kinds.isdisjoint(_WEIGHTED if form == "operators" else STATIC_KINDS - _MOVED)


def quantized(network: Network, scheme: str) -> Network:
    """Quantises a network.

    Args:
        network: A network in floating point.
        scheme: One of `SCHEMES`.

    Returns:
        A network of the same inputs and outputs; its name has the scheme behind it.

    Raises:
        OptionError: There is no such scheme.
        NetworkError: The scheme changes nothing in the network.

    Example:
        >>> from annette.network import zoo
        >>> sorted({layer.kind for layer in quantized(zoo.build("resnet18"), "static-uint8").layers})[:4]
        ['add', 'conv', 'dequantize', 'fully_connected']
    """
    if scheme not in SCHEMES:
        raise OptionError(
            f"there is no way of quantising called {scheme!r}{nearest(scheme, SCHEMES)}; known: {', '.join(SCHEMES)}"
        )
    if not is_quantizable(network, scheme):
        raise NetworkError(f"network {network.name!r} has no layer that {scheme!r} quantises")
    work = _FORMS[SCHEMES[scheme].form](network, SCHEMES[scheme])
    work.run()
    return Network(
        name=f"{network.name}-{scheme}",
        layers=work.layers,
        tensors=work.tensors,
        inputs=network.inputs,
        outputs=tuple(work.current.get(name, name) for name in network.outputs),
        batch=network.batch,
        channels_last=network.channels_last,
        source_format=network.source_format,
        notes=network.notes,
    )


def _is_einsum(layer: Layer) -> bool:
    """Whether a product is written as an Einstein sum, which no quantiser of onnxruntime.quantization knows.

    Its ``registry.py`` has no entry for it.
    """
    return "equation" in layer.attributes


class _Work:
    """A network that is written anew, layer by layer.

    Attributes:
        layers: The layers so far.
        tensors: Their tensors.
        current: For activations of the old network, the tensor that their readers read now.
    """

    def __init__(self, network: Network, scheme: Scheme) -> None:
        self.network = network
        self.scheme = scheme
        self.layers: list[Layer] = []
        self.tensors: dict[str, Tensor] = {name: network.tensors[name] for name in network.inputs}
        self.current: dict[str, str] = {}

    def run(self) -> None:
        """Writes all layers."""
        raise NotImplementedError

    def add(
        self,
        kind: str,
        name: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        attributes: Mapping[str, AttributeValue] | None = None,
        like: Layer | None = None,
    ) -> None:
        """Appends a layer; ``like`` states dimensions and products that follow from no shape."""
        stated = like is not None and KINDS[kind].macs is None
        layer = describe_layer(
            kind,
            name,
            inputs=inputs,
            outputs=outputs,
            attributes=attributes,
            channels_last=self.network.channels_last,
            dimensions=like.workload.dimensions if like is not None and stated else None,
            macs=like.workload.macs if like is not None and stated else None,
        )
        self.layers.append(layer)
        self.tensors |= {tensor.name: tensor for tensor in (*inputs, *outputs)}

    def read(self, name: str) -> Tensor:
        """An operand as it is now."""
        now = self.current.get(name, name)
        return self.tensors.get(now) or self.network.tensors[name]

    def copy(self, layer: Layer, constants: Mapping[int, DType]) -> None:
        """Appends a layer of the old network; constants get other element types, by position."""
        inputs = []
        for position, name in enumerate(layer.inputs):
            tensor = self.read(name)
            if tensor.constant and position in constants and tensor.dtype.is_float:
                dtype = constants[position]
                tensor = replace(tensor, name=f"{name}_{dtype.label}", dtype=dtype)
            inputs.append(tensor)
        outputs = [self.network.tensors[name] for name in layer.outputs]
        self.add(layer.kind, layer.name, inputs, outputs, layer.attributes, layer)

    def is_absorbed(self, layer: Layer) -> bool:
        """Whether a layer goes away because the quantisation behind the layer before does the same."""
        if layer.kind not in _REDUNDANT:
            return False
        producer = self.network.producers.get(layer.inputs[0])
        if producer is None or producer.kind not in _ABSORBING:
            return False
        sole = len(self.network.consumers[layer.inputs[0]]) == 1
        return sole and not {layer.inputs[0], layer.outputs[0]} & set(self.network.outputs)


class _Static(_Work):
    def run(self) -> None:
        for name in self.network.inputs:
            self._convert(name)
        for layer in self.network.layers:
            if self.is_absorbed(layer):
                self.current[layer.outputs[0]] = self.current.get(layer.inputs[0], layer.inputs[0])
                continue
            shared = layer.kind in STATIC_KINDS - {"div", "sub"}
            integers = dict.fromkeys((0, 1), self.scheme.activations) if shared else {}
            if _is_einsum(layer):
                integers = {}
            elif layer.kind in _WEIGHTED or layer.kind in ("conv_transpose", "layer_norm"):
                integers = {1: self.scheme.weights, 2: DType.INT32}
            elif self._is_bias(layer):
                integers = {0: DType.INT32, 1: DType.INT32}
            self.copy(layer, integers)
            for name in layer.outputs:
                self._convert(name)

    def _is_bias(self, layer: Layer) -> bool:
        """Whether a layer adds a constant vector to a product with constant weights that nothing else reads."""
        if layer.kind != "add" or len(layer.inputs) != 2:
            return False
        tensors, producers = self.network.tensors, self.network.producers
        for product, vector in (layer.inputs, layer.inputs[::-1]):
            producer = producers.get(product)
            if producer is None or producer.kind != "fully_connected" or not tensors[vector].constant:
                continue
            columns = producer.workload.dimensions.out_channels
            return tensors[vector].elements == columns and len(self.network.consumers[product]) == 1
        return False

    def _convert(self, name: str) -> None:
        """Puts a pair of conversions behind an activation that a quantised layer reads or writes."""
        tensor = self.network.tensors[name]
        if not tensor.dtype.is_float:
            return
        around = [*self.network.consumers.get(name, ())]
        if name in self.network.producers:
            around.append(self.network.producers[name])
        if not any(layer.kind in STATIC_KINDS and not _is_einsum(layer) for layer in around):
            return
        if len(around) == 2 and self._is_bias(around[0]):
            return  # stays within the product
        integers = replace(tensor, name=f"{name}_quantized", dtype=self.scheme.activations)
        real = replace(tensor, name=f"{name}_dequantized")
        self.add("quantize", f"{name}/quantize", [tensor], [integers])
        self.add("dequantize", f"{name}/dequantize", [integers], [real])
        self.current[name] = real.name


class _Dynamic(_Work):
    def __init__(self, network: Network, scheme: Scheme) -> None:
        super().__init__(network, scheme)
        self._quantized: dict[str, tuple[Tensor, Tensor]] = {}
        self._scales = 0

    def run(self) -> None:
        for layer in self.network.layers:
            operands = [self.network.tensors[name] for name in layer.inputs]
            weighted = layer.kind in _WEIGHTED and len(operands) > 1 and operands[1].constant
            if weighted and not _is_einsum(layer) and not operands[0].constant and operands[0].dtype.is_float:
                self._product(layer)
            elif layer.kind in _RECURRENT and operands[0].dtype is DType.FLOAT32:
                self._recurrent(layer)
            else:
                self.copy(layer, {})

    def _product(self, layer: Layer) -> None:
        """A product of integers, cast, scaled and shifted."""
        integers, scale = self._integers(layer.inputs[0])
        weights = replace(self.network.tensors[layer.inputs[1]], dtype=self.scheme.weights)
        attributes = dict(layer.attributes)
        if attributes.pop("transposed_weights", False):
            weights = replace(weights, shape=weights.shape[::-1])
        result = self.network.tensors[layer.outputs[0]]
        name, last = layer.name, result.name
        raw = replace(result, name=f"{last}_integers", dtype=DType.INT32)
        self.add(layer.kind, name, [integers, weights], [raw], attributes, layer)
        real = replace(result, name=f"{last}_real")
        self.add("cast", f"{name}/cast", [raw], [real], {"to": "float32"})
        factor = replace(scale, name=f"{last}_factor")
        self.add("mul", f"{name}/factor", [scale], [factor], {"scalar": self._scale()})
        biased = len(layer.inputs) > 2
        scaled = replace(result, name=f"{last}_scaled") if biased else result
        self.add("mul", f"{name}/scale", [real, factor], [scaled])
        if biased:
            bias = self.network.tensors[layer.inputs[2]]
            if layer.kind != "fully_connected":
                ones = (1,) * (len(result.shape) - 2)
                bias = replace(bias, shape=(1, bias.elements, *ones))
            self.add("add", f"{name}/bias", [scaled, bias], [result])

    def _recurrent(self, layer: Layer) -> None:
        """A recurrent layer that quantises its operands by itself."""
        inputs = [self.read(name) for name in layer.inputs]
        for position in (1, 2):
            weights = inputs[position]
            directions, rows, columns = weights.shape
            turned, dtype = (directions, columns, rows), self.scheme.weights
            inputs[position] = replace(weights, name=f"{weights.name}_{dtype.label}", dtype=dtype, shape=turned)
        outputs = [self.network.tensors[name] for name in layer.outputs]
        self.add(layer.kind, layer.name, inputs, outputs, layer.attributes, layer)

    def _scale(self) -> float:
        """The scale of some weights; no two are equal, so that no runtime takes two products of scales for one."""
        self._scales += 1
        return 0.001 + 0.00001 * self._scales

    def _integers(self, name: str) -> tuple[Tensor, Tensor]:
        """An activation in integers, and its scale."""
        if name not in self._quantized:
            tensor = self.read(name)
            integers = replace(tensor, name=f"{name}_quantized", dtype=DType.UINT8)
            scale = Tensor(f"{name}_scale", (), tensor.dtype)
            zero = Tensor(f"{name}_zero", (), DType.UINT8)
            self.add("dynamic_quantize", f"{name}/quantize", [tensor], [integers, scale, zero])
            self._quantized[name] = integers, scale
        return self._quantized[name]


class _Operators(_Work):
    """Layers with constant weights are operators of integers, which others read back as real numbers."""

    def __init__(self, network: Network, scheme: Scheme) -> None:
        super().__init__(network, scheme)
        self._integers: dict[str, Tensor] = {}

    def run(self) -> None:
        for layer in self.network.layers:
            if self.is_absorbed(layer) and layer.inputs[0] in self._integers:
                self._integers[layer.outputs[0]] = self._integers[layer.inputs[0]]
            elif self._multiplies(layer):
                self._operator(layer)
            else:
                self.copy(layer, {})
        for name in self.network.outputs:
            self.read(name)

    def read(self, name: str) -> Tensor:
        if name in self._integers and name not in self.current:
            integers = self._integers[name]
            real = replace(self.network.tensors[name], name=f"{name}_dequantized")
            self.add("dequantize", f"{name}/dequantize", [integers], [real])
            self.current[name] = real.name
        return super().read(name)

    def _multiplies(self, layer: Layer) -> bool:
        operands = [self.network.tensors[name] for name in layer.inputs]
        weighted = layer.kind in _WEIGHTED and not _is_einsum(layer) and len(operands) > 1 and operands[1].constant
        return weighted and not operands[0].constant and operands[0].dtype.is_float

    def _operator(self, layer: Layer) -> None:
        source, *constants = layer.inputs
        if source not in self._integers:
            real = self.read(source)
            self._integers[source] = replace(real, name=f"{source}_quantized", dtype=self.scheme.activations)
            self.add("quantize", f"{source}/quantize", [real], [self._integers[source]])
        types = (self.scheme.weights, DType.INT32)
        operands = [replace(self.network.tensors[c], dtype=t) for c, t in zip(constants, types, strict=False)]
        (name,) = layer.outputs
        self._integers[name] = replace(
            self.network.tensors[name], name=f"{name}_integers", dtype=self.scheme.activations
        )
        inputs = [self._integers[source], *operands]
        self.add(layer.kind, layer.name, inputs, [self._integers[name]], layer.attributes, layer)


_FORMS: Final[Mapping[str, type[_Work]]] = {"static": _Static, "operators": _Operators, "dynamic": _Dynamic}
