"""Rules at work: compiled once, then matched against groups from the last node of the pattern backwards."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.budget import spend
from annette.mapping.condition import Condition, Reference, compile_condition
from annette.mapping.condition_fields import pattern_getter
from annette.mapping.pattern import COMMUTATIVE, Role
from annette.mapping.rule import Action, Rule
from annette.network.links import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from annette.mapping.grouping import Grouping
    from annette.mapping.pattern import Node
    from annette.network import AttributeValue

__all__ = ["Matcher"]


class _Spec(NamedTuple):
    """One operand that a node of a pattern lists.

    Attributes:
        text: As written.
        name: Of the node or tensor.
        node: Place of the node; None where it is none.
        result: Which of the node's results; None for any.
    """

    text: str
    name: str
    node: int | None
    result: int | None


_Goal: TypeAlias = "tuple[_Spec, str, int, int]"  # operand, tensor, its producer, the reading group
_Goals: TypeAlias = "tuple[_Goal, _Goals] | None"
_Wanted: TypeAlias = "tuple[tuple[tuple[frozenset[str], int], ...], bool]"  # kinds of producers and how often each is
# read, and whether a constant is

_UNBOUND: Final = -1
_MANY: Final = 32
"""Operands beyond which looking at them draws on the network's budget (`annette.budget`)."""


