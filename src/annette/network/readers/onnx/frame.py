"""The names and attributes that one graph or function body sees while it is walked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkFormatError
from annette.network.readers.onnx.values import Value
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnx import AttributeProto, NodeProto, OperatorSetIdProto

__all__ = ["ABSENT", "MAX_DEPTH", "STANDARD_DOMAINS", "Frame", "opset_versions", "require_text", "resolved_attributes"]

MAX_DEPTH: Final = 32
"""How deep functions, branches and loops may nest."""

STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})
"""Spellings of the standard's own domain."""

ABSENT: Final = Value("", (0,), DType.FLOAT32, constant=True)
"""Stands for an optional operand that a function's caller left out."""


@dataclass(slots=True)
class Frame:
    """What one graph or function body sees.

    Attributes:
        graph: Its name, for messages.
        values: Values by the name they have in it.
        opsets: Versions of the operator sets by domain.
        prefix: Goes before the names of its layers and tensors.
        depth: Number of frames around it.
        arguments: Attributes that a function's caller gave.
        stated: Whether the shapes that the file states apply to its names.
    """

    graph: str
    values: dict[str, Value]
    opsets: Mapping[str, int]
    prefix: str = ""
    depth: int = 0
    arguments: Mapping[str, AttributeProto] = field(default_factory=dict)
    stated: bool = False


def require_text(names: Iterable[str], what: str) -> None:
    """Refuses names that are not text: protobuf hands out damaged strings as bytes.

    Raises:
        NetworkFormatError: A name is not UTF-8.
    """
    try:
        "".join(names)
    except TypeError as error:
        raise NetworkFormatError(f"{what} holds a name that is not UTF-8 text: the file is damaged") from error


def opset_versions(imports: Iterable[OperatorSetIdProto], what: str) -> dict[str, int]:
    """Versions by domain, the standard's own domain being empty.

    Raises:
        NetworkFormatError: A version or a domain makes no sense.
    """
    versions: dict[str, int] = {}
    for entry in imports:
        require_text((entry.domain,), what)
        if not 0 < entry.version < 10_000:
            raise NetworkFormatError(f"{what} uses version {entry.version} of operator set {entry.domain!r}")
        versions["" if entry.domain in STANDARD_DOMAINS else entry.domain] = entry.version
    return versions


def resolved_attributes(proto: NodeProto, frame: Frame) -> dict[str, AttributeProto]:
    """A node's attributes by name; references to a function's attributes are replaced by what the caller gave.

    Raises:
        NetworkFormatError: Two attributes have the same name.
    """
    attributes: dict[str, AttributeProto] = {}
    for attribute in proto.attribute:
        if attribute.name in attributes:
            raise NetworkFormatError(f"node {proto.name!r} ({proto.op_type}) has two attributes {attribute.name!r}")
        if not attribute.ref_attr_name:
            attributes[attribute.name] = attribute
            continue
        given = frame.arguments.get(attribute.ref_attr_name)
        if given is None:
            continue
        if given.name != attribute.name:
            copy = type(given)()
            copy.CopyFrom(given)
            copy.name = attribute.name
            given = copy
        attributes[attribute.name] = given
    return attributes
