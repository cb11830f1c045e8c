"""Draws shapes the way real networks have them: evenly spread, deterministic, and of a wanted alignment."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALIGNED", "ODD", "VECTOR", "Sampler"]

ALIGNED: Final = "aligned"
"""Channels are a multiple of 16: what blocked layouts and wide vectors like best."""

VECTOR: Final = "vector"
"""Channels are a multiple of 4, not of 16: edges are padded or finished apart."""

ODD: Final = "odd"
"""Channels are no multiple of 4: most blocked layouts refuse them."""

_RESOLUTIONS: Final = (96, 112, 128, 144, 160, 192, 224, 224, 224, 240, 256, 288, 299, 300, 320, 384, 416, 512, 640)
_EVEN_DRAWS: Final = 8
_Option = TypeVar("_Option")


class Sampler:
    """The source of randomness of one case.

    The first draws of all cases of a group form a low-discrepancy sequence (additive recurrence on the powers of the
    generalised golden ratio; Roberts, *The Unreasonable Effectiveness of Quasirandom Sequences*, 2018), so that
    any number of them covers the ranges evenly; later draws are pseudo-random.

    Args:
        seed: The plan's seed.
        group: The group that the case belongs to.
        index: The case's number within the group.
        attempt: Counts up when what was drawn could not be used; from 1 on all draws are pseudo-random.
    """

    def __init__(self, seed: int, group: str, index: int, attempt: int = 0) -> None:
        key = zlib.crc32(group.encode())
        offsets = np.random.default_rng([seed, key]).random(_EVEN_DRAWS)
        ratio = _generalised_golden_ratio(_EVEN_DRAWS)
        steps = ratio ** -np.arange(1.0, _EVEN_DRAWS + 1)
        self._even = [] if attempt else list(reversed(((offsets + (index + 1) * steps) % 1.0).tolist()))
        self._random = np.random.default_rng([seed, key, index, attempt])
        self.index = index

    def unit(self) -> float:
        """A number in [0, 1)."""
        return float(self._even.pop() if self._even else self._random.random())

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.unit() < probability

    def pick(self, options: Sequence[_Option], weights: Sequence[float] | None = None) -> _Option:
        """One of several options, with probabilities in proportion to ``weights``; even where absent."""
        if weights is None:
            return options[int(self.unit() * len(options))]
        point = self.unit() * math.fsum(weights)
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]

    def integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return low + int(self.unit() * (high - low + 1))

    def log_integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, evenly spread on a logarithmic scale."""
        value = math.exp(math.log(low) + self.unit() * (math.log(high + 1) - math.log(low)))
        return min(max(int(value), low), high)

    def channels(self, low: int, high: int, alignment: str = "") -> int:
        """A number of channels, log-uniform.

        Args:
            low: At least this many.
            high: At most about this many.
            alignment: `ALIGNED`, `VECTOR` or `ODD`; empty takes them as often as real networks have them.
        """
        kind = alignment or self.pick((ALIGNED, VECTOR, ODD), (0.62, 0.32, 0.06))
        count = self.log_integer(max(low, 1), high)
        if kind == ALIGNED:
            return max(16, 16 * round(count / 16))
        if kind == VECTOR:
            count = max(4, 4 * round(count / 4))
            return count if count % 16 else count + self.pick((4, 8, 8, 12))
        return count if count % 4 else count + self.pick((1, 2, 3))

    def size(self, low: int, high: int) -> int:
        """Height of a feature map: a common resolution halved several times, or any number."""
        if self.chance(0.3):
            return self.log_integer(low, high)
        sizes = sorted({-(-image >> shift) for image in _RESOLUTIONS for shift in range(1, 6)} | {7, 35, 17, 73})
        fitting = [size for size in sizes if low <= size <= high]
        if not fitting:
            return self.log_integer(low, high)
        target = self.log_integer(low, high)
        return min(fitting, key=lambda size: abs(math.log(size / target)))

    def feature_map(
        self,
        channels: tuple[int, int],
        *,
        alignment: str = "",
        sizes: tuple[int, int] = (4, 160),
        most: int = 1 << 20,
        range_: int = 150,
    ) -> tuple[int, int, int]:
        """Channels, height and width that occur together: wide maps are shallow, deep maps are small.

        Args:
            channels: Smallest and largest number of channels.
            alignment: As in `channels`.
            sizes: Smallest and largest height.
            most: Elements, at the most.
            range_: How many times fewer elements there are, at about the most.
        """
        depth = self.channels(*channels, alignment)
        largest = max(sizes[0], min(sizes[1], math.isqrt(max(1, most // depth))))
        smallest = max(sizes[0], min(largest, math.isqrt(max(1, most // depth // range_))))
        height = self.size(smallest, largest)
        if self.chance(0.85):
            return depth, height, height
        return depth, height, max(1, min(round(height * self.pick((0.5, 0.75, 1.33, 1.78))), most // depth // height))

    def resolution(self) -> int:
        """Height of an input image."""
        return self.pick(_RESOLUTIONS)


def _generalised_golden_ratio(dimensions: int) -> float:
    """The positive root of x^(d+1) = x + 1."""
    value = 2.0
    for _ in range(40):
        value = (1 + value) ** (1 / (dimensions + 1))
    return value
