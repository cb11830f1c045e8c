"""Estimates beside measurements: every network, every kind of kernel, every family of models."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annette.errors import AnnetteError, OptionError
from annette.evaluation.kernels import ErrorParts, KernelPairs, error_parts, kernel_pairs
from annette.evaluation.mapping_quality import MappingQuality, quality_of_kernels
from annette.evaluation.metrics import (
    OPERATION_COUNT,
    PLAIN_ROOFLINE,
    Errors,
    Ranking,
    errors,
    kendall,
    operation_scale,
    plain_roofline_s,
    ranking,
    spearman,
)
from annette.evaluation.pricing import CONFIDENCES, FAMILIES, price_network
from annette.evaluation.published import comparable_s
from annette.evaluation.truth import notes_on_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.evaluation.published import PaperFigure
    from annette.evaluation.truth import Truth
    from annette.mapping.kernel import FloatArray
    from annette.models.roofline import Roofline
    from annette.platforms import Platform

__all__ = [
    "CONFIDENCES",
    "Evaluation",
    "IntervalResult",
    "KindResult",
    "ModelResult",
    "NetworkResult",
    "evaluate",
]


@dataclass(frozen=True, eq=False)
class NetworkResult:
    """One network.

    Attributes:
        name: What the user calls it.
        batch: Samples processed together.
        ops: Its operations.
        measured_s: Its latency, or None where it is not known.
        rounds_s: Latency of each round of measurement.
        floor: Relative standard deviation of a round of measurement; None with fewer than two.
        standard_error: Relative standard error of its latency; None with fewer than two rounds.
        scale: Factor by which its measured times were brought to the speed of the platform's campaign.
        estimated_s: Its estimate by the model that is evaluated; None where it could not be estimated.
        interval_s: The estimate's interval at 90 %; None where the platform states none.
        by_model: Its estimate by each family that the platform has, and by the baselines.
        intervals_s: Interval at each of `CONFIDENCES`; empty where the platform states none.
        error_parts: Where its error comes from; None without a profile.
        mapping: How well the platform's mapping tells which layers ran together; None without a profile.
        problem: Why it could not be estimated; empty where it could.
        notes: Remarks of the estimate.
    """

    name: str
    batch: int
    ops: int
    measured_s: float | None
    rounds_s: tuple[float, ...]
    floor: float | None
    standard_error: float | None
    scale: float = 1.0
    estimated_s: float | None = None
    interval_s: tuple[float, float] | None = None
    by_model: Mapping[str, float] | None = None
    intervals_s: tuple[tuple[float, float], ...] = ()
    error_parts: ErrorParts | None = None
    mapping: MappingQuality | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """Signed relative error of the estimate; None where one side is not known."""
        if self.measured_s is None or self.estimated_s is None:
            return None
        return self.estimated_s / self.measured_s - 1.0


@dataclass(frozen=True, slots=True)
class ModelResult:
    """How good one way to estimate is over all networks.

    Attributes:
        model: ``preferred``, a family, or a baseline (`annette.evaluation.metrics`).
        errors: Relative errors.
        ratio: Its mean absolute error over that of the model that is evaluated; None where that has no error.
        ranking: Rank correlations; None for fewer than 3 networks.
    """

    model: str
    errors: Errors
    ratio: float | None
    ranking: Ranking | None


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind of kernel over all profiled networks.

    Attributes:
        kind: Kind of kernel.
        share: Share of the measured kernel time.
        errors: Relative errors of the model that is evaluated.
        spearman: Spearman's rank correlation; None for fewer than 3 kernels, or where one side is constant.
        kendall: Kendall's.
        by_model: Mean absolute error by family and by plain roofline.
        floor: Relative standard deviation of a round, mean over the kernels; None with one round.
        covered: Share of the kernels inside their 90 % intervals; None where the platform states none.
    """

    kind: str
    share: float
    errors: Errors
    spearman: float | None
    kendall: float | None
    by_model: Mapping[str, float]
    floor: float | None
    covered: float | None


