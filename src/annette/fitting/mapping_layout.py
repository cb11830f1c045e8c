"""Finds the layout model of a mapping by the copies that were measured between layouts.

The layouts that ship with annette are tried, none at all, and one that is put together from the measurements: kind by
kind, the way of dealing with layouts (`annette.mapping.layout`) that makes the predicted copies those that were seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from annette.evaluation.mapping_quality import MappingQuality, copies_of, quality_of_kernels
from annette.mapping.condition_fields import layout_condition
from annette.mapping.layout import Layout, LayoutModel, LayoutRule
from annette.mapping.rules import layout, layouts
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import Run
    from annette.evaluation.mapping_quality import Confusion
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel

__all__ = ["choose_layout"]

_PROBES: Final = 160
_ROUNDS: Final = 6
_GAIN: Final = 3
_GOOD: Final = 0.8
_SECOND_SHARE: Final = 0.1
_WAYS: Final = (
    (Layout.BLOCKED, Layout.BLOCKED),
    (Layout.SAME, Layout.SAME),
    (Layout.PLAIN, Layout.BLOCKED),
    (Layout.BLOCKED, Layout.PLAIN),
)
_LEADING: Final = kinds_in(Category.CONVOLUTION, Category.POOLING, Category.GLOBAL_POOLING)
_CONDITIONS: Final = (
    "kernel.equal_shapes == 1",
    *(f"kernel.{name} % {size} == 0" for size in (4, 8, 16) for name in ("in_channels", "out_channels")),
    *(f"kernel.in_channels >= {size}" for size in (4, 8, 16)),
    *(f"kernel.in_channels < {size}" for size in (4, 8, 16)),
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A run with its kernels before any layout.

    Attributes:
        run: The run.
        kernels: What the mapping's rules make of its network.
        kinds: The kinds among them.
    """

    run: Run
    kernels: tuple[Kernel, ...]
    kinds: frozenset[str]

    def quality(self, model: LayoutModel | None) -> MappingQuality:
        """Copies and pairs of layers: a layout also decides where residuals are added."""
        kernels = self.kernels if model is None else model.apply(self.kernels, self.run.network)
        return quality_of_kernels(kernels, self.run)

    def wrong_copies(self, model: LayoutModel) -> int:
        """Copies that are predicted wrongly by a model that leaves kernels whole."""
        return _wrong(copies_of(model.apply(self.kernels, self.run.network), self.run))


