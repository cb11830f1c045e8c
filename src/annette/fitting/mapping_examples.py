"""What mapping rules are learned from: what was seen to run together, beside what a rule could look at.

A network's groups are built up from its inputs to its outputs just as they were measured. At every step one group reads
another's result, and both are in one measured kernel or in two: that is an example, with all fields of both groups and
of the reader's other operand as the pattern engine sees them at that moment.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.evaluation.mapping_quality import kernel_of_layer, never_run
from annette.mapping.condition_fields import NODE_FIELDS, TENSOR_FIELDS, node_field, tensor_field
from annette.mapping.pattern import COMMUTATIVE
from annette.network import KINDS, Category, Dimensions
from annette.network.kinds import kinds_in
from annette.network.links import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.bench.records import Run
    from annette.mapping.condition import FieldValue
    from annette.mapping.grouping import Grouping
    from annette.mapping.model import MappingModel

__all__ = ["Example", "Examples", "PairKey", "anchors_second", "collect"]

_WITH_OTHER: Final = kinds_in(Category.BINARY) | {"matmul"}
_RANKS: Final = {
    Category.CONVOLUTION: 0,
    Category.MATRIX_PRODUCT: 0,
    Category.ATTENTION: 0,
    Category.RECURRENT: 0,
    Category.POOLING: 1,
    Category.NORMALIZATION: 2,
    Category.GLOBAL_POOLING: 2,
    Category.REDUCTION: 2,
    Category.MOVEMENT: 4,
    Category.VIEW: 5,
}
_LEAST_RANK: Final = 3
_NODE_FIELDS: Final = (
    *(name for name in NODE_FIELDS if name not in ("kind", "is_free", "reader_kinds", "layer_kinds", "input_shape")),
    *(name for name in Dimensions._fields if name not in ("input_count", "output_count")),
)


@dataclass(frozen=True, slots=True, order=True)
class PairKey:
    """What decides which pattern a pair is an example of.

    Attributes:
        first: Kind of the group that is read.
        second: Kind of the group that reads it.
        position: Which operand of the second it is; 0 where their order makes no difference.
        other: ``$other`` where the second's other operand is a constant, ``other`` where it is an activation, empty
            where there is none or it is not looked at.
        shared: Whether others read the first's result, too.
    """

    first: str
    second: str
    position: int = 0
    other: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of groups, or one group, as it was measured.

    Attributes:
        facts: Value of every field, by how a condition writes it.
        holds: Whether the two ran together, or the one was left out.
        source: The network.
    """

    facts: Mapping[str, FieldValue | None]
    holds: bool
    source: str


@dataclass(slots=True)
class Examples:
    """Everything that was seen.

    Attributes:
        pairs: Pairs of groups: do they run together?
        single: Groups by kind: does the runtime leave them out?
    """

    pairs: dict[PairKey, list[Example]] = field(default_factory=lambda: defaultdict(list))
    single: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))


def rank(kind: str) -> int:
    """How much a kind of layer says about the kernel that it is in: 0 for convolutions and products, most for views."""
    return _RANKS.get(KINDS[kind].category, _LEAST_RANK) if kind in KINDS else 0


def anchors_second(key: PairKey) -> bool:
    """Whether the reader's dimensions describe the kernel of both: it does the heavier work."""
    return rank(key.second) < rank(key.first)


def collect(runs: Iterable[Run], base: MappingModel) -> Examples:
    """Examples of all runs.

    Args:
        runs: Runs with matched kernels; those without are passed over.
        base: Rules that are applied before.
    """
    examples = Examples()
    for run in runs:
        if run.kernels:
            _Walk(base.group(run.network), run, examples).go()
    return examples


class _Walk:
    """One network, built up as it was measured."""

    def __init__(self, state: Grouping, run: Run, examples: Examples) -> None:
        self._state = state
        self._examples = examples
        self._source = run.network.name
        claimed = kernel_of_layer(run)
        self._kernel = [claimed.get(layer.name) for layer in state.layers]
        self._lost = never_run(run)

    def go(self) -> None:
        state = self._state
        for group in state.groups():
            if group in state.free:
                continue
            if self._lost is not None:
                left_out = all(self._kernel[position] is None for position in self._members(group))
                facts = _of_node(state, group, "node")
                self._examples.single[str(state.kind[group])].append(Example(facts, left_out, self._source))
            if self._ran_in(group) is not None:
                self._visit(group)

    def _visit(self, root: int) -> None:
        """Asks of each operand whether it runs with its reader, and joins those that do."""
        state = self._state
        again = True
        while again:
            again = False
            for position, source in enumerate(state.operands[root]):
                group = state.group_of[source] if source >= 0 else -1
                if group < 0 or group == root or group in state.free or self._ran_in(group) is None:
                    continue
                together = self._ran_in(group) == self._ran_in(root)
                key = self._key(group, root, position)
                if key is None:
                    continue
                self._examples.pairs[key].append(
                    Example(self._facts(key, group, root, position), together, self._source)
                )
                if together:
                    again = self._join(key, group, root)
                    break

    def _join(self, key: PairKey, group: int, root: int) -> bool:
        """Makes one group of two; says whether the reader's operands are still to be looked at."""
        state = self._state
        later = state.crosses((group, root)) if key.shared else None
        if key.shared and later is None:
            return False
        second = anchors_second(key)
        anchor = root if second else group
        state.merge((group, root), anchor, str(state.kind[anchor]), "measured", later=later)
        return second

    def _key(self, group: int, root: int, position: int) -> PairKey | None:
        """The pattern that the pair is an example of; None where no pattern could say it."""
        state = self._state
        readers = state.readers[group]
        layers = [reader for reader in readers if reader < len(state.layers)]
        shared = any(state.group_of[reader] != root for reader in layers)
        if not shared and len(layers) < len(readers):
            return None  # Handed out, and read by nobody else: a rule for shared results would not tell it apart.
        kind = str(state.kind[root])
        other = ""
        if kind in _WITH_OTHER and len(state.operands[root]) == 2 and state.anchor(root).kind == kind:
            producer = state.operands[root][1 - position]
            if producer >= 0 and state.group_of[producer] == root:
                return None
            other = "$other" if producer == CONSTANT else "other"
        return PairKey(str(state.kind[group]), kind, 0 if kind in COMMUTATIVE else position, other, shared)

    def _facts(self, key: PairKey, group: int, root: int, position: int) -> dict[str, FieldValue | None]:
        state = self._state
        facts = _of_node(state, group, "first") | _of_node(state, root, "second")
        if key.other:
            name = state.names[root][1 - position]
            facts |= {f"{key.other}.{field}": tensor_field(field)(state, name) for field in TENSOR_FIELDS}
        return facts

    def _members(self, group: int) -> Iterable[int]:
        return self._state.members.get(group) or (group,)

    def _ran_in(self, group: int) -> int | None:
        """The measured kernel that all layers of a group ran in; None where they did not run or not in one."""
        kernels = {self._kernel[position] for position in self._members(group)} - {None}
        return kernels.pop() if len(kernels) == 1 else None


def _of_node(state: Grouping, group: int, name: str) -> dict[str, FieldValue | None]:
    facts = {f"{name}.{field}": node_field(field)(state, group) for field in _NODE_FIELDS}
    attributes = state.anchor(group).attributes
    return facts | {f"{name}.attributes.{key}": value for key, value in attributes.items()}
