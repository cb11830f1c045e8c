"""What a platform's rules look at beyond the tensors that a piece reads, so that states of tensors tell it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from annette.mapping.condition import Reference
from annette.mapping.pattern import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.mapping.condition import Condition, Value
    from annette.mapping.model import MappingModel

__all__ = ["Asked"]


class Asked(NamedTuple):
    """What rules ask of the way that led to a tensor.

    Attributes:
        origins: Kinds that conditions look for among the origins of tensors (`annette.network.links.origins`); None
            where they compare origins in another way, so that all count.
        writers: Kinds of kernels that rules look for without taking them in.
    """

    origins: frozenset[str] | None
    writers: frozenset[str]

    @classmethod
    def by(cls, mapping: MappingModel) -> Self:
        """Reads the rules of a mapping."""
        conditions = [condition for rule in mapping.rules for condition in rule.conditions]
        looked_for = [_kinds(condition) for condition in conditions if _looks_at(condition, "origins")]
        origins = None if None in looked_for else _union(kinds for kinds in looked_for if kinds is not None)
        nodes = [node for rule in mapping.rules for node in rule.nodes]
        beside = [node.expanded_kinds for node in nodes if node.role in (Role.CONTEXT, Role.SHARED)]
        written = [_words(each.value) for each in conditions if _looks_at(each, "written_by")]
        return cls(origins, _union([*beside, *written]))

    def seen(self, origins: Iterable[str]) -> tuple[str, ...]:
        """Those of a tensor's origins that make a difference."""
        return tuple(kind for kind in origins if self.origins is None or kind in self.origins)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _looks_at(condition: Condition, field: str) -> bool:
    sides = (condition.left, condition.value)
    return any(isinstance(side, Reference) and side.field == field for side in sides)


def _kinds(condition: Condition) -> frozenset[str] | None:
    """What a condition looks for among origins; None where it compares them as a whole."""
    if condition.op not in ("contains", "lacks") or not isinstance(condition.value, str):
        return None
    return frozenset((condition.value,))


def _words(value: Value) -> frozenset[str]:
    return frozenset(each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str))
