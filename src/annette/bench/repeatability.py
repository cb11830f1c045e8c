"""How well measurements repeat: the floor below which no estimate can be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["repeatability"]

_SMALL: Final = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}
_CONSISTENT: Final = 2.2219
"""Makes the estimate the standard deviation where rounds are normally distributed."""


def repeatability(rounds_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Relative standard deviation of a round, from the relative differences of all pairs of rounds.

    Qn of Rousseeuw and Croux (*Alternatives to the Median Absolute Deviation*, JASA 88, 1993, with their factors for
    few values): an order statistic of the pairwise differences, which a minority of disturbed rounds, one of three,
    does not move.

    Args:
        rounds_s: Times, seconds, all more than 0, shape ``(rounds,)`` or ``(rounds, columns)``.

    Returns:
        Share of the median, shape ``()`` or ``(columns,)``; NaN with fewer than two rounds.

    Example:
        >>> round(float(repeatability([1.00, 1.01, 1.60])), 3)
        0.022
    """
    times = np.asarray(rounds_s, dtype=np.float64)
    count = len(times)
    if count < 2:
        return np.full(times.shape[1:], np.nan)
    first, second = np.triu_indices(count, k=1)
    apart = np.sort(np.abs(times[first] - times[second]), axis=0)
    half = count // 2 + 1
    spread: npt.NDArray[np.float64] = _CONSISTENT * _factor(count) * apart[half * (half - 1) // 2 - 1]
    share: npt.NDArray[np.float64] = spread / np.maximum(np.median(times, axis=0), 1e-12)
    return share


def _factor(count: int) -> float:
    """The correction for few values."""
    return _SMALL.get(count, count / (count + 1.4) if count % 2 else count / (count + 3.8))
