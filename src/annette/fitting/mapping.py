"""Learns mapping rules from what ran together: the fusion truth of probes, chains and whole networks.

Known rules come first: decomposed operators are recognised where the measurements bear it out, views cost nothing. Of
what is left, every pair of kernels of which one reads the other's result is an example: both were seen in one measured
kernel, or in two; and every kernel is one: it ran, or the runtime left it out. For each pair of kinds a small decision
tree over both sides, and over the other operand of the reader, tells the one from the other, and each leaf that says
"together" becomes a readable rule of the same form as the hand-written ones. Where nothing was measured, known rules
are believed, unless they are mostly wrong about what was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from annette.errors import FitError
from annette.evaluation.mapping_quality import kernel_of_layer, never_run
from annette.fitting.mapping_trees import Example, leaves
from annette.mapping.condition_fields import NODE_FIELDS, TENSOR_FIELDS, node_field, tensor_field
from annette.mapping.model import MappingModel
from annette.mapping.pattern import COMMUTATIVE
from annette.mapping.rule import Action, Rule
from annette.network import KINDS, Category, Dimensions
from annette.network.kinds import kinds_in
from annette.network.links import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from annette.bench.records import Run
    from annette.fitting.mapping_trees import Leaf
    from annette.mapping.condition import FieldValue
    from annette.mapping.grouping import Grouping

__all__ = ["Examples", "PairKey", "anchors_second", "collect", "learn_mapping"]

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


def learn_mapping(
    runs: Sequence[Run], *, base: MappingModel, otherwise: MappingModel | None = None, seed: int = 0
) -> MappingModel:
    """Learns which layers run as one kernel, and which do not run at all.

    Args:
        runs: Runs with matched kernels; those without are passed over.
        base: Rules that are kept in front: recognised subgraphs, as far as the runs bear them out, and views.
        otherwise: Rules to believe about pairs of kinds that no run has, and about subgraphs that none has; its context
            stage is kept. None believes the base alone.
        seed: Of the decision trees.

    Returns:
        What is kept of the base, then the learned rules, those about convolutions and products first; no layout.

    Raises:
        FitError: No run has matched kernels.
    """
    profiled = [run for run in runs if any(kernel.layers for kernel in run.kernels)]
    if not profiled:
        raise FitError("no run tells which layers ran in which kernel: a mapping cannot be learned")
    otherwise = otherwise or base
    base = _borne_out(base, profiled, {rule.name for rule in otherwise.rules})
    examples = collect(profiled, base)
    learned: list[tuple[int, Rule]] = []
    for key, cases in sorted(examples.pairs.items()):
        learned += _rules(key, leaves(cases, seed))
    learned.sort(key=lambda entry: (min(rank(kind) for node in entry[1].nodes[:1] for kind in node.kinds), -entry[0]))
    free = [rule for kind, cases in sorted(examples.single.items()) for rule in _free_rules(kind, leaves(cases, seed))]
    more = [part for rule in otherwise.rules for part in _for_unmeasured_pairs(rule, base, examples)]
    return MappingModel(
        "learned", (*base.rules, *(rule for _, rule in learned), *more, *free), context=otherwise.context
    )


def _borne_out(base: MappingModel, runs: Sequence[Run], believed: Collection[str]) -> MappingModel:
    """The base without the rules whose layers mostly ran in several kernels.

    A rule about a view stays: it moves nothing, whether or not the runtime makes a kernel of it. A rule that the runs
    say nothing about stays if it is among those that are believed.
    """
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for run in runs:
        claimed = kernel_of_layer(run)
        for kernel in base.apply(run.network):
            ran = {claimed[layer.name] for layer in kernel.layers if layer.name in claimed}
            for rule in set(kernel.rules):
                seen[rule] += bool(ran)
                right[rule] += len(ran) == 1
    kept = [
        rule
        for rule in base.rules
        if rule.action is Action.FREE
        or (2 * right[rule.name] >= seen[rule.name] if seen[rule.name] else rule.name in believed)
    ]
    return replace(base, rules=tuple(kept), layout=None, context=None)


def _for_unmeasured_pairs(rule: Rule, base: MappingModel, examples: Examples) -> list[Rule]:
    """A known rule restricted to pairs of kinds that no run has, as one rule for each kind of the first layer.

    Rules about one layer are kept whole. Recognitions and rules about more than two layers are left to the base. A rule
    without conditions is dropped for a first kind whose measured pairs mostly contradict it, and no rule is kept for
    layers that never ran.
    """
    taken = rule.taken
    if rule.name in {known.name for known in base.rules} or rule.action is Action.RECOGNISE or len(taken) > 2:
        return []
    if len(taken) == 1:
        return [rule]
    gone = {kind for kind, cases in examples.single.items() if all(case.holds for case in cases)}
    first, second = taken
    firsts, seconds = first.expanded_kinds - gone, second.expanded_kinds - gone
    right = {pair: vote for pair, vote in _votes(examples).items() if pair[0] in firsts and pair[1] in seconds}
    met = {(key.first, key.second) for key in examples.pairs}
    always = not rule.conditions and len(rule.nodes) == len(taken)
    narrowed_rules = []
    for kind in sorted(firsts):
        votes = [vote for pair, vote in right.items() if pair[0] == kind] or list(right.values())
        if always and 2 * sum(votes) < len(votes):
            continue
        kinds = tuple(sorted(other for other in seconds if (kind, other) not in met))
        if kinds:
            narrowed = {first.name: (kind,), second.name: kinds}
            nodes = tuple(replace(node, kinds=narrowed.get(node.name, node.kinds)) for node in rule.nodes)
            narrowed_rules.append(replace(rule, name=f"{rule.name}.{kind}", nodes=nodes))
    return narrowed_rules


def _votes(examples: Examples) -> dict[tuple[str, str], bool]:
    """Whether a pair of kinds mostly ran together, where nobody else read the first's result."""
    together: dict[tuple[str, str], list[bool]] = {}
    for key, cases in examples.pairs.items():
        if not key.shared:
            together.setdefault((key.first, key.second), []).extend(case.holds for case in cases)
    return {pair: 2 * sum(holds) >= len(holds) for pair, holds in together.items()}


