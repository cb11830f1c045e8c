"""From the layers of an IR to the ONNX model that computes the same, without the data of its large constants."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto

from annette.errors import NetworkFormatError, NetworkStructureError
from annette.network.readers.onnx.skeleton import KEPT_TENSOR_BYTES
from annette.network.readers.openvino_ir.graph import Context, Written, element_type
from annette.network.readers.openvino_ir.operators import BIASED, RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.readers.openvino_ir.document import IrLayer, Port

__all__ = ["Converted", "model_of"]

_OPSET: Final = 20
_OTHER_DOMAIN: Final = "openvino"
_INTEGERS: Final = {6: "<i4", 7: "<i8", 9: "?", 1: "<f4"}
_ORDERLY: Final = frozenset({"Parameter", "Const", "Result"})


class Converted(NamedTuple):
    """The ONNX model of an IR.

    Attributes:
        model: The model, without the data of its large constants.
        places: Where these are in the ``.bin`` file by name: first byte and size, as the IR states them.
    """

    model: ModelProto
    places: dict[str, tuple[int, int]]


def model_of(name: str, layers: Sequence[IrLayer], path: str, data: Callable[[int, int], bytes | None]) -> Converted:
    """The ONNX model of an IR.

    A bias that OpenVINO keeps as an addition behind a convolution, or behind a product of two matrices, is an operand
    of that again, as in the file that the IR was made from. What annette does not know becomes an operator of the
    domain ``openvino``, whose result has the shape that the IR states.

    Args:
        name: The network's name.
        layers: Its layers, in any order.
        path: The file, for messages.
        data: Gives bytes of the constants by offset and size; None where they are not there.

    Raises:
        NetworkFormatError: A layer is malformed.
        NetworkStructureError: Layers read each other in a circle, or two have the same number.
    """
    conversion = _Conversion(name, layers, path, data)
    for layer in _sorted(layers, path):
        conversion.add(layer)
    return Converted(conversion.model, conversion.places)


class _Conversion:
    def __init__(
        self, name: str, layers: Sequence[IrLayer], path: str, data: Callable[[int, int], bytes | None]
    ) -> None:
        self.model = ModelProto(ir_version=10)
        self.places: dict[str, tuple[int, int]] = {}
        self.model.opset_import.add(domain="", version=_OPSET)
        self.model.opset_import.add(domain=_OTHER_DOMAIN, version=1)
        graph = self.model.graph
        graph.name = name or "network"
        self._path = path
        self._data = data
        self._written = Written(graph, set(), {}, {})
        self._tensors: dict[tuple[str, str], str] = {}
        self._biases = _biases(layers)
        self._merged = {bias.number: layer for layer, (bias, _) in self._biases.items()}
        self._read = {source for layer in layers for source in layer.sources}

    def add(self, layer: IrLayer) -> None:
        """Writes one layer, all of whose operands are written."""
        if any(source not in self._tensors for source in layer.sources):
            raise NetworkFormatError(f"{self._path}: layer {layer.name!r} reads what no layer computes")
        inputs = [self._tensors[source] for source in layer.sources]
        if layer.number in self._merged:
            product = self._merged[layer.number]
            self._tensors[layer.number, layer.outputs[0].number] = self._tensors[product, "biased"]
            return
        if layer.type == "Result":
            self._result(layer, inputs)
            return
        outputs = [self._output(layer, port) for port in layer.outputs]
        if layer.type == "Parameter" and outputs:
            self._written.graph.input.append(_info(outputs[0], layer.outputs[0], layer))
        elif layer.type == "Const":
            self._constant(layer, outputs)
        else:
            self._operator(layer, inputs, outputs)

    def _operator(self, layer: IrLayer, inputs: list[str], outputs: list[str]) -> None:
        if not outputs:
            return  # Assign and the like: a state that is kept for the next run
        if layer.number in self._biases:
            bias, operand = self._biases[layer.number]
            inputs = [*inputs, self._tensors[bias.sources[operand]]]
            outputs = [self._output(bias, bias.outputs[0])]
            self._tensors[layer.number, "biased"] = outputs[0]
            self._tensors[layer.number, layer.outputs[0].number] = outputs[0]
            layer = replace(layer, name=bias.name)  # what both were called before they were taken apart
        unread = {name for port, name in zip(layer.outputs, outputs, strict=False) if not self._reads(layer, port)}
        context = Context(self._written, layer, inputs, outputs, frozenset(unread))
        if not layer.has_body and self._written_by_rule(layer, context):
            return
        node = self._written.graph.node.add(name=layer.name, op_type=layer.type or "unnamed", domain=_OTHER_DOMAIN)
        node.input.extend(inputs)
        node.output.extend(outputs)

    def _written_by_rule(self, layer: IrLayer, context: Context) -> bool:
        """Whether there is a rule that knows this form of the operator.

        Raises:
            NetworkFormatError: The layer has fewer operands, results or dimensions than its operator.
        """
        rule = RULES.get(layer.type)
        try:
            return rule is not None and rule(context) is not False
        except (IndexError, KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise NetworkFormatError(
                f"{self._path}: layer {layer.name!r} ({layer.type}) does not have what its operator needs"
            ) from error

    def _reads(self, layer: IrLayer, port: Port) -> bool:
        return (layer.number, port.number) in self._read

    def _output(self, layer: IrLayer, port: Port) -> str:
        """Names what a layer writes, after the framework's tensor where the IR knows it, and states its shape."""
        first = port is layer.outputs[0]
        named = [name for name in port.names if name not in self._written.names]
        name = self._written.free(named[0] if named else layer.name if first else f"{layer.name}.{port.number}")
        self._tensors[layer.number, port.number] = name
        self._written.shapes[name] = port.dims
        if layer.type not in _ORDERLY and all(size >= 0 for size in port.dims):
            self._written.graph.value_info.append(_info(name, port, layer))
        return name

    def _result(self, layer: IrLayer, inputs: list[str]) -> None:
        outputs = self._written.graph.output
        if inputs and inputs[0] not in {info.name for info in outputs}:
            outputs.append(_info(inputs[0], layer.inputs[0], layer))

    def _constant(self, layer: IrLayer, outputs: list[str]) -> None:
        if len(layer.outputs) != 1:
            raise NetworkFormatError(f"{self._path}: constant {layer.name!r} has {len(layer.outputs)} results")
        (port,), (name,) = layer.outputs, outputs
        if any(size < 0 for size in port.dims):
            raise NetworkFormatError(f"{self._path}: constant {layer.name!r} has shape {port.dims}")
        element = element_type(layer.data.get("element_type") or port.precision, f"constant {layer.name!r}")
        tensor = TensorProto(name=name, dims=port.dims, data_type=element)
        offset, size = layer.data.get("offset", ""), layer.data.get("size", "")
        layout = _INTEGERS.get(element)
        few = math.prod(port.dims) <= KEPT_TENSOR_BYTES
        placed = all(text.isdecimal() and len(text) < 19 for text in (offset, size))
        if placed:
            self.places[name] = int(offset), int(size)
        if layout and few and placed:
            wanted = math.prod(port.dims) * np.dtype(layout).itemsize
            raw = self._data(int(offset), wanted) if 0 < wanted == int(size) <= KEPT_TENSOR_BYTES else None
            if raw is not None:
                tensor.raw_data = raw
                self._written.arrays[name] = np.frombuffer(raw, layout)
        self._written.graph.initializer.append(tensor)


