"""Transfer: a fitted platform adapted to a similar device, from a few dozen measured kernels.

Between fitting anew, which wants thousands of kernels, and calibrating, which has whole networks only. What moves is
little: a factor on everything, factors on computing, moving and starting, and one for each kind that was measured, all
pulled towards the platform that is there (`annette.fit.shrinkage`). A kind with many rows also gets a correction of its
residuals where rows left out agree that it helps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette._version import __version__
from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fit.environment import benchmark_sources, common_environment, precision_of
from annette.fit.folds import configurations, folds
from annette.fit.forest import Growth, grow, joined
from annette.fit.outliers import without_outliers
from annette.fit.overheads import calibration_scales, measurement_facts, run_overheads
from annette.fit.pairs import samples_of
from annette.fit.rates import adapted, shares
from annette.fit.samples import Dropped, Samples, clean
from annette.fit.shrinkage import Differences, choose_strength, solve_differences
from annette.fit.sound import sound_runs
from annette.fit.transfer_intervals import adapted_intervals
from annette.models.mixed import Mixed
from annette.models.statistical import Statistical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms import Overhead, Platform, Source

__all__ = [
    "LEAST_KERNELS",
    "Adapted",
    "Measured",
    "TransferReport",
    "adapt_models",
    "measured_kernels",
    "predicted_s",
    "preferred_models",
    "transfer",
    "transfer_platform",
]

LEAST_KERNELS: Final = 8
"""With fewer different kernels nothing could be left out to see whether it helps."""

_LEAST_FOR_CORRECTION: Final = 20
_LEAST_RUNS: Final = 10
_SHORTEST_S: Final = 1e-12
_CLEARLY: Final = 0.98
_GROWTH: Final = Growth(trees=40, leaves=4, learning_rate=0.1, least_in_leaf=5, ridge=5.0)


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on the new device.

    Attributes:
        samples: Kernels that the starting platform has models for, cleaned.
        dropped: Rows that were left out, with reasons.
        environment: What they were measured in.
        sources: The datasets, for the provenance.
        measurement: What the measuring was like, see `annette.platforms.Provenance`.
        overhead: Costs beside kernels; None where the runs do not tell.
    """

    samples: Samples
    dropped: tuple[Dropped, ...]
    environment: Mapping[str, str]
    sources: tuple[Source, ...]
    measurement: Mapping[str, float]
    overhead: Overhead | None


@dataclass(frozen=True, eq=False)
class TransferReport:
    """An adapted platform, and how well it predicts kernels that it was not adapted on.

    Attributes:
        platform: The adapted platform.
        start: Name of the platform that it started from.
        samples: The kernels.
        before_s: Their estimates by the starting platform.
        left_out_s: Estimates by adaptations that saw neither their network nor their configuration.
        differences: What was found for the models that the platform prefers.
        dropped: Rows that were left out.
    """

    platform: Platform
    start: str
    samples: Samples
    before_s: FloatArray
    left_out_s: FloatArray
    differences: Differences
    dropped: tuple[Dropped, ...]

    def error(self, column: str) -> float:
        """Mean absolute relative error of ``before`` or ``left_out``."""
        estimated: FloatArray = getattr(self, f"{column}_s")
        return float(np.abs(estimated / self.samples.latency_s - 1).mean())


def measured_kernels(datasets: Sequence[Dataset], start: Platform, *, precision: str | None = None) -> Measured:
    """The kernels of datasets as the starting platform sees them.

    Args:
        datasets: Measured on the new device, in one environment.
        start: Its mapping says which layers run as one kernel, its precision how bytes are counted.
        precision: For datasets that do not say theirs.

    Raises:
        FitError: Nothing usable was measured, environments differ, or the precision is not that of the start.
    """
    environment = common_environment(datasets, precision)
    numbers = precision_of(environment)
    if numbers != start.precision:
        raise FitError(
            f"{start.name!r} computes with {start.precision.activation_bits} bits and the datasets were measured in "
            f"{environment['precision']}: a transfer changes the device, not the precision"
        )
    usable = [run for dataset in datasets for run in dataset.runs() if run.status.usable]
    runs, unsound = sound_runs(run for run in usable if run.purpose is not Purpose.NETWORK)
    if not runs:
        raise FitError("the datasets hold no usable run of anything but whole networks: calibrate with those")
    overheads = run_overheads(runs)
    enough = overheads.runs >= _LEAST_RUNS
    profiler_s = overheads.profiler_s if enough else start.provenance.measurement.get("profiler_s", 0.0)
    samples, _ = samples_of(runs, start.mapping, numbers, per_entry_s=profiler_s, scale=calibration_scales(runs))
    cleaned, joined_rows = clean(samples)
    kept, outliers = without_outliers(cleaned)
    known = np.isin(kept.table.kinds, sorted(start.models.keys() - start.assumed.keys()))
    strange = kept.select(~known)
    dropped = (*unsound, *joined_rows, *outliers)
    if len(strange):
        reason = f"kinds without a fitted model in {start.name!r} ({', '.join(strange.kinds)})"
        dropped = (*dropped, Dropped(reason, tuple(strange.sources.tolist())))
    measurement = measurement_facts(runs, profiler_s)
    overhead = replace(start.overhead, per_kernel_s=overheads.per_kernel_s) if enough else None
    return Measured(kept.select(known), dropped, environment, benchmark_sources(datasets), measurement, overhead)


