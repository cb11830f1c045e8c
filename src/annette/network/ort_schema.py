"""The ORT format, ONNX Runtime's own: its tables, as far as annette reads them.

The positions of fields are those of ONNX Runtime's public schema (onnxruntime/core/flatbuffers/schema/ort.fbs), which
only adds fields at the end. The names of types are as in `annette.network.tflite_schema.TABLES`.
"""

from __future__ import annotations

from typing import Final

__all__ = ["IDENTIFIER", "MEMBERS", "TABLES"]

IDENTIFIER: Final = b"ORTM"
"""The four bytes at offset 4 that tell a file of the ORT format."""

MEMBERS: Final = ("", "TensorTypeAndShape", "SequenceType", "MapType")
"""Members of the union ``TypeInfoValue`` by their number."""

TABLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "InferenceSession": (("ort_version", "string"), ("model", "Model")),
    "Model": (
        ("ir_version", "int64"),
        ("opset_import", "[OperatorSetId]"),
        ("producer_name", "string"),
        ("producer_version", "string"),
        ("domain", "string"),
        ("model_version", "int64"),
        ("doc_string", "opaque"),
        ("graph", "Graph"),
    ),
    "OperatorSetId": (("domain", "string"), ("version", "int64")),
    "Graph": (
        ("initializers", "[Tensor]"),
        ("node_args", "[ValueInfo]"),
        ("nodes", "[Node]"),
        ("max_node_index", "uint32"),
        ("node_edges", "opaque"),
        ("inputs", "[string]"),
        ("outputs", "[string]"),
        ("sparse_initializers", "[SparseTensor]"),
    ),
    "Tensor": (
        ("name", "string"),
        ("doc_string", "opaque"),
        ("dims", "[int64]"),
        ("data_type", "int32"),
        ("raw_data", "[byte]"),
        ("string_data", "opaque"),
    ),
    "SparseTensor": (("values", "Tensor"), ("indices", "Tensor"), ("dims", "[int64]")),
    "ValueInfo": (("name", "string"), ("doc_string", "opaque"), ("type", "TypeInfo")),
    "TypeInfo": (("denotation", "opaque"), ("value_type", "uint8"), ("value", "options")),
    "TensorTypeAndShape": (("elem_type", "int32"), ("shape", "Shape")),
    "SequenceType": (("elem_type", "TypeInfo"),),
    "MapType": (),
    "Shape": (("dim", "[Dimension]"),),
    "Dimension": (("value", "DimensionValue"), ("denotation", "opaque")),
    "DimensionValue": (("dim_type", "int8"), ("dim_value", "int64"), ("dim_param", "string")),
    "Node": (
        ("name", "string"),
        ("doc_string", "opaque"),
        ("domain", "string"),
        ("since_version", "int32"),
        ("index", "uint32"),
        ("op_type", "string"),
        ("type", "int32"),
        ("execution_provider_type", "opaque"),
        ("inputs", "[string]"),
        ("outputs", "[string]"),
        ("attributes", "[Attribute]"),
    ),
    "Attribute": (
        ("name", "string"),
        ("doc_string", "opaque"),
        ("type", "int32"),
        ("f", "float32"),
        ("i", "int64"),
        ("s", "string"),
        ("t", "Tensor"),
        ("g", "Graph"),
        ("floats", "[float32]"),
        ("ints", "[int64]"),
        ("strings", "[string]"),
        ("tensors", "[Tensor]"),
        ("graphs", "[Graph]"),
    ),
}
"""Fields of each table by position, as ``(name, type)``. Types of attributes and elements are numbered as in ONNX."""
