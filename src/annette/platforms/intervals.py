"""How far estimates were off: quantiles of log residuals, for kernels by kind and for whole networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from annette.errors import PlatformFormatError
from annette.models.fields import checked_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.models.fields import Fields

__all__ = ["Intervals", "LogResiduals"]


@dataclass(frozen=True, slots=True)
class LogResiduals:
    """Quantiles of ``log(measured / estimated)`` on data that was not fitted.

    Attributes:
        levels: Probabilities, increasing, each between 0 and 1.
        values: The quantile at each level, natural logarithm of a ratio, not decreasing.

    Raises:
        PlatformFormatError: There are fewer than two levels, they are not increasing, or the counts differ.
    """

    levels: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.values) or len(self.levels) < 2:
            raise PlatformFormatError(
                f"residual quantiles need two or more levels and as many values, "
                f"not {len(self.levels)} and {len(self.values)}"
            )
        for level, value in zip(self.levels, self.values, strict=True):
            checked_number(level, "levels", above=0, most=1)
            checked_number(value, "values", least=-50, most=50)
        if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise PlatformFormatError("residual levels must increase")
        if any(a > b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise PlatformFormatError("residual values must not decrease")

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """Log factors from the estimate to the ends of the central interval.

        Args:
            confidence: Probability that the interval is meant to hold with, between 0 and 1.

        Returns:
            Lower and upper log factor, linear between the stated levels; None where the levels do not reach that far.
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
        """Levels and values."""
        return {"levels": list(self.levels), "values": list(self.values)}

    @classmethod
    def from_json(cls, fields: Fields) -> LogResiduals:
        """Reads levels and values.

        Raises:
            PlatformFormatError: They are missing or do not make quantiles.
        """
        fields.only("levels", "values")
        try:
            return cls(fields.numbers("levels"), fields.numbers("values"))
        except PlatformFormatError as error:
            raise PlatformFormatError(f"{fields.path}: {error}") from error


@dataclass(frozen=True)
class Intervals:
    """What a platform knows about its own errors.

    Attributes:
        kernels: Residuals by kind of kernel and model family.
        networks: Residuals of whole networks, or None where none were held out.
        extrapolation_widening: Factor on the log interval of kernels outside the fitted ranges, at least 1.

    Raises:
        PlatformFormatError: The factor is below 1.
    """

    kernels: Mapping[str, Mapping[str, LogResiduals]] = field(default_factory=dict)
    networks: LogResiduals | None = None
    extrapolation_widening: float = 1.0

    def __post_init__(self) -> None:
        checked_number(self.extrapolation_widening, "intervals.extrapolation_widening", least=1)
        frozen = {kind: MappingProxyType(dict(self.kernels[kind])) for kind in sorted(self.kernels)}
        object.__setattr__(self, "kernels", MappingProxyType(frozen))

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "kernels": {
                kind: {family: residuals.to_json() for family, residuals in sorted(families.items())}
                for kind, families in self.kernels.items()
            },
            "networks": None if self.networks is None else self.networks.to_json(),
            "extrapolation_widening": self.extrapolation_widening,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Intervals:
        """Reads intervals.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        fields.only("kernels", "networks", "extrapolation_widening")
        listed = fields.object("kernels")
        networks = fields.optional_object("networks")
        return cls(
            kernels={
                kind: {
                    family: LogResiduals.from_json(listed.object(kind).object(family)) for family in listed.object(kind)
                }
                for kind in listed
            },
            networks=None if networks is None else LogResiduals.from_json(networks),
            extrapolation_widening=fields.number("extrapolation_widening", least=1),
        )
