"""Patterns: small directed acyclic graphs of nodes, written one line a node.

A line reads ``[role] name = kinds(operands)``::

    anchor conv = conv|grouped_conv
    scaled      = mul(conv, $scale)
    sum         = add(scaled, y)

``kinds`` are kinds of layer or of kernel, or categories (``@activation``), separated by ``|``; a precision may follow
(``conv@int8``, see `annette.mapping.precision`). An operand is the name
of an earlier node (``split:1`` for its second result), ``$`` or ``$name`` for a constant, ``_`` for anything, or any
other name for an activation; the same name twice means the same tensor. Operands that are not listed are not looked
at. ``add``, ``mul`` and other commutative kinds take their operands in any order, other kinds from the first on.

Chains have a short form on one line: ``conv|grouped_conv > batch_norm > act = @activation``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

from annette.errors import MappingError, nearest
from annette.mapping.precision import kind_of, precision_in, with_precision
from annette.network.kinds import KINDS, Category, kinds_in

__all__ = ["COMMUTATIVE", "Node", "Role", "parse_pattern", "unknown_kinds"]

COMMUTATIVE: Final = frozenset({"add", "mul", "max", "min", "mean", "logical", "concat"})
"""Kinds whose operands are matched in any order: for ``concat`` it makes no difference in cost."""

_NAME: Final = r"[a-z][a-z0-9_]*"
_KIND: Final = rf"{_NAME}(?:@{_NAME})?"
_LINE: Final = re.compile(
    rf"(?:(?P<role>anchor|context|shared)\s+)?(?:(?P<name>{_NAME})\s*=\s*)?"
    rf"(?P<kinds>@?{_KIND}(?:\|@?{_KIND})*)\s*(?:\((?P<operands>[^()]*)\))?"
)
_OPERAND: Final = re.compile(rf"_|\$(?:{_NAME})?|{_NAME}(?::\d+)?")


class Role(Enum):
    """What becomes of a matched kernel."""

    FOLLOWER = ""
    """Joins the anchor's kernel; nobody outside may read what it writes, unless it is the last."""
    ANCHOR = "anchor"
    """Its dimensions describe the resulting kernel; bound like a follower otherwise."""
    SHARED = "shared"
    """A follower whose result others may read too: the resulting kernel writes it as well."""
    CONTEXT = "context"
    """Must be there, but stays a kernel of its own."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a pattern.

    Attributes:
        name: Unique in its pattern.
        kinds: Allowed kinds, categories with a leading ``@``.
        operands: What is known about its operands; empty where nothing is.
        role: What becomes of it.
    """

    name: str
    kinds: tuple[str, ...]
    operands: tuple[str, ...] = ()
    role: Role = Role.FOLLOWER

    @classmethod
    def parse(cls, line: str, default_name: str = "") -> Node:
        """Reads one line of a pattern.

        Raises:
            MappingError: The line is not of the form ``[role] name = kinds(operands)``.
        """
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise MappingError(f"pattern line {line!r} is not of the form '[role] name = kinds(operands)'")
        kinds = tuple(parts["kinds"].split("|"))
        name = parts["name"] or default_name
        if not name:
            raise MappingError(f"pattern line {line!r} gives its node no name: write 'name = {parts['kinds']}…'")
        text = parts["operands"]
        operands = tuple(part.strip() for part in text.split(",")) if text and text.strip() else ()
        for operand in operands:
            if not _OPERAND.fullmatch(operand):
                raise MappingError(f"pattern line {line!r} has an operand {operand!r} that is no name, '$' or '_'")
        return cls(name, kinds, operands, Role(parts["role"] or ""))

    def __str__(self) -> str:
        role = f"{self.role.value} " if self.role.value else ""
        operands = f"({', '.join(self.operands)})" if self.operands else ""
        return f"{role}{self.name} = {'|'.join(self.kinds)}{operands}"

    @property
    def expanded_kinds(self) -> frozenset[str]:
        """The allowed kinds with categories spelt out.

        Raises:
            MappingError: A category does not exist.
        """
        expanded: set[str] = set()
        for kind in self.kinds:
            name, precision = kind_of(kind[1:]), precision_in(kind[1:])
            category = _category(name) if kind.startswith("@") else ()
            expanded |= {with_precision(each, precision) for each in category} or {kind}
        return frozenset(expanded)


@cache
def _category(name: str) -> frozenset[str]:
    names = {category.name.lower(): category for category in Category}
    if name not in names:
        raise MappingError(f"there is no category of kinds named {name!r}{nearest(name, names)}")
    return kinds_in(names[name])


def parse_pattern(text: str | list[str] | tuple[str, ...]) -> tuple[Node, ...]:
    """Reads a pattern: a list of lines, or a chain in its short form.

    Args:
        text: Lines, each node after those whose results it reads; or kinds separated by ``>``, producers first.
            Nodes of a chain that give themselves no name are called by their kind, or ``n1``, ``n2``, …

    Raises:
        MappingError: A line cannot be read.
    """
    if not isinstance(text, str):
        return tuple(Node.parse(line) for line in text)
    nodes: list[Node] = []
    for number, part in enumerate(text.split(">"), start=1):
        single = re.fullmatch(_NAME, part.strip())
        taken = {node.name for node in nodes}
        default = part.strip() if single and part.strip() not in taken else f"n{number}"
        node = Node.parse(part, default)
        if nodes:
            if node.operands:
                raise MappingError(f"chain {text!r}: {node.name!r} may not list operands, the chain does")
            node = Node(node.name, node.kinds, (nodes[-1].name,), node.role)
        nodes.append(node)
    return tuple(nodes)


def unknown_kinds(nodes: tuple[Node, ...], extra: frozenset[str] = frozenset()) -> list[str]:
    """Kinds in a pattern that are neither kinds of layer nor among ``extra`` (kinds of kernel), sorted."""
    named = {kind for node in nodes for kind in node.expanded_kinds} - extra
    return sorted(kind for kind in named if kind_of(kind) not in KINDS)
