"""The tables of an ORT file as the ONNX model that they stand for, without the data of its large tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto

from annette.errors import NetworkFormatError
from annette.network.ort_schema import MEMBERS
from annette.network.readers.onnx.skeleton import KEPT_TENSOR_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.tflite.flatbuffer import Flatbuffer

__all__ = ["model_of"]

_MOST_NESTED: Final = 48
_SIZED, _NAMED = 1, 2  # kinds of DimensionValue
_FUSED_AT_RUN_TIME: Final = 1  # kinds of Node

_Table = dict[str, Any]


def model_of(session: _Table, buffer: Flatbuffer) -> ModelProto:
    """The model of a file.

    Args:
        session: Its root table.
        buffer: The file, for what is decoded on demand.

    Raises:
        NetworkFormatError: It holds no model, or one that ONNX cannot hold.
    """
    stored = session["model"]
    if stored is None or stored["graph"] is None:
        raise NetworkFormatError("the file holds no graph: it may keep runtime optimizations only, or is damaged")
    model = ModelProto(ir_version=stored["ir_version"])
    for opset in stored["opset_import"]:
        model.opset_import.add(domain=opset["domain"], version=opset["version"])
    _Converter(buffer).fill(model.graph, stored["graph"], "main", 0)
    return model


class _Converter:
    def __init__(self, buffer: Flatbuffer) -> None:
        self._buffer = buffer

    def fill(self, graph: GraphProto, table: _Table, name: str, depth: int) -> None:
        """Converts a graph."""
        if depth > _MOST_NESTED:
            raise NetworkFormatError(f"the file nests graphs deeper than {_MOST_NESTED} levels")
        graph.name = name
        infos = {entry["name"]: self._info(entry) for entry in table["node_args"]}
        for tensor in table["initializers"]:
            graph.initializer.append(self._tensor(tensor))
        for sparse in table["sparse_initializers"]:
            if sparse["values"] is None:
                raise NetworkFormatError("the file holds a sparse tensor without values")
            graph.sparse_initializer.add(values=self._tensor(sparse["values"]), dims=sparse["dims"])
        graph.input.extend(_named(infos, each) for each in table["inputs"])
        graph.output.extend(_named(infos, each) for each in table["outputs"])
        border = {*table["inputs"], *table["outputs"]}
        graph.value_info.extend(info for key, info in infos.items() if key and key not in border)
        for node in table["nodes"]:
            graph.node.append(self._node(node, depth))

    def _node(self, table: _Table, depth: int) -> NodeProto:
        if table["type"] == _FUSED_AT_RUN_TIME:
            raise NetworkFormatError(
                f"node {table['name']!r} ({table['op_type']}) was compiled for one execution provider: what it "
                "computes is not in the file; convert the model without that provider"
            )
        node = NodeProto(
            name=table["name"],
            op_type=table["op_type"],
            domain=table["domain"],
            input=table["inputs"],
            output=table["outputs"],
        )
        for attribute in table["attributes"]:
            node.attribute.append(self._attribute(attribute, table["name"], depth))
        return node

    def _attribute(self, table: _Table, node: str, depth: int) -> AttributeProto:
        if not 0 < table["type"] <= AttributeProto.GRAPHS:
            raise NetworkFormatError(
                f"attribute {table['name']!r} of node {node!r} is of type {table['type']}, which is not read"
            )
        attribute = AttributeProto(name=table["name"], type=table["type"])
        kind = attribute.type
        if kind == AttributeProto.FLOAT:
            attribute.f = table["f"]
        elif kind == AttributeProto.INT:
            attribute.i = table["i"]
        elif kind == AttributeProto.STRING:
            attribute.s = table["s"].encode()
        attribute.floats.extend(table["floats"])
        attribute.ints.extend(table["ints"])
        attribute.strings.extend(text.encode() for text in table["strings"])
        if table["t"] is not None:
            attribute.t.CopyFrom(self._tensor(table["t"]))
        attribute.tensors.extend(self._tensor(tensor) for tensor in table["tensors"])
        if table["g"] is not None:
            self.fill(attribute.g, table["g"], f"{node}/{table['name']}", depth + 1)
        for graph in table["graphs"]:
            self.fill(attribute.graphs.add(), graph, f"{node}/{table['name']}", depth + 1)
        return attribute

    def _tensor(self, table: _Table) -> TensorProto:
        """A tensor; its data only where it is small."""
        tensor = TensorProto(name=table["name"], dims=table["dims"], data_type=table["data_type"])
        start, size = table["raw_data"]
        few = math.prod(max(0, size) for size in table["dims"]) <= KEPT_TENSOR_BYTES
        if 0 < size <= KEPT_TENSOR_BYTES and few:
            tensor.raw_data = self._buffer.bytes_at(start, size)
        return tensor

    def _info(self, table: _Table) -> ValueInfoProto:
        info = ValueInfoProto(name=table["name"])
        if table["type"] is not None:
            self._type(info.type, table["type"], 0)
        return info

    def _type(self, written: TypeProto, table: _Table, depth: int) -> None:
        member = MEMBERS[table["value_type"]] if table["value_type"] < len(MEMBERS) else ""
        if not member or depth > _MOST_NESTED:
            return
        value = self._buffer.options(table["value"], member)
        if member == "TensorTypeAndShape":
            written.tensor_type.elem_type = value["elem_type"]
            if value["shape"] is not None:
                _fill_shape(written, value["shape"])
        elif member == "SequenceType":
            written.sequence_type.SetInParent()
            if value["elem_type"] is not None:
                self._type(written.sequence_type.elem_type, value["elem_type"], depth + 1)
        else:
            written.map_type.SetInParent()


def _fill_shape(written: TypeProto, shape: _Table) -> None:
    written.tensor_type.shape.SetInParent()
    for dimension in shape["dim"]:
        size = written.tensor_type.shape.dim.add()
        value = dimension["value"]
        if value is not None and value["dim_type"] == _SIZED:
            size.dim_value = value["dim_value"]
        elif value is not None and value["dim_type"] == _NAMED:
            size.dim_param = value["dim_param"]


def _named(infos: Mapping[str, ValueInfoProto], name: str) -> ValueInfoProto:
    return infos.get(name) or ValueInfoProto(name=name)
