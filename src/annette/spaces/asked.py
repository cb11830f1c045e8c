"""What a platform's rules look at beyond the tensors that a piece reads, so that states of tensors tell it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Self

from annette.mapping.condition import Reference
from annette.mapping.pattern import Role
from annette.network.kinds import KINDS, Category

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from annette.mapping.condition import Condition
    from annette.mapping.model import MappingModel
    from annette.mapping.rule import Rule

__all__ = ["Asked"]

_COMPUTING: Final = frozenset((
    Category.ACTIVATION, Category.BINARY, Category.CONVOLUTION, Category.GLOBAL_POOLING, Category.MATRIX_PRODUCT,
    Category.NORMALIZATION, Category.POOLING,
))  # fmt: skip
"""Of kinds that only rules ask for: what moves, views or converts data is also looked for by what follows the rules,
such as layouts and integers."""

_OF_RESULTS: Final = frozenset(("output_dtype", "output_rank", "output_shape"))
"""Fields of kernels that states of tensors hold anyway."""

_MASKED: Final = frozenset(("softmax", "log_softmax"))
"""Kinds that a mask may stand before, which is looked for through what is computed between."""


class Asked(NamedTuple):
    """What rules ask of the way that led to a tensor.

    Attributes:
        origins: Kinds that conditions look for among the origins of tensors (`annette.network.links.origins`); None
            where they compare origins in another way, so that all count.
        writers: Sets of kinds that a rule looks for in a kernel that stays as it is; None where any kind counts.
        joined: Kinds of kernels that a rule may join with one that reads them.
    """

    origins: frozenset[str] | None
    writers: tuple[frozenset[str], ...] | None
    joined: frozenset[str]

    @classmethod
    def by(cls, mapping: MappingModel, kinds: frozenset[str]) -> Self:
        """Reads the rules of a mapping that may apply.

        Args:
            mapping: The mapping.
            kinds: All kinds of layers and kernels that there are.
        """
        possible = [(matcher.rule, matcher.kinds) for matcher in mapping.possible(kinds)]
        conditions = [condition for rule, _ in possible for condition in rule.conditions]
        looked_for = [_kinds(condition) for condition in conditions if _looks_at(condition, "origins")]
        origins = None if None in looked_for else _union(each for each in looked_for if each is not None)
        beside = [each for rule, expanded in possible for each in _beside(rule, expanded, kinds)]
        writers = None if None in beside or kinds & _MASKED else {each for each in beside if each is not None}
        joined = _union(expanded[rule.nodes.index(node)] for rule, expanded in possible for node in rule.taken[:-1])
        return cls(origins, None if writers is None else tuple(sorted(writers, key=sorted)), joined & kinds)

    @classmethod
    def anything(cls, mapping: MappingModel, kinds: frozenset[str]) -> Self:
        """The same, but as if rules asked for every kind and joined all, to tell apart in detail.

        Args:
            mapping: As of `by`.
            kinds: As of `by`.
        """
        return cls(cls.by(mapping, kinds).origins, None, kinds)

    def seen(self, origins: Iterable[str]) -> tuple[str, ...]:
        """Those of a tensor's origins that make a difference."""
        return tuple(kind for kind in origins if self.origins is None or kind in self.origins)

    def writer(self, kind: str) -> str | tuple[bool, ...]:
        """What makes a difference of the kind of the kernel that wrote a tensor, and stays as it is."""
        known = KINDS.get(kind)
        if self.writers is None or (known is None and "@" in kind):
            return kind
        if known is not None and known.category not in _COMPUTING:
            return kind
        return tuple(kind in each for each in self.writers)


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


def _beside(rule: Rule, expanded: tuple[frozenset[str], ...], kinds: frozenset[str]) -> Iterator[frozenset[str] | None]:
    """Sets of kinds that a rule looks for in kernels that stay as they are; None where any kind counts."""
    references = (reference for condition in rule.conditions for reference in condition.references)
    asked = {reference.at for reference in references if reference.field not in _OF_RESULTS}
    for node, allowed in zip(rule.nodes, expanded, strict=True):
        if node.role is Role.CONTEXT:
            # What else a condition asks of such a kernel is not known here, but it does not hold for all kinds alike.
            yield from [frozenset((kind,)) for kind in allowed & kinds] if node.name in asked else [allowed & kinds]
    if any(_looks_at(condition, "written_by") for condition in rule.conditions):
        yield None
