"""Finds how far the correction of a mixed model reaches: which kernels stand for all, and how dense they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.features import FeatureSet
from annette.models.reach import SIZES, Reach

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["reach_of"]

_MOST_POINTS: Final = 1024
_LEAST_FULL: Final = 3.0
_MOST_FULL: Final = 6.0
_FADING: Final = 8.0
"""Octaves. Where the kernels of a region are left out of a fit (the clusters of each kind, two minutes of benchmarks of
one processor), a correction as it stands is best up to six octaves from what it saw, three quarters of it from six to
nine, and a quarter beyond; with these numbers the error is least: 33.0 %, instead of 33.1 % as it stands and 35.6 %
where it fades from one octave on over two. Where a sum of works lies beneath, it is about as flat
(docs/decisions/sums-of-works.md)."""
_RESOLUTION: Final = 16.0
_SHARE: Final = 0.9


def reach_of(table: KernelTable, correction: FloatArray) -> Reach:
    """How far a correction reaches that was fitted on some kernels.

    It counts in full as far as nine tenths of the measured kernels lie from the nearest other one, between three and
    six octaves.

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
    if len(points) < 2:
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