def transfer_platform(
    datasets: Sequence[Dataset],
    start: Platform,
    *,
    name: str,
    description: str = "",
    precision: str | None = None,
    seed: int = 0,
) -> TransferReport:
    """Adapts a platform to a similar device.

    Args:
        datasets: Some kernels measured there; at least 8 different ones.
        start: Where to start from.
        name: The new platform's name.
        description: One sentence for people.
        precision: For datasets that do not say theirs.
        seed: For everything random.

    Raises:
        FitError: There are too few kernels, or they cannot be compared with the starting platform.
    """
    measured = measured_kernels(datasets, start, precision=precision)
    report = transfer(start, measured.samples, seed=seed)
    environment = measured.environment
    found = report.platform
    provenance = replace(
        found.provenance,
        created_by=f"annette {__version__} fit, from {start.name}",
        sources=(*found.provenance.sources, *measured.sources),
        versions=tuple(sorted(environment.items())),
        notes=(
            *found.provenance.notes,
            *(f"{len(part.sources)} measured kernels left out: {part.reason}" for part in measured.dropped),
        ),
        measurement=measured.measurement,
    )
    device = environment.get("device", environment.get("cpu", "unknown device"))
    platform = replace(
        found,
        name=name,
        description=description or f"{device}, adapted from {start.name} with {len(report.samples)} kernels",
        device=device,
        runtime=f"{environment.get('runtime', '?')} {environment.get('runtime_version', '')}".strip(),
        threads=int(environment.get("threads", "1")),
        overhead=measured.overhead or found.overhead,
        provenance=provenance,
    )
    return replace(report, platform=platform, dropped=measured.dropped)


def transfer(start: Platform, samples: Samples, *, seed: int = 0) -> TransferReport:
    """Adapts the models of a platform to measured kernels.

    Args:
        start: Where to start from.
        samples: Cleaned rows of kinds that it has models for.
        seed: For everything random.

    Raises:
        FitError: There are fewer than 8 different kernels.
    """
    different = len(np.unique(configurations(samples.table))) if len(samples) else 0
    if different < LEAST_KERNELS:
        raise FitError(
            f"a transfer needs {LEAST_KERNELS} different kernels or more, and there are {different}: with fewer, "
            "nothing could be left out to see whether it helps; measure more"
        )
    preferred = preferred_models(start)
    main = adapt_models(preferred, samples, seed)
    left_out_s = _left_out_s(preferred, samples, seed)
    models = {
        kind: {family: adapted(model, main.differences.of(kind)) for family, model in families.items()}
        for kind, families in start.models.items()
    }
    residuals = {"preferred": np.log(samples.latency_s / left_out_s)}
    for family in sorted({family for families in start.models.values() for family in families}):
        own = {kind: families[family] for kind, families in start.models.items() if family in families}
        rows = samples.select(np.isin(samples.table.kinds, sorted(own)))
        if len(np.unique(configurations(rows.table))) >= LEAST_KERNELS:
            for kind, model in adapt_models(own, rows, seed).models.items():
                models[kind][family] = model
            residuals[family] = np.log(rows.latency_s / _left_out_s(own, rows, seed))
    for kind in start.models:
        family = next(name for name, model in start.models[kind].items() if model is preferred[kind])
        models[kind][family] = main.models[kind]
    before_s = predicted_s(preferred, samples)
    overall = main.differences.of("")
    factor = float(np.exp(overall.overall))
    platform = replace(
        start,
        models=models,
        overhead=replace(start.overhead, per_kernel_s=start.overhead.per_kernel_s * factor),
        intervals=adapted_intervals(start, samples, residuals, main.differences),
        accuracy=_accuracy(samples, before_s, left_out_s),
        plain_roofline=None,
    )
    report = TransferReport(platform, start.name, samples, before_s, left_out_s, main.differences, ())
    return replace(report, platform=_documented(report))


