"""What the roads of devices with formulas of their own share: errors on rows left out, ranges, intervals, accuracy.

Imported measurements are read in the order of their tables. Licences and hashes travel with the numbers from the tables
into the dataset and from there into the platform file; so does what a user of the numbers should know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import least_squares

from annette._version import __version__
from annette.bench.importing.collection import ROW, Origin, origin_of
from annette.errors import FitError
from annette.evaluation.metrics import mape
from annette.fitting.conformal import log_residuals
from annette.fitting.families import FAMILY_ORDER, fit_kind
from annette.fitting.request import AUTO, FitReport, MappingChoice
from annette.fitting.samples import LEAST_ROWS
from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS, KernelTable
from annette.models.roofline import Roofline
from annette.models.tiled_roofline import Range, TiledRoofline
from annette.platforms import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.dataset import Dataset
    from annette.bench.importing.collection import Collection
    from annette.bench.records import Run
    from annette.fitting.families import KindFit
    from annette.fitting.request import FitRequest
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.models.tiled_roofline import Formula
    from annette.network import Network
    from annette.platforms import Platform
    from annette.platforms.intervals import LogResiduals

__all__ = [
    "NEVER_COMPUTES",
    "OWN_COLUMNS",
    "Published",
    "accuracy_rows",
    "device_report",
    "fit_families",
    "fit_per_byte",
    "fit_tiled",
    "grouped_by_network",
    "held_out",
    "held_out_by_family",
    "kernel_residuals",
    "networks_of",
    "predict_s",
    "ranges_of",
]

OWN_COLUMNS: Final = tuple(column for column in COLUMNS if column not in NETWORK_COLUMNS)
"""All columns of a kernel but those of the network around it."""

_RANGED: Final = (
    "batch", "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height",
    "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width", "input_count", "macs",
)  # fmt: skip

_SOFTNESS: Final = 0.05
_SHORTEST_S: Final = 1e-9
_LEAST_SCALE: Final = 0.5

NEVER_COMPUTES: Final = 1e15
"""Peak rate of a roofline that only memory bounds, operations per second."""


def networks_of(samples: Samples) -> npt.NDArray[np.str_]:
    """The network of each row: what stands before the first slash of its source."""
    return np.array([source.split("/", 1)[0] for source in samples.sources.tolist()])


def grouped_by_network(samples: Samples) -> Samples:
    """The samples, held out network by network.

    Unlike their own groups, this keeps different networks apart whose layers are called alike.
    """
    return replace(samples, groups=networks_of(samples))


def predict_s(models: Mapping[str, LayerModel], table: KernelTable) -> FloatArray:
    """Time of each row by the model of its kind."""
    predicted = np.empty(len(table))
    for kind, rows in table.rows_by_kind.items():
        predicted[rows] = models[kind].predict_s(table.select(rows))
    return predicted


def held_out(samples: Samples, fit: Callable[[Samples], Mapping[str, LayerModel]]) -> FloatArray:
    """Prediction of each row by models that were fitted without its group.

    Args:
        samples: Rows of any kinds.
        fit: From samples to models by kind.
    """
    predicted = np.empty(len(samples))
    for group in np.unique(samples.groups):
        test = samples.groups == group
        predicted[test] = predict_s(fit(samples.select(~test)), samples.table.select(test))
    return predicted


def fit_families(samples: Samples, *, seed: int = 0) -> dict[str, KindFit]:
    """The four general families for every kind with enough rows.

    Rows are held out by their groups; where that leaves too few to fit on, by configuration.
    """
    kinds = [kind for kind, count in samples.kinds.items() if count >= LEAST_ROWS]
    return {kind: fit_kind(kind, _separable(samples.of_kind(kind)), seed=seed) for kind in kinds}


def _separable(samples: Samples) -> Samples:
    _, counts = np.unique(samples.groups, return_counts=True)
    enough = len(counts) > 1 and len(samples) - counts.max() >= LEAST_ROWS
    if enough:
        return samples
    _, configuration = np.unique(samples.table.values, axis=0, return_inverse=True)  # repeated ones stay together
    return replace(samples, groups=np.array([f"configuration {number}" for number in configuration.ravel().tolist()]))


def ranges_of(
    tables: Sequence[KernelTable], columns: Sequence[str] = _RANGED
) -> dict[str, dict[str, tuple[float, float]]]:
    """Smallest and largest value of each dimension and of the multiply-accumulates, by kind.

    Columns that follow from what is fused (operations, bytes, activation) do not limit what a formula is good for.

    Args:
        tables: Kernels that were fitted on.
        columns: What a formula looks at.
    """
    joined = KernelTable.concatenate(tables)
    ranges = {}
    for kind, rows in joined.rows_by_kind.items():
        part = joined.select(rows)
        ranges[kind] = {name: (float(part[name].min()), float(part[name].max())) for name in columns}
    return ranges


def held_out_by_family(
    samples: Samples, fits: Mapping[str, KindFit], own: str, left_out_s: FloatArray
) -> dict[str, FloatArray]:
    """Prediction of each row by family, left out; NaN where its kind has no model of a family.

    Args:
        samples: The rows that the device's own formula was fitted on.
        fits: The general families, fitted on the same rows.
        own: The family of the device's own formula.
        left_out_s: Its prediction of each row, left out.
    """
    predicted = {family: np.full(len(samples), np.nan) for family in FAMILY_ORDER}
    for kind, fit in fits.items():
        for family in fit.models:
            predicted[family][samples.table.rows_by_kind[kind]] = fit.held_out_s[family]
    return {own: left_out_s, **predicted}


def kernel_residuals(samples: Samples, left_out: Mapping[str, FloatArray]) -> dict[str, dict[str, LogResiduals]]:
    """Quantiles of left-out log residuals, by kind and family, where there are two rows at least.

    Args:
        samples: Measured kernels.
        left_out: For each family the prediction of each row by a fit that did not see it, NaN where there is none.
    """
    residuals: dict[str, dict[str, LogResiduals]] = {}
    for kind, rows in samples.table.rows_by_kind.items():
        for family, predicted in left_out.items():
            known = rows[np.isfinite(predicted[rows])]
            if len(known) >= 2:
                errors = np.log(samples.latency_s[known] / predicted[known])
                residuals.setdefault(kind, {})[family] = log_residuals(errors)
    return residuals


def accuracy_rows(samples: Samples, left_out: Mapping[str, FloatArray]) -> list[dict[str, Any]]:
    """One row for each kind: left-out mean absolute relative error of each family; arguments as `kernel_residuals`."""
    table = []
    for kind, rows in sorted(samples.table.rows_by_kind.items()):
        row: dict[str, Any] = {"kind": kind, "rows": len(rows)}
        for family, predicted in left_out.items():
            known = rows[np.isfinite(predicted[rows])]
            if len(known):
                row[f"{family} MAPE"] = round(mape(predicted[known], samples.latency_s[known]), 4)
        table.append(row)
    return table


@dataclass(frozen=True)
class Published:
    """Published measurements of one device.

    Attributes:
        kernels: Runs with profiled kernels, in the order of the tables.
        networks: Whole networks of which only the total is known, in the order of the tables.
        provenance: Where both come from.
    """

    kernels: tuple[Run, ...]
    networks: tuple[Run, ...]
    provenance: Provenance

    @classmethod
    def of(cls, collection: Collection, notes: Iterable[str] = ()) -> Published:
        """The measurements of a collection, as they would come back from a dataset."""
        return cls._of(collection.runs, [collection.origin], notes)

    @classmethod
    def read(cls, datasets: Sequence[Dataset], request: FitRequest, notes: Iterable[str] = ()) -> Published:
        """The measurements of datasets that ``annette import`` has made.

        Args:
            datasets: One or more, of one device.
            request: What is asked for.
            notes: What a user should know about the fit, one sentence each; they follow those of the datasets.

        Raises:
            DatasetError: A dataset is damaged.
            FitError: A mapping is asked for, which this device's own way of fitting cannot take, or another precision
                than that of the measurements.
        """
        if request.mapping != AUTO:
            raise FitError("this device's own way of fitting has its own mapping: leave --mapping out")
        runs, origins = [], []
        for dataset in datasets:
            runs += sorted(dataset.runs(), key=lambda run: int(run.details.get(ROW, "0")))
            origins.append(origin_of(dataset) or Origin())
        stated = {run.environment.get("precision", "") for run in runs}
        if request.precision is not None and stated != {request.precision}:
            raise FitError(f"precision {request.precision!r} was stated, but the datasets hold {', '.join(stated)}")
        return cls._of(runs, origins, notes)

    @classmethod
    def _of(cls, runs: Sequence[Run], origins: Sequence[Origin], notes: Iterable[str]) -> Published:
        provenance = Provenance(
            created_by=f"annette {__version__} fit",
            sources=tuple(dict.fromkeys(source for origin in origins for source in origin.sources)),
            versions=tuple({name: text for origin in origins for name, text in origin.versions.items()}.items()),
            notes=tuple(dict.fromkeys([*(note for origin in origins for note in origin.notes), *notes])),
        )
        return cls(tuple(run for run in runs if run.kernels), tuple(run for run in runs if not run.kernels), provenance)

    @property
    def pairs(self) -> list[tuple[Network, float]]:
        """Whole networks with their times, seconds."""
        return [(run.network, run.latency_s) for run in self.networks]

    @property
    def names(self) -> list[str]:
        """What the whole networks are called."""
        return [run.case for run in self.networks]


def device_report(platform: Platform, request: FitRequest, fits: Mapping[str, KindFit] | None = None) -> FitReport:
    """The report about a platform that a device's own way of fitting has made, under the name that was asked for."""
    named = replace(platform, name=request.name, description=request.description or platform.description)
    return FitReport(named, fits or {}, MappingChoice(platform.mapping, "the device's own rules"))


