"""The mapping model: an ordered list of rules that turns a network into kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from annette.budget import BASE_BYTES, BASE_STEPS, budgeted
from annette.documents import Document, convert, located, shown
from annette.errors import MappingError, nearest
from annette.kept import Recent
from annette.mapping.context import ContextStage, context_from_json, context_to_json
from annette.mapping.grouping import Grouping
from annette.mapping.half import HalfModel
from annette.mapping.integers import IntegerModel
from annette.mapping.layout import LayoutModel
from annette.mapping.matcher import Matcher
from annette.mapping.moved import cut_before_transposing
from annette.mapping.parts import cut_at_once
from annette.mapping.pattern import unknown_kinds
from annette.mapping.rule import Rule
from annette.network.kinds import KINDS

if TYPE_CHECKING:
    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["MappingModel"]

_SCHEMA: Final = "annette/mapping/1"

_STEPS_PER_LAYER: Final = 1000
_BYTES_PER_LAYER: Final = 32 * 2**10
"""What a network may ask of the stages beyond what any may (`annette.budget`), for each of its layers."""


@dataclass(frozen=True)
class MappingModel:
    """Which layers run as one kernel on a platform.

    The rules are gone through in order; each is applied wherever it matches, from the network's inputs to its
    outputs. The list is repeated until nothing changes. Every layer ends up in exactly one kernel, so operations are
    conserved, and kernels never depend on each other in a circle.

    Attributes:
        name: For people and reports.
        rules: The rules, the most specific first.
        layout: Where the runtime changes memory layouts, or None where it has one only.
        integers: Which parts of a quantised network run on integers, or None where the rules alone say so.
        half: Where networks of 16-bit floating point are computed in 32 bits, or None where they are not.
        context: What the compiler decides from the whole network (`annette.mapping.context`), or None.
        cuts_at_once: Whether slices and rows that make up a tensor are cut by one kernel (`annette.mapping.parts`).
        moves_transposes: Whether a transposition before a split is moved behind it, to join it with another
            (`annette.mapping.moved`).

    Raises:
        MappingError: Two rules share a name, or a rule looks for a kind that neither exists nor results from a rule.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    layout: LayoutModel | None = None
    context: ContextStage | None = None
    integers: IntegerModel | None = None
    half: HalfModel | None = None
    cuts_at_once: bool = False
    moves_transposes: bool = False

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.name in seen:
                raise MappingError(f"mapping {self.name!r} has two rules named {rule.name!r}")
            seen.add(rule.name)
        made = frozenset(rule.kind for rule in self.rules if rule.kind is not None)
        for rule in self.rules:
            for kind in unknown_kinds(rule.nodes, made):
                hint = nearest(kind, KINDS.keys() | made)
                raise MappingError(
                    f"rule {rule.name!r}: 'pattern' looks for {kind!r}, which is no kind of layer and no kind that a "
                    f"rule of mapping {self.name!r} makes{hint}"
                )

    @cached_property
    def _matchers(self) -> tuple[Matcher, ...]:
        return tuple(Matcher(rule) for rule in self.rules)

    def apply(self, network: Network) -> tuple[Kernel, ...]:
        """Maps a network.

        Args:
            network: Any network; what no rule matches becomes a kernel of its own.

        Returns:
            The kernels in topological order; every layer of the network is in exactly one.

        Raises:
            MappingError: A rule recognises a kind of layer in what cannot be one.
            NetworkSizeError: Its sizes ask for more work or memory than its layers warrant.
        """
        return self.apply_in_steps(network)[1]

    def apply_in_steps(self, network: Network) -> tuple[Grouping, tuple[Kernel, ...]]:
        """As `apply`, but with what the rules alone say.

        Args:
            network: Any network.

        Returns:
            The groups that rules put layers into, as `group` returns them, and the kernels.

        Raises:
            MappingError: A rule recognises a kind of layer in what cannot be one.
            NetworkSizeError: Its sizes ask for more work or memory than its layers warrant.
        """
        count = len(network.layers)
        steps, size_bytes = BASE_STEPS + _STEPS_PER_LAYER * count, BASE_BYTES + _BYTES_PER_LAYER * count
        with budgeted(network.name, steps=steps, size_bytes=size_bytes):
            grouping = self.group(network)
            kernels = grouping.kernels()
            if self.integers is not None:
                kernels = self.integers.settle(kernels, network)
            if self.cuts_at_once:
                kernels = cut_at_once(kernels, network)
            if self.moves_transposes:
                kernels = cut_before_transposing(kernels, network)
            if self.layout is not None:
                kernels = self.layout.apply(kernels, network)
            if self.half is not None:
                kernels = self.half.apply(kernels, network)
            if self.integers is not None:
                kernels = self.integers.tell_apart(kernels, network)
            return grouping, kernels if self.context is None else self.context.apply(kernels, network)

    def group(self, network: Network) -> Grouping:
        """The rules' part of `apply`: groups of layers, before layouts and context.

        Raises:
            MappingError: A rule recognises a kind of layer in what cannot be one.
        """
        state = Grouping(network)
        if self.integers is not None:
            self.integers.apply(state)
        matchers = self._matchers
        if self.half is not None and self.half.without and self.half.concerns(network):
            matchers = tuple(each for each in matchers if each.rule.name.split(".")[0] not in self.half.without)
        seen: dict[Matcher, int] = {}
        possible: frozenset[Matcher] = frozenset()
        kinds, changed = 0, True
        while changed:
            changed = False
            for matcher in matchers:
                if len(state.by_kind) > kinds:  # Kinds that have been there are never taken away.
                    kinds, possible = len(state.by_kind), self.possible(frozenset(state.by_kind))
                if matcher in possible and state.is_news(matcher.looks_at, seen.get(matcher, -1)):
                    seen[matcher] = state.changes
                    changed |= matcher.run(state)
        return state

    def possible(self, kinds: frozenset[str]) -> frozenset[Matcher]:
        """The rules that may match where groups have some kinds; networks of a search have the same ones."""
        found = self._possible_before.get(kinds)
        if found is None:
            found = frozenset(matcher for matcher in self._matchers if matcher.may_apply(kinds))
            self._possible_before.put(kinds, found)
        return found

    @cached_property
    def _possible_before(self) -> Recent[frozenset[str], frozenset[Matcher]]:
        return Recent(1024)

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        document: dict[str, Any] = {
            "schema": _SCHEMA,
            "name": self.name,
            "rules": [rule.to_json() for rule in self.rules],
        }
        if self.integers is not None:
            document["integers"] = self.integers.to_json()
        if self.half is not None:
            document["half"] = self.half.to_json()
        if self.layout is not None:
            document["layout"] = self.layout.to_json()
        if self.cuts_at_once:
            document["cuts_at_once"] = True
        if self.moves_transposes:
            document["moves_transposes"] = True
        if self.context is not None:
            document["context"] = context_to_json(self.context)
        return document

    @classmethod
    def from_json(cls, data: Any) -> MappingModel:
        """Reads a model.

        Raises:
            MappingError: The schema is another one, or a rule, the layout or the context stage is ill-formed.
        """
        stated = convert(data, dict[str, Any], error=MappingError)
        if stated.get("schema") != _SCHEMA:
            raise MappingError(
                f"this version reads mappings of schema {_SCHEMA!r}, not {shown(stated.get('schema'))}: "
                "install a newer annette or convert the file"
            )
        read = convert(stated, _MappingFile, error=MappingError)
        rules: list[Rule] = []
        for index, rule in enumerate(read.rules):
            with located(f"$.rules[{index}]", error=MappingError):
                rules.append(Rule.from_json(rule))
        with located("$.layout", error=MappingError):
            layout = None if read.layout is UNSET else LayoutModel.from_json(read.layout)
        with located("$.integers", error=MappingError):
            integers = None if read.integers is UNSET else IntegerModel.from_json(read.integers)
        with located("$.half", error=MappingError):
            half = None if read.half is UNSET else HalfModel.from_json(read.half)
        with located("$.context", error=MappingError):
            context = None if read.context is UNSET else context_from_json(read.context)
        return cls(read.name, tuple(rules), layout, context, integers, half, read.cuts_at_once, read.moves_transposes)


class _MappingFile(Document, frozen=True):
    schema: str
    name: Annotated[str, Meta(min_length=1)]
    rules: list[dict[str, Any]]
    layout: dict[str, Any] | UnsetType = UNSET
    context: dict[str, Any] | UnsetType = UNSET
    integers: dict[str, Any] | UnsetType = UNSET
    half: dict[str, Any] | UnsetType = UNSET
    cuts_at_once: bool = False
    moves_transposes: bool = False