class Matcher:
    """One rule, prepared for matching.

    Args:
        rule: The rule.

    Attributes:
        rule: The rule.
        kinds: Allowed kinds of each node, categories spelt out.
        looks_at: All of them.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.kinds = tuple(node.expanded_kinds for node in rule.nodes)
        self.looks_at = frozenset().union(*self.kinds)
        self._root = len(rule.nodes) - 1
        self._index = {node.name: index for index, node in enumerate(rule.nodes)}
        self._taken = tuple(self._index[node.name] for node in rule.taken)
        self._shared = tuple(node.role is Role.SHARED for node in rule.taken)
        # The one node that joins the root, whose results nobody else may read then.
        self._joining = self._taken[0] if self._taken[1:] == (self._root,) and not self._shared[0] else None
        self._anchor = self._index[rule.anchor.name] if rule.anchor else None
        self._is_pair = _is_pair(rule)
        decided = [
            (self._decided_by(each), compile_condition(each, partial(pattern_getter, nodes=self._index)))
            for each in rule.conditions
        ]
        self._checks = tuple(check for node, check in decided if node is None)
        self._early = tuple(tuple(check for node, check in decided if node == i) for i in range(len(rule.nodes)))
        self._pair_other = rule.nodes[-1].operands[1] if self._is_pair and len(rule.nodes[-1].operands) > 1 else None
        self._pair_needs_constant = (self._pair_other or "").startswith("$")
        self._specs = tuple(self._spec_of(node) for node in rule.nodes)
        self._wanted = tuple(self._wanted_of(node) for node in rule.nodes)

    def may_apply(self, present: AbstractSet[str]) -> bool:
        """Whether each node's kinds are among those that are present at all."""
        return not any(kinds.isdisjoint(present) for kinds in self.kinds)

    def run(self, state: Grouping) -> bool:
        """Applies the rule wherever it matches, in topological order; says whether it did anywhere."""
        step = self._run_pair if self._is_pair else self._run_pattern
        return step(state)

    def _run_pair(self, state: Grouping) -> bool:
        """Applies a rule of two nodes, the common case, without the search that larger patterns need."""
        producer_kinds, root_kinds = self.kinds
        kind, operands, readers, group_of = state.kind, state.operands, state.readers, state.group_of
        changed = False
        for root in state.candidates(root_kinds):
            again = True
            while again and kind[root] in root_kinds:
                again = False
                sources = operands[root]
                if len(sources) > _MANY:
                    if self._pair_needs_constant and CONSTANT not in sources:
                        break
                    spend(f"layer {state.layers[root].name!r} of {len(sources)} operands", steps=len(sources) / 2)
                for position, source in enumerate(sources if kind[root] in COMMUTATIVE else sources[:1]):
                    if source < 0:
                        continue
                    group = group_of[source]
                    if kind[group] not in producer_kinds or group == root:
                        continue
                    reading = readers[group]
                    if group_of[reading[0]] != root or (
                        len(reading) > 1 and any(group_of[reader] != root for reader in reading)
                    ):
                        continue
                    if self._pair_holds(state, group, root, position):
                        anchor = group if self._anchor == 0 else root
                        fused = self.rule.kind or str(kind[anchor])
                        state.merge((group, root), anchor, fused, self.rule.name)
                        changed = again = True
                        break
        return changed

    def _pair_holds(self, state: Grouping, group: int, root: int, position: int) -> bool:
        """Whether the root's other operand and the conditions fit."""
        spec = self._pair_other
        if spec is None:
            return not self._checks or self._holds(state, [group, root], {})
        sources = state.operands[root]
        if len(sources) > _MANY:
            spend(f"layer {state.layers[root].name!r} of {len(sources)} operands", steps=len(sources) / 2)
        for other, source in enumerate(sources):
            if other == position or (position == 0 and other > 1 and state.kind[root] not in COMMUTATIVE):
                continue
            if spec != "_":
                inside = source >= 0 and state.group_of[source] == root
                if (source == CONSTANT) != spec.startswith("$") or inside:
                    continue
            if self._holds(state, [group, root], {spec: state.names[root][other]}):
                return True
        return False

    def _run_pattern(self, state: Grouping) -> bool:
        kind, root_kinds, wanted = state.kind, self.kinds[self._root], self._wanted[self._root]
        changed = False
        for root in state.candidates(root_kinds):
            while kind[root] in root_kinds and (wanted is None or _offers(state, state.operands[root], wanted)):
                bound = [_UNBOUND] * len(self.kinds)
                if not self._bind(state, self._root, root, None, bound, {}):
                    break
                changed = True
                if len(self._taken) == 1:
                    break
        return changed

    def _bind(
        self, state: Grouping, index: int, group: int, rest: _Goals, bound: list[int], tensors: dict[str, str]
    ) -> bool:
        """Binds a node to a group that offers what it wants, then its operands, then the remaining goals."""
        sources = state.operands[group]
        bound[index] = group
        for check in self._early[index]:
            if not check(state, bound, tensors):
                bound[index] = _UNBOUND
                return False
        specs = self._specs[index]
        if not specs:
            if self._solve(state, rest, bound, tensors):
                return True
        elif len(sources) >= len(specs):
            names = state.names[group]
            for order in _orders(str(state.kind[group]), len(specs), len(sources)):
                if len(sources) > _MANY:
                    spend(f"layer {state.layers[group].name!r} of {len(sources)} operands", steps=5)
                goals = rest
                for place in range(len(specs) - 1, -1, -1):
                    position = order[place]
                    goals = ((specs[place], names[position], sources[position], group), goals)
                if self._solve(state, goals, bound, tensors):
                    return True
        bound[index] = _UNBOUND
        return False

    def _wanted_of(self, node: Node) -> _Wanted | None:
        """What a group must read to stand for a node; None for nothing."""
        names = [spec.name for spec in self._spec_of(node)]
        nodes = dict.fromkeys(name for name in names if name in self._index)
        producers = tuple((self.kinds[self._index[name]], names.count(name)) for name in nodes)
        constant = any(name.startswith("$") for name in names)
        return (producers, constant) if producers or constant else None

    def _spec_of(self, node: Node) -> tuple[_Spec, ...]:
        """The operands that a node lists, taken apart."""
        parts = [operand.partition(":") for operand in node.operands]
        return tuple(
            _Spec(text, name, self._index.get(name), int(result) if result else None)
            for text, (name, _, result) in zip(node.operands, parts, strict=True)
        )

    def _solve(self, state: Grouping, goals: _Goals, bound: list[int], tensors: dict[str, str]) -> bool:
        """Binds the operands that are left, one by one, with backtracking; applies the rule when none is left."""
        if goals is None:
            return self._act(state, bound, tensors)
        (spec, tensor, source, reader), rest = goals
        index = spec.node
        if index is None:
            solve, left = (self._solve, rest) if spec.text == "_" else (self._bind_tensor, goals)
            return solve(state, left, bound, tensors)
        if source < 0:
            return False
        group = state.group_of[source]
        if group == reader or (
            spec.result is not None and state.layers[source].outputs[spec.result :][:1] != (tensor,)
        ):
            return False
        if bound[index] != _UNBOUND:
            return bound[index] == group and self._solve(state, rest, bound, tensors)
        wanted = self._wanted[index]
        fits = state.kind[group] in self.kinds[index] and group not in bound
        if index == self._joining:
            fits = fits and state.is_read_by(group, bound[self._root])
        offered = fits and (wanted is None or _offers(state, state.operands[group], wanted))
        return offered and self._bind(state, index, group, rest, bound, tensors)

    def _bind_tensor(self, state: Grouping, goals: _Goals, bound: list[int], tensors: dict[str, str]) -> bool:
        assert goals is not None  # noqa: S101 - narrows the type; the only caller has just looked
        (operand, tensor, source, reader), rest = goals
        spec = operand.text
        if (source == CONSTANT) != spec.startswith("$") or (source >= 0 and state.group_of[source] == reader):
            return False
        if spec == "$":
            return self._solve(state, rest, bound, tensors)
        if spec in tensors:
            return tensors[spec] == tensor and self._solve(state, rest, bound, tensors)
        tensors[spec] = tensor
        if self._solve(state, rest, bound, tensors):
            return True
        del tensors[spec]
        return False

    def _act(self, state: Grouping, bound: list[int], tensors: dict[str, str]) -> bool:
        """Applies the rule to a complete match, unless a result that would no longer be written is read outside."""
        rule = self.rule
        taken = [bound[index] for index in self._taken]
        if len(taken) == 1:
            return self._act_alone(state, taken[0], bound, tensors)
        free_of_others = self._is_closed(state, taken)
        if free_of_others is None or not self._holds(state, bound, tensors):
            return False
        later = None if free_of_others else state.crosses(taken)
        if later is None and not free_of_others:
            return False
        attributes = self._attributes(state, bound)
        described_by = None if self._anchor is None else state.anchor(bound[self._anchor])
        anchor = taken[-1] if self._anchor is None else bound[self._anchor]
        kind = rule.kind or str(state.kind[anchor])
        state.merge(taken, anchor, kind, rule.name, later=later)
        if rule.action is Action.RECOGNISE:
            state.recognise(taken[-1], kind, rule.name, attributes=attributes, described_by=described_by)
        return True

    def _act_alone(self, state: Grouping, group: int, bound: list[int], tensors: dict[str, str]) -> bool:
        rule = self.rule
        if rule.name in state.rules.get(group, ()) or not self._holds(state, bound, tensors):
            return False
        if rule.action is Action.FREE:
            if group in state.free:
                return False
            state.release(group, rule.name)
            return True
        if rule.action is Action.FUSE:
            state.merge((group,), group, str(rule.kind), rule.name)
            return True
        described_by = None if self._anchor is None else state.anchor(bound[self._anchor])
        attributes = self._attributes(state, bound)
        state.recognise(group, str(rule.kind), rule.name, attributes=attributes, described_by=described_by)
        return True

    def _is_closed(self, state: Grouping, taken: list[int]) -> bool | None:
        """Whether only the last group's results are read outside; None if one's are that the rule does not share."""
        closed = True
        for group, shared in zip(taken[:-1], self._shared, strict=False):
            reading = state.readers[group]
            if not reading or any(state.group_of[reader] not in taken for reader in reading):
                if not shared:
                    return None
                closed = False
        return closed

    def _holds(self, state: Grouping, bound: list[int], tensors: dict[str, str]) -> bool:
        for check in self._checks:  # noqa: SIM110 - a generator would cost as much as the checks
            if not check(state, bound, tensors):
                return False
        return True

    def _attributes(self, state: Grouping, bound: list[int]) -> dict[str, AttributeValue]:
        """Attributes of the recognised layer; those that refer to what a layer does not have are left out."""
        attributes: dict[str, AttributeValue] = {}
        for key, value in self.rule.attributes.items():
            if not isinstance(value, Reference):
                attributes[key] = value
                continue
            layer = state.anchor(bound[self._index[value.at]])
            name = value.field.removeprefix("attributes.")
            if name in layer.attributes:
                attributes[key] = layer.attributes[name]
        return attributes

    def _decided_by(self, condition: Condition) -> int | None:
        """The node that alone decides a condition, so that it can be checked early; None for pairs, which are quick."""
        names = {reference.at for reference in condition.references}
        return None if self._is_pair or len(names) > 1 else self._index.get(names.pop())


def _offers(state: Grouping, sources: tuple[int, ...], wanted: _Wanted) -> bool:
    """A quick look whether operands can fit at all, before any order of them is tried."""
    producers, constant = wanted
    if constant and CONSTANT not in sources:
        return False
    groups = [state.group_of[source] for source in sources if source >= 0]
    for kinds, times in producers:
        for group in groups if times == 1 else [each for each, count in Counter(groups).items() if count >= times]:
            if state.kind[group] in kinds:
                break
        else:
            return False
    return True


def _orders(kind: str, listed: int, count: int) -> Iterable[tuple[int, ...]]:
    """Which operands the listed ones may be, as positions."""
    return permutations(range(count), listed) if kind in COMMUTATIVE else (tuple(range(listed)),)


def _is_pair(rule: Rule) -> bool:
    """Whether a rule fuses one node with one that reads it, and asks for at most one other operand of that."""
    if rule.action is not Action.FUSE or len(rule.nodes) != 2 or len(rule.taken) != 2:
        return False
    first, second = rule.nodes
    listed = second.operands
    simple = 1 <= len(listed) <= 2 and listed[0] == first.name and listed[1:] != (first.name,)
    return simple and not first.operands and first.role is not Role.SHARED and ":" not in "".join(listed)
