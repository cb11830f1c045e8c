"""From datasets to a platform: in the way of the device family that recognises them, or by what all devices share.

Everything that was measured is fitted, judged and written down. Kinds that were measured too little or not at all are
priced like related ones: a square root takes about as long as other element-wise functions of as many operations. Such
a price is better than refusing the network, but it is an assumption: the platform says so for every kind, its kernels
count as not fitted, and estimates show it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette._version import __version__
from annette.bench.records import made_for
from annette.devices.registry import recognise
from annette.errors import FitError
from annette.fitting.composition import composed_errors, run_spread
from annette.fitting.families import FAMILY_ORDER, KindFit, fit_kinds
from annette.fitting.formula_fit import OWN_COLUMNS, ranges_of
from annette.fitting.mapping_choice import choose_mapping
from annette.fitting.request import FitReport, MappingChoice
from annette.fitting.roofline import fit_plain_roofline, fit_roofline
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.totals.fit import fit_totals, tells_totals_only
from annette.fitting.training_data import platform_fields, read_training_data
from annette.mapping.precision import kind_of, precision_in, with_precision
from annette.network import Category
from annette.network.kinds import kinds_in
from annette.platforms import Intervals, Platform, Provenance
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.devices.device import Device
    from annette.fitting.request import FitRequest
    from annette.fitting.samples import Samples
    from annette.fitting.training_data import MeasuredKernels, TrainingData
    from annette.mapping.precision import Precision
    from annette.models.base import LayerModel

__all__ = ["fit_generic", "fit_platform", "shared_rooflines"]

_WIDENING: Final = 2.0
_ABOVE_MEASURED: Final = 0.1

_RELATED: Final = (
    (Category.ACTIVATION, Category.UNARY, Category.QUANTIZATION),
    (Category.BINARY,),
    (Category.REDUCTION, Category.GLOBAL_POOLING),
    (Category.NORMALIZATION,),
    (Category.POOLING,),
    (Category.MOVEMENT, Category.SELECTION),
    (Category.RECURRENT,),
)
"""Categories whose kinds do much the same with their data."""

_SAID: Final = ("runtime", "device", "system_config", "memory_mode")


def fit_generic(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """Fits a platform by what any device's kernels have in common, or to totals where no run tells of kernels.

    Args:
        datasets: One or more, measured in the same environment.
        request: What is asked for.

    Raises:
        FitError: The datasets are empty, differ in environment, do not say their precision, or no kind has enough rows.
    """
    runs = [run for dataset in datasets for run in dataset.runs()]
    if tells_totals_only(runs):
        return fit_totals(datasets, runs, request, shared_rooflines)
    data = read_training_data(datasets, request.precision)
    environment = data.environment
    if isinstance(request.mapping, str):
        choice = choose_mapping(data.everything, environment, request=request.mapping, seed=request.seed)
    else:
        choice = MappingChoice(request.mapping, "as given")
    measured = data.kernels(choice.mapping)
    kept, overheads = measured.samples, data.overheads
    fits = fit_kinds(kept, seed=request.seed, progress=request.progress)
    unfitted = {kind: count for kind, count in kept.kinds.items() if kind not in fits}
    if not fits:
        raise FitError(f"no kind of kernel has {LEAST_ROWS} or more measured configurations: {_counts(unfitted)}")
    shared, assumed = shared_rooflines(kept, fits)
    known = platform_fields(environment)
    platform = Platform(
        name=request.name,
        description=request.description or f"{known['device']}, fitted from benchmarks",
        **known,
        precision=data.precision,
        latency_is="end_to_end" if overheads.known else "device",
        mapping=choice.mapping,
        models={kind: fit.models for kind, fit in fits.items()} | shared,
        preferred_family="mixed",
        preferred_by_kind={kind: fit.best for kind, fit in fits.items() if fit.best != "mixed"},
        overhead=overheads.stated(),
        ranges=ranges_of([fit.samples.table for fit in fits.values()], OWN_COLUMNS),
        intervals=_intervals(fits, measured.paired, math.hypot(run_spread(data.runs, overheads), data.level_error)),
        accuracy=tuple(_accuracy(fit) for fit in fits.values()),
        provenance=_provenance(data, choice, measured, unfitted),
        assumed=assumed,
        plain_roofline=fit_plain_roofline(kept),
        peak_ops_per_s=_peak_ops_per_s(kept),
    )
    return FitReport(platform, fits, choice, measured.dropped, unfitted, measured.paired_share, overheads)


def _peak_ops_per_s(samples: Samples) -> float | None:
    """What no kernel is priced faster than: the highest rate that was measured, and a tenth more.

    What is measured varies, and the fastest of many kernels was measured fast; clocks and the best shape may be a
    little better still. None where nothing multiplies.
    """
    rates = 2.0 * samples.table["macs"] / samples.latency_s
    fastest = float(rates.max())
    return (1.0 + _ABOVE_MEASURED) * fastest if fastest > 0 else None


def _intervals(fits: Mapping[str, KindFit], samples: Samples, run_s: float) -> Intervals:
    families: dict[str, str | None] = {"preferred": None} | {family: family for family in FAMILY_ORDER}
    composed = {key: composed_errors(samples, fits, family, run_s) for key, family in families.items()}
    return Intervals(
        kernels={kind: fit.intervals() for kind, fit in fits.items()},
        networks=None,
        composed={key: errors for key, errors in composed.items() if errors is not None},
        extrapolation_widening=_WIDENING,
    )


def _accuracy(fit: KindFit) -> dict[str, object]:
    """One row of the accuracy table: cross-validated mean relative error by family."""
    errors = {f"{family} MAPE": round(fit.error(family), 4) for family in FAMILY_ORDER}
    return {"kind": fit.kind, "rows": len(fit.samples), "best": fit.best, **errors}


def _provenance(
    data: TrainingData, choice: MappingChoice, measured: MeasuredKernels, unfitted: Mapping[str, int]
) -> Provenance:
    notes = [*choice.notes, *(part.text for part in measured.dropped)]
    if data.whole_networks:
        notes.append(f"{data.whole_networks} runs of whole networks in the datasets were not fitted on")
    if unfitted:
        notes.append(f"too few measurements to fit: {_counts(unfitted)}")
    return Provenance(
        created_by=f"annette {__version__} fit",
        sources=data.sources,
        versions=tuple(sorted(data.environment.items())),
        notes=tuple(notes),
        measurement=measured.measurement,
        made_for=made_for(data.everything),
    )


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items())) or "none"


def shared_rooflines(
    samples: Samples, fitted: Collection[str]
) -> tuple[dict[str, dict[str, LayerModel]], dict[str, str]]:
    """One roofline for all kinds of a group of categories that have no model of their own.

    Args:
        samples: All cleaned rows.
        fitted: Kinds that have models of their own.

    Returns:
        Models by kind and family, and for each of these kinds why it is an assumption.
    """
    models: dict[str, dict[str, LayerModel]] = {}
    reasons: dict[str, str] = {}
    precisions = dict.fromkeys(precision_in(kind) for kind in samples.kinds)
    for categories, precision in itertools.product(_RELATED, precisions):
        related = {with_precision(kind, precision) for kind in kinds_in(*categories)}
        rows = samples.select(np.isin(samples.table.kinds, sorted(related)))
        if len(rows) < LEAST_ROWS:
            continue
        roofline = fit_roofline(rows)
        if not rows.table["ops"].any():
            roofline = replace(roofline, ops_per_s=_rate_of_related(samples, categories) or roofline.bytes_per_s)
        measured = ", ".join(rows.kinds)
        for kind in sorted(related - set(fitted)):
            models[kind] = {"roofline": roofline}
            reasons[kind] = f"priced like the related kinds that were measured: {measured}"
    return models, reasons


def _rate_of_related(samples: Samples, categories: Collection[Category]) -> float | None:
    """Operations per second of a group's measured kinds of any precision; None where none does any.

    Rows without operations say nothing of what an operation takes, and a rate that is fitted on them may be anything.
    """
    related = kinds_in(*categories)
    of_group = np.array([kind_of(kind) in related for kind in samples.table.kinds], dtype=bool)
    rows = samples.select(of_group & (samples.table["ops"] > 0))
    return fit_roofline(rows).ops_per_s if len(rows) >= LEAST_ROWS else None


def fit_platform(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """Fits a platform, in the way of the device family that recognises where the datasets were measured.

    Args:
        datasets: One or more.
        request: What is asked for.

    Returns:
        The platform, with the family that was recognised. Where none is, the provenance says so as well.

    Raises:
        FitError: The datasets are empty, differ in environment, do not say their precision, or no kind has enough rows.
        PluginError: Several families claim the datasets.
    """
    environments = [environment for dataset in datasets for environment in dataset.environments()]
    if not environments:
        raise FitError("the datasets are empty: nothing was measured")
    device = recognise(environments[0])
    if device is not None and any(recognise(other) is not device for other in environments[1:]):
        raise FitError(f"some of the datasets are of {device.title}, others are not: fit them apart")
    report: FitReport = (resolve(device.fit) if device and device.fit else fit_generic)(datasets, request)
    road = report.road or _road(device, environments[0])
    provenance = report.platform.provenance
    versions = provenance.versions
    if "collection" not in environments[0]:  # what was measured here can be measured again in the same way
        versions = tuple(sorted({**environments[0], **dict(versions)}.items()))
    provenance = replace(provenance, versions=versions, notes=(*provenance.notes, road))
    noted = replace(report.platform, provenance=provenance)
    if device is not None and device.converts:
        noted = replace(noted, precision=replace(noted.precision, converts=_converted(device, noted.precision)))
    return replace(report, platform=noted, device=device.name if device else "", road=road)


def _converted(device: Device, own: Precision) -> tuple[str, ...]:
    """Precisions that the device's tools turn into the platform's own, those left out that it takes anyway."""
    plain = replace(own, converts=())
    return tuple(name for name in device.converts if not plain.takes(name))


def _road(device: Device | None, environment: Mapping[str, str]) -> str:
    said = ", ".join(f"{key} {environment[key]!r}" for key in _SAID if environment.get(key))
    if device is None:
        return f"no device family knows measurements of {said or 'an unnamed device'}: fitted by the generic road"
    own = "its own way of fitting" if device.fit else "the generic road"
    return f"measurements of {said}, recognised as {device.title}: fitted by {own}"
