"""ONNX models as files of the ORT format, written field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import AttributeProto, numpy_helper

from annette.network.ort_schema import IDENTIFIER, MEMBERS, TABLES
from annette.network.writers.flatbuffer import encode

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto


def ort_content(model: ModelProto, **changes: Any) -> bytes:
    """The file's bytes; ``changes`` replace fields of the session."""
    session = {
        "ort_version": "1.22.0",
        "model": {
            "ir_version": model.ir_version,
            "opset_import": [{"domain": entry.domain, "version": entry.version} for entry in model.opset_import],
            "graph": _graph(model.graph),
        },
    }
    return encode({**session, **changes}, "InferenceSession", TABLES, IDENTIFIER)


def save_ort(folder: Path, model: ModelProto, name: str = "net.ort") -> Path:
    path = folder / name
    path.write_bytes(ort_content(model))
    return path


def _graph(graph: GraphProto) -> dict[str, Any]:
    infos = (*graph.input, *graph.output, *graph.value_info)
    return {
        "initializers": [_tensor(tensor) for tensor in graph.initializer],
        "node_args": [{"name": info.name, "type": _type(info.type)} for info in infos],
        "nodes": [_node(node, index) for index, node in enumerate(graph.node)],
        "inputs": [info.name for info in graph.input],
        "outputs": [info.name for info in graph.output],
    }


def _type(proto: TypeProto) -> dict[str, Any]:
    if proto.HasField("sequence_type"):
        value = ("SequenceType", {"elem_type": _type(proto.sequence_type.elem_type)})
    else:
        tensor = proto.tensor_type
        values = {"elem_type": tensor.elem_type}
        if tensor.HasField("shape"):
            values["shape"] = {"dim": [{"value": _dimension(dim)} for dim in tensor.shape.dim]}
        value = ("TensorTypeAndShape", values)
    return {"value_type": MEMBERS.index(value[0]), "value": value}


def _dimension(dim: Any) -> dict[str, Any]:
    if dim.HasField("dim_value"):
        return {"dim_type": 1, "dim_value": dim.dim_value}
    return {"dim_type": 2, "dim_param": dim.dim_param} if dim.dim_param else {}


def _tensor(tensor: TensorProto) -> dict[str, Any]:
    raw = numpy_helper.to_array(tensor).tobytes()
    return {"name": tensor.name, "dims": tuple(tensor.dims), "data_type": tensor.data_type, "raw_data": raw}


def _node(node: NodeProto, index: int) -> dict[str, Any]:
    return {
        "name": node.name,
        "domain": node.domain,
        "index": index,
        "op_type": node.op_type,
        "inputs": list(node.input),
        "outputs": list(node.output),
        "attributes": [_attribute(attribute) for attribute in node.attribute],
    }


def _attribute(attribute: AttributeProto) -> dict[str, Any]:
    values = {"name": attribute.name, "type": attribute.type}
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
