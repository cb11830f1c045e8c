"""Which mapping model a platform gets: rules known for the runtime, or rules learned from its datasets.

Rules that are known come from the device family that recognises the datasets (`annette.devices`). They can be wrong for
another version, and learned ones for what was not measured. So both are held
against the fusion truth of the datasets, the learned ones on networks that they were not learned from, and the better
one is taken. The layouts in which a runtime keeps feature maps are chosen in the same way, by the copies between them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.bench.records import Purpose, Status
from annette.devices.registry import recognise, resolve
from annette.errors import FitError, OptionError, nearest
from annette.evaluation.mapping_quality import MappingQuality, mapping_quality
from annette.fitting.mapping import learn_mapping
from annette.fitting.mapping_layout import choose_layout
from annette.fitting.request import AUTO, LEARNED, JudgedMapping, MappingChoice
from annette.mapping.model import MappingModel
from annette.mapping.rules import preset, presets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.records import Run

__all__ = ["check_request", "choose_mapping"]

_OTHERWISE: Final = "generic"
_BASE: Final = ("recognitions", "generic-attention", "views")
_LEAST_RUNS: Final = 20
_FOLDS: Final = 5


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
    if request == AUTO and known and _agreement(other) >= _agreement(learned):
        reason = "known rules agree with what was measured at least as well as learned ones, all questions together"
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
