"""Transfer: a fitted platform adapted to a similar device, from a few dozen measured kernels.

Between fitting anew, which wants thousands of kernels, and calibrating, which has whole networks only. With ten kernels
little moves: a factor on everything, factors on computing, moving and starting, and one for each kind, all pulled
towards the platform that is there. What more kernels may change, and how much is better fitted anew, rows left out say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annette._version import __version__
from annette.bench.records import made_for
from annette.errors import FitError
from annette.evaluation.metrics import mape
from annette.fitting.candidates import (
    LEAST_KERNELS,
    fit_candidates,
    judge,
    leave_out,
    predicted_s,
    preferred_models,
    select,
)
from annette.fitting.families import PREFERRED, KindFit, fit_kinds
from annette.fitting.formula_fit import OWN_COLUMNS, accuracy_rows, ranges_of
from annette.fitting.samples import LEAST_ROWS, Dropped, Samples, configurations
from annette.fitting.shrinkage import SIDES, adapted_intervals
from annette.fitting.training_data import platform_fields, read_training_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.fitting.candidates import Candidate, LeftOut
    from annette.fitting.shrinkage import Differences
    from annette.fitting.training_data import MeasuredKernels, TrainingData
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms import Platform

__all__ = ["Adapted", "TransferReport", "adapt_models", "measured_kernels", "transfer", "transfer_platform"]


@dataclass(frozen=True, eq=False)
class Adapted:
    """Models of a similar device.

    Attributes:
        models: The best of each kind.
        families: The best of each kind and family; a kind may have a family that it did not have.
        chosen: How each kind came to its best model.
        differences: Factors that were found for the models that the starting platform prefers.
        left_out: What was chosen on.
    """

    models: Mapping[str, LayerModel]
    families: Mapping[str, Mapping[str, LayerModel]]
    chosen: Mapping[str, Candidate]
    differences: Differences
    left_out: LeftOut


@dataclass(frozen=True, eq=False)
class TransferReport:
    """An adapted platform, and how well it predicts kernels that it was not adapted on.

    Attributes:
        platform: The adapted platform.
        start: Name of the platform that it started from.
        samples: The kernels.
        before_s: Their estimates by the starting platform.
        left_out_s: Estimates by adaptations that saw neither their network nor their configuration.
        differences: What was found for the models that the starting platform prefers.
        chosen: How each kind came to its model.
        new_kinds: Fits of kinds that the starting platform has no fitted model of.
        dropped: Rows that were left out.
    """

    platform: Platform
    start: str
    samples: Samples
    before_s: FloatArray
    left_out_s: FloatArray
    differences: Differences
    chosen: Mapping[str, Candidate]
    new_kinds: Mapping[str, KindFit]
    dropped: tuple[Dropped, ...]

    def error(self, column: str) -> float:
        """Mean absolute relative error of ``before`` or ``left_out``."""
        estimated: FloatArray = getattr(self, f"{column}_s")
        return mape(estimated, self.samples.latency_s)


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
    data, measured, others = measured_kernels(datasets, start, precision=precision)
    report = transfer(start, measured.samples, seed=seed)
    new_kinds = fit_kinds(others, seed=seed)
    adapted = _with_new_kinds(report.platform, new_kinds)
    overhead, meaning = adapted.overhead, start.latency_is
    if data.overheads.known and start.host_kinds:
        overhead = replace(start.overhead, per_kernel_s=data.overheads.per_kernel_s)
    elif data.overheads.known:
        overhead, meaning = data.overheads.stated(), "end_to_end"
    provenance = replace(
        adapted.provenance,
        created_by=f"annette {__version__} fit, from {start.name}",
        sources=(*adapted.provenance.sources, *data.sources),
        versions=tuple(sorted(data.environment.items())),
        notes=(*adapted.provenance.notes, *(part.text for part in measured.dropped)),
        measurement=measured.measurement,
        made_for=tuple(dict.fromkeys((*adapted.provenance.made_for, *made_for(data.everything)))),
    )
    known = platform_fields(data.environment)
    platform = replace(
        adapted,
        **known,
        name=name,
        description=description or f"{known['device']}, adapted from {start.name} with {len(report.samples)} kernels",
        overhead=overhead,
        latency_is=meaning,
        provenance=provenance,
    )
    return replace(report, platform=platform, new_kinds=new_kinds, dropped=measured.dropped)


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
    adapted = adapt_models(start, samples, seed=seed)
    judged_s = judge(start, samples, adapted.left_out, seed=seed)
    before_s, left_out_s = predicted_s(preferred_models(start), samples), judged_s[PREFERRED]
    factor = float(np.exp(adapted.differences.overall))
    best = {kind: model.family for kind, model in adapted.models.items()}
    platform = replace(
        start,
        models=adapted.families,
        preferred_by_kind={kind: family for kind, family in best.items() if family != start.preferred_family},
        overhead=replace(start.overhead, per_kernel_s=start.overhead.per_kernel_s * factor),
        intervals=adapted_intervals(start, best, samples, judged_s, adapted.differences),
        accuracy=_accuracy(samples, before_s, left_out_s),
        plain_roofline=None,
    )
    report = TransferReport(
        platform, start.name, samples, before_s, left_out_s, adapted.differences, adapted.chosen, {}, ()
    )
    return replace(report, platform=_documented(report))


def adapt_models(start: Platform, samples: Samples, *, seed: int = 0) -> Adapted:
    """Adapts all models of a platform, choosing on rows left out how each kind comes to its own.

    Args:
        start: Where to start from.
        samples: Cleaned rows of kinds that it has models for, of two different kernels at least.
        seed: For everything random.
    """
    left_out = leave_out(start, samples, seed=seed)
    candidates = fit_candidates(start, samples, kinds=start.models, seed=seed)
    chosen = select(candidates.models, start, left_out.evidence)
    families = {
        kind: {family: candidates.models[kind][candidate] for family, candidate in own.items()}
        for kind, own in chosen.items()
    }
    return Adapted(
        models={kind: own.pop(PREFERRED) for kind, own in families.items()},
        families=families,
        chosen={kind: own[PREFERRED] for kind, own in chosen.items()},
        differences=candidates.differences,
        left_out=left_out,
    )


def _accuracy(samples: Samples, before_s: FloatArray, left_out_s: FloatArray) -> tuple[dict[str, object], ...]:
    """A row a kind: kernels, error before, and error of adaptations that did not see them."""
    columns = {"before": before_s, "left-out": left_out_s}
    errors = {f"{name} MAPE": round(mape(column, samples.latency_s), 4) for name, column in columns.items()}
    return ({"kind": "all kinds", "rows": len(samples), **errors}, *accuracy_rows(samples, columns))


def _documented(report: TransferReport) -> Platform:
    platform, differences = report.platform, report.differences
    sides = ", ".join(f"{side} {np.exp(value):.3g}" for side, value in zip(SIDES, differences.sides, strict=True))
    kinds = ", ".join(f"{kind} {np.exp(value):.3g}" for kind, value in differences.kinds.items())
    ways = ", ".join(
        f"{kind} {report.chosen[kind].text}" for kind in differences.kinds if report.chosen[kind].way != "factors"
    )
    note = (
        f"adapted from {report.start} with {len(report.samples)} kernels: all times by "
        f"{np.exp(differences.overall):.4g}, on top {sides}; {kinds}; "
        f"{f'more than factors: {ways}; ' if ways else ''}left out, kernels are off by "
        f"{report.error('left_out'):.1%} ({report.error('before'):.1%} before)"
    )
    provenance = replace(platform.provenance, notes=(*platform.provenance.notes, note))
    return replace(platform, provenance=provenance)


def measured_kernels(
    datasets: Sequence[Dataset], start: Platform, *, precision: str | None = None
) -> tuple[TrainingData, MeasuredKernels, Samples]:
    """The kernels of datasets as the starting platform sees them.

    Args:
        datasets: Measured on the new device, in one environment.
        start: Its mapping says which layers run as one kernel, its precision how bytes are counted.
        precision: For datasets that do not say theirs.

    Returns:
        All that the datasets hold; kernels of kinds that the starting platform has fitted models for; cleaned kernels
        of other kinds, of each enough to be fitted anew.

    Raises:
        FitError: Nothing usable was measured, environments differ, or the precision is not that of the start.
    """
    data = read_training_data(datasets, precision)
    if data.precision.label != start.precision.label:
        raise FitError(
            f"{start.name!r} computes with {start.precision.activation_bits} bits and the datasets were measured in "
            f"{data.environment['precision']}: a transfer changes the device, not the precision"
        )
    profiler_s = None if data.overheads.known else start.provenance.measurement.get("profiler_s", 0.0)
    measured = data.kernels(start.mapping, profiler_s=profiler_s)
    kinds, counts = measured.samples.table.kinds, measured.samples.kinds
    known = np.isin(kinds, sorted(start.models.keys() - start.assumed.keys()))
    enough_to_fit = np.isin(kinds, [kind for kind, count in counts.items() if count >= LEAST_ROWS])
    few = measured.samples.select(~known & ~enough_to_fit)
    dropped = measured.dropped
    if len(few):
        reason = f"kinds without a fitted model in {start.name!r}, and too few to fit one ({', '.join(few.kinds)})"
        dropped = (*dropped, Dropped(reason, tuple(few.sources.tolist())))
    others = measured.samples.select(~known & enough_to_fit)
    return data, replace(measured, samples=measured.samples.select(known), dropped=dropped), others


def _with_new_kinds(platform: Platform, fits: Mapping[str, KindFit]) -> Platform:
    """The platform with these kinds as well: models, ranges, intervals, accuracy and a note.

    Args:
        platform: The adapted platform; what it assumes of these kinds goes.
        fits: Their fits.
    """
    if not fits:
        return platform
    intervals = platform.intervals
    if intervals is not None:
        own = {kind: fit.intervals() for kind, fit in fits.items()}
        intervals = replace(intervals, kernels={**intervals.kernels, **own})
    by_kind = sorted(fits.items())
    accuracy = [
        {"kind": kind, "rows": len(fit.samples), "left-out MAPE": round(fit.error(fit.best), 4)}
        for kind, fit in by_kind
    ]
    listed = ", ".join(f"{kind} ({len(fit.samples)} kernels, {fit.best})" for kind, fit in by_kind)
    note = f"fitted anew, for the starting platform has no fitted model of them: {listed}"
    return replace(
        platform,
        models={**platform.models, **{kind: fit.models for kind, fit in fits.items()}},
        preferred_by_kind={**platform.preferred_by_kind, **{kind: fit.best for kind, fit in fits.items()}},
        ranges={**platform.ranges, **ranges_of([fit.samples.table for fit in fits.values()], OWN_COLUMNS)},
        assumed={kind: why for kind, why in platform.assumed.items() if kind not in fits},
        intervals=intervals,
        accuracy=(*platform.accuracy, *accuracy),
        provenance=replace(platform.provenance, notes=(*platform.provenance.notes, note)),
    )