def fit_tiled(samples: Samples, formula: Formula, strength: float) -> TiledRoofline:
    """Fits a formula.

    Args:
        samples: Rows of kinds that the formula is for; without any, its typical constants are taken.
        formula: What to fit.
        strength: How strongly constants are drawn to their typical values.
    """
    table = samples.table
    constants = _fit_constants(lambda p: formula.seconds(table, p), formula.constants, samples.latency_s, strength)
    return TiledRoofline(formula.name, constants)


def fit_per_byte(samples: Samples, *, start: Range, bandwidth: Range, strength: float) -> Roofline:
    """Fits ``t0 + bytes / B``, for kernels that a start and one bandwidth describe.

    Args:
        samples: Rows of such kernels.
        start: Of t0, in microseconds.
        bandwidth: Of B, in gigabytes per second.
        strength: How strongly both are drawn to their typical values.
    """
    size = samples.table.bytes
    constants = _fit_constants(
        lambda p: p["start_us"] * 1e-6 + size / (p["gb_per_s"] * 1e9),
        {"start_us": start, "gb_per_s": bandwidth},
        samples.latency_s,
        strength,
    )
    return Roofline(
        ops_per_s=NEVER_COMPUTES, bytes_per_s=constants["gb_per_s"] * 1e9, offset_s=constants["start_us"] * 1e-6
    )


