"""What a platform's rules look at beyond the tensors that a piece reads, so that states of tensors tell it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from annette.mapping.condition import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.mapping.condition import Condition
    from annette.mapping.model import MappingModel

__all__ = ["Asked"]


class Asked(NamedTuple):
    """What rules ask of the way that led to a tensor.

    Attributes:
        origins: Kinds that conditions look for among the origins of tensors (`annette.network.links.origins`); None
            where they compare origins in another way, so that all count.
    """

    origins: frozenset[str] | None

    @classmethod
    def by(cls, mapping: MappingModel) -> Self:
        """Reads the rules of a mapping."""
        conditions = [condition for rule in mapping.rules for condition in rule.conditions]
        looked_for = [_kinds(condition) for condition in conditions if _looks_at(condition, "origins")]
        origins = None if None in looked_for else _union(kinds for kinds in looked_for if kinds is not None)
        return cls(origins)

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
