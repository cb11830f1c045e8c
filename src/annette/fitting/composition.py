"""How the errors of kernels add up to those of networks, learned from runs of several kernels.

No whole network's time is needed: the kernels of every measured chain are predicted by models that did not see the
chain, and how far their sums are off says how errors that belong together go together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from annette.fitting.conformal import LARGEST_SCORE, half_width, log_residuals, spread_by_time
from annette.fitting.samples import evicted_bytes
from annette.platforms.intervals import ComposedErrors
from annette.platforms.kernel_similarity import equal_rows, similarity, similarity_coordinates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.fitting.families import KindFit
    from annette.fitting.overheads import RunOverheads
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.platforms.spread import Spread

__all__ = ["composed_errors", "run_spread"]

_LEAST_RUNS: Final = 30
_LEAST_RUN_S: Final = 2e-4
_LONG_RUN_S: Final = 2e-3
_LEAST_FOR_RUNS: Final = 10
_LONGEST: Final = 1 / 3
_ENOUGH_RUNS: Final = 100
_LARGEST: Final = 0.95


@dataclass(frozen=True, eq=False)
class _Rows:
    """Measured kernels with predictions by models that did not see them, in runs."""

    table: KernelTable
    measured_s: FloatArray
    predicted_s: FloatArray
    runs: Sequence[npt.NDArray[np.intp]]

    @property
    def residuals(self) -> FloatArray:
        residuals: FloatArray = np.log(self.measured_s / self.predicted_s)
        return residuals


def composed_errors(
    samples: Samples, fits: Mapping[str, KindFit], family: str | None, run_s: float
) -> ComposedErrors | None:
    """Learns how errors add up.

    Args:
        samples: Measured kernels before equal ones were joined; the group of a row is its run.
        fits: The fit of each kind, with predictions of rows by models that did not see them.
        family: Model family; None takes the best of each kind.
        run_s: Standard deviation of the log ratio of runs to the sums of their kernels, see `run_spread`.

    Returns:
        None where fewer than 30 runs have two or more kernels.
    """
    rows = _rows(samples, fits, family)
    if len(rows.runs) < _LEAST_RUNS:
        return None
    longest = _longest(rows)
    spreads = {
        kind: spread_by_time(rows.residuals[own], rows.predicted_s[own])
        for kind, own in sorted(rows.table.rows_by_kind.items())
    }
    near, far, other = _correlations(rows, spreads, longest)
    unit = log_residuals(np.array([-1.0, 1.0]))
    shape = ComposedErrors(spreads, near, far, other, 0.0, unit)
    scores = np.array([_score(rows, run, shape) for run in longest])
    return ComposedErrors(spreads, near, far, other, run_s, log_residuals(scores))


def run_spread(runs: Iterable[Run], overheads: RunOverheads) -> float:
    """Standard deviation of the log ratio of unprofiled runs to the sums of their kernels and overheads.

    Networks are meant, so that long runs count: 2 ms and more, or 0.2 ms where there are fewer than 30 of these. Runs
    whose caches were emptied do not, since emptying them costs more without the profiler than with it.

    Args:
        runs: Usable runs; those with a profile and unprofiled times count.
        overheads: What lies between the two.

    Returns:
        Half the width of the middle 68 %; 0 with fewer than 10 such runs.
    """
    lengths, ratios = [], []
    for run in runs:
        sum_s = math.fsum(kernel.latency_s for kernel in run.kernels) + overheads.beside_s(run)
        if run.kernels and run.latency_s >= _LEAST_RUN_S and sum_s > 0 and not evicted_bytes(run):
            lengths.append(run.latency_s)
            ratios.append(math.log(run.latency_s / sum_s))
    logs = np.array(ratios)
    long = np.array(lengths) >= _LONG_RUN_S
    if long.sum() >= _LEAST_RUNS:
        logs = logs[long]
    return half_width(logs) if len(logs) >= _LEAST_FOR_RUNS else 0.0


def _rows(samples: Samples, fits: Mapping[str, KindFit], family: str | None) -> _Rows:
    known = np.isin(samples.table.kinds, sorted(fits))
    rows = samples.select(known & np.isfinite(samples.latency_s) & (samples.latency_s > 0))
    predicted_s = np.full(len(rows), np.nan)
    for kind, fit in fits.items():
        where = rows.table.rows_by_kind.get(kind, np.zeros(0, dtype=np.intp))
        together = type(rows.table).concatenate([fit.samples.table, rows.table.select(where)])
        numbers = equal_rows(together)
        count = len(fit.samples)
        held_out_s = np.full(int(numbers.max()) + 1, np.nan)
        held_out_s[numbers[:count]] = fit.held_out_s[family or fit.best]
        predicted_s[where] = held_out_s[numbers[count:]]
    rows = rows.select(np.isfinite(predicted_s))
    predicted_s = predicted_s[np.isfinite(predicted_s)]
    members = [np.flatnonzero(rows.groups == group) for group in np.unique(rows.groups)]
    several = [run for run in members if len(run) > 1]
    return _Rows(rows.table, rows.latency_s, predicted_s, several)


def _longest(rows: _Rows) -> list[npt.NDArray[np.intp]]:
    """The runs that resemble networks most: the longest third, and at least 100."""
    lengths = np.array([rows.predicted_s[run].sum() for run in rows.runs])
    count = max(math.ceil(_LONGEST * len(lengths)), min(_ENOUGH_RUNS, len(lengths)))
    return [rows.runs[index] for index in np.sort(np.argsort(-lengths, kind="stable")[:count])]


def _correlations(
    rows: _Rows, spreads: Mapping[str, Spread], runs: Sequence[npt.NDArray[np.intp]]
) -> tuple[float, float, float]:
    """Correlations of the errors of different kernels of one run: of one kind and equal sizes, one kind, two kinds.

    The products of standardised errors of all pairs are regressed on the similarity of the two and on whether they are
    of one kind, each pair weighted by what it contributes to the error of the run: pairs of kernels that take a small
    share of the time say little about sums.
    """
    scale = np.empty(len(rows.table))
    for kind, own in rows.table.rows_by_kind.items():
        scale[own] = spreads[kind].at(rows.predicted_s[own])
    scores = np.clip(rows.residuals / scale, -LARGEST_SCORE, LARGEST_SCORE)
    weight_s = rows.predicted_s * scale
    equal, coordinates = equal_rows(rows.table), similarity_coordinates(rows.table)
    kinds = rows.table.kinds
    products, weights, similarities, same = [], [], [], []
    for run in runs:
        first, second = np.triu_indices(len(run), k=1)
        a, b = run[first], run[second]
        distinct = equal[a] != equal[b]
        a, b = a[distinct], b[distinct]
        products.append(scores[a] * scores[b])
        weights.append(weight_s[a] * weight_s[b] / float(rows.predicted_s[run].sum()) ** 2)
        similarities.append(similarity(coordinates[a], coordinates[b]))
        same.append(kinds[a] == kinds[b])
    product, weight, near, one = (np.concatenate(parts) for parts in (products, weights, similarities, same))
    if not weight.sum() > 0:
        return 0.0, 0.0, 0.0
    other = _mean(product, weight * ~one)
    design = np.column_stack([near, 1.0 - near])[one] * np.sqrt(weight[one])[:, None]
    alike, unlike = nnls(design, (product * np.sqrt(weight))[one])[0] if one.any() else np.zeros(2)
    far = float(np.clip(unlike, other, _LARGEST))
    return float(np.clip(alike, far, _LARGEST)), far, other


def _mean(values: FloatArray, weights: FloatArray) -> float:
    total = float(weights.sum())
    return float(np.clip((values * weights).sum() / total, 0.0, _LARGEST)) if total > 0 else 0.0


def _score(rows: _Rows, run: npt.NDArray[np.intp], shape: ComposedErrors) -> float:
    predicted_s = rows.predicted_s[run]
    scale = shape.scale(rows.table.select(run), predicted_s, np.ones(len(run)))
    return math.log(float(rows.measured_s[run].sum()) / float(predicted_s.sum())) / scale
