"""Fits rooflines and refined rooflines by robust regression on the logarithm of time.

Peak rate P, bandwidth B and offset t0 minimise a soft absolute error of ``log(predicted / measured)``, so that small
and large kernels count the same and single bad measurements do not decide. Unroll sizes are whole numbers and are
searched: each dimension in turn over all candidates, with its alpha and all rates fitted again, until no change
improves the error. Nothing is typed in by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.fit.solver import Linearised, Solution, soft_cost, solve
from annette.models.refined_roofline import UNROLLED, RefinedRoofline, Unroll
from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.fit.samples import Samples
    from annette.mapping.kernel import FloatArray

__all__ = ["UNROLL_CANDIDATES", "fit_refined_roofline", "fit_roofline", "log_error"]

UNROLL_CANDIDATES: Final = (*range(2, 33), 36, 40, 48, 56, 64, 80, 96, 112, 128)
"""Unroll sizes that are tried: every size up to 32, then those that hardware uses."""

_SOFTNESS: Final = 0.02
_TINY_S: Final = 1e-12
_LEAST_GAIN: Final = 0.01
_LEAST_EXTENTS: Final = 5
_ROWS_OF_A_DIMENSION: Final = 8
_ROUNDS: Final = 6
_POLISHED: Final = 16
_ALPHAS: Final = (0.3, 0.9)
_EXACT: Final = 1e-6


@dataclass(frozen=True, eq=False)
class _Problem:
    """One fit: the work of each row and the logarithm of its time."""

    ops: FloatArray
    bytes: FloatArray
    log_s: FloatArray
    extents: dict[str, FloatArray]

    @classmethod
    def of(cls, samples: Samples) -> _Problem:
        table = samples.table
        extents = {name: table[name].copy() for name in UNROLLED}
        extents["in_channels"] = table["in_channels"] / table["groups"]
        return cls(table["ops"], table.bytes, np.log(samples.latency_s), extents)

    def lost(self, name: str, size: int) -> FloatArray:
        """``1 / u - 1`` of a dimension: the share of extra work when it is fully unrolled by ``size``."""
        extent = self.extents[name]
        lost: FloatArray = np.ceil(extent / size) * size / extent - 1.0
        return lost

    def terms(self, parameters: FloatArray, lost: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Compute time, memory time and offset of each problem and row, in seconds.

        Args:
            parameters: log 1/P, log 1/B, log t0 and one alpha a dimension, shape ``(problems, 3 + dimensions)``.
            lost: What each refined dimension loses, shape ``(problems, dimensions, rows)``.
        """
        rates = np.exp(parameters[:, :3])
        work = self.ops * rates[:, 0, None]
        work = work * (1.0 + parameters[:, 3:, None] * lost).prod(axis=1)
        return work, self.bytes * rates[:, 1, None], rates[:, 2, None]

    def residuals(self, parameters: FloatArray, lost: FloatArray) -> FloatArray:
        """Logarithm of predicted over measured, shape ``(problems, rows)``; arguments as `terms`."""
        work, memory, offset = self.terms(parameters, lost)
        residuals: FloatArray = np.log(np.maximum(np.maximum(work, memory) + offset, _TINY_S)) - self.log_s
        return residuals

    def linearised(self, parameters: FloatArray, lost: FloatArray) -> Linearised:
        """The residuals with their derivatives; arguments as `terms`."""
        work, memory, offset = self.terms(parameters, lost)
        computing = work >= memory
        time_s = np.maximum(np.where(computing, work, memory) + offset, _TINY_S)
        by_work = np.where(computing, work, 0.0) / time_s
        jacobian = np.empty((*parameters.shape, len(self.log_s)))
        jacobian[:, 0] = by_work
        jacobian[:, 1] = np.where(computing, 0.0, memory) / time_s
        jacobian[:, 2] = offset / time_s
        jacobian[:, 3:] = by_work[:, None] * lost / (1.0 + parameters[:, 3:, None] * lost)
        return Linearised(np.log(time_s) - self.log_s, jacobian)


def log_error(predicted_s: FloatArray, measured_s: FloatArray) -> float:
    """Mean absolute logarithm of predicted over measured: close to the mean relative error, but symmetric."""
    return float(np.abs(np.log(predicted_s / measured_s)).mean())


def fit_roofline(samples: Samples) -> Roofline:
    """Fits P, B and t0.

    Args:
        samples: Cleaned rows of one kind; at least 3.

    Raises:
        FitError: There are too few rows.
    """
    if len(samples) < 3:
        raise FitError(f"a roofline has 3 parameters, and there are {len(samples)} measured kernels")
    problem = _Problem.of(samples)
    parameters, _ = _solve(problem, [], _starts(problem))
    return Roofline(**_rates(problem, parameters))


def fit_refined_roofline(
    samples: Samples, *, dimensions: Sequence[str] = UNROLLED, candidates: Sequence[int] = UNROLL_CANDIDATES
) -> RefinedRoofline:
    """Fits P, B, t0, and finds which dimensions are unrolled, by how much (s) and for how much of the work (alpha).

    A dimension is refined only if that lowers the error clearly: an unroll that the data does not show is not claimed.
    With n rows and k sizes to choose from, log n + log k of the summed absolute errors over their mean are what chance
    alone gains (the Bayesian information criterion for two more parameters and a search), so that the share asked for
    is ``1 - exp(-(log n + log k) / n)``, and at least 1 %. There are at least 8 rows for each refined dimension, and
    at least 5 sizes of it in the data.

    Args:
        samples: Cleaned rows of one kind; at least 3.
        dimensions: Those that may be unrolled.
        candidates: Sizes that are tried.

    Raises:
        FitError: There are too few rows.
    """
    problem = _Problem.of(samples)
    if len(samples) < 3:
        raise FitError(f"a refined roofline needs at least 3 measured kernels, and there are {len(samples)}")
    chosen: dict[str, int] = {}
    parameters, cost = _solve(problem, [], _starts(problem))
    usable = [name for name in dimensions if len(np.unique(problem.extents[name])) >= _LEAST_EXTENTS]
    for _ in range(_ROUNDS):
        before = cost
        for name in usable:
            chosen, parameters, cost = _improve(problem, name, candidates, chosen, parameters, cost)
        if cost > before * (1 - _LEAST_GAIN / 10):
            break
    names = list(chosen)
    unroll = {name: Unroll(chosen[name], float(np.clip(parameters[3 + i], 0, 1))) for i, name in enumerate(names)}
    return RefinedRoofline(**_rates(problem, parameters), unroll=unroll)


