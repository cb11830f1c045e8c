"""What the fits of several devices share."""

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
    "kernel_residuals",
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


def grouped_by_network(samples: Samples) -> Samples:
    """The samples, held out network by network: what stands before the first slash of each source.

    Unlike their own groups, this keeps different networks apart whose layers are called alike.
    """
    networks = np.array([source.split("/", 1)[0] for source in samples.sources.tolist()])
    return replace(samples, groups=networks)


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


def ranges_of(tables: Sequence[KernelTable]) -> dict[str, dict[str, tuple[float, float]]]:
    """Smallest and largest value of each dimension and of the multiply-accumulates, by kind.

    Columns that follow from what is fused (operations, bytes, activation) do not limit what a formula is good for.
    """
    joined = KernelTable.concatenate(tables)
    ranges = {}
    for kind, rows in joined.rows_by_kind.items():
        part = joined.select(rows)
        ranges[kind] = {name: (float(part[name].min()), float(part[name].max())) for name in _RANGED}
    return ranges


def kernel_residuals(device: DeviceFit, fits: Mapping[str, KindFit]) -> dict[str, dict[str, LogResiduals]]:
    """Quantiles of left-out log residuals, by kind and family, where there are two rows at least."""
    found: dict[str, dict[str, LogResiduals]] = {}
    residuals = np.log(device.samples.latency_s / device.held_out_s)
    for kind, rows in device.samples.table.rows_by_kind.items():
        if len(rows) >= 2:
            found[kind] = {device.family: log_residuals(residuals[rows])}
    for kind, fit in fits.items():
        found[kind] = found.get(kind, {}) | {family: log_residuals(fit.residuals(family)) for family in fit.models}
    return found


def accuracy_rows(device: DeviceFit, fits: Mapping[str, KindFit]) -> list[dict[str, Any]]:
    """One row for each kind: left-out mean absolute relative error of the device's formula and of each family."""
    rows = []
    for kind, indices in device.samples.table.rows_by_kind.items():
        measured = device.samples.latency_s[indices]
        row: dict[str, Any] = {"kind": kind, "rows": len(indices)}
        row[f"{device.family} MAPE"] = round(float(np.abs(device.held_out_s[indices] / measured - 1).mean()), 4)
        for family in FAMILY_ORDER if kind in fits else ():
            error = np.abs(fits[kind].held_out_s[family] / fits[kind].samples.latency_s - 1)
            row[f"{family} MAPE"] = round(float(error.mean()), 4)
        rows.append(row)
    return sorted(rows, key=lambda row: str(row["kind"]))
