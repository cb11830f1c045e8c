"""Which mapping model a platform gets: rules known for the runtime, or rules learned from its datasets.

Rules that are known come from the device family that recognises the datasets (`annette.devices`). They can be wrong for
another version, and learned ones for what was not measured. So both are held against the fusion truth of the datasets,
the learned ones on networks that they were not learned from, and the better one is taken.

The layouts in which a runtime keeps feature maps are chosen in the same way, by the copies between them: the layouts
that ship with annette are tried, none at all, and one that is put together from the measurements: kind by kind, the way
of dealing with layouts (`annette.mapping.layout`) that makes the predicted copies those that were seen.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from annette.bench.records import Purpose, Status
from annette.devices.registry import recognise
from annette.errors import FitError, OptionError, nearest
from annette.evaluation.mapping_quality import MappingQuality, copies_of, mapping_quality, quality_of_kernels
from annette.fitting.mapping import learn_mapping
from annette.fitting.request import AUTO, LEARNED, JudgedMapping, MappingChoice
from annette.mapping.condition_fields import layout_condition
from annette.mapping.layout import Layout, LayoutModel, LayoutRule
from annette.mapping.model import MappingModel
from annette.mapping.rules import layout, layouts, preset, presets
from annette.network import Category
from annette.network.kinds import kinds_in
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.records import Run
    from annette.evaluation.mapping_quality import Confusion
    from annette.mapping.kernel import Kernel

__all__ = ["check_request", "choose_layout", "choose_mapping"]

_MARGIN: Final = 0.02
"""Matthews correlation that learned rules must be better by: known ones also say what no benchmark asked, such as what
becomes of numbers of 16 and 8 bits, and networks are made of more than benchmarks."""
_OTHERWISE: Final = "generic"
_BASE: Final = ("recognitions", "generic-attention", "views")
_LEAST_RUNS: Final = 20
_FOLDS: Final = 5

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


def check_request(request: str) -> None:
    """Refuses a request that is none.

    Raises:
        OptionError: ``request`` is neither ``auto`` nor ``learned`` nor the name of a preset.
    """
    known = (AUTO, LEARNED, *presets())
    if request not in known:
        raise OptionError(f"there is no mapping {request!r}{nearest(request, known)}; known: {', '.join(known)}")


def choose_mapping(
    runs: Iterable[Run], environment: Mapping[str, str], *, request: str = AUTO, seed: int = 0
) -> MappingChoice:
    """Chooses the mapping model.

    Args:
        runs: All runs of the datasets. Structure does not depend on how steady a run was: all that have matched kernels
            count, but those of whole networks.
        environment: Where they were measured; the device family that recognises it says which rules are known.
        request: ``auto``, ``learned``, or the name of a preset.
        seed: For everything random.

    Raises:
        FitError: ``learned`` is asked for, and no run tells which layers ran together.
        OptionError: There is no such mapping.
    """
    check_request(request)
    truth = _distinct(runs)
    device = recognise(environment)
    known: MappingModel | None = resolve(device.mapping)(environment) if device and device.mapping else None
    otherwise = known or preset(_OTHERWISE)
    if request not in (AUTO, LEARNED):
        return _judged(_with_layout(preset(request), truth), "as asked for", truth)
    if request == LEARNED and not truth:
        raise FitError("no run tells which layers ran in which kernel: a mapping cannot be learned")
    if request == AUTO and len(truth) < _LEAST_RUNS:
        why = f"known for {environment['runtime']}" if known else "too few runs tell which layers ran together to learn"
        return _judged(_with_layout(otherwise, truth), why, truth)
    learned = JudgedMapping(LEARNED, _held_out(truth, otherwise, seed))
    written = _with_layout(otherwise, truth)
    other = _candidate(written, truth)
    if request == AUTO and known and _agreement(other) >= _agreement(learned) - _MARGIN:
        reason = "known rules agree with what was measured about as well as learned ones, all questions together"
        return MappingChoice(written, reason, (other, learned), len(truth))
    mapping = _with_layout(learn_mapping(truth, base=_base(), otherwise=otherwise, seed=seed), truth)
    reason = "as asked for" if request == LEARNED else (
        "learned rules agree better with what was measured than known ones" if known
        else f"no rules are known for {environment.get('runtime', 'the runtime')}"
    )  # fmt: skip
    return MappingChoice(mapping, reason, (learned, other), len(truth))


def _distinct(runs: Iterable[Run]) -> list[Run]:
    """One run of each network that says which layers its kernels ran."""
    by_network: dict[str, Run] = {}
    for run in runs:
        told = run.status is not Status.FAILED and any(kernel.layers for kernel in run.kernels)
        if told and run.purpose is not Purpose.NETWORK:
            by_network.setdefault(run.network.name, run)
    return [by_network[name] for name in sorted(by_network)]


def _base() -> MappingModel:
    """What learned rules stand on: decomposed operators, attention as one kernel, views."""
    rules = {rule.name: rule for name in _BASE for rule in preset(name).rules}
    views = {rule.name for rule in preset("views").rules}
    first = {rule.name for rule in preset("recognitions").rules} | {n for n in rules if n.startswith("attention")}
    kept = [rule for name, rule in rules.items() if name in first - views]
    return MappingModel("base", (*kept, *preset("views").rules))


def _held_out(truth: Sequence[Run], otherwise: MappingModel, seed: int) -> MappingQuality:
    """Quality of learned rules, every network judged by rules that were learned without it."""
    total = MappingQuality()
    for fold in range(_FOLDS):
        rest = [run for place, run in enumerate(truth) if place % _FOLDS != fold]
        learned = _with_layout(learn_mapping(rest, base=_base(), otherwise=otherwise, seed=seed), rest)
        total += mapping_quality(learned, truth[fold::_FOLDS])
    return total


def _with_layout(mapping: MappingModel, truth: Sequence[Run]) -> MappingModel:
    """The mapping with the layouts whose copies were measured."""
    return replace(mapping, layout=choose_layout(mapping, truth)) if truth else mapping


def _candidate(mapping: MappingModel, truth: Sequence[Run]) -> JudgedMapping:
    return JudgedMapping(mapping.name, mapping_quality(mapping, truth))


def _judged(mapping: MappingModel, reason: str, truth: Sequence[Run]) -> MappingChoice:
    return MappingChoice(mapping, reason, (_candidate(mapping, truth),) if truth else (), len(truth))


def _agreement(candidate: JudgedMapping) -> float:
    """Matthews correlation over everything that was asked."""
    quality = candidate.quality
    matthews = (quality.pairs + quality.removed + quality.copies).matthews
    return -1.0 if math.isnan(matthews) else matthews


@dataclass(frozen=True)
class _Case:
    """A run with its kernels before any layout.

    Attributes:
        run: The run.
        kernels: What the mapping's rules make of its network.
    """

    run: Run
    kernels: tuple[Kernel, ...]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds among the kernels."""
        return frozenset(kernel.kind for kernel in self.kernels if not kernel.free)

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
    cases = [_Case(run, kernels) for run in probes if (kernels := rules.apply(run.network))]
    names = _copy_names(probes)
    candidates: list[LayoutModel | None] = [mapping.layout] if mapping.layout is not None else []
    if names:
        candidates += [replace(layout(name), to_blocked=names[0], to_plain=names[1]) for name in layouts()]
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
    variants = [learned, replace(learned, copies_lines=False)]
    variants += [replace(variant, follows_most=True) for variant in variants]
    mistakes = [search.wrong, *(sum(case.wrong_copies(variant) for case in cases) for variant in variants[1:])]
    if min(mistakes) + split < fewest:
        chosen = variants[mistakes.index(min(mistakes))]
    return chosen


def _wrong(agreement: Confusion) -> int:
    return agreement.only_predicted + agreement.only_true


def _copy_names(runs: Iterable[Run]) -> tuple[str, str] | None:
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
