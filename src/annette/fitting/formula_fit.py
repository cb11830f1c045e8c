"""What the roads of devices with formulas of their own share.

Constants of a formula, by robust regression on the logarithm of time, drawn to what is known beforehand; and errors on
rows left out, ranges, intervals, accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import least_squares

from annette.fitting.conformal import log_residuals
from annette.fitting.families import FAMILY_ORDER, fit_kind
from annette.fitting.samples import LEAST_ROWS
from annette.mapping.kernel import KernelTable
from annette.models.roofline import Roofline
from annette.models.tiled_roofline import Range, TiledRoofline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.families import KindFit
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.models.tiled_roofline import Formula
    from annette.platforms.intervals import LogResiduals

__all__ = [
    "NEVER_COMPUTES",
    "accuracy_rows",
    "fit_constants",
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

_RANGED: Final = (
    "batch", "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height",
    "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width", "input_count", "macs",
)  # fmt: skip
_SOFTNESS: Final = 0.05
_SHORTEST_S: Final = 1e-9
_LEAST_SCALE: Final = 0.5

NEVER_COMPUTES: Final = 1e15
"""Peak rate of a roofline that only memory bounds, operations per second."""


def fit_tiled(samples: Samples, formula: Formula, strength: float) -> TiledRoofline:
    """Fits a formula.

    Args:
        samples: Rows of kinds that the formula is for; without any, its typical constants are taken.
        formula: What to fit.
        strength: How strongly constants are drawn to their typical values.
    """
    table = samples.table
    constants = fit_constants(lambda p: formula.seconds(table, p), formula.constants, samples.latency_s, strength)
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
    constants = fit_constants(
        lambda p: p["start_us"] * 1e-6 + size / (p["gb_per_s"] * 1e9),
        {"start_us": start, "gb_per_s": bandwidth},
        samples.latency_s,
        strength,
    )
    return Roofline(
        ops_per_s=NEVER_COMPUTES, bytes_per_s=constants["gb_per_s"] * 1e9, offset_s=constants["start_us"] * 1e-6
    )


def fit_constants(
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
        residuals,
        start,
        bounds=(least, most),
        loss="soft_l1",
        f_scale=_SOFTNESS,
        x_scale=np.maximum(start, 0.1),
    )
    return dict(zip(names, optimum.x.tolist(), strict=True))


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
    return samples if enough else replace(samples, groups=_configurations(samples))


def _configurations(samples: Samples) -> npt.NDArray[np.str_]:
    """A name for each distinct row of the table: repeated measurements stay together."""
    _, inverse = np.unique(samples.table.values, axis=0, return_inverse=True)
    return np.array([f"configuration {number}" for number in inverse.ravel().tolist()])


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
                error = np.abs(predicted[known] / samples.latency_s[known] - 1).mean()
                row[f"{family} MAPE"] = round(float(error), 4)
        table.append(row)
    return table
