"""What a platform knows about its own errors: of kernels by kind, of whole networks, and how the former add up.

A platform that never saw a whole network's time still knows how its kernel models err, and how those errors go
together. Errors of different kernels partly cancel in a sum; what they share does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from msgspec import Meta

from annette.documents import OPTIONAL, Share, check_fields, convert, plain
from annette.errors import PlatformFormatError
from annette.platforms.kernel_similarity import likeness_of
from annette.platforms.spread import Spread, SpreadStack

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["WIDEST", "ComposedErrors", "Intervals", "LogResiduals", "unfitted_bounds"]

_UNKNOWN: Final = math.log(2.0)

_UNFITTED_LOWER: Final = math.log(36.0)
_UNFITTED_UPPER: Final = math.log(3.2)
"""Log factors from a price that no fitted model made to the ends of its interval at a confidence of 90 %.

Found by pricing kinds that are fitted by the fallback roofline instead: of the medians of 237 pairs of a kind and a
shipped platform, over ten networks of the zoo, 5 % were shorter than a 36th of the fallback's time and 5 % longer than
3.2 times of it. Their absolute logarithms are distributed exponentially: quantiles at 68, 80, 90 and 95 % are 1.1, 1.9,
2.9 and 3.6.
"""

WIDEST: Final = 3.0 * _UNFITTED_UPPER
"""Log factor to the farthest upper end that is stated: that of an unfitted price at 99.9 %, 33 times the estimate.

