"""Operators without a rule of their own: shapes from the standard's schema or from the file, the layer marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import onnx
from onnx import defs, helper, numpy_helper, shape_inference

from annette.errors import UnsupportedOperatorError, nearest
from annette.network.kinds import UNSUPPORTED
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.operators import RULES
from annette.network.readers.onnx.operators.exporters import reason
from annette.network.readers.onnx.values import ONNX_TYPES, Meta, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node

__all__ = ["decided", "meta_of_type", "unsupported"]

_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("AffineGrid", "BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"), "generate"),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), "reshape"),
    "CenterCropPad": "slice",
    "Col2Im": "im2col",
    "MaxUnpool": "scatter",
}
"""Operators whose work follows from the shapes they read and write, whatever operand makes them so."""


def decided(node: Node) -> Result | None:
    """A layer whose result data decide, of the shape that was given of it or that the file states; None without one."""
    kind, shape = _KINDS.get(node.op) if node.domain == "" else None, node.decided_shape()
    if kind is None or shape is None:
        return None
    stated, operand = node.declared[0], node.input(0)
    dtype = stated.dtype if stated is not None else DType.FLOAT32 if kind == "generate" else operand.dtype
    if kind == "slice" and any(size > old for size, old in zip(shape, operand.shape, strict=False)):
        kind = "pad"
    return Result([Meta(shape, dtype)], kind, operands=[operand])


def unsupported(node: Node) -> Result:
    """Describes an operator that no rule knows as a layer of kind ``unsupported``.

    Raises:
        UnsupportedOperatorError: Neither the standard nor the file says what shape its result has.
    """
    metas = _inferred(node) or _declared(node)
    why = reason(node.domain, node.op)
    if metas is None and why:
        raise UnsupportedOperatorError(f"node {node.name!r} has the operator {node.operator}, which {why}")
    if metas is None:
        known = {op for rules in RULES.values() for op in rules}
        raise UnsupportedOperatorError(
            f"node {node.name!r} has the operator {node.operator}, which annette does not know, and the file does not "
            f"state the shape of its result{nearest(node.op, known)}"
        )
    attributes: dict[str, AttributeValue] = {"operator": node.operator}
    if why:
        attributes["reason"] = why
    return Result(metas, UNSUPPORTED, attributes)


def _declared(node: Node) -> list[Meta] | None:
    metas = [meta for meta, name in zip(node.declared, node.output_names, strict=True) if name]
    stated = [meta for meta in metas if meta is not None]
    return stated if stated and len(stated) == len(metas) == len(node.output_names) else None


def _inferred(node: Node) -> list[Meta] | None:
    """Shapes by the operator's schema in the ``onnx`` package.

    Raises:
        NetworkShapeError: The operands contradict it.
    """
    try:
        schema = defs.get_schema(node.op, node.version, node.domain)
    except defs.SchemaError:
        return None
    inputs = [f"i{index}" if value is not None else "" for index, value in enumerate(node.inputs)]
    outputs = [f"o{index}" for index in range(len(node.output_names))]
    proto = helper.make_node(node.op, inputs, outputs, domain=node.domain)
    proto.attribute.extend(node.attributes.values())
    types, data = {}, {}
    for name, value in zip(inputs, node.inputs, strict=True):
        if value is None:
            continue
        if value.items is not None:
            return None
        types[name] = helper.make_tensor_type_proto(ONNX_TYPES[value.dtype], value.shape)
        if value.data is not None:
            data[name] = numpy_helper.from_array(value.data)
    try:
        result: Any = shape_inference.infer_node_outputs(
            schema,
            proto,
            types,
            data,
            opset_imports=[helper.make_opsetid(node.domain, node.version)],
            ir_version=onnx.IR_VERSION,
        )
    except shape_inference.InferenceError as error:
        raise node.error(f"reads operands that do not fit: {str(error).rpartition(']')[2].strip()}") from error
    except (onnx.checker.ValidationError, RuntimeError, ValueError, TypeError):
        return None
    metas = [meta_of_type(result.get(name), node.name) for name in outputs]
    known = [meta for meta in metas if meta is not None]
    return known if len(known) == len(metas) else None


def meta_of_type(type_proto: onnx.TypeProto | None, what: str) -> Meta | None:
    """The shape and type that a ``TypeProto`` states, or None unless all of it is a concrete tensor."""
    if type_proto is None or not type_proto.HasField("tensor_type"):
        return None
    tensor = type_proto.tensor_type
    if not tensor.HasField("shape") or not tensor.elem_type:
        return None
    shape = []
    for dim in tensor.shape.dim:
        if not dim.HasField("dim_value") or dim.dim_value < 0:
            return None
        shape.append(dim.dim_value)
    return Meta(tuple(shape), dtype_of(tensor.elem_type, what))
