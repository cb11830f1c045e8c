"""How far estimates were off: quantiles of log residuals, and how much they vary by how long a kernel takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from annette.documents import OPTIONAL, Positive, check_fields, convert, plain
from annette.errors import PlatformFormatError

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["LogResiduals", "Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviation of the log error of one kind of kernel, by how long a kernel takes.

    Short kernels err more: clocks tick, and what surrounds a kernel counts for more.

    Attributes:
        latency_s: Estimates at which it is known, increasing, seconds; between them it changes linearly in log time,
            outside it stays as at the nearest.
        values: Standard deviation at each, natural logarithm of a ratio, above 0.

    Raises:
        PlatformFormatError: There is no point, the counts differ, or a number is out of its range.
    """

    latency_s: tuple[Positive, ...]
    values: tuple[Annotated[float, Meta(gt=0, le=50)], ...]

    def __post_init__(self) -> None:
        if not self.latency_s or len(self.latency_s) != len(self.values):
            raise PlatformFormatError(
                f"a spread needs one or more times and as many values, not {len(self.latency_s)} and {len(self.values)}"
            )
        check_fields(self, error=PlatformFormatError)
        if any(a >= b for a, b in zip(self.latency_s, self.latency_s[1:], strict=False)):
            raise PlatformFormatError("the times of a spread must increase")

    @classmethod
    def constant(cls, value: float) -> Spread:
        """The same for all kernels."""
        return cls((1.0,), (value,))

    def at(self, latency_s: FloatArray) -> FloatArray:
        """Standard deviation for kernels with these estimates, shape as ``latency_s``."""
        known = np.log(self.latency_s)
        values: FloatArray = np.interp(np.log(np.maximum(latency_s, 1e-12)), known, self.values)
        return values

    def to_json(self) -> dict[str, list[float]] | float:
        """Times and values, or one number where it is constant."""
        return self.values[0] if len(self.values) == 1 else dict(plain(self))

    @classmethod
    def from_json(cls, value: Any) -> Spread:
        """Reads what `to_json` wrote.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        if isinstance(value, dict):
            return convert(value, cls, error=PlatformFormatError)
        return cls.constant(convert(value, float, error=PlatformFormatError))


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

        Args:
            confidence: Probability that the interval is meant to hold with, between 0 and 1.

        Returns:
            Lower and upper factor, linear between the stated levels; None where the levels do not reach that far.
        """
        tail = (1.0 - confidence) / 2.0
        lower, upper = self._at(tail), self._at(1.0 - tail)
        return None if lower is None or upper is None else (lower, upper)

    def _at(self, level: float) -> float | None:
        slack = 1e-12
        if not self.levels[0] - slack <= level <= self.levels[-1] + slack:
            return None
        for index in range(1, len(self.levels)):
            if level <= self.levels[index] + slack:
                start, end = self.levels[index - 1], self.levels[index]
                share = (level - start) / (end - start)
                return self.values[index - 1] + share * (self.values[index] - self.values[index - 1])
        return None

    def to_json(self) -> dict[str, Any]:
        """Levels, values, and the spread if there is one."""
        return {name: value for name, value in plain(self).items() if value is not None}
