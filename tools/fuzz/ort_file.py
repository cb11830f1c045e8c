"""ONNX models as files of the ORT format, written field by field: for the tests of its reader, and for damaged ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import AttributeProto, numpy_helper

from annette.network.ort_schema import IDENTIFIER, MEMBERS, TABLES
from annette.network.writers.flatbuffer import encode

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

__all__ = ["ort_content", "ort_session"]

Values = dict[str, Any]


def ort_content(model: ModelProto, **changes: Any) -> bytes:
    """The file's bytes; ``changes`` replace fields of the session."""
    return encode({**ort_session(model), **changes}, "InferenceSession", TABLES, IDENTIFIER)


def ort_session(model: ModelProto) -> Values:
    """The fields of the root, as `annette.network.writers.flatbuffer.encode` takes them; functions are left out."""
    return {
        "ort_version": "1.22.0",
        "model": {
            "ir_version": model.ir_version,
            "opset_import": [{"domain": entry.domain, "version": entry.version} for entry in model.opset_import],
            "graph": _graph(model.graph),
        },
    }


def _graph(graph: GraphProto) -> Values:
    infos = (*graph.input, *graph.output, *graph.value_info)
    return {
        "initializers": [_tensor(tensor) for tensor in graph.initializer],
        "node_args": [{"name": info.name, "type": _type(info.type)} for info in infos],
        "nodes": [_node(node, index) for index, node in enumerate(graph.node)],
        "inputs": [info.name for info in graph.input],
        "outputs": [info.name for info in graph.output],
    }


def _type(proto: TypeProto) -> Values:
    if proto.HasField("sequence_type"):
        value: tuple[str, Values] = ("SequenceType", {"elem_type": _type(proto.sequence_type.elem_type)})
    else:
        tensor = proto.tensor_type
        values: Values = {"elem_type": tensor.elem_type}
        if tensor.HasField("shape"):
            values["shape"] = {"dim": [{"value": _dimension(dim)} for dim in tensor.shape.dim]}
        value = ("TensorTypeAndShape", values)
    return {"value_type": MEMBERS.index(value[0]), "value": value}


def _dimension(dim: Any) -> Values:
    if dim.HasField("dim_value"):
        return {"dim_type": 1, "dim_value": dim.dim_value}
    return {"dim_type": 2, "dim_param": dim.dim_param} if dim.dim_param else {}


def _tensor(tensor: TensorProto) -> Values:
    raw = numpy_helper.to_array(tensor).tobytes()
    return {"name": tensor.name, "dims": tuple(tensor.dims), "data_type": tensor.data_type, "raw_data": raw}


def _node(node: NodeProto, index: int) -> Values:
    return {
        "name": node.name,
        "domain": node.domain,
        "index": index,
        "op_type": node.op_type,
        "inputs": list(node.input),
        "outputs": list(node.output),
        "attributes": [_attribute(attribute) for attribute in node.attribute],
    }


def _attribute(attribute: AttributeProto) -> Values:
    values: Values = {"name": attribute.name, "type": attribute.type}
    if attribute.type == AttributeProto.GRAPH:
        return {**values, "g": _graph(attribute.g)}
    if attribute.type == AttributeProto.TENSOR:
        return {**values, "t": _tensor(attribute.t)}
    return {
        **values,
        "f": attribute.f,
        "i": attribute.i,
        "s": attribute.s.decode(),
        "floats": tuple(attribute.floats),
        "ints": tuple(attribute.ints),
        "strings": [text.decode() for text in attribute.strings],
    }
