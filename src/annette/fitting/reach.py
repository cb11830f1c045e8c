"""Finds how far the correction of a mixed model reaches: which measured kernels stand for all, and how dense they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.features import FeatureSet
from annette.models.reach import SIZES, Reach

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["reach_of"]

_MOST_POINTS: Final = 1024
_LEAST_FULL: Final = 1.0
"""Octaves: what differs by no more than a factor of two in one size is as good as measured."""
_MOST_FULL: Final = 3.0
_FADING: Final = 2.0
"""Octaves. An assumption: one more octave in each of four sizes leaves a third of a correction."""
_RESOLUTION: Final = 16.0
_SHARE: Final = 0.9


def reach_of(table: KernelTable, correction: FloatArray) -> Reach:
    """How far a correction reaches that was fitted on some kernels.

    It counts in full as far as nine tenths of the measured kernels lie from the nearest other one, between one and
    three octaves.

    Args:
        table: The kernels, at least one.
        correction: What the forest says of each, natural logarithms, shape ``(rows,)``.
    """
    features = FeatureSet(SIZES)
    points = np.unique(np.rint(features.matrix(table) * _RESOLUTION) / _RESOLUTION, axis=0)
    usual = float(np.median(correction))
    gaps = _gaps(points)
    full = float(np.clip(np.quantile(gaps, _SHARE), _LEAST_FULL, _MOST_FULL)) if len(gaps) else _LEAST_FULL
    kept, apart = _spread(points)
    return Reach(features, kept, max(full, apart), _FADING, usual)


def _gaps(points: FloatArray) -> FloatArray:
    """Distance of each point from the nearest other one; none where there is one point only."""
    if len(points) < 2:  # noqa: PLR2004
        return np.empty(0)
    squares = (points**2).sum(axis=1)
    gaps = np.empty(len(points))
    for row, point in enumerate(points):
        apart = squares + squares[row] - 2.0 * points @ point
        apart[row] = np.inf
        gaps[row] = apart.min()
    distances: FloatArray = np.sqrt(np.maximum(gaps, 0.0))
    return distances


def _spread(points: FloatArray) -> tuple[FloatArray, float]:
    """At most so many of the points, each as far as possible from those before it, and how far others are from them."""
    if len(points) <= _MOST_POINTS:
        return points, 0.0
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < _MOST_POINTS:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[np.sort(chosen)], float(np.sqrt(max(nearest.max(), 0.0)))
