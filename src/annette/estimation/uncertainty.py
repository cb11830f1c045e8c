"""How far off an estimate may be: the interval of each kernel, and of the network that they add up to.

What is known of a platform's errors holds for what it was fitted on. A kernel outside the fitted ranges, of a kind that
no fitted model prices, or priced by another family than the platform prefers never makes an interval narrower.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from annette.platforms.intervals import WIDEST, unfitted_bounds
from annette.platforms.spread import SpreadStack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation.estimate import Prices
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.platforms.platform import Platform

    _Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]
    _Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

__all__ = ["KernelErrors", "network_bounds"]


class KernelErrors:
    """How far off the prices of kernels may be, kind by kind.

    It comes from held-out residuals of the kind and family, wider outside the fitted ranges; without residuals, or
    where no fitted model made the price, from `annette.platforms.intervals.unfitted_bounds`, whichever is wider.

    Args:
        platform: What prices the kernels.
        kinds: Kinds of kernel; rows name theirs by its place in this sequence.
        methods: Model family that prices each kind.
        fitted: Whether a fitted model does.
    """

    def __init__(
        self, platform: Platform, kinds: Sequence[str], methods: Sequence[str], fitted: Sequence[bool]
    ) -> None:
        priced = tuple(zip(kinds, methods, strict=True))
        self._spreads = SpreadStack([platform.kernel_spread(*each) for each in priced])
        self._bounds = [partial(platform.kernel_interval, *each) for each in priced]
        self._fitted = fitted
        self._last: tuple[float, FloatArray, _Flags] | None = None  # As a rule, one confidence is asked for.
        self._widening = platform.extrapolation_widening

    def bounds(
        self, of: _Numbers, latency_s: FloatArray, inside: _Flags, confidence: float
    ) -> tuple[FloatArray, FloatArray]:
        """Log factors from the estimates of kernels to the ends of their intervals.

        Args:
            of: Number of the kind of each kernel.
            latency_s: Their estimates, seconds.
            inside: Whether each lies inside the fitted ranges.
            confidence: Probability that the intervals are meant to hold with.

        Returns:
            Lower factors, at most 0, and upper ones, at least 0; NaN where the upper one would be more than
            `annette.platforms.intervals.WIDEST`.
        """
        stated, unstated = self._stated_at(confidence)
        rough = unstated[of]
        widening = np.where(inside, 1.0, self._widening) * self._spreads.at(of, latency_s)
        lower, upper = stated[:, of] * widening
        least, most = unfitted_bounds(confidence)
        lower, upper = np.where(rough, np.minimum(lower, least), lower), np.where(rough, np.maximum(upper, most), upper)
        unknown = upper > WIDEST
        lower[unknown] = upper[unknown] = np.nan
        return lower, upper

    def _stated_at(self, confidence: float) -> tuple[FloatArray, _Flags]:
        """Log factors of each kind, 0 where none are known, and where they are not known or not enough."""
        last = self._last
        if last is None or last[0] != confidence:
            known = [bounds(confidence) for bounds in self._bounds]
            factors = np.array([each or (0.0, 0.0) for each in known]).T
            rough = [each is None or not fit for each, fit in zip(known, self._fitted, strict=True)]
            last = self._last = confidence, factors, np.array(rough, dtype=np.bool_)
        return last[1], last[2]


def network_bounds(
    platform: Platform,
    family: str | None,
    confidence: float,
    table: KernelTable,
    prices: Prices,
    counted: _Flags,
    total_s: float,
) -> tuple[float, float] | None:
    """Log factors from a network's estimate to the ends of its interval.

    Kernels whose errors are known go together as whole networks did, or as `ComposedErrors` says. The ends of all
    others are added in time, each with its own interval, which is at least as wide.

    Args:
        platform: What priced the kernels.
        family: Model family that was asked for, or None.
        confidence: Probability that the interval is meant to hold with.
        table: The network's kernels.
        prices: Their estimates.
        counted: Which of them the network's estimate contains.
        total_s: The network's estimate, seconds, above 0.

    Returns:
        Lower and upper factor; None where the platform does not know its errors, or the upper one would be more than
        `annette.platforms.intervals.WIDEST`.
    """
    errors, whole = platform.composed_errors(family), platform.network_interval(confidence)
    bounds: tuple[float, float] | None
    inner: tuple[float, float] | None
    if whole is not None:
        known = prices.fitted & prices.in_range & prices.usual
        bounds = inner = whole
    elif errors is not None:
        kinds, of = table.numbered_kinds
        stated: _Flags = np.array([kind in errors.spreads for kind in kinds], dtype=bool)[of]
        known = prices.fitted & stated
        widening = np.where(prices.in_range, 1.0, platform.extrapolation_widening)
        beside = (max(0.0, total_s - float(prices.latency_s[counted].sum())), platform.overhead.spread_s)
        bounds = inner = errors.bounds(confidence, table, prices.latency_s, np.where(stated, widening, 0.0), beside)
        if (prices.latency_s[~stated] > 0).any():
            latency_s = np.where(stated, prices.latency_s, 0.0)
            inner = errors.bounds(confidence, table, latency_s, np.where(stated, widening, 0.0), beside)
    else:
        return None
    if any(ends is not None and ends[1] > WIDEST for ends in (bounds, inner)):
        return None
    away = counted & ~known & (prices.latency_s > 0)
    if away.any():
        bounds = _widened(bounds or (0.0, 0.0), inner or (0.0, 0.0), prices, away, total_s)
    return None if bounds is None or bounds[1] > WIDEST else bounds


def _widened(
    bounds: tuple[float, float], inner: tuple[float, float], prices: Prices, away: _Flags, total_s: float
) -> tuple[float, float]:
    """The wider of given bounds and those of a sum, of which some kernels have intervals of their own.

    Args:
        bounds: Log factors as if all kernels were known like the others.
        inner: Log factors of the others, at the same confidence.
        prices: All kernels.
        away: Those with intervals of their own.
        total_s: The network's estimate, seconds, above 0.
    """
    latency_s = prices.latency_s[away]
    share = latency_s / total_s
    with np.errstate(over="ignore"):  # Infinite is wider than what is stated.
        lower, upper = prices.lower_s[away] / latency_s, prices.upper_s[away] / latency_s
    least, most = math.exp(inner[0]), math.exp(inner[1])
    lower = np.minimum(np.where(np.isnan(lower), 0.0, lower), least)
    upper = np.maximum(np.where(np.isnan(upper), math.exp(WIDEST), upper), most)
    rest = max(0.0, 1.0 - float(share.sum()))
    down, up = float(share @ lower) + rest * least, float(share @ upper) + rest * most
    return min(bounds[0], math.log(down) if down > 0 else -math.inf), max(bounds[1], math.log(up))
