"""Intervals by split conformal prediction on the logarithm of measured over predicted, of kernels and of networks.

Short kernels err more than long ones, so that one interval for all would be too narrow for the ones and too wide for
the others. With enough rows residuals are divided by a spread that follows the estimated time (a normalised score;
Lei et al., Journal of the American Statistical Association 113, 2018).

How the errors of kernels add up to those of networks is learned from runs of several kernels. No whole network's time
is needed: the kernels of every measured chain are predicted by models that did not see the chain, and how far their
sums are off says how errors that belong together go together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from annette.fitting.overheads import evicted_bytes
from annette.platforms.composition import ComposedErrors
from annette.platforms.kernel_similarity import equal_rows, similarity, similarity_coordinates
from annette.platforms.residuals import LogResiduals
from annette.platforms.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.fitting.families import KindFit
    from annette.fitting.overheads import RunOverheads
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["LARGEST_SCORE", "composed_errors", "half_width", "log_residuals", "run_spread", "spread_by_time"]

LARGEST_SCORE: Final = 4.0
"""Errors of more half widths count as this many: single bad measurements do not decide."""

_LEVELS: Final = (0.005, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 0.85, 0.9, 0.95, 0.975, 0.995)
_LEAST_SPREAD: Final = 1e-3
_ROWS_OF_A_CLASS: Final = 40
_MOST_CLASSES: Final = 8
_MIDDLE: Final = (0.16, 0.84)
_FARTHEST: Final = 40.0

_LEAST_RUNS: Final = 30
_LEAST_RUN_S: Final = 2e-4
_LONG_RUN_S: Final = 2e-3
_LEAST_FOR_RUNS: Final = 10
_LONGEST: Final = 1 / 3
_ENOUGH_RUNS: Final = 100
_LARGEST: Final = 0.95


def log_residuals(residuals: FloatArray, predicted_s: FloatArray | None = None) -> LogResiduals:
    """Quantiles of held-out log residuals, with the finite-sample correction of split conformal prediction.

    A tail of probability p is bounded by the ``ceil((n + 1) (1 - p))``-th smallest residual (Vovk et al., Algorithmic
    Learning in a Random World, 2005), so that a stated confidence holds on average over new kernels of the same kind.
    Where n is too small for a tail, the largest residual stands in for it, widened by half.

    Args:
        residuals: ``log(measured / predicted)`` on data that the models did not see, at least 2.
        predicted_s: The predictions, if the interval may depend on them; it does from 80 rows on.
    """
    spread = None
    if predicted_s is not None and len(residuals) >= 2 * _ROWS_OF_A_CLASS:
        spread = spread_by_time(residuals, predicted_s)
        residuals = residuals / spread.at(predicted_s)
    ordered = np.sort(np.clip(residuals, -_FARTHEST, _FARTHEST))
    values = [_bound(ordered, level) for level in _LEVELS]
    return LogResiduals(_LEVELS, tuple(float(value) for value in np.maximum.accumulate(values)), spread)


def half_width(residuals: FloatArray) -> float:
    """Half the width of the middle 68 %, the standard deviation of a normal distribution; outliers do not count."""
    low, high = np.quantile(residuals, _MIDDLE)
    return max(float(high - low) / 2.0, _LEAST_SPREAD)


def _spread(residuals: FloatArray) -> float:
    """Root mean square, which is what adds up in sums, with everything beyond 4 half widths cut off there."""
    most = LARGEST_SCORE * half_width(residuals)
    return max(math.sqrt(float((np.clip(residuals, -most, most) ** 2).mean())), _LEAST_SPREAD)


def spread_by_time(residuals: FloatArray, predicted_s: FloatArray) -> Spread:
    """The spread in up to 8 classes of estimated time, of 40 rows or more each."""
    classes = int(np.clip(len(residuals) // _ROWS_OF_A_CLASS, 1, _MOST_CLASSES))
    order = np.argsort(predicted_s, kind="stable")
    spread_at: dict[float, float] = {}
    for part in np.array_split(order, classes):
        spread_at[float(np.median(predicted_s[part]))] = _spread(residuals[part])
    return Spread(tuple(spread_at), tuple(spread_at.values()))


def _bound(ordered: FloatArray, level: float) -> float:
    count = len(ordered)
    if level < 0.5:
        rank = int(np.floor((count + 1) * level))
        return float(ordered[rank - 1]) if rank >= 1 else _beyond(float(ordered[0]), float(np.median(ordered)))
    if level > 0.5:
        rank = int(np.ceil((count + 1) * level))
        return float(ordered[rank - 1]) if rank <= count else _beyond(float(ordered[-1]), float(np.median(ordered)))
    return float(np.median(ordered))


def _beyond(extreme: float, centre: float) -> float:
    return float(np.clip(centre + 1.5 * (extreme - centre), -_FARTHEST, _FARTHEST))


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
    shape = ComposedErrors(spreads, far, other, 0.0, unit, near)
    scores = np.array([_score(rows, run, shape) for run in longest])
    return ComposedErrors(spreads, far, other, run_s, log_residuals(scores), near)


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
        between_s = overheads.per_run_s + (overheads.per_kernel_s - overheads.profiler_s) * len(run.kernels)
        sum_s = math.fsum(kernel.latency_s for kernel in run.kernels) + between_s
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
        place = np.full(int(numbers.max()) + 1, -1, dtype=np.intp)
        place[numbers[:count]] = np.arange(count)
        position = place[numbers[count:]]
        held_out_s = fit.held_out_s[family or fit.best]
        predicted_s[where] = np.where(position >= 0, held_out_s[position], np.nan)
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
