"""Quantiles of log residuals: how far estimates were off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from annette.documents import OPTIONAL, check_fields
from annette.errors import PlatformFormatError
from annette.platforms.spread import Spread  # noqa: TC001 - annotations are read at run time

__all__ = ["LogResiduals"]


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
        document: dict[str, Any] = {"levels": list(self.levels), "values": list(self.values)}
        return document if self.spread is None else document | {"spread": self.spread.to_json()}
