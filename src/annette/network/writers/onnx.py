"""Networks as ONNX files that run: the layers as operators, the weights random.

Tensors are streamed to the file one at a time, so that memory holds no more than the largest of them, in the format of
protobuf messages: a message's fields may follow each other as they are made, once their sizes are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from onnx import GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, helper

from annette._version import __version__
from annette.atomic import replacing
from annette.errors import NetworkError, OptionError, UnsupportedOperatorError
from annette.network.writers import onnx_control, onnx_selection, onnx_tabular
from annette.network.writers.onnx_nodes import ONNX_DTYPES, Lowering
from annette.network.writers.weights import constant_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.network.layer import Layer
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["OPSETS", "write_onnx"]

OPSETS: Final = range(17, 23)
"""Versions of the operator set that can be written."""

_EXTERNAL_ABOVE_BYTES: Final = 1_800_000_000
"""A protobuf message ends at 2 GiB; the operators and headers need room too."""
_INLINE_BELOW_BYTES: Final = 1024
"""Constants this small always stay in the file: they may be shapes, scales and indices."""
_VERSIONS: Final = {"ai.onnx.ml": 3, "com.microsoft": 1}
"""Versions of the operator sets beside ONNX's own."""
_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_RAW_DATA = 7, 5, 9


def write_onnx(network: Network, path: str | Path, *, seed: int = 0, opset: int = 17, weights: bool = True) -> None:
    """Writes a network as an ONNX file with random weights, which any ONNX runtime runs.

    The file appears at once or not at all. Weights above 1.8 GB go to a second file, ``path`` with ``.data`` appended,
    as ONNX's external data. The same network and seed make the same bytes.

    Args:
        network: What to write; every layer needs the attributes that determine its result, as the builder sets them.
        path: Where to.
        seed: Of the random weights.
        opset: Version of the operator set, 17 to 22.
        weights: False leaves the weights out: they are declared to lie in a second file that is not written, for
            readers that want the structure alone.

    Raises:
        OptionError: The version of the operator set is outside its range.
        UnsupportedOperatorError: A layer's kind or element type cannot be written.
        NetworkError: The file cannot be written.

    Example:
        >>> from annette.network import zoo
        >>> write_onnx(zoo.build("squeezenet1_1"), "/tmp/squeezenet.onnx")
    """
    if opset not in OPSETS:
        raise OptionError(f"opset {opset} cannot be written: choose {OPSETS.start} to {OPSETS.stop - 1}")
    path = Path(path)
    lowering = Lowering(network, opset, onnx_selection.RULES | onnx_tabular.RULES | onnx_control.RULES)
    for layer in network.layers:
        lowering.add(layer)
    constants = [item for item in _constants(network) if item.tensor.name not in lowering.kept]
    try:
        if weights and sum(item.tensor.size_bytes for item in constants) <= _EXTERNAL_ABOVE_BYTES:
            with replacing(path, durable=False) as file:
                _write_model(file, network, lowering, constants, seed, opset)
            return
        data_path = path.with_name(path.name + ".data")
        offset = 0
        for item in constants:
            if item.tensor.size_bytes >= _INLINE_BELOW_BYTES:
                item.place(data_path.name, offset)
                offset += item.tensor.size_bytes
        if weights:
            with replacing(data_path, durable=False) as file:
                for item in constants:
                    if item.external:
                        file.write(item.values(network, seed))
        with replacing(path, durable=False) as file:
            _write_model(file, network, lowering, constants, seed, opset)
    except OSError as error:
        raise NetworkError(f"network {network.name!r} cannot be written to {str(path)!r}: {error.strerror}") from error


@dataclass
class _Constant:
    """A constant, the layer that reads it first, and its message but for the values."""

    tensor: Tensor
    layer: Layer
    header: TensorProto

    @property
    def external(self) -> bool:
        return self.header.data_location == TensorProto.EXTERNAL

    def place(self, location: str, offset: int) -> None:
        """Says that the values lie in another file."""
        self.header.data_location = TensorProto.EXTERNAL
        entries = {"location": location, "offset": str(offset), "length": str(self.tensor.size_bytes)}
        self.header.external_data.extend(StringStringEntryProto(key=key, value=value) for key, value in entries.items())

    def values(self, network: Network, seed: int) -> memoryview:
        array = constant_values(network, self.tensor, self.layer, seed)
        return array.reshape(-1).view("uint8").data


def _constants(network: Network) -> Iterator[_Constant]:
    """All constants that layers read, in that order."""
    seen: set[str] = set()
    for layer in network.layers:
        for name in layer.inputs:
            tensor = network.tensors[name]
            if tensor.constant and name not in seen:
                seen.add(name)
                header = TensorProto(name=name, dims=tensor.shape, data_type=_data_type(tensor))
                yield _Constant(tensor, layer, header)


def _data_type(tensor: Tensor) -> int:
    if tensor.dtype not in ONNX_DTYPES:
        raise UnsupportedOperatorError(f"tensor {tensor.name!r} is {tensor.dtype.label}: it cannot be written")
    return ONNX_DTYPES[tensor.dtype]


def _write_model(
    file: BinaryIO, network: Network, lowering: Lowering, constants: list[_Constant], seed: int, opset: int
) -> None:
    """Streams the model: its own fields, the graph, then one constant after the other."""
    operator_set = OperatorSetIdProto(domain="", version=opset)
    others = [OperatorSetIdProto(domain=domain, version=_VERSIONS[domain]) for domain in sorted(lowering.domains)]
    model = ModelProto(
        ir_version=helper.find_min_ir_version_for([operator_set]),
        producer_name="annette",
        producer_version=__version__,
        opset_import=[operator_set, *others],
    )
    graph = GraphProto(name=network.name, node=lowering.nodes, initializer=lowering.constants)
    graph.input.extend(_value_info(network.tensors[name]) for name in network.inputs)
    graph.output.extend(_value_info(network.tensors[name]) for name in network.outputs)
    body = graph.SerializeToString()
    heads = [_initializer_head(item) for item in constants]
    size = len(body) + sum(
        len(head) + (0 if item.external else item.tensor.size_bytes)
        for head, item in zip(heads, constants, strict=True)
    )
    file.write(model.SerializeToString() + _field(_MODEL_GRAPH, size) + body)
    for head, item in zip(heads, constants, strict=True):
        file.write(head)
        if not item.external:
            file.write(item.values(network, seed))


def _initializer_head(item: _Constant) -> bytes:
    """Everything of an initializer that stands before its values."""
    message: bytes = item.header.SerializeToString()
    if item.external:
        return _field(_GRAPH_INITIALIZER, len(message)) + message
    message += _field(_TENSOR_RAW_DATA, item.tensor.size_bytes)
    return _field(_GRAPH_INITIALIZER, len(message) + item.tensor.size_bytes) + message


def _field(number: int, size: int) -> bytes:
    """The key and length of a protobuf field of bytes (wire type 2), both as varints."""
    encoded = bytearray()
    for value in (number << 3 | 2, size):
        rest = value
        while rest >= 0x80:
            encoded.append(rest & 0x7F | 0x80)
            rest >>= 7
        encoded.append(rest)
    return bytes(encoded)


def _value_info(tensor: Tensor) -> object:
    return helper.make_tensor_value_info(tensor.name, _data_type(tensor), tensor.shape)
