"""Fits one roofline for a whole device: the baseline that evaluations compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray

__all__ = ["fit_plain_roofline"]

_RIDGES: Final = 257
_REFINEMENTS: Final = 3
_SLACK: Final = 1e-3


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
    low, high = float(intensity.min()) - _SLACK, float(intensity.max()) + _SLACK
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
