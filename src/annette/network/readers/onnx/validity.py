"""Whether a node is what its operator's definition allows: its inputs, outputs, attributes and element types.

Definitions are the schemas of the ``onnx`` package (https://onnx.ai/onnx/operators). A node that breaks one is refused
by every runtime, and what is said of its shapes is a guess; the reader refuses it, or prices it with a note where it
was asked to be lenient. Domains without schemas, such as ``com.microsoft``, are left to the reader's rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from onnx import AttributeProto, TensorProto, defs

from annette.errors import NetworkStructureError
from annette.network.readers.onnx.values import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import FunctionProto

    from annette.network.readers.onnx.node import Node
    from annette.network.readers.onnx.values import Value
    from annette.network.tensor import DType

__all__ = ["Complaints", "call_complaint", "node_complaint"]

_DEFINED_DOMAINS: Final = frozenset({"", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training"})
_RUNTIME_OWN: Final = frozenset({"LayerNormalization", "SimplifiedLayerNormalization"})
"""Operators that ONNX Runtime takes in the standard's domain in any version, as its own optimizer writes them."""

_MANY: Final = 2**31 - 1
"""What schemas write for any number of inputs or outputs."""

_DTYPES: Final = {
    f"tensor({name.lower()})": DTYPES[number] for name, number in TensorProto.DataType.items() if number in DTYPES
}
"""Element types by the names of tensors that schemas write."""


@dataclass(frozen=True, slots=True)
class _Operand:
    """What a schema says of one input.

    Attributes:
        variable: Inputs of one variable have one element type; the type itself where there is no variable.
        required: Whether it must be there.
        alike: Whether all inputs that it stands for, where it stands for many, have one type.
        dtypes: Element types of tensors that may stand there; none where none may.
        sequences: Whether a sequence, or an optional value, may stand there.
    """

    variable: str
    required: bool
    alike: bool
    dtypes: frozenset[DType]
    sequences: bool


@dataclass(frozen=True, slots=True)
class _Definition:
    """What a schema says of an operator, in the reader's own terms."""

    operands: tuple[_Operand, ...]
    inputs: range
    outputs: range
    attributes: Mapping[str, int]
    required: frozenset[str]
    deprecated: bool


class Complaints:
    """What breaks a definition: an error, or notes where the user asked for an estimate nevertheless.

    Args:
        path: The file.
        lenient: Whether complaints become notes.
    """

    def __init__(self, path: str, *, lenient: bool) -> None:
        self._path = path
        self._lenient = lenient
        self._found: list[str] = []
        self._more = 0

    def add(self, complaint: str | None) -> None:
        """Takes a complaint, if it is one.

        Raises:
            NetworkStructureError: Complaints are errors.
        """
        if complaint is None:
            return
        if not self._lenient:
            raise NetworkStructureError(f"{complaint}: {self._path} is not valid; --lenient prices it nevertheless")
        if len(self._found) < 2:
            self._found.append(complaint)
        else:
            self._more += 1

    def notes(self) -> list[str]:
        """One sentence about all of them, if there are any."""
        if not self._found:
            return []
        more = f", and {self._more} more" if self._more else ""
        return [f"the file is not valid, what is said of its costs is a guess: {'; '.join(self._found)}{more}"]


def node_complaint(node: Node, *, imported: bool) -> str | None:
    """What is wrong with an operator of the standard.

    Args:
        node: The operator, its operands resolved.
        imported: Whether the file says which version of the operator's domain it uses.

    Returns:
        A sentence that names the node, or None where nothing is wrong or nothing is known.
    """
    if node.domain not in _DEFINED_DOMAINS:
        return None
    if not imported:
        return f"{node.subject} is of the operator set {node.domain or 'ai.onnx'!r}, of which no version is imported"
    definition = _definition(node.op, node.version, node.domain)
    if definition is None:
        newer = _first_version(node.op, node.domain)
        if newer is None or node.op in _RUNTIME_OWN:
            return None
        return f"{node.subject} is of operator set {newer}, but the file uses {node.version}"
    if definition.deprecated:
        return f"{node.subject} is no operator any more in operator set {node.version}"
    return _counts(node, definition) or _attributes(node, definition) or _types(node, definition)