def _rules(key: PairKey, tree_leaves: Sequence[Leaf]) -> list[tuple[int, Rule]]:
    """One rule for each leaf that mostly says "together", with the number of pairs that bear it out.

    The side that does the work is the kernel's anchor.
    """
    second = anchors_second(key)
    operands = ["_"] * key.position + ["first"]
    if key.other:
        operands = [key.other, "first"] if key.position else ["first", key.other]
    role = "shared " if key.shared else "" if second else "anchor "
    pattern = [
        f"{role}first = {key.first}",
        f"{'anchor ' if second else ''}second = {key.second}({', '.join(operands)})",
    ]
    if key.shared and not second:
        return []  # A node is shared or the anchor; what a heavier producer hands to several readers stays apart.
    guard = ["first.consumers > 1"] if key.shared else []
    parts = [key.first, key.second, str(key.position) if key.position else "", key.other.strip("$")]
    parts += ["constant" if key.other.startswith("$") else "", "shared" if key.shared else ""]
    name = "-".join(["learned", *(part.replace("_", "-") for part in parts if part)])
    rules = []
    for number, leaf in _affirming(tree_leaves):
        why = f"Learned: {leaf.holds} of {leaf.seen} such pairs ran as one kernel."
        rules.append((leaf.holds, Rule.parse(f"{name}-{number}", pattern, *guard, *leaf.conditions, description=why)))
    return rules


def _free_rules(kind: str, tree_leaves: Sequence[Leaf]) -> list[Rule]:
    """One rule for each leaf that mostly says "left out"."""
    return [
        Rule.parse(
            f"learned-{kind.replace('_', '-')}-free-{number}",
            [f"node = {kind}"],
            "node.layer_count == 1",
            *leaf.conditions,
            description=f"Learned: {leaf.holds} of {leaf.seen} such layers did not run.",
            action=Action.FREE,
        )
        for number, leaf in _affirming(tree_leaves)
    ]


def _affirming(tree_leaves: Sequence[Leaf]) -> Iterable[tuple[int, Leaf]]:
    """Leaves of which more than half hold, counted from 1."""
    return enumerate((leaf for leaf in tree_leaves if 2 * leaf.holds > leaf.seen), start=1)


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
                self._examples.single[str(state.kind[group])].append(Example(facts, left_out))
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
                self._examples.pairs[key].append(Example(self._facts(key, group, root, position), together))
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
