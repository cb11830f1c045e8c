"""Rooflines of all kinds at once, by regression on totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.fitting.totals.observations import Observations
    from annette.mapping.kernel import FloatArray

__all__ = ["JointRooflines", "fit_rooflines"]

_SOFTNESS: Final = 0.05
"""Log error of a total at which squares turn into absolute values."""

_SPREAD: Final = 1.5
"""Standard deviation by which the logarithm of a kind's rate is supposed to differ from that of the whole device."""

_RATES: Final = 3
"""Parameters of a kind: log 1/P, log 1/B and log t0."""

_FIRST: Final = 1 + _RATES
"""Where those of the kinds begin: behind the cost of a run and the rates of the whole device."""

_MOST_STEPS: Final = 100
_FAST: Final = 0.2
_SHARE_OF_RUN: Final = 0.5
_SHARE_OF_KERNEL: Final = 0.05
_NOTHING: Final = 1e-9


@dataclass(frozen=True)
class JointRooflines:
    """Rooflines by kind, and what every run costs beside its kernels.

    Attributes:
        models: One for each kind that occurs.
        per_run_s: What every run costs, seconds.
    """

    models: Mapping[str, Roofline]
    per_run_s: float


def fit_rooflines(seen: Observations) -> JointRooflines:
    """Fits P, B and t0 of every kind and the cost of a run, so that sums of kernels are the totals.

    By a soft absolute error of log totals. What a kind's totals do not tell is pulled towards the rates of the whole
    device, which are fitted as well.

    Args:
        seen: At least one total.
    """
    regression = _Regression(seen)
    optimum = least_squares(
        regression.residuals, regression.start(), jac=regression.jacobian, max_nfev=_MOST_STEPS, x_scale="jac"
    )
    own = np.exp(optimum.x[_FIRST:].reshape(-1, _RATES)).tolist()
    models = {kind: Roofline(1.0 / a, 1.0 / b, c) for kind, (a, b, c) in zip(regression.kinds, own, strict=True)}
    return JointRooflines(models, float(np.exp(optimum.x[0])))


class _Regression:
    """Residuals and their derivatives by log t of a run, the device's log rates, and those of each kind."""

    def __init__(self, seen: Observations) -> None:
        self.kinds = sorted(seen.table.rows_by_kind)
        self._seen = seen
        self._kind_of = np.searchsorted(self.kinds, seen.table.kinds)
        self._target = np.log(seen.latency_s)
        self._bytes = seen.table.bytes

    def start(self) -> FloatArray:
        """Rates at which a fifth of the totals would be faster."""
        seen = self._seen
        work = (seen.counts @ seen.table["ops"], seen.counts @ self._bytes)
        rates = [np.log(np.quantile(seen.latency_s / np.maximum(amount, 1.0), _FAST)) for amount in work]
        least = float(seen.latency_s.min())
        shared = [*rates, np.log(_SHARE_OF_KERNEL * least)]
        return np.array([np.log(_SHARE_OF_RUN * least), *shared, *(shared * len(self.kinds))])

    def residuals(self, x: FloatArray) -> FloatArray:
        """Soft log errors of totals, then how far kinds are from the device."""
        compute, memory, offset = self._terms(x)
        total = self._seen.counts @ (np.maximum(compute, memory) + offset) + np.exp(x[0])
        away = x[_FIRST:].reshape(-1, _RATES) - x[1:_FIRST]
        return np.concatenate([_soft((np.log(total) - self._target) / _SOFTNESS), away.ravel() / _SPREAD])

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Derivatives of `residuals`, shape ``(residuals, parameters)``."""
        compute, memory, offset = self._terms(x)
        computing = compute >= memory
        total = self._seen.counts @ (np.maximum(compute, memory) + offset) + np.exp(x[0])
        scale = _soft_slope((np.log(total) - self._target) / _SOFTNESS) / (_SOFTNESS * total)
        runs, kinds = len(self._target), len(self.kinds)
        result = np.zeros((runs + kinds * _RATES, len(x)))
        result[:runs, 0] = np.exp(x[0]) * scale
        for place, part in enumerate((np.where(computing, compute, 0.0), np.where(computing, 0.0, memory), offset)):
            by_kind = np.zeros((len(part), kinds))
            by_kind[np.arange(len(part)), self._kind_of] = part
            result[:runs, _FIRST + _RATES * np.arange(kinds) + place] = (self._seen.counts @ by_kind) * scale[:, None]
        own = np.arange(kinds * _RATES)
        result[runs + own, _FIRST + own] = 1.0 / _SPREAD
        result[runs + own, 1 + own % _RATES] = -1.0 / _SPREAD
        return result

    def _terms(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Compute time, memory time and offset of each kernel, seconds."""
        own = np.exp(x[_FIRST:].reshape(-1, _RATES))[self._kind_of]
        return self._seen.table["ops"] * own[:, 0], self._bytes * own[:, 1], own[:, 2]


def _soft(x: FloatArray) -> FloatArray:
    """What has half the soft absolute error as its square: as x where small, as a root where large."""
    value: FloatArray = np.sign(x) * np.sqrt(2.0 * (np.sqrt(1.0 + x * x) - 1.0))
    return value


def _soft_slope(x: FloatArray) -> FloatArray:
    value = np.abs(_soft(x))
    slope: FloatArray = np.where(
        value > _NOTHING, np.abs(x) / (np.sqrt(1.0 + x * x) * np.maximum(value, _NOTHING)), 1.0
    )
    return slope
