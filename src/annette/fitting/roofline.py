"""Fits rooflines and refined rooflines by robust regression on the logarithm of time.

Peak rate P, bandwidth B and offset t0 minimise a soft absolute error of ``log(predicted / measured)``, so that small
and large kernels count the same and single bad measurements do not decide. Where what is left over looks like noise of
measuring alone, squares of small errors say more about the parameters, and the fit ends with them. Unroll sizes are
whole numbers and are searched for (`annette.fitting.unroll_search`). Nothing is typed in by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.fitting.solver import RATES, SOFTNESS, Problem
from annette.fitting.unroll_search import Criterion, Search
from annette.models.roofline import UNROLLED, RefinedRoofline, Roofline, Unroll

if TYPE_CHECKING:
    from annette.fitting.samples import Samples
    from annette.fitting.unroll_search import Point
    from annette.mapping.kernel import FloatArray

__all__ = ["UNROLL_CANDIDATES", "fit_plain_roofline", "fit_refined_roofline", "fit_roofline", "log_error"]

UNROLL_CANDIDATES: Final = (*range(2, 33), *range(34, 65, 2), *range(72, 129, 8), 144, 160, 192, 224, 256)
"""Unroll sizes that are tried first: every size up to 32, then in steps; around the best, all whole numbers are."""

_CHANNELS: Final = ("in_channels", "out_channels")
_LEAST_EXTENTS: Final = 5
_MOST_NOISE: Final = 0.12
_NORMAL_MEDIAN: Final = 0.6745
_MOST_TAIL: Final = 2.9
_SOFTNESS_OF_NOISE: Final = 2.5

_RIDGES: Final = 257
_REFINEMENTS: Final = 3
_RIDGE_SLACK: Final = 1e-3


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
    if len(samples) < RATES:
        raise FitError(f"a roofline has 3 parameters, and there are {len(samples)} measured kernels")
    problem = Problem.of(samples)
    return Roofline(**_rates(problem, Search(problem, {}, Criterion()).from_rates(problem.starts())))


def fit_refined_roofline(samples: Samples, *, channels_only: bool = False) -> RefinedRoofline:
    """Fits P, B, t0, and finds which dimensions are unrolled, by how much (s) and for how much of the work (alpha).

    A dimension is refined only if that lowers the error clearly: an unroll that the data does not show is not claimed.
    What chance alone gains is the Bayesian information criterion for two more parameters and a search
    (`annette.fitting.unroll_search.Criterion`), and the error must fall by at least 1 % unless it is noise alone. There
    are at least 8 rows for each refined dimension, and at least 5 sizes of it in the data.

    Args:
        samples: Cleaned rows of one kind; at least 3.
        channels_only: Whether heights and widths are left alone: for times that were worked out instead of measured, in
            which they stand for whatever small maps cost more.

    Raises:
        FitError: There are too few rows.
    """
    if len(samples) < RATES:
        raise FitError(f"a refined roofline needs at least 3 measured kernels, and there are {len(samples)}")
    problem = Problem.of(samples)
    usable: dict[str, list[int]] = {}
    for name in UNROLLED if _has_places(samples) and not channels_only else _CHANNELS:
        extents = np.unique(problem.extents[name])
        sizes = problem.distinct(name, [size for size in UNROLL_CANDIDATES if size <= 2 * extents.max()])
        if len(extents) >= _LEAST_EXTENTS and sizes:
            usable[name] = sizes
    search = Search(problem, usable, Criterion())
    point = search.settle(search.from_rates(problem.starts()))
    noise = _noise(problem.residuals(point.parameters[None], problem.losses([point.sizes]))[0])
    if noise is not None:
        fine = Search(problem, usable, Criterion(max(SOFTNESS, _SOFTNESS_OF_NOISE * noise), 0.5, 0.0))
        point = fine.settle(fine.again(point))
    unroll = {
        name: Unroll(size, float(np.clip(alpha, 0, 1)))
        for (name, size), alpha in zip(point.sizes.items(), point.parameters[RATES:], strict=True)
    }
    return RefinedRoofline(**_rates(problem, point), unroll=unroll)


def _has_places(samples: Samples) -> bool:
    """Whether the kind computes a result for each place of a map, from a window or by multiply-accumulates.

    Elsewhere (additions, activations, copies) a tensor is one run of elements, and which of its dimensions are called
    height and width is an accident of its rank: a matrix has neither, so that an unroll found on maps would leave it a
    hundredth of the peak rate.
    """
    table = samples.table
    window = table["kernel_depth"] * table["kernel_height"] * table["kernel_width"]
    return bool(((table["macs"] > 0) | (window > 1)).any())


def _noise(residuals: FloatArray) -> float | None:
    """Standard deviation of residuals that are noise of measuring; None where a misfit shows.

    Noise is small and its tails are those of a normal distribution: nine tenths of it are within 2.44 times of what
    half of it is within, against 3.32 times for the double exponential. Single outliers change neither much.
    """
    half, most = (float(np.quantile(np.abs(residuals), q)) for q in (0.5, 0.9))
    scale = half / _NORMAL_MEDIAN
    tailless = most <= _MOST_TAIL * half or most < 1e-3
    return scale if scale <= _MOST_NOISE and tailless else None


def _rates(problem: Problem, point: Point) -> dict[str, float]:
    """P, B and t0; a side that never decides is put where it just does not, instead of anywhere beyond."""
    work, memory, _ = (part[0] for part in problem.terms(point.parameters[None], problem.losses([point.sizes])))
    log_ops_s, log_bytes_s = point.parameters[:2].tolist()
    both = (work > 0) & (memory > 0)
    if both.any() and (work >= memory).all():
        log_bytes_s += float(np.log(work[both] / memory[both]).min())
    elif both.any() and (work < memory).all():
        log_ops_s += float(np.log(memory[both] / work[both]).min())
    offset_s = float(np.exp(point.parameters[2]))
    shortest_s = float(np.exp(problem.log_s.min()))
    return {
        "ops_per_s": float(np.exp(-log_ops_s)),
        "bytes_per_s": float(np.exp(-log_bytes_s)),
        "offset_s": offset_s if offset_s > 1e-4 * shortest_s else 0.0,
    }


def fit_plain_roofline(samples: Samples) -> Roofline:
    """Fits one peak rate P and one bandwidth B to kernels of all kinds, ``t = max(ops / P, bytes / B)``.

    Minimises the mean absolute logarithm of predicted over measured. With the ridge ``r = P / B`` given, the best P
    follows from a median; the ridge is searched on a grid that is refined around its best point.

    Args:
        samples: Cleaned rows of all kinds.

    Raises:
        FitError: No row has any work.
    """
    ops, moved, log_s = samples.table["ops"], samples.table.bytes, np.log(samples.latency_s)
    works = (ops > 0) | (moved > 0)
    if not works.any():
        raise FitError("no measured kernel computes or moves anything: a roofline cannot be fitted")
    ops, moved, log_s = ops[works], moved[works], log_s[works]
    both = (ops > 0) & (moved > 0)
    intensity = np.log(ops[both] / moved[both]) if both.any() else np.zeros(1)
    low, high = float(intensity.min()) - _RIDGE_SLACK, float(intensity.max()) + _RIDGE_SLACK
    for _ in range(_REFINEMENTS):
        ridges = np.linspace(low, high, _RIDGES)
        costs = [_fitted(ops, moved, log_s, ridge)[1] for ridge in ridges.tolist()]
        best = int(np.argmin(costs))
        low, high = float(ridges[max(best - 1, 0)]), float(ridges[min(best + 1, _RIDGES - 1)])
    ridge = float(ridges[best])
    per_op_s = float(np.exp(_fitted(ops, moved, log_s, ridge)[0]))
    return Roofline(ops_per_s=1.0 / per_op_s, bytes_per_s=1.0 / (per_op_s * float(np.exp(ridge))))


def _fitted(ops: FloatArray, moved: FloatArray, log_s: FloatArray, ridge: float) -> tuple[float, float]:
    """The best logarithm of 1 / P for a ridge, and the mean absolute log error that it leaves."""
    off = log_s - np.log(np.maximum(ops, moved * np.exp(ridge)))
    middle = float(np.median(off))
    return middle, float(np.abs(off - middle).mean())