@dataclass(frozen=True, slots=True)
class IntervalResult:
    """Intervals of whole networks at one confidence.

    Attributes:
        confidence: What is stated.
        covered: Share of the networks inside.
        width: Mean of upper over lower end, less 1.
        global_width: The same for one factor for all networks, chosen with the measurements known so that the stated
            share lies inside: what intervals that know nothing of the network would need.
    """

    confidence: float
    covered: float
    width: float
    global_width: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Estimates against measurements.

    Attributes:
        platform: Name of the platform.
        suite: What was evaluated.
        model: Model that is evaluated: a family, or ``preferred``.
        networks: One result each, in the order given.
        models: The model that is evaluated first, then all others; empty where nothing was measured.
        kinds: By share of time, largest first; empty without profiles.
        intervals: At each of `CONFIDENCES`; empty where the platform states none or nothing was measured.
        floor: Mean re-measurement floor; None where no network was measured twice.
        plain_roofline: The platform's baseline; None where it states none.
        remaining: Mean absolute error that remains with one part swapped for its truth, by part; empty without
            profiles.
        notes: What to know about the measurements, one sentence each.
        mapping: How well the platform's mapping tells what the runtime did, over all profiled networks; None without
            profiles.
        paper: What the paper states of its own estimates of such networks.
    """

    platform: str
    suite: str
    model: str
    networks: tuple[NetworkResult, ...]
    models: tuple[ModelResult, ...]
    kinds: tuple[KindResult, ...]
    intervals: tuple[IntervalResult, ...]
    floor: float | None
    plain_roofline: Roofline | None
    remaining: Mapping[str, float]
    notes: tuple[str, ...] = ()
    mapping: MappingQuality | None = None
    paper: tuple[PaperFigure, ...] = ()


def evaluate(
    platform: Platform,
    truths: Iterable[Truth],
    *,
    suite: str,
    model: str | None = None,
    fallback: str = "error",
    notes: Sequence[str] = (),
) -> Evaluation:
    """Estimates every network and compares.

    Args:
        platform: What is evaluated.
        truths: The networks; those without a latency are only estimated.
        suite: What to call the collection.
        model: Model family that is evaluated; None takes the platform's preference per kind.
        fallback: ``error`` leaves out networks with kinds that the platform has no model for, and says so;
            ``roofline`` prices them roughly.
        notes: What to know about the measurements; kept with the results.

    Returns:
        All results. A network that cannot be estimated is listed with the reason. Of one of which data choose what
        runs, the dearest way counts, intervals span all ways, and a note says so.

    Raises:
        OptionError: There are no networks, or the published latencies are of another device.
    """
    truths = tuple(truths)
    published = next((truth.published for truth in truths if truth.published is not None), None)
    stated = () if published is None else published.notes_for(platform)
    results: list[NetworkResult] = []
    pairs: list[KernelPairs] = []
    undecided: list[str] = []
    for truth in truths:
        result, profile = _network(platform, truth, model, fallback)
        results.append(result)
        pairs += [profile] if profile is not None else []
        undecided += [f"{truth.name}: {note}" for note in result.notes[-1:] if truth.network.variants]
    if not results:
        raise OptionError("there are no networks to evaluate on")
    results = _with_operation_count(results)
    compared = [result for result in results if result.error is not None]
    mapped = [result.mapping for result in results if result.mapping is not None]
    floors = [result.floor for result in compared if result.floor is not None]
    return Evaluation(
        platform=platform.name,
        suite=suite,
        model=model or "preferred",
        networks=tuple(results),
        models=tuple(_models(compared, model or "preferred")) if compared else (),
        kinds=tuple(_kinds(pairs)),
        intervals=tuple(_intervals(compared)),
        floor=float(np.mean(floors)) if floors else None,
        plain_roofline=platform.plain_roofline,
        remaining=_remaining(compared),
        notes=(*stated, *notes, *undecided, *notes_on_own(platform, truths)),
        mapping=sum(mapped, MappingQuality()) if mapped else None,
        paper=() if published is None else tuple(published.paper),
    )


def _network(
    platform: Platform, truth: Truth, model: str | None, fallback: str
) -> tuple[NetworkResult, KernelPairs | None]:
    base = NetworkResult(
        name=truth.name,
        batch=truth.network.batch,
        ops=truth.network.ops,
        measured_s=truth.latency_s,
        rounds_s=truth.rounds_s,
        floor=truth.floor,
        standard_error=truth.standard_error,
        scale=truth.scale,
    )
    latency_is = None if truth.published is None else truth.published.latency_is
    try:
        priced = price_network(platform, truth.network, model=model, fallback=fallback)
        estimated_s = comparable_s(priced.chosen, latency_is)
    except AnnetteError as error:
        return replace(base, problem=str(error)), None
    chosen, families, kernels = priced.chosen, priced.families, priced.kernels
    scale = estimated_s / chosen.latency_s if latency_is is not None and chosen.latency_s > 0 else 1.0
    stated = (estimate.interval_s for estimate in priced.stated if estimate.interval_s is not None)
    ends = tuple((scale * low, scale * high) for low, high in stated)
    totals_s = {family: comparable_s(estimate, latency_is) for family, estimate in families.items()}
    kernels_s = {family: estimate.prices.latency_s for family, estimate in families.items()}
    plain_s = plain_roofline_s(platform, chosen)
    if plain_s is not None:
        totals_s[PLAIN_ROOFLINE], kernels_s[PLAIN_ROOFLINE] = float(plain_s.sum()), plain_s
    profiled = truth.runs if priced.as_read else ()
    pairs = kernel_pairs(truth, platform, chosen, kernels_s) if profiled else None
    result = replace(
        base,
        estimated_s=estimated_s,
        interval_s=None if chosen.interval_s is None else (scale * chosen.interval_s[0], scale * chosen.interval_s[1]),
        by_model=totals_s,
        intervals_s=ends if len(ends) == len(CONFIDENCES) else (),
        mapping=next((quality_of_kernels(kernels, run) for run in profiled if run.kernels), None),
        error_parts=None if pairs is None or truth.latency_s is None else error_parts(pairs, chosen, truth.latency_s),
        notes=chosen.notes,
    )
    return result, pairs


def _with_operation_count(results: Sequence[NetworkResult]) -> list[NetworkResult]:
    """The results with the estimate by operation count, which takes the measured ones to find its scale."""
    known = [result for result in results if result.error is not None and result.ops > 0]
    if not known:
        return list(results)
    ops = np.array([result.ops for result in known], dtype=np.float64)
    scale = operation_scale(ops, np.array([result.measured_s for result in known], dtype=np.float64))
    return [
        result
        if result.by_model is None or result.ops == 0
        else replace(result, by_model={**result.by_model, OPERATION_COUNT: result.ops * scale})
        for result in results
    ]


def _models(compared: Sequence[NetworkResult], headline: str) -> list[ModelResult]:
    measured = np.array([result.measured_s for result in compared], dtype=np.float64)
    columns: dict[str, FloatArray] = {headline: np.array([result.estimated_s for result in compared], dtype=np.float64)}
    for name in (*FAMILIES, PLAIN_ROOFLINE, OPERATION_COUNT):
        if name != headline and all(name in (result.by_model or {}) for result in compared):
            columns[name] = np.array([(result.by_model or {})[name] for result in compared])
    by_name = {name: errors(column, measured) for name, column in columns.items()}
    ours = by_name[headline].mape
    return [
        ModelResult(name, by_name[name], by_name[name].mape / ours if ours > 0 else None, ranking(column, measured))
        for name, column in columns.items()
    ]


def _kinds(pairs: Sequence[KernelPairs]) -> list[KindResult]:
    if not pairs:
        return []
    total_s = sum(float(pair.measured_s.sum()) for pair in pairs)
    if not total_s > 0:
        return []
    everything = KernelPairs.concatenate(pairs)
    everything = everything.select(everything.measured_s > 0)  # Some runtimes report 0 for less than a microsecond.
    results = []
    for kind in sorted(set(everything.kinds.tolist())):
        rows = everything.select(everything.kinds == kind)
        floors = rows.floor[np.isfinite(rows.floor)]
        stated = np.isfinite(rows.lower_s)
        inside = (rows.lower_s <= rows.measured_s) & (rows.measured_s <= rows.upper_s)
        results.append(
            KindResult(
                kind=kind,
                share=float(rows.measured_s.sum()) / total_s,
                errors=errors(rows.estimated_s, rows.measured_s),
                spearman=_correlation(spearman, rows),
                kendall=_correlation(kendall, rows),
                by_model={family: errors(column, rows.measured_s).mape for family, column in rows.by_model.items()},
                floor=float(floors.mean()) if len(floors) else None,
                covered=float(inside[stated].mean()) if stated.any() else None,
            )
        )
    return sorted(results, key=lambda entry: -entry.share)


def _correlation(of: Callable[[FloatArray, FloatArray], float], rows: KernelPairs) -> float | None:
    value = of(rows.estimated_s, rows.measured_s) if len(rows.measured_s) > 2 else math.nan
    return value if math.isfinite(value) else None


def _intervals(compared: Sequence[NetworkResult]) -> list[IntervalResult]:
    stated = [result for result in compared if result.intervals_s]
    if not stated:
        return []
    measured = np.array([result.measured_s for result in stated], dtype=np.float64)
    estimated = np.array([result.estimated_s for result in stated], dtype=np.float64)
    off = np.abs(np.log(measured / estimated))
    results = []
    for index, confidence in enumerate(CONFIDENCES):
        lower, upper = np.array([result.intervals_s[index] for result in stated]).T
        needed = float(np.quantile(off, confidence, method="higher"))
        results.append(
            IntervalResult(
                confidence=confidence,
                covered=float(((lower <= measured) & (measured <= upper)).mean()),
                width=float((upper / lower - 1.0).mean()),
                global_width=float(np.expm1(2.0 * needed)),
            )
        )
    return results


def _remaining(compared: Sequence[NetworkResult]) -> dict[str, float]:
    remaining = [
        result.error_parts.remaining(result.measured_s)
        for result in compared
        if result.error_parts is not None and result.measured_s is not None
    ]
    return (
        {part: float(np.mean([abs(entry[part]) for entry in remaining])) for part in remaining[0]} if remaining else {}
    )