def _info(name: str, port: Port, layer: IrLayer) -> ValueInfoProto:
    info = ValueInfoProto(name=name)
    info.type.tensor_type.elem_type = element_type(port.precision, f"layer {layer.name!r}")
    info.type.tensor_type.shape.SetInParent()
    for size in port.dims:
        dimension = info.type.tensor_type.shape.dim.add()
        if size >= 0:
            dimension.dim_value = size
    return info


def _biases(layers: Sequence[IrLayer]) -> dict[str, tuple[IrLayer, int]]:
    """Which additions are the bias of the layer before: that layer's number to the addition and its operand."""
    by_number = {layer.number: layer for layer in layers}
    readers: dict[str, int] = {}
    for layer in layers:
        for number, _ in layer.sources:
            readers[number] = readers.get(number, 0) + 1
    found = {}
    for layer in layers:
        if layer.type != "Add" or len(layer.sources) != 2 or len(layer.outputs) != 1:
            continue
        for own, other in ((0, 1), (1, 0)):
            product = by_number[layer.sources[own][0]]
            axis = BIASED.get(product.type)
            if axis is None or readers[product.number] > 1 or not _is_constant(layer, other, by_number):
                continue
            dims, bias = layer.inputs[own].dims, layer.inputs[other].dims
            if _is_bias(dims, bias, axis, of_matrices=product.type == "MatMul"):
                found[product.number] = (layer, other)
    return found


def _is_bias(dims: list[int], bias: list[int], axis: int, *, of_matrices: bool) -> bool:
    """Whether a constant has one number for each channel."""
    if of_matrices and len(dims) != 2:
        return False  # ONNX has a bias for products of two matrices only.
    padded = [1] * (len(dims) - len(bias)) + bias
    return len(padded) == len(dims) and dims[axis] > 0 and math.prod(padded) == padded[axis] == dims[axis]


def _is_constant(layer: IrLayer, operand: int, by_number: Mapping[str, IrLayer]) -> bool:
    source = by_number[layer.sources[operand][0]]
    if source.type == "Convert" and source.sources:
        source = by_number[source.sources[0][0]]
    return source.type == "Const"


def _sorted(layers: Sequence[IrLayer], path: str) -> list[IrLayer]:
    """Layers such that each stands behind those that it reads; biases before the layers that take them."""
    by_number = {layer.number: layer for layer in layers}
    if len(by_number) < len(layers):
        raise NetworkStructureError(f"{path} has two layers of one number: it is damaged")
    merged = {number: bias for number, (bias, _) in _biases(layers).items()}
    done: dict[str, IrLayer] = {}
    open_: set[str] = set()
    for root in layers:
        waiting = [root]
        while waiting:
            layer = waiting[-1]
            extra = merged.get(layer.number)
            needed = [by_number[number] for number, _ in layer.sources]
            if extra is not None:
                needed += [by_number[number] for number, _ in extra.sources if number != layer.number]
            missing = [each for each in needed if each.number not in done]
            if layer.number in done or not missing:
                waiting.pop()
                done.setdefault(layer.number, layer)
                open_.discard(layer.number)
            elif layer.number in open_:
                raise NetworkStructureError(f"{path}: layer {layer.name!r} depends on its own result")
            else:
                open_.add(layer.number)
                waiting += missing
    return list(done.values())
