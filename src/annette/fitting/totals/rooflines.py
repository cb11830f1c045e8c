"""Rooflines of all kinds at once, by regression on totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from annette.fitting.totals.observations import Observations
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["JointRooflines", "fit_rooflines"]

_SOFTNESS: Final = 0.05
_SPREAD: Final = 1.5
_OF_KIND: Final = 3


@dataclass(frozen=True)
class JointRooflines:
    """Rooflines by kind, and what every run costs beside its kernels.

    Attributes:
        models: One for each kind that occurs.
        per_run_s: What every run costs, seconds.
    """

    models: dict[str, Roofline]
    per_run_s: float

    def predict_s(self, table: KernelTable) -> FloatArray:
        latency_s = np.zeros(len(table))
        for kind, rows in table.rows_by_kind.items():
            latency_s[rows] = self.models[kind].predict_s(table.select(rows))
        return latency_s


def fit_rooflines(seen: Observations) -> JointRooflines:
    """Fits P, B and t0 of every kind, and the cost of a run.

    Logarithms of the rates of kinds are pulled towards those of the whole device, which are fitted as well.
    """
    table, target = seen.table, np.log(seen.latency_s)
    kinds = sorted(table.rows_by_kind)
    ops, size = table["ops"], table.bytes
    kind_of = np.searchsorted(kinds, table.kinds)
    counts = seen.counts
    weight = 1.0 / _SOFTNESS
    pull = 1.0 / _SPREAD
    count = len(kinds)

    def terms(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        own = x[1 + _OF_KIND :].reshape(count, _OF_KIND)[kind_of]
        return ops * np.exp(own[:, 0]), size * np.exp(own[:, 1]), np.exp(own[:, 2])

    def residuals(x: FloatArray) -> FloatArray:
        compute, memory, offset = terms(x)
        total = counts @ (np.maximum(compute, memory) + offset) + np.exp(x[0])
        away = x[1 + _OF_KIND :].reshape(count, _OF_KIND) - x[1 : 1 + _OF_KIND]
        return np.concatenate([_soft((np.log(total) - target) * weight), away.ravel() * pull])

    def jacobian(x: FloatArray) -> FloatArray:
        compute, memory, offset = terms(x)
        one = np.maximum(compute, memory) + offset
        total = counts @ one + np.exp(x[0])
        parts = (np.where(compute >= memory, compute, 0.0), np.where(compute >= memory, 0.0, memory), offset)
        result = np.zeros((len(target) + count * _OF_KIND, len(x)))
        raw = (np.log(total) - target) * weight
        scale = weight * _soft_slope(raw) / total
        result[: len(target), 0] = np.exp(x[0]) * scale
        for place, part in enumerate(parts):
            by_kind = np.zeros((len(one), count))
            by_kind[np.arange(len(one)), kind_of] = part
            columns = 1 + _OF_KIND + _OF_KIND * np.arange(count) + place
            result[: len(target), columns] = (counts @ by_kind) * scale[:, None]
        rest = len(target) + np.arange(count * _OF_KIND)
        result[rest, 1 + _OF_KIND + np.arange(count * _OF_KIND)] = pull
        result[rest, 1 + np.arange(count * _OF_KIND) % _OF_KIND] = -pull
        return result

    best = min(
        (
            least_squares(residuals, start, jac=jacobian, method="trf", max_nfev=100, x_scale="jac")
            for start in _starts(seen, count)
        ),
        key=lambda optimum: float(optimum.cost),
    )
    own = np.exp(best.x[1 + _OF_KIND :].reshape(count, _OF_KIND))
    models = {
        kind: Roofline(1.0 / a, 1.0 / b, c) for kind, (a, b, c) in zip(kinds, own.tolist(), strict=True)
    }
    return JointRooflines(models, float(np.exp(best.x[0])))


def _starts(seen: Observations, kinds: int) -> list[FloatArray]:
    ops = seen.counts @ seen.table["ops"]
    size = seen.counts @ seen.table.bytes
    per_op = np.log(np.quantile(seen.latency_s / np.maximum(ops, 1.0), 0.2))
    per_byte = np.log(np.quantile(seen.latency_s / np.maximum(size, 1.0), 0.2))
    least = float(seen.latency_s.min())
    shared = [per_op, per_byte, np.log(0.05 * least)]
    return [np.array([np.log(0.5 * least), *shared, *(shared * kinds)])]


def _soft(x: FloatArray) -> FloatArray:
    """Square root of twice the soft absolute error: squares small, grows as a root where large."""
    value: FloatArray = np.sign(x) * np.sqrt(2.0 * (np.sqrt(1.0 + x * x) - 1.0))
    return value


def _soft_slope(x: FloatArray) -> FloatArray:
    root = np.sqrt(1.0 + x * x)
    value = np.abs(_soft(x))
    slope: FloatArray = np.where(value > 1e-9, np.abs(x) / (root * np.maximum(value, 1e-9)), 1.0)
    return slope