An interval that would reach farther says nothing: it is unavailable.
"""

_USUAL_TAIL: Final = 0.05
"""Tail of the usual confidence, 90 %: to there the stated quantiles are taken as they are."""

_SLACK: Final = 1e-12
"""Difference of two levels that comes of rounding."""

_CUT_OFF: Final = 40.0
"""Fits cut residuals off here: such a value says that the sample was too small for its level, nothing else."""


def unfitted_bounds(confidence: float) -> tuple[float, float]:
    """Log factors from a price that no fitted model made to the ends of its interval, with exponential tails.

    Args:
        confidence: Probability that the interval is meant to hold with, between 0 and 1.

    Example:
        >>> lower, upper = unfitted_bounds(0.9)
        >>> round(math.exp(-lower)), round(math.exp(upper), 1)
        (36, 3.2)
    """
    reach = math.log1p(-confidence) / math.log(2.0 * _USUAL_TAIL)
    return -_UNFITTED_LOWER * reach, _UNFITTED_UPPER * reach


@dataclass(frozen=True, slots=True)
class LogResiduals:
    """Quantiles of ``log(measured / estimated)`` on data that was not fitted.

    Attributes:
        levels: Probabilities, increasing, each between 0 and 1.
        values: The quantile at each level, natural logarithm of a ratio, not decreasing.
        spread: By what the logarithms were divided before, for kernels of different length; None for nothing.

    Raises:
        PlatformFormatError: There are fewer than two levels, they are not increasing, or the counts differ.
    """

    levels: tuple[Annotated[float, Meta(gt=0, le=1)], ...]
    values: tuple[Annotated[float, Meta(ge=-50, le=50)], ...]
    spread: Spread | None = field(default=None, metadata=OPTIONAL)

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.values) or len(self.levels) < 2:
            raise PlatformFormatError(
                f"residual quantiles need two or more levels and as many values, "
                f"not {len(self.levels)} and {len(self.values)}"
            )
        check_fields(self, error=PlatformFormatError)
        if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise PlatformFormatError("residual levels must increase")
        if any(a > b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise PlatformFormatError("residual values must not decrease")

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """Log factors from the estimate to the ends of the central interval, in units of the spread if there is one.

        Between the stated levels they are linear. Beyond the last level that the sample reached, where a fit can only
        repeat the extreme, the tail is exponential: the distance to the median grows with the logarithm of its
        probability.

        Args:
            confidence: Probability that the interval is meant to hold with, between 0 and 1.

        Returns:
            Lower and upper factor, at most and at least 0: an interval contains its estimate. None where all levels
            lie on one side of the median.
        """
        return _central(self.levels, self.values, confidence)

    def to_json(self) -> dict[str, Any]:
        """Levels, values, and the spread if there is one."""
        return {name: value for name, value in plain(self).items() if value is not None}


@lru_cache(1024)  # All networks of a search ask for the same.
def _central(levels: tuple[float, ...], values: tuple[float, ...], confidence: float) -> tuple[float, float] | None:
    tail = (1.0 - confidence) / 2.0
    below = tuple(zip(levels, values, strict=True))
    above = tuple((1.0 - level, -value) for level, value in reversed(below))
    lower, upper = _tail(below, tail), _tail(above, tail)
    return None if lower is None or upper is None else (min(lower, 0.0), max(-upper, 0.0))


def _tail(quantiles: tuple[tuple[float, float], ...], level: float) -> float | None:
    """Quantile of a lower tail, from pairs of a level and its quantile; None where no level is below the median."""
    levels, values = zip(*quantiles, strict=True)
    last = 0
    while last + 1 < len(levels) and (
        values[last] <= -_CUT_OFF or (values[last + 1] == values[0] and levels[last + 1] <= _USUAL_TAIL + _SLACK)
    ):
        last += 1
    if level >= levels[last] - _SLACK:
        return float(np.interp(level, levels, values)) if level <= levels[-1] + _SLACK else None
    if levels[last] >= 0.5 or levels[-1] < 0.5:
        return None
    median = float(np.interp(0.5, levels, values))
    reach = math.log(0.5 / level) / math.log(0.5 / levels[last])
    return median + (float(values[last]) - median) * reach


@dataclass(frozen=True)
class ComposedErrors:
    """How the errors of kernels add up to that of a network.

    With kernel i taking the share w_i of the estimate and its log error having the standard deviation s_i, the log
    error of the sum has the variance ``run^2 + sum_ij w_i w_j s_i s_j rho_ij``, and that of what a run costs beside its
    kernels (`annette.platforms.Overhead`) on top. The correlation rho_ij is 1 for equal
    kernels (one model gives them one error) and ``other_kinds`` between kinds. Within a kind it falls from ``alike``
    for kernels of the same sizes to ``same_kind`` for those of other ones (`annette.platforms.kernel_similarity`).
    The error divided by the root of this variance is a standardised residual, whose quantiles come from runs that
    the models did not see (split conformal prediction with a normalised score; Lei et al., Journal of the American
    Statistical Association 113, 2018).

    Attributes:
        spreads: Standard deviation of the log error by kind of kernel and by how long it takes.
        alike: Correlation of the errors of different kernels of one kind and the same sizes, from 0 to 1.
        same_kind: Correlation of the errors of kernels of one kind that are not alike in one run, from 0 to ``alike``.
        other_kinds: Correlation of the errors of kernels of two kinds in one run, from 0 to ``same_kind``.
        run: Standard deviation of the log ratio of a run to the sum of its measured kernels.
        standardised: Quantiles of the standardised residuals.

    Raises:
        PlatformFormatError: A number is out of its range, or there is no kind.
    """

    spreads: Mapping[str, Spread]
    alike: Share
    same_kind: Share
    other_kinds: Share
    run: Annotated[float, Meta(ge=0, le=50)]
    standardised: LogResiduals

    def __post_init__(self) -> None:
        if not self.spreads:
            raise PlatformFormatError("composed errors need the spread of at least one kind")
        check_fields(self, error=PlatformFormatError)
        for name, limit in (("same_kind", "alike"), ("other_kinds", "same_kind")):
            if getattr(self, name) > getattr(self, limit):
                raise PlatformFormatError(
                    f"$.{name} is {getattr(self, name):g}: it must be at most {limit}, {getattr(self, limit):g}"
                )
        object.__setattr__(self, "spreads", MappingProxyType(dict(sorted(self.spreads.items()))))

    def bounds(
        self,
        confidence: float,
        table: KernelTable,
        latency_s: FloatArray,
        widening: FloatArray,
        beside: tuple[float, float] = (0.0, 0.0),
    ) -> tuple[float, float] | None:
        """Log factors from a network's estimate to the ends of its interval.

        Args:
            confidence: Probability that the interval is meant to hold with, between 0 and 1.
            table: The network's kernels.
            latency_s: Estimate of each, at least 0, shape ``(kernels,)``.
            widening: Factor on the spread of each: more than 1 outside the fitted ranges.
            beside: What the estimate contains beside the kernels, and its standard deviation, seconds.

        Returns:
            Lower and upper log factor; None where the quantiles lie on one side of the median, no kernel takes time, or
            the spreads are more than can be counted with.
        """
        bounds = self.standardised.bounds(confidence)
        if bounds is None or not latency_s.sum() > 0:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            scale = self.scale(table, latency_s, widening, beside)
        return (bounds[0] * scale, bounds[1] * scale) if math.isfinite(scale) else None

    def scale(
        self,
        table: KernelTable,
        latency_s: FloatArray,
        widening: FloatArray,
        beside: tuple[float, float] = (0.0, 0.0),
    ) -> float:
        """Standard deviation of the log error of a sum of kernels; arguments as in `bounds`.

        A kind whose spread is not known counts as the worst known one, and at least as a factor of two. Infinite where
        it cannot be counted with.
        """
        likeness = likeness_of(table)
        weight = latency_s * self._stack.at(self._spread_numbers(table), latency_s) * widening
        by_kind, parts = likeness.sums(weight)
        total = float(by_kind.sum())
        squares, near = float((by_kind * by_kind).sum()), likeness.weighted(parts)
        variance = (
            (1.0 - self.alike) * float((parts * parts).sum())
            + (self.alike - self.same_kind) * near
            + self.same_kind * squares
            + self.other_kinds * max(0.0, total * total - squares)
        )
        if not math.isfinite(variance):
            return math.inf
        beside_s, spread_s = beside
        return math.hypot(self.run, math.hypot(math.sqrt(variance), spread_s) / (float(latency_s.sum()) + beside_s))

    def _spread_numbers(self, table: KernelTable) -> npt.NDArray[np.intp]:
        kinds, of = table.numbered_kinds
        return np.array([self._number_of.get(kind, len(self.spreads)) for kind in kinds], dtype=np.intp)[of]

    @cached_property
    def _number_of(self) -> dict[str, int]:
        return {kind: number for number, kind in enumerate(self.spreads)}

    @cached_property
    def _stack(self) -> SpreadStack:
        """The spread of each kind, and behind them that of a kind that is not known."""
        worst = max(_UNKNOWN, *(max(spread.values) for spread in self.spreads.values()))
        return SpreadStack([*self.spreads.values(), Spread.constant(worst)])

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return dict(plain(self))

    @classmethod
    def from_json(cls, document: Any) -> ComposedErrors:
        """Reads composed errors.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        # Files before it was told apart have one correlation for all kernels of a kind.
        if isinstance(document, dict) and "same_kind" in document:
            document = {"alike": document["same_kind"], **document}
        return convert(document, cls, error=PlatformFormatError)


@dataclass(frozen=True)
class Intervals:
    """What a platform knows about its own errors.

    Attributes:
        kernels: Residuals by kind of kernel and model family.
        networks: Residuals of whole networks, or None where none were held out.
        composed: For each model family, how the errors of kernels add up to that of a network; the key ``preferred``
            stands for what the platform prefers for each kind. Used where ``networks`` is None.
        extrapolation_widening: Factor on the log interval of kernels outside the fitted ranges, at least 1.

    Raises:
        PlatformFormatError: The factor is below 1.
    """

    kernels: Mapping[str, Mapping[str, LogResiduals]] = field(default_factory=dict)
    networks: LogResiduals | None = field(default=None, metadata=OPTIONAL)
    composed: Mapping[str, ComposedErrors] = field(default_factory=dict, metadata=OPTIONAL)
    extrapolation_widening: Annotated[float, Meta(ge=1, le=1e30)] = 1.0

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)
        frozen = {kind: MappingProxyType(dict(sorted(self.kernels[kind].items()))) for kind in sorted(self.kernels)}
        object.__setattr__(self, "kernels", MappingProxyType(frozen))
        object.__setattr__(self, "composed", MappingProxyType(dict(sorted(self.composed.items()))))

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return dict(plain(self))