def choose_layout(mapping: MappingModel, runs: Sequence[Run]) -> LayoutModel | None:
    """The layouts that agree best with what was measured.

    Args:
        mapping: The mapping model; a layout that it has is a candidate, too.
        runs: Runs with matched kernels. Where the runtime does not say which tensors it copies, the mapping's own
            layout stays.
    """
    probes = runs[:: max(1, len(runs) // _PROBES)]
    copies = [record for run in probes for record in run.kernels if record.added]
    if copies and not any("tensor" in record.info for record in copies):
        return mapping.layout
    rules = replace(mapping, layout=None, context=None)
    cases = [_Case(run, kernels, _kinds(kernels)) for run in probes if (kernels := rules.apply(run.network))]
    names = _names(probes)
    candidates: list[LayoutModel | None] = [mapping.layout] if mapping.layout is not None else []
    candidates += [_named(layout(name), names) for name in layouts()] if names else []
    candidates.append(None)
    qualities = [sum((case.quality(choice) for case in cases), MappingQuality()) for choice in candidates]
    wrong = [_wrong(quality.copies) + _wrong(quality.pairs) for quality in qualities]
    best = wrong.index(min(wrong))
    chosen, fewest, copies_right = candidates[best], wrong[best], qualities[best].copies.matthews
    if not names or copies_right >= _GOOD:
        return chosen
    split = _wrong(qualities[candidates.index(None)].pairs)
    empty = LayoutModel((), *names, transposes=False, copies_residuals=True)
    searches = [_Search(empty, cases, following=following) for following in (True, False)]
    models = [search.run() for search in searches]
    search, learned = min(zip(searches, models, strict=True), key=lambda entry: entry[0].wrong)
    lines = replace(learned, copies_lines=False)
    without_lines = sum(case.wrong_copies(lines) for case in cases)
    if min(search.wrong, without_lines) + split < fewest:
        chosen = learned if search.wrong <= without_lines else lines
    return chosen


def _wrong(agreement: Confusion) -> int:
    return agreement.only_predicted + agreement.only_true


def _kinds(kernels: Iterable[Kernel]) -> frozenset[str]:
    return frozenset(kernel.kind for kernel in kernels if not kernel.free)


def _names(runs: Iterable[Run]) -> tuple[str, str] | None:
    """What the runtime calls copies to the blocked layout and back; None where it makes none.

    A network's inputs are plain: whichever of two kinds copies them more often is the way to the blocked layout.
    """
    counts: Counter[str] = Counter()
    fed: Counter[str] = Counter()
    for run in runs:
        for record in run.kernels:
            if record.added and "tensor" in record.info:
                kind = record.info.get("kind", record.operator)
                counts[kind] += 1
                fed[kind] += record.info["tensor"] in run.network.inputs
    if not counts:
        return None
    (first, most), *rest = counts.most_common(2)
    second = rest[0][0] if rest and rest[0][1] > _SECOND_SHARE * most else first
    swap = fed[second] / counts[second] > fed[first] / counts[first]
    return (second, first) if swap else (first, second)


def _named(model: LayoutModel, names: tuple[str, str]) -> LayoutModel:
    return replace(model, to_blocked=names[0], to_plain=names[1])


class _Search:
    """Puts a layout model together, kind by kind, as long as it makes fewer mistakes."""

    def __init__(self, empty: LayoutModel, cases: Sequence[_Case], *, following: bool) -> None:
        self._empty = empty
        self._following = following
        self._cases = cases
        counts = Counter(kind for case in cases for kind in case.kinds)
        self._kinds = sorted(counts, key=lambda kind: (kind not in _LEADING, -counts[kind], kind))
        self._rules: dict[str, LayoutRule] = {}
        self._wrong: list[int] = []

    @property
    def wrong(self) -> int:
        """Mistakes of the model so far."""
        return sum(self._wrong)

    def run(self) -> LayoutModel:
        """The model with the fewest mistakes that was found.

        The search starts from convolutions and pooling that run blocked, everything else plain or (``following``) in
        the layout that it gets: from plain layouts alone no single step leads there.
        """
        for kind in self._kinds:
            if kind in _LEADING:
                self._rules[kind] = LayoutRule((kind,), Layout.BLOCKED, Layout.BLOCKED)
            elif self._following:
                self._rules[kind] = LayoutRule((kind,), Layout.SAME, Layout.SAME)
        self._wrong = [case.wrong_copies(self._model(self._rules)) for case in self._cases]
        for round_ in range(_ROUNDS):
            improved = [self._improve(kind, self._ways(kind, thorough=round_ < 2)) for kind in self._kinds]
            if not any(improved):
                break
        for kind in self._kinds:
            if kind in self._rules and not self._rules[kind].when:
                self._improve(
                    kind, [replace(self._rules[kind], when=(layout_condition(line),)) for line in _CONDITIONS]
                )
        for kind in self._kinds:
            if kind in self._rules:
                self._improve(kind, [None], least=0)
        return self._model(self._rules)

    def _ways(self, kind: str, *, thorough: bool) -> list[LayoutRule | None]:
        """What can be said of a kind; of those that decide about layouts under conditions, too."""
        plain = [LayoutRule((kind,), reads, writes) for reads, writes in _WAYS]
        if not thorough or kind not in _LEADING:
            return [None, *plain]
        return [
            None,
            *plain,
            *(replace(rule, when=(layout_condition(line),)) for rule in plain for line in _CONDITIONS),
        ]

    def _improve(self, kind: str, choices: Sequence[LayoutRule | None], *, least: int = 1) -> bool:
        """Takes the choice for a kind that saves most mistakes; says whether there is one.

        A rule has to save several to be taken; to do without one it is enough to save ``least``.
        """
        touched = [place for place, case in enumerate(self._cases) if kind in case.kinds]
        now = sum(self._wrong[place] for place in touched)
        best: tuple[int, LayoutRule | None, list[int]] | None = None
        for choice in choices:
            if choice == self._rules.get(kind):
                continue
            rules = {**self._rules, kind: choice}
            model = self._model({name: rule for name, rule in rules.items() if rule is not None})
            wrong = [self._cases[place].wrong_copies(model) for place in touched]
            if now - sum(wrong) >= (least if choice is None else _GAIN) and (best is None or sum(wrong) < best[0]):
                best = sum(wrong), choice, wrong
        if best is None:
            return False
        if best[1] is None:
            del self._rules[kind]
        else:
            self._rules[kind] = best[1]
        for place, mistakes in zip(touched, best[2], strict=True):
            self._wrong[place] = mistakes
        return True

    def _model(self, rules: dict[str, LayoutRule]) -> LayoutModel:
        return replace(self._empty, rules=tuple(rules.values()))