def call_complaint(node: Node, function: FunctionProto, *, imported: bool) -> str | None:
    """What is wrong with a call of a function of the file; as `node_complaint`."""
    if not imported:
        return f"{node.subject} calls a function of {node.domain!r}, of which no version is imported"
    for what, given, taken in (
        ("inputs", len(node.inputs), len(function.input)),
        ("outputs", len(node.output_names), len(function.output)),
    ):
        if given > taken:
            return f"{node.subject} has {given} {what} where its function has {taken}"
    return None


def _counts(node: Node, definition: _Definition) -> str | None:
    for what, count, allowed in (
        ("inputs", len(node.inputs), definition.inputs),
        ("outputs", len(node.output_names), definition.outputs),
    ):
        if count not in allowed:
            least, most = allowed[0], allowed[-1]
            belong = str(least) if least == most else f"{least} to {most}" if most < _MANY else f"{least} or more"
            return f"{node.subject} has {count} {what} where {belong} belong"
    return None


def _attributes(node: Node, definition: _Definition) -> str | None:
    for name, attribute in node.attributes.items():
        wanted = definition.attributes.get(name)
        if wanted is None:
            return f"{node.subject} has an attribute {name!r}, which its operator does not have"
        if attribute.type != wanted:
            types = f"{_type_name(attribute.type)}, not {_type_name(wanted)}"
            return f"{node.subject} has an attribute {name!r} of type {types}"
    for name in definition.required:
        if name not in node.attributes:
            return f"{node.subject} lacks the attribute {name!r}"
    return None


def _types(node: Node, definition: _Definition) -> str | None:
    bound: dict[str, DType] = {}
    last = len(definition.operands) - 1
    for position, value in enumerate(node.inputs):
        operand = definition.operands[min(position, last)]
        if value is None:
            if operand.required:
                return f"{node.subject} lacks its input {position}"
            continue
        if value.items is not None or not operand.dtypes:
            if value.items is None or not operand.sequences:
                return f"{node.subject} has {_kind(value)} as its input {position}, which its operator does not take"
            continue
        dtype = value.dtype
        if dtype not in operand.dtypes:
            return f"{node.subject} has input {position} of type {dtype.label}, which its operator does not take"
        if operand.alike and bound.setdefault(operand.variable, dtype) is not dtype:
            return (
                f"{node.subject} has input {position} of type {dtype.label}, another of type "
                f"{bound[operand.variable].label}, where both must have one"
            )
    return None


def _kind(value: Value) -> str:
    return "a tensor" if value.items is None else "a sequence"


def _type_name(number: int) -> str:
    known = AttributeProto.AttributeType
    return known.Name(number) if number in known.values() else str(number)


@cache
def _definition(op: str, version: int, domain: str) -> _Definition | None:
    try:
        schema = defs.get_schema(op, version, domain)
    except defs.SchemaError:
        return None
    return _defined(schema.name, schema.since_version, domain)


@cache
def _defined(op: str, since: int, domain: str) -> _Definition:
    schema = defs.get_schema(op, since, domain)
    attributes = schema.attributes.items()
    return _Definition(
        operands=tuple(map(_operand, schema.inputs)),
        inputs=range(schema.min_input, schema.max_input + 1),
        outputs=range(schema.min_output, schema.max_output + 1),
        attributes={name: _number(attribute.type) for name, attribute in attributes},
        required=frozenset(name for name, attribute in attributes if attribute.required),
        deprecated=schema.deprecated,
    )


def _operand(parameter: defs.OpSchema.FormalParameter) -> _Operand:
    return _Operand(
        variable=parameter.type_str,
        required=parameter.option == defs.OpSchema.FormalParameterOption.Single,
        alike=parameter.is_homogeneous,
        dtypes=frozenset(_DTYPES[text] for text in parameter.types if text in _DTYPES),
        sequences=any(not text.startswith("tensor(") for text in parameter.types),
    )


def _number(kind: Any) -> int:
    """The number that the format has for a type of attribute; `defs` writes the same ones."""
    return int(kind.value)


@cache
def _first_version(op: str, domain: str) -> int | None:
    """The operator set that an operator came with, None where it is in none."""
    schemas = defs.get_all_schemas_with_history()
    return min((each.since_version for each in schemas if (each.name, each.domain) == (op, domain)), default=None)
