"""From datasets to a platform: everything that was measured, fitted, judged and written down."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from annette._version import __version__
from annette.errors import FitError
from annette.fitting.composition import composed_errors, run_spread
from annette.fitting.environment import platform_fields
from annette.fitting.families import FAMILY_ORDER, KindFit, fit_kind
from annette.fitting.mapping_choice import choose_mapping
from annette.fitting.plain_roofline import fit_plain_roofline
from annette.fitting.related_kinds import shared_rooflines
from annette.fitting.request import FitReport, MappingChoice
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.training_data import read_training_data
from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS
from annette.platforms import Intervals, Overhead, Platform, Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.fitting.request import FitRequest
    from annette.fitting.samples import Samples
    from annette.fitting.training_data import MeasuredKernels, TrainingData

__all__ = ["fit_generic", "fitted_ranges"]

_WIDENING: Final = 2.0


def fit_generic(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """Fits a platform by what any device's kernels have in common.

    Args:
        datasets: One or more, measured in the same environment.
        request: What is asked for.

    Raises:
        FitError: The datasets are empty, differ in environment, do not say their precision, or no kind has enough rows.
    """
    data = read_training_data(datasets, request.precision)
    environment = data.environment
    if isinstance(request.mapping, str):
        choice = choose_mapping(data.everything, environment, request=request.mapping, seed=request.seed)
    else:
        choice = MappingChoice(request.mapping, "as given")
    measured = data.kernels(choice.mapping)
    kept, overheads = measured.samples, data.overheads
    fits: dict[str, KindFit] = {}
    unfitted = {kind: count for kind, count in kept.kinds.items() if count < LEAST_ROWS}
    for kind, count in kept.kinds.items():
        if kind in unfitted:
            continue
        if request.progress is not None:
            request.progress(kind, count)
        fits[kind] = fit_kind(kind, kept.of_kind(kind), seed=request.seed)
    if not fits:
        raise FitError(f"no kind of kernel has {LEAST_ROWS} or more measured configurations: {_counts(unfitted)}")
    shared, assumed = shared_rooflines(kept, fits)
    platform = Platform(
        name=request.name,
        description=request.description
        or f"{environment.get('cpu', environment.get('device', '?'))}, fitted from benchmarks",
        **platform_fields(environment),
        precision=data.precision,
        latency_is="device",
        mapping=choice.mapping,
        models={kind: fit.models for kind, fit in fits.items()} | shared,
        preferred_family="mixed",
        preferred_by_kind={kind: fit.best for kind, fit in fits.items() if fit.best != "mixed"},
        overhead=Overhead(per_kernel_s=overheads.per_kernel_s),
        ranges={kind: fitted_ranges(fit.samples) for kind, fit in fits.items()},
        intervals=_intervals(fits, measured.paired, run_spread(data.runs, overheads)),
        accuracy=tuple(_accuracy(fit) for fit in fits.values()),
        provenance=_provenance(data, choice, measured, unfitted),
        assumed=assumed,
        plain_roofline=fit_plain_roofline(kept),
    )
    return FitReport(platform, fits, choice, measured.dropped, unfitted, measured.paired_share, overheads)


def fitted_ranges(samples: Samples) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each column but those of the network around a kernel, for rows of one kind."""
    values = samples.table.values
    return {
        column: (float(values[:, index].min()), float(values[:, index].max()))
        for index, column in enumerate(COLUMNS)
        if column not in NETWORK_COLUMNS
    }


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
    row: dict[str, object] = {"kind": fit.kind, "rows": len(fit.samples), "best": fit.best}
    for family in FAMILY_ORDER:
        row[f"{family} MAPE"] = round(fit.error(family), 4)
    return row


def _provenance(
    data: TrainingData, choice: MappingChoice, measured: MeasuredKernels, unfitted: Mapping[str, int]
) -> Provenance:
    notes = [
        *choice.notes,
        *(part.text for part in measured.dropped),
    ]
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
    )


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} ({count})" for kind, count in sorted(Counter(kinds).items())) or "none"
