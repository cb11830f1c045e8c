"""Intervals by split conformal prediction on the logarithm of measured over predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.platforms.residuals import LogResiduals

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["log_residuals"]

_LEVELS: Final = (0.005, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 0.85, 0.9, 0.95, 0.975, 0.995)


def log_residuals(residuals: FloatArray) -> LogResiduals:
    """Quantiles of held-out log residuals, with the finite-sample correction of split conformal prediction.

    A tail of probability p is bounded by the ``ceil((n + 1) (1 - p))``-th smallest residual (Vovk et al., Algorithmic
    Learning in a Random World, 2005), so that a stated confidence holds on average over new kernels of the same kind.
    Where n is too small for a tail, the largest residual stands in for it, widened by half.

    Args:
        residuals: ``log(measured / predicted)`` on data that the models did not see, at least 2.
    """
    ordered = np.sort(residuals)
    values = [_bound(ordered, level) for level in _LEVELS]
    return LogResiduals(_LEVELS, tuple(float(value) for value in np.maximum.accumulate(values)))


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
    return centre + 1.5 * (extreme - centre)
