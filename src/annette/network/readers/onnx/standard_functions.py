"""Operators of the standard that are read as the functions that define them.

ONNX defines some operators by a body of others, and a runtime without a kernel of its own runs the body. Such an
operator is walked in place like a function of the file: rules of a mapping recognise the body where the runtime has
one kernel for it (``mish``, ``group-norm-moments``), as they do where an exporter wrote the body itself.

Facts used: bodies as the ``onnx`` package holds them; ONNX Runtime's list of CPU kernels
(onnxruntime/core/providers/cpu/cpu_execution_provider.cc) and its optimised graphs, which name the nodes of such
bodies ``_inlfunc_…``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from onnx import FunctionProto, defs, helper

from annette.network.readers.onnx.values import ONNX_TYPES

if TYPE_CHECKING:
    from annette.network.readers.onnx.node import Node

__all__ = ["standard_function"]

_READ_AS_FUNCTIONS: Final = frozenset({"Mish", "GroupNormalization"})
"""Operators that some runtime has no kernel for, and whose body costs otherwise than one pass over the operand."""


def standard_function(node: Node) -> FunctionProto | None:
    """The body that defines an operator, None for those that are read as one layer.

    Args:
        node: An operator that its schema finds nothing wrong with.

    Returns:
        The function of the file's version of the standard; bodies that depend on types are those for the node's.
    """
    if node.domain or node.op not in _READ_AS_FUNCTIONS:
        return None
    try:
        schema: Any = defs.get_schema(node.op, node.version, "")
    except defs.SchemaError:
        return None
    if schema.has_function:
        return _function(schema.function_body.SerializeToString())
    types = [helper.make_tensor_type_proto(ONNX_TYPES[value.dtype], value.shape) for value in node.inputs if value]
    return _function(
        schema.get_context_dependent_function(
            node.proto.SerializeToString(), [each.SerializeToString() for each in types]
        )
    )


def _function(stored: bytes) -> FunctionProto:
    function = FunctionProto()
    function.ParseFromString(stored)
    return function