def _improve(
    problem: _Problem,
    name: str,
    candidates: Sequence[int],
    chosen: dict[str, int],
    parameters: FloatArray,
    cost: float,
) -> tuple[dict[str, int], FloatArray, float]:
    """Tries every size for one dimension, the others kept, and takes the best if it is worth it."""
    others = {key: size for key, size in chosen.items() if key != name}
    kept = [parameters[3 + i] for i, key in enumerate(chosen) if key != name]
    without = np.array([*parameters[:3], *kept])
    lost_others = [problem.lost(key, size) for key, size in others.items()]
    cost_without = cost
    if name in chosen:
        without, cost_without = _solve(problem, lost_others, [without])
    sizes = [size for size in candidates if size <= 2 * problem.extents[name].max()]
    tried = _scan(problem, without, lost_others, name, sizes)[:_POLISHED]
    if name in chosen and chosen[name] not in tried:
        tried.append(chosen[name])
    rows = len(problem.log_s)
    if not tried or rows < _ROWS_OF_A_DIMENSION * (len(others) + 1):
        return others, without, cost_without
    lost = np.array([[*lost_others, problem.lost(name, size)] for size in tried for _ in _ALPHAS])
    starts = [np.array([*without, alpha]) for _ in tried for alpha in _ALPHAS]
    found = _solve_all(problem, lost, starts)
    best = int(np.argmin(found.cost))
    chance = -math.expm1(-math.log(rows * len(sizes)) / rows)
    if cost_without - found.cost[best] > max(max(_LEAST_GAIN, chance) * cost_without, _EXACT):
        return {**others, name: tried[best // len(_ALPHAS)]}, found.parameters[best], float(found.cost[best])
    return others, without, cost_without


def _scan(
    problem: _Problem, parameters: FloatArray, others: Sequence[FloatArray], name: str, sizes: Sequence[int]
) -> list[int]:
    """Sizes of one dimension, the most promising first: a few alphas each, the peak rate shifted to fit."""
    alphas = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
    pairs = [(size, alpha) for size in sizes for alpha in alphas]
    if not pairs:
        return []
    trials = np.array([[*parameters, alpha] for _, alpha in pairs])
    lost = np.array([[*others, problem.lost(name, size)] for size, _ in pairs])
    for _ in range(2):
        trials[:, 0] -= np.median(problem.residuals(trials, lost), axis=1)
    cost = soft_cost(problem.residuals(trials, lost), _SOFTNESS).reshape(len(sizes), len(alphas)).min(axis=1)
    return [sizes[index] for index in np.argsort(cost, kind="stable").tolist()]


def _solve(problem: _Problem, lost: Sequence[FloatArray], starts: Sequence[FloatArray]) -> tuple[FloatArray, float]:
    """The best parameters that any of the starts leads to, and their cost."""
    shared = np.array(lost).reshape(1, len(lost), len(problem.log_s))
    found = _solve_all(problem, np.repeat(shared, len(starts), axis=0), starts)
    best = int(np.argmin(found.cost))
    return found.parameters[best], float(found.cost[best])


def _solve_all(problem: _Problem, lost: FloatArray, starts: Sequence[FloatArray]) -> Solution:
    """What each start leads to, with its own losses."""
    dimensions = lost.shape[1]
    return solve(
        lambda parameters, problems: problem.linearised(parameters, lost[problems]),
        np.array(starts),
        np.array([-60.0, -60.0, -40.0, *([0.0] * dimensions)]),
        np.array([0.0, 0.0, 5.0, *([1.0] * dimensions)]),
        _SOFTNESS,
    )


def _starts(problem: _Problem) -> list[FloatArray]:
    """Starting points: compute-bound, memory-bound, both."""
    time_s = np.exp(problem.log_s)
    with np.errstate(divide="ignore"):
        per_op = np.log(time_s / np.maximum(problem.ops, 1.0))
        per_byte = np.log(time_s / np.maximum(problem.bytes, 1.0))
    small = float(np.log(max(float(time_s.min()) * 0.3, _TINY_S)))
    low, mid = (float(np.quantile(per_op, q)) for q in (0.05, 0.5))
    low_b, mid_b = (float(np.quantile(per_byte, q)) for q in (0.05, 0.5))
    return [
        np.array(point)
        for point in ((low, low_b, small), (mid, low_b, small), (low, mid_b, small), (mid, mid_b, small))
    ]


def _rates(problem: _Problem, parameters: FloatArray) -> dict[str, float]:
    """P, B and t0; a side that never decides is put where it just does not, instead of at infinity."""
    ops_per_s = float(np.exp(-parameters[0]))
    bytes_per_s = float(np.exp(-parameters[1]))
    offset_s = float(np.exp(parameters[2]))
    shortest_s = float(np.exp(problem.log_s.min()))
    return {
        "ops_per_s": ops_per_s,
        "bytes_per_s": bytes_per_s,
        "offset_s": offset_s if offset_s > 1e-4 * shortest_s else 0.0,
    }