def _fit_constants(
    seconds: Callable[[Mapping[str, float]], FloatArray],
    ranges: Mapping[str, Range],
    latency_s: FloatArray,
    strength: float,
) -> dict[str, float]:
    """Finds constants that explain measured times.

    Minimises a soft absolute error of ``log(predicted / measured)`` and, with weight ``strength`` and for as many rows
    as there are, the distance of each constant from its typical value relative to that value.

    Args:
        seconds: Time of each row for given constants.
        ranges: Where each constant is looked for.
        latency_s: Measured times, shape ``(rows,)``.
        strength: Weight of what is known beforehand.
    """
    names = list(ranges)
    start, least, most = (np.array([ranges[name][part] for name in names], dtype=np.float64) for part in range(3))
    if not len(latency_s):
        return dict(zip(names, start.tolist(), strict=True))
    log_s = np.log(latency_s)
    pull = strength * np.sqrt(len(log_s)) / np.maximum(np.abs(start), _LEAST_SCALE)

    def residuals(x: FloatArray) -> FloatArray:
        predicted = seconds(dict(zip(names, x.tolist(), strict=True)))
        error = np.log(np.maximum(predicted, _SHORTEST_S)) - log_s
        return np.concatenate([error, pull * (x - start)])

    optimum = least_squares(
        residuals, start, bounds=(least, most), loss="soft_l1", f_scale=_SOFTNESS, x_scale=np.maximum(start, 0.1)
    )
    return dict(zip(names, optimum.x.tolist(), strict=True))
