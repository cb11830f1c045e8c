"""What the roads of devices with formulas of their own share: errors on rows left out, ranges, intervals, accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.fitting.conformal import log_residuals
from annette.fitting.families import FAMILY_ORDER, fit_kind
from annette.fitting.samples import LEAST_ROWS
from annette.mapping.kernel import KernelTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.families import KindFit
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel
    from annette.network import Network
    from annette.platforms.intervals import LogResiduals

__all__ = [
    "DeviceFit",
    "accuracy_rows",
    "fit_families",
    "grouped_by_network",
    "held_out",
    "held_out_by_family",
    "kernel_residuals",
    "networks_of",
    "predict_s",
    "ranges_of",
    "tables_by_kind",
]

_RANGED: Final = (
    "batch", "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height",
    "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width", "input_count", "macs",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class DeviceFit:
    """The device's own formula, cross-validated on the rows it was fitted on.

    Attributes:
        family: Its family.
        samples: The rows.
        held_out_s: Prediction of each row by a fit that did not see its group.
    """

    family: str
    samples: Samples
    held_out_s: FloatArray

    @property
    def error(self) -> float:
        """Mean absolute relative error, left out."""
        return float(np.abs(self.held_out_s / self.samples.latency_s - 1).mean())


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


def tables_by_kind(networks: Sequence[Network], mapping: MappingModel, precision: Precision) -> list[KernelTable]:
    """The kernels of whole networks, for the ranges that a calibration has seen."""
    tables = []
    for network in networks:
        kernels = [kernel for kernel in mapping.apply(network) if not kernel.free]
        tables.append(KernelTable.from_kernels(kernels, network, precision))
    return tables


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


def held_out_by_family(device: DeviceFit, fits: Mapping[str, KindFit]) -> dict[str, FloatArray]:
    """Prediction of each row of the device's fit by family, left out; NaN where its kind has no model of a family."""
    samples = device.samples
    predicted = {family: np.full(len(samples), np.nan) for family in FAMILY_ORDER}
    for kind, fit in fits.items():
        for family in fit.models:
            predicted[family][samples.table.rows_by_kind[kind]] = fit.held_out_s[family]
    return {device.family: device.held_out_s, **predicted}


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
