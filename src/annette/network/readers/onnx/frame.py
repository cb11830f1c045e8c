"""What a walk has found so far, and the names and attributes that one graph or function body sees meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.budget import spend
from annette.errors import NetworkFormatError, NetworkStructureError
from annette.network.readers.onnx.values import Value
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence

    from onnx import AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto

    from annette.network.loop import Loop
    from annette.network.readers.onnx.branches import Branches
    from annette.network.readers.onnx.node import Node, Result
    from annette.network.readers.onnx.values import Meta

__all__ = [
    "ABSENT",
    "MAX_DEPTH",
    "STANDARD_DOMAINS",
    "Collection",
    "Computed",
    "Frame",
    "PendingLayer",
    "Stored",
    "opset_versions",
    "require_text",
    "resolved_attributes",
]

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
        encoded_bytes: Size of a nested body in the file, which every walk of it costs anew.
        site: Where its graph stands in the file: as ``prefix``, but alike in every round of a loop.
    """

    graph: str
    values: MutableMapping[str, Value]
    opsets: Mapping[str, int]
    prefix: str = ""
    depth: int = 0
    arguments: Mapping[str, AttributeProto] = field(default_factory=dict)
    stated: bool = False
    encoded_bytes: int = 0
    site: str = ""


@dataclass(slots=True)
class PendingLayer:
    """A layer before it is known whether anything reads it."""

    name: str
    result: Result
    operands: list[Value]
    outputs: list[Value]


class Stored(NamedTuple):
    """A large tensor of the main graph, whose values are not carried along.

    Attributes:
        name: That of the initializer, or of what a node ``Constant`` writes.
        tensor: As the model has it, with or without its values.
    """

    name: str
    tensor: TensorProto


class Computed(NamedTuple):
    """How a node makes a constant of constants whose values are not carried along.

    Attributes:
        node: The node.
        outputs: Shapes and types of its results.
        position: Which of these the constant is.
    """

    node: Node
    outputs: Sequence[Meta]
    position: int


class Collection(ABC):
    """What a walk has found so far; nested graphs add to it through the same methods as the main graph.

    Attributes:
        layers: Found so far, in topological order.
        loops: Those whose rounds are among the layers, and the branches that a condition chooses in every run.
        size_nodes: Nodes that compute with sizes that the file leaves open: no layers, but run every time.
        notes: Assumptions made, as the keys of an ordered set.
        names: Names of tensors taken, and the highest number behind each.
        layer_names: The same of layers.
        needed: What decides which branches and how many rounds run: computed, though no output depends on it.
        branches: The way through branches that data choose.
        stored: Stored tensors whose values are not carried along, by the name of their value.
        computed: Constants whose values are not carried along, by name.
    """

    def __init__(self, branches: Branches) -> None:
        self.branches = branches
        self.needed: list[Value] = []
        self.layers: list[PendingLayer] = []
        self.loops: list[Loop] = []
        self.size_nodes: list[str] = []
        self.notes: dict[str, None] = {}
        self.names: dict[str, int] = {}
        self.layer_names: dict[str, int] = {}
        self.stored: dict[str, Stored] = {}
        self.computed: dict[str, Computed] = {}

    @abstractmethod
    def initializers(self, graph: GraphProto, frame: Frame) -> None:
        """Defines a graph's stored tensors."""

    @abstractmethod
    def run(self, nodes: Sequence[NodeProto], frame: Frame) -> None:
        """Walks the nodes of one graph or function body.

        Raises:
            NetworkError: They are malformed, or a shape cannot be determined.
        """

    def define(self, frame: Frame, name: str, value: Value) -> None:
        """Gives a value a name in a frame."""
        if name in frame.values:
            raise NetworkStructureError(f"tensor {name!r} in graph {frame.graph!r} is produced twice")
        self.names.setdefault(value.name, 1)
        frame.values[name] = value

    def unique(self, name: str, taken: dict[str, int]) -> str:
        """The name, or with a number behind it where it is taken, and marks it as taken."""
        unique = name
        while unique in taken:
            # As many nodes as there are may have one name: none counts from the beginning again.
            taken[name] += 1
            unique = f"{name}#{taken[name]}"
        taken[unique] = 1
        return unique

    def add_layer(self, name: str, result: Result, operands: Sequence[Value | None], outputs: list[Value]) -> None:
        """Adds a layer; sequences among its operands count as their members, empty tensors not at all."""
        if not outputs:
            return
        kept: list[Value] = []
        for value in operands:
            if value is not None:
                members = (value,) if value.items is None else value.items
                kept.extend(member for member in members if member.elements)
        self.layers.append(PendingLayer(self.unique(name, self.layer_names), result, kept, outputs))


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
        spend(f"node {proto.name!r} ({proto.op_type})", steps=given.ByteSize() / 4, size_bytes=8 * given.ByteSize())
        if given.name != attribute.name:
            copy = type(given)()
            copy.CopyFrom(given)
            copy.name = attribute.name
            given = copy
        attributes[attribute.name] = given
    return attributes
