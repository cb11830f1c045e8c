"""Intervals by split conformal prediction on the logarithm of measured over predicted.

Short kernels err more than long ones, so that one interval for all would be too narrow for the ones and too wide for
the others. With enough rows residuals are divided by a spread that follows the estimated time (a normalised score;
Lei et al., Journal of the American Statistical Association 113, 2018).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.platforms.intervals import LogResiduals
from annette.platforms.spread import Spread

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["LARGEST_SCORE", "half_width", "log_residuals", "spread_by_time"]

LARGEST_SCORE: Final = 4.0
"""Errors of more half widths count as this many: single bad measurements do not decide."""

_LEVELS: Final = (0.005, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 0.85, 0.9, 0.95, 0.975, 0.995)
_LEAST_SPREAD: Final = 1e-3
_ROWS_OF_A_CLASS: Final = 40
_MOST_CLASSES: Final = 8
_MIDDLE: Final = (0.16, 0.84)
_FARTHEST: Final = 40.0


def log_residuals(
    residuals: FloatArray, predicted_s: FloatArray | None = None, errors: FloatArray | None = None
) -> LogResiduals:
    """Quantiles of held-out log residuals, with the finite-sample correction of split conformal prediction.

    A tail of probability p is bounded by the ``ceil((n + 1) (1 - p))``-th smallest residual (Vovk et al., Algorithmic
    Learning in a Random World, 2005), so that a stated confidence holds on average over new kernels of the same kind.
    Where n is too small for a tail, the largest residual stands in for it, widened by half.

    Args:
        residuals: ``log(measured / predicted)`` on data that the models did not see, at least 2.
        predicted_s: The predictions, if the interval may depend on them; it does from 80 rows on.
        errors: Standard error of the logarithm of each measured time, 0 where it is not known; None stands for zeros.
            Where a measurement may have been off by so much, a residual stands for two, one shorter by it and one
            longer: the other hour that an interval is to hold in is as far from the first in either direction.
    """
    both = residuals if errors is None else np.concatenate([residuals - errors, residuals + errors])
    copies = len(both) // len(residuals)
    spread = None
    if predicted_s is not None and len(residuals) >= 2 * _ROWS_OF_A_CLASS:
        spread = spread_by_time(residuals, predicted_s)
        both = both / np.tile(spread.at(predicted_s), copies)
    ordered = np.sort(np.clip(both, -_FARTHEST, _FARTHEST))
    values = [_bound(ordered, level, copies) for level in _LEVELS]
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


def _bound(ordered: FloatArray, level: float, copies: int) -> float:
    """A quantile of residuals, each of which is there so many times."""
    count = len(ordered)
    if level < 0.5:
        rank = int(np.floor((count + copies) * level)) + 1 - copies
        return float(ordered[rank - 1]) if rank >= 1 else _beyond(float(ordered[0]), float(np.median(ordered)))
    if level > 0.5:
        rank = int(np.ceil((count + copies) * level))
        return float(ordered[rank - 1]) if rank <= count else _beyond(float(ordered[-1]), float(np.median(ordered)))
    return float(np.median(ordered))


def _beyond(extreme: float, centre: float) -> float:
    return float(np.clip(centre + 1.5 * (extreme - centre), -_FARTHEST, _FARTHEST))
