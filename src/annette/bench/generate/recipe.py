"""What a plan is made of: recipes, each of which draws any number of networks of one group.

What they draw from gives shapes the way real networks have them: evenly spread, deterministic, and of a wanted
alignment.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np

from annette.bench.records import Purpose
from annette.errors import NetworkShapeError
from annette.network.tensor import DType
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network import Tensor

__all__ = ["ALIGNED", "ODD", "VECTOR", "Block", "CaseBuilder", "Draw", "Recipe", "Sampler", "micro"]

ALIGNED: Final = "aligned"
"""Channels are a multiple of 16: what blocked layouts and wide vectors like best."""

VECTOR: Final = "vector"
"""Channels are a multiple of 4, not of 16: edges are padded or finished apart."""

ODD: Final = "odd"
"""Channels are no multiple of 4: most blocked layouts refuse them."""

_RESOLUTIONS: Final = (96, 112, 128, 144, 160, 192, 224, 224, 224, 240, 256, 288, 299, 300, 320, 384, 416, 512, 640)
_EVEN_DRAWS: Final = 8
_RATIO: Final = 1.085070245491451
"""The generalised golden ratio of so many dimensions d: the positive root of x^(d+1) = x + 1."""
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
        steps = _RATIO ** -np.arange(1.0, _EVEN_DRAWS + 1)
        self._even = [] if attempt else list(reversed(((offsets + (index + 1) * steps) % 1.0).tolist()))
        self._random = np.random.default_rng([seed, key, index, attempt])
        self._origin = (seed, group, attempt)
        self.index = index

    def shared(self, cases: int) -> Sampler:
        """A source that so many cases in a row have in common, for cases that differ in one thing only."""
        seed, group, attempt = self._origin
        return Sampler(seed, f"{group}/shared", self.index // cases, attempt)

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

    def sizes(self, rank: int, most: int) -> tuple[int, ...]:
        """Dimensions of any relation, 64 to ``most`` elements together.

        Args:
            rank: Number of dimensions, at least 1.
            most: Elements, at the most.
        """
        elements = self.log_integer(64, most)
        sizes = []
        for _ in range(rank - 1):
            sizes.append(self.log_integer(1, max(2, round(elements**0.6))))
            elements = max(1, elements // sizes[-1])
        return (*sizes, elements)

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


class CaseBuilder(FoldingBuilder):
    """Builds a small network with any number of inputs."""

    def feed(self, shape: Sequence[int], dtype: DType = DType.FLOAT32) -> Tensor:
        """Declares one more input.

        Args:
            shape: Without the batch.
            dtype: Element type.
        """
        return self.input(self.unique_name("input"), (self.batch, *shape), dtype)

    def host(self, shape: tuple[int, int, int], activation: str = "relu") -> Tensor:
        """A feature map of the given channels, height and width that a cheap convolution has just written.

        What follows it runs in the layout that convolutions write.
        """
        channels, height, width = shape
        x = self.feed((16, height, width))
        y = self.conv(x, channels, 1, name="host")
        return self.activation(y, activation) if activation else y

    def interleave(self, x: Tensor, groups: int) -> Tensor:
        """The channel shuffle: channels of a feature map taken from its groups in turn.

        Raises:
            NetworkShapeError: The groups do not divide the channels.
        """
        batch, channels, height, width = x.shape
        if channels % groups:
            raise NetworkShapeError(f"{groups} groups do not divide {channels} channels")
        y = self.reshape(x, (batch, groups, channels // groups, height, width))
        return self.reshape(self.transpose(y, (0, 2, 1, 3, 4)), x.shape)


Draw: TypeAlias = "Callable[[Sampler, CaseBuilder], object]"
"""Adds layers to a builder (what it returns does not count).

Raises `annette.errors.NetworkError` where what was drawn does not fit together.
"""

Block: TypeAlias = "Callable[[Sampler, CaseBuilder, Tensor], Tensor]"
"""Adds layers behind a feature map and returns their result; raises as a `Draw` does."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Draws the networks of one group.

    Attributes:
        purpose: Why they are measured.
        group: Kind, layout and alignment of what they are about.
        count: How many the full plan has.
        draw: Draws one.
        most_ops: Operations of one, at the most.
        most_bytes: Bytes of one tensor, at the most.
        sweep: The dimension that its cases sweep; such a group is drawn as a whole, whatever the preset. Empty for
            cases that are drawn at random.
        ways: Ways of quantising that its cases take in turn where they are quantised; empty for those of all groups.
        around: Bytes and operations of the networks that its cases of cold weights stand in, in turn; empty for those
            of all groups.
        alternates: Whether every other micro-kernel is measured as a part of a larger network instead of alone.
    """

    purpose: Purpose
    group: str
    count: int
    draw: Draw
    most_ops: int = 400_000_000
    most_bytes: int = 13_000_000
    sweep: str = ""
    ways: tuple[str, ...] = ()
    around: tuple[tuple[int, int], ...] = ()
    alternates: bool = False


def micro(group: str, count: int, draw: Draw, **limits: Any) -> Recipe:
    """A recipe for one layer in the company it needs, with the limits of a `Recipe` or others."""
    return Recipe(Purpose.MICRO_KERNEL, group, count, draw, **limits)
