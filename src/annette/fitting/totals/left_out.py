"""How far off totals are that a fit did not see, and what follows for intervals.

No kernel was ever seen alone, so that nothing but totals can be left out: split conformal prediction on networks, as in
Wess et al., *Conformal Prediction Based Confidence for Latency Estimation of DNN Accelerators*, IEEE Access 12, 2024.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.conformal import log_residuals
from annette.platforms import Intervals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.totals.decomposition import Decomposition
    from annette.fitting.totals.observations import Observations, Total
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms.intervals import LogResiduals

__all__ = ["intervals_of", "left_out_residuals", "like_networks"]

_WIDENING: Final = 2.0
_LONGEST: Final = 1 / 3
_ENOUGH: Final = 60
"""Totals that stand for networks: the longest third, and at least so many."""

_DRAWS: Final = 400
_LEAST_SPREAD: Final = 0.01


def left_out_residuals(seen: Observations, found: Decomposition, fitted_s: FloatArray) -> FloatArray:
    """``log(measured / estimated)`` of each total, where it was left out with a fifth of the others.

    Args:
        seen: The totals.
        found: What they tell.
        fitted_s: The totals by the layer models that were taught it: how they differ from what they were taught counts
            as well.
    """
    residuals: FloatArray = found.attribution.left_out + np.log(found.totals_s(seen) / fitted_s)
    return residuals


def like_networks(totals: Sequence[Total], seen: Observations) -> npt.NDArray[np.intp]:
    """The runs that resemble networks most: those of the most different kernels, of them the longest.

    Args:
        totals: The networks.
        seen: The same as sums of kernels.
    """
    various = np.diff(seen.counts.indptr)
    order = np.lexsort((-seen.latency_s, -np.minimum(various, np.quantile(various, 1 - _LONGEST))))
    count = min(len(totals), max(math.ceil(_LONGEST * len(totals)), _ENOUGH))
    return np.sort(order[:count])


def intervals_of(
    residuals: FloatArray,
    seen: Observations,
    found: Decomposition,
    models: Mapping[str, Mapping[str, LayerModel]],
    seed: int,
) -> Intervals:
    """Intervals of networks by totals left out, and of kernels by what the totals leave open.

    Args:
        residuals: Of totals that resemble networks, by fits that did not see them.
        seen: The totals.
        found: What they tell.
        models: Layer models by kind and family, of kinds that are told apart.
        seed: For the draws that stand for what is left open.
    """
    kernels = {kind: _of_kind(kind, seen, found, families, seed) for kind, families in models.items()}
    return Intervals(kernels=kernels, networks=log_residuals(residuals), extrapolation_widening=_WIDENING)


def _of_kind(
    kind: str, seen: Observations, found: Decomposition, families: Mapping[str, LayerModel], seed: int
) -> dict[str, LogResiduals]:
    """Quantiles of errors of kernels: how far models are from what totals say, and what these leave open."""
    rows = seen.table.rows_by_kind[kind]
    prior, said_s = found.attribution.prior, found.attribution.latency_s[rows]
    open_ = prior.spread * np.sqrt(np.clip(1.0 - found.attribution.known[rows], 0.0, 1.0)) + _LEAST_SPREAD
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(rows), size=max(_DRAWS, len(rows)))
    normal = rng.standard_normal(len(drawn))
    intervals = {}
    for family, model in families.items():
        off = np.log(said_s / model.predict_s(seen.table.select(rows)))
        intervals[family] = log_residuals(off[drawn] + open_[drawn] * normal)
    return intervals