def preferred_models(platform: Platform) -> dict[str, LayerModel]:
    """The model of each kind that a platform prefers, or the first where it lacks that family."""
    return {
        kind: families.get(platform.default_family(kind)) or next(iter(families.values()))
        for kind, families in platform.models.items()
    }


@dataclass(frozen=True)
class Adapted:
    """Models of a similar device.

    Attributes:
        models: One a kind.
        differences: What was found on the way.
    """

    models: Mapping[str, LayerModel]
    differences: Differences


def adapt_models(models: Mapping[str, LayerModel], samples: Samples, seed: int) -> Adapted:
    """Adapts one model a kind to rows of some of the kinds.

    Args:
        models: The starting platform's, by kind.
        samples: Cleaned rows of these kinds, at least one.
        seed: For everything random.
    """
    table = samples.table
    off = np.log(samples.latency_s / predicted_s(models, samples))
    follows = np.zeros((len(samples), 3))
    for kind, rows in table.rows_by_kind.items():
        follows[rows] = shares(models[kind], table.select(rows))
    strength = choose_strength(off, follows, table.kinds, folds(samples))
    found = solve_differences(off, follows, table.kinds, strength)
    changed = {kind: adapted(model, found.of(kind)) for kind, model in models.items()}
    for kind, rows in table.rows_by_kind.items():
        if len(rows) >= _LEAST_FOR_CORRECTION:
            changed[kind] = _corrected(changed[kind], samples.select(rows), seed)
    return Adapted(changed, found)


def _corrected(model: LayerModel, samples: Samples, seed: int) -> LayerModel:
    """The model with a few small trees more, if they help on rows that they did not see."""
    if not isinstance(model, (Mixed, Statistical)):
        return model
    off = np.log(samples.latency_s / model.predict_s(samples.table))
    features = model.features.matrix(samples.table)
    left = np.empty(len(off))
    for training, test in folds(samples):
        left[test] = off[test] - grow(features[training], off[training], _GROWTH, seed=seed).predict(features[test])
    if np.abs(left).mean() >= _CLEARLY * np.abs(off).mean():
        return model
    return replace(model, forest=joined(model.forest, grow(features, off, _GROWTH, seed=seed)))


def _left_out_s(models: Mapping[str, LayerModel], samples: Samples, seed: int) -> FloatArray:
    """Each row's estimate by models that were adapted, choices included, without its network and configuration."""
    estimated_s = np.empty(len(samples))
    for training, test in folds(samples):
        part = adapt_models(models, samples.select(training), seed)
        estimated_s[test] = predicted_s(part.models, samples.select(test))
    return estimated_s


def predicted_s(models: Mapping[str, LayerModel], samples: Samples) -> FloatArray:
    """Estimate of each row by one model a kind, seconds."""
    estimated_s = np.empty(len(samples))
    for kind, rows in samples.table.rows_by_kind.items():
        estimated_s[rows] = models[kind].predict_s(samples.table.select(rows))
    return np.maximum(estimated_s, _SHORTEST_S)


def _accuracy(samples: Samples, before_s: FloatArray, left_out_s: FloatArray) -> tuple[dict[str, object], ...]:
    """A row a kind: kernels, error before, and error of adaptations that did not see them."""
    everything = np.arange(len(samples))
    rows = [("all kinds", everything), *sorted(samples.table.rows_by_kind.items())]
    return tuple(
        {
            "kind": kind,
            "rows": len(own),
            "before MAPE": round(float(np.abs(before_s[own] / samples.latency_s[own] - 1).mean()), 4),
            "left-out MAPE": round(float(np.abs(left_out_s[own] / samples.latency_s[own] - 1).mean()), 4),
        }
        for kind, own in rows
    )


def _documented(report: TransferReport) -> Platform:
    platform, found = report.platform, report.differences
    sides = ", ".join(
        f"{side} {np.exp(value):.3g}"
        for side, value in zip(("computing", "moving", "starting"), found.sides, strict=True)
    )
    kinds = ", ".join(f"{kind} {np.exp(value):.3g}" for kind, value in found.kinds.items())
    note = (
        f"adapted from {report.start} with {len(report.samples)} kernels: all times by {np.exp(found.overall):.4g}, "
        f"on top {sides}; {kinds}; left out, kernels are off by {report.error('left_out'):.1%} "
        f"({report.error('before'):.1%} before)"
    )
    provenance = replace(platform.provenance, notes=(*platform.provenance.notes, note))
    return replace(platform, provenance=provenance)
