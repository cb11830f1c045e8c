"""How the errors of kernels add up to those of networks, learned from runs of several kernels.

No whole network's time is needed: the kernels of every measured chain are predicted by models that did not see the
chain, and how far their sums are off says how errors that belong together go together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fit.conformal import log_residuals
from annette.platforms.composition import ComposedErrors, equal_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.fit.families import KindFit
    from annette.fit.overheads import RunOverheads
    from annette.fit.samples import Samples
    from annette.mapping.kernel import FloatArray

__all__ = ["composed_errors", "run_spread"]

_LEAST_RUNS: Final = 30
_LEAST_RUN_S: Final = 2e-4
_LEAST_SPREAD: Final = 1e-3
_LARGEST_SCORE: Final = 3.0
_MIDDLE: Final = (0.16, 0.84)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Measured kernels with predictions by models that did not see them, in runs."""

    kinds: npt.NDArray[np.str_]
    measured_s: FloatArray
    predicted_s: FloatArray
    equal: npt.NDArray[np.intp]
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
    spreads = {kind: _spread(rows.residuals[rows.kinds == kind]) for kind in sorted(set(rows.kinds.tolist()))}
    same_kind, other_kinds = _correlations(rows, spreads)
    unit = log_residuals(np.array([-1.0, 1.0]))
    shape = ComposedErrors(spreads, same_kind, other_kinds, 0.0, unit)
    scores = np.array([_score(rows, run, shape) for run in rows.runs])
    return ComposedErrors(spreads, same_kind, other_kinds, run_s, log_residuals(scores))


def run_spread(runs: Iterable[Run], overheads: RunOverheads) -> float:
    """Standard deviation of the log ratio of unprofiled runs to the sums of their kernels and overheads.

    Args:
        runs: Usable runs; those of at least 0.2 ms with a profile and unprofiled times count.
        overheads: What lies between the two.

    Returns:
        Half the width of the middle 68 %; 0 with fewer than 10 such runs.
    """
    ratios = []
    for run in runs:
        between_s = overheads.per_run_s + (overheads.per_kernel_s - overheads.profiler_s) * len(run.kernels)
        sum_s = math.fsum(kernel.latency_s for kernel in run.kernels) + between_s
        if run.kernels and run.latency_s >= _LEAST_RUN_S and sum_s > 0:
            ratios.append(math.log(run.latency_s / sum_s))
    return _spread(np.array(ratios)) if len(ratios) >= 10 else 0.0


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
    return _Rows(rows.table.kinds, rows.latency_s, predicted_s, equal_rows(rows.table), several)


def _spread(residuals: FloatArray) -> float:
    """Half the width of the middle 68 %, the standard deviation of a normal distribution; outliers do not count."""
    low, high = np.quantile(residuals, _MIDDLE)
    return max(float(high - low) / 2.0, _LEAST_SPREAD)


def _correlations(rows: _Rows, spreads: Mapping[str, float]) -> tuple[float, float]:
    """Mean product of standardised errors over the pairs within runs: of one kind, and of two."""
    scale = np.array([spreads[kind] for kind in rows.kinds.tolist()])
    scores = np.clip(rows.residuals / scale, -_LARGEST_SCORE, _LARGEST_SCORE)
    sums, counts = np.zeros(2), np.zeros(2)
    for run in rows.runs:
        first, second = np.triu_indices(len(run), k=1)
        a, b = run[first], run[second]
        distinct = rows.equal[a] != rows.equal[b]
        a, b = a[distinct], b[distinct]
        other = rows.kinds[a] != rows.kinds[b]
        for index, chosen in enumerate((~other, other)):
            weight = 1.0 / math.sqrt(max(int(chosen.sum()), 1))
            sums[index] += weight * float((scores[a[chosen]] * scores[b[chosen]]).sum())
            counts[index] += weight * int(chosen.sum())
    square = float((scores**2).mean())
    found = np.clip(sums / np.maximum(counts, 1e-9) / square, 0.0, 0.95)
    other_kinds = float(found[1])
    return max(float(found[0]), other_kinds), other_kinds


def _score(rows: _Rows, run: npt.NDArray[np.intp], shape: ComposedErrors) -> float:
    predicted_s = rows.predicted_s[run]
    scale = shape.scale(rows.kinds[run], predicted_s, rows.equal[run], np.ones(len(run)))
    return math.log(float(rows.measured_s[run].sum()) / float(predicted_s.sum())) / scale
