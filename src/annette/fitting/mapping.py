"""Learns mapping rules from what ran together: the fusion truth of probes, chains and whole networks.

Known rules come first: decomposed operators are recognised where the measurements bear it out, views cost nothing. Of
what is left, every pair of kernels of which one reads the other's result is an example: both were seen in one measured
kernel, or in two; and every kernel is one: it ran, or the runtime left it out. For each pair of kinds a small decision
tree over both sides, and over the other operand of the reader, tells the one from the other, and each leaf that says
"together" becomes a readable rule of the same form as the hand-written ones. Where nothing was measured, known rules
are believed, unless they are mostly wrong about what was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from annette.errors import FitError
from annette.evaluation.mapping_quality import kernel_of_layer
from annette.fitting.mapping_examples import anchors_second, collect, rank
from annette.fitting.mapping_trees import leaves
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from annette.bench.records import Run
    from annette.fitting.mapping_examples import Examples, PairKey
    from annette.fitting.mapping_trees import Leaf

__all__ = ["learn_mapping"]


def learn_mapping(
    runs: Sequence[Run],
    *,
    base: MappingModel,
    otherwise: MappingModel | None = None,
    name: str = "learned",
    seed: int = 0,
) -> MappingModel:
    """Learns which layers run as one kernel, and which do not run at all.

    Args:
        runs: Runs with matched kernels; those without are passed over.
        base: Rules that are kept in front: recognised subgraphs, as far as the runs bear them out, and views.
        otherwise: Rules to believe about pairs of kinds that no run has, and about subgraphs that none has; its context
            stage is kept. None believes the base alone.
        name: Of the resulting model.
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
        learned += [(leaf.holds, rule) for leaf, rule in _rules(key, leaves(cases, seed))]
    learned.sort(key=lambda entry: (min(rank(kind) for node in entry[1].nodes[:1] for kind in node.kinds), -entry[0]))
    free = [rule for kind, cases in sorted(examples.single.items()) for rule in _free_rules(kind, leaves(cases, seed))]
    more = [part for rule in otherwise.rules for part in _for_unmeasured_pairs(rule, base, examples)]
    return MappingModel(name, (*base.rules, *(rule for _, rule in learned), *more, *free), context=otherwise.context)


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


def _rules(key: PairKey, tree_leaves: Sequence[Leaf]) -> list[tuple[Leaf, Rule]]:
    """One rule for each leaf that mostly says "together". The side that does the work is the kernel's anchor."""
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
    together = [leaf for leaf in tree_leaves if 2 * leaf.holds > leaf.seen]
    return [
        (
            leaf,
            Rule.parse(
                f"{name}-{number}",
                pattern,
                *guard,
                *leaf.conditions,
                description=f"Learned: {leaf.holds} of {leaf.seen} such pairs ran as one kernel.",
            ),
        )
        for number, leaf in enumerate(together, start=1)
    ]


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
        for number, leaf in enumerate((leaf for leaf in tree_leaves if 2 * leaf.holds > leaf.seen), start=1)
    ]
