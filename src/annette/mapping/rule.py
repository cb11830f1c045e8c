"""Rules: what a runtime does with a part of a network, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from annette.documents import Document, convert, located
from annette.errors import MappingError, nearest
from annette.mapping.condition import Condition, Reference
from annette.mapping.condition_fields import node_field, tensor_field
from annette.mapping.pattern import Node, Role, parse_pattern
from annette.network.kinds import KINDS, Category

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network import AttributeValue

__all__ = ["Action", "Rule"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_KIND: Final = re.compile(r"[a-z][a-z0-9_]*(@[a-z][a-z0-9_]*)?")
_NEEDS_DIMENSIONS: Final = (Category.ATTENTION, Category.CONVOLUTION, Category.MATRIX_PRODUCT, Category.RECURRENT)

# A platform file may come from anywhere: matching must stay shallow and its search small.
_MAX_NODES: Final = 64
_MAX_OPERANDS: Final = 4


class Action(Enum):
    """What a rule does with what its pattern matched."""

    FUSE = "fuse"
    """The followers join the anchor's kernel; a single node becomes a kernel of another kind."""
    RECOGNISE = "recognise"
    """The matched layers together are one layer of another kind."""
    FREE = "free"
    """The platform does nothing for the matched kernel."""


@dataclass(frozen=True)
class Rule:
    """One rule of a mapping.

    Attributes:
        name: Unique in a mapping; lower case, digits and ``-``, ``.``, ``_``, ``+``.
        description: What the runtime does, in one sentence.
        nodes: The pattern. The last node is where matching starts; all others must feed it.
        action: What happens on a match.
        kind: Kind of the resulting kernel: any for ``fuse`` (default: the anchor's), a kind of layer for
            ``recognise`` (required), none for ``free``.
        conditions: What must hold besides; all of them.
        attributes: Attributes of the recognised layer: values, or fields ``node.attributes.NAME`` of matched nodes.

    Raises:
        MappingError: A field is ill-formed; the message names the rule and the field.
    """

    name: str
    description: str
    nodes: tuple[Node, ...]
    action: Action = Action.FUSE
    kind: str | None = None
    conditions: tuple[Condition, ...] = ()
    attributes: Mapping[str, AttributeValue | Reference] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MappingError(f"rule {self.name!r}: 'name' must be lower-case letters, digits, '-', '.', '_' or '+'")
        if not self.description.strip():
            raise self._error("description", "is empty: say in a sentence what the runtime does")
        self._check_pattern()
        self._check_roles()
        self._check_action()
        self._check_conditions()

    def __hash__(self) -> int:
        return hash((self.name, self.nodes, self.action, self.kind, self.conditions))

    @property
    def anchor(self) -> Node | None:
        """The node that describes the resulting kernel; None if a recognised layer describes itself."""
        marked = [node for node in self.nodes if node.role is Role.ANCHOR]
        if marked:
            return marked[0]
        return None if self.action is Action.RECOGNISE else self.taken[0]

    @property
    def taken(self) -> tuple[Node, ...]:
        """The nodes that go into the resulting kernel, the last one being the one that the others feed."""
        return tuple(node for node in self.nodes if node.role is not Role.CONTEXT)

    @classmethod
    def parse(
        cls,
        name: str,
        pattern: str | list[str] | tuple[str, ...],
        *conditions: str,
        description: str,
        action: Action = Action.FUSE,
        kind: str | None = None,
    ) -> Rule:
        """Builds a rule from the text forms of its parts.

        Args:
            name: See `Rule`.
            pattern: Lines of nodes, or a chain ``a > b > c``.
            conditions: See `annette.mapping.condition`.
            description: See `Rule`.
            action: See `Rule`.
            kind: See `Rule`.

        Example:
            >>> rule = Rule.parse(
            ...     "conv-max-pool", "conv > pool = max_pool", "pool.kernel_height == 2",
            ...     description="Convolution and 2x2 pooling run together.", kind="conv_pool",
            ... )
            >>> rule.anchor.name
            'conv'
        """
        return cls.from_json(
            {
                "name": name,
                "description": description,
                "pattern": pattern if isinstance(pattern, str) else list(pattern),
                "conditions": list(conditions),
                "action": action.value,
                "kind": kind,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """The rule as plain JSON values."""
        document: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "pattern": [str(node) for node in self.nodes],
        }
        if self.conditions:
            document["conditions"] = [str(condition) for condition in self.conditions]
        document["action"] = self.action.value
        if self.kind is not None:
            document["kind"] = self.kind
        if self.attributes:
            document["attributes"] = {key: _attribute_to_json(value) for key, value in self.attributes.items()}
        return document

    @classmethod
    def from_json(cls, data: Any) -> Rule:
        """Reads a rule.

        Raises:
            MappingError: A field is missing, unknown or ill-formed; the message names the rule and the field.
        """
        stated = data.get("name") if isinstance(data, dict) else None
        path = f"rule {stated[:80]!r}: $" if isinstance(stated, str) else "a rule: $"
        read = convert(data, _RuleFile, error=MappingError, path=path)
        where = f"rule {read.name!r}: "
        with located(where + "'pattern'", error=MappingError):
            nodes = parse_pattern(read.pattern)
        with located(where + "'conditions'", error=MappingError):
            conditions = tuple(Condition.parse(line) for line in read.conditions)
        return cls(read.name, read.description, nodes, read.action, read.kind, conditions, _references(read.attributes))

    def _error(self, where: str, what: str) -> MappingError:
        return MappingError(f"rule {self.name!r}: {where!r} {what}")

    def _check_pattern(self) -> None:
        if not self.nodes:
            raise self._error("pattern", "has no nodes")
        if len(self.nodes) > _MAX_NODES:
            raise self._error("pattern", f"has {len(self.nodes)} nodes; {_MAX_NODES} are the limit")
        seen: dict[str, Node] = {}
        for node in self.nodes:
            if node.name in seen:
                raise self._error("pattern", f"names two nodes {node.name!r}")
            try:
                kinds = node.expanded_kinds
            except MappingError as error:
                raise self._error("pattern", f"node {node.name!r}: {error}") from error
            if not kinds:
                raise self._error("pattern", f"node {node.name!r} allows no kind")
            if len(node.operands) > _MAX_OPERANDS:
                raise self._error("pattern", f"node {node.name!r} lists more than {_MAX_OPERANDS} operands")
            for operand in node.operands:
                if ":" in operand and operand.split(":")[0] not in seen:
                    raise self._error("pattern", f"node {node.name!r} reads {operand!r}, but no such node is above it")
            later = {other.name for other in self.nodes} - seen.keys()
            wrong = later & {operand.split(":")[0] for operand in node.operands}
            if wrong:
                raise self._error("pattern", f"node {node.name!r} reads {min(wrong)!r}, which is not above it")
            seen[node.name] = node
        feeding = self._feeding(self.nodes[-1])
        loose = [node.name for node in self.nodes[:-1] if node.name not in feeding]
        if loose:
            raise self._error("pattern", f"node {loose[0]!r} does not feed the last node, {self.nodes[-1].name!r}")

    def _feeding(self, last: Node) -> set[str]:
        """Names of the nodes from which a walk along operands leads to ``last``."""
        by_name = {node.name: node for node in self.nodes}
        feeding: set[str] = set()
        open_ = [last]
        while open_:
            for operand in open_.pop().operands:
                name = operand.split(":")[0]
                if name in by_name and name not in feeding:
                    feeding.add(name)
                    open_.append(by_name[name])
        return feeding

    def _check_roles(self) -> None:
        taken = self.taken
        if not taken:
            raise self._error("pattern", "has only context nodes: nothing to act on")
        if sum(node.role is Role.ANCHOR for node in self.nodes) > 1:
            raise self._error("pattern", "marks two nodes as anchor")
        feeding = self._feeding(taken[-1]) if taken[-1] is not self.nodes[-1] else None  # else looked at before
        loose = [node.name for node in taken[:-1] if feeding is not None and node.name not in feeding]
        if loose:
            raise self._error("pattern", f"node {loose[0]!r} does not feed {taken[-1].name!r}, the last that is taken")

    def _check_action(self) -> None:
        taken = self.taken
        if self.action is not Action.RECOGNISE and self.attributes:
            raise self._error("attributes", "belong to the action 'recognise'")
        if self.action is Action.FUSE:
            if len(taken) < 2 and (self.kind is None or self.kind in taken[0].kinds):
                raise self._error("action", "'fuse' needs two nodes that are not context, or another kind for one")
            if self.kind is not None and not _KIND.fullmatch(self.kind):
                raise self._error("kind", f"must be lower-case letters, digits and '_', not {self.kind!r}")
        elif self.action is Action.FREE:
            if len(taken) != 1:
                raise self._error("action", f"'free' needs one node that is not context, not {len(taken)}")
            if self.kind is not None:
                raise self._error("kind", "does not go with the action 'free'")
        else:
            self._check_recognise()

    def _check_recognise(self) -> None:
        if self.kind is None or self.kind not in KINDS:
            raise self._error("kind", f"must be a kind of layer, not {self.kind!r}{nearest(str(self.kind), KINDS)}")
        if KINDS[self.kind].category in _NEEDS_DIMENSIONS and self.anchor is None:
            raise self._error("pattern", f"must mark an anchor: dimensions of {self.kind!r} follow from no shape alone")
        nodes = {node.name for node in self.nodes}
        for key, value in self.attributes.items():
            if isinstance(value, Reference) and (value.at not in nodes or not value.field.startswith("attributes.")):
                raise self._error("attributes", f"{key!r} refers to {str(value)!r}, which is no attribute of a node")

    def _check_conditions(self) -> None:
        nodes = {node.name for node in self.nodes}
        tensors = {operand for node in self.nodes for operand in node.operands} - {"$", "_"}
        tensors = {name for name in tensors if name.split(":")[0] not in nodes}
        for condition in self.conditions:
            for reference in condition.references:
                at, name = reference.at, reference.field
                if at not in nodes and at not in tensors:
                    hint = nearest(at, sorted(nodes | tensors))
                    raise self._error("conditions", f"{str(condition)!r}: the pattern has no {at!r}{hint}")
                try:
                    node_field(name) if at in nodes else tensor_field(name)
                except MappingError as error:
                    raise self._error("conditions", f"{str(condition)!r}: {error}") from error


class _FromNode(Document, frozen=True, rename={"field": "from"}):
    """An attribute that is taken from a matched node, ``{"from": "node.attributes.NAME"}``."""

    field: Annotated[str, Meta(pattern=r"^[^.]+\..")]


class _RuleFile(Document, frozen=True, kw_only=True):
    name: str
    description: str = ""
    pattern: str | list[str]
    conditions: list[str] = msgspec.field(default_factory=list)
    action: Action
    kind: str | None = None
    attributes: dict[str, _Attribute] = msgspec.field(default_factory=dict)


_Attribute: TypeAlias = bool | int | float | str | tuple[int | float, ...] | _FromNode


def _references(attributes: Mapping[str, _Attribute]) -> dict[str, AttributeValue | Reference]:
    return {
        key: Reference(*value.field.split(".", 1)) if isinstance(value, _FromNode) else value
        for key, value in attributes.items()
    }


def _attribute_to_json(value: AttributeValue | Reference) -> Any:
    if isinstance(value, Reference):
        return {"from": str(value)}
    return list(value) if isinstance(value, tuple) else value
