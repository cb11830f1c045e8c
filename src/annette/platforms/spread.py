"""How much the errors of one kind of kernel vary, by how long a kernel takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from annette.documents import Positive, check_fields, convert
from annette.errors import PlatformFormatError

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["Spread"]


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
        if len(self.values) == 1:
            return self.values[0]
        return {"latency_s": list(self.latency_s), "values": list(self.values)}

    @classmethod
    def from_json(cls, value: Any) -> Spread:
        """Reads what `to_json` wrote.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        if isinstance(value, dict):
            return convert(value, cls, error=PlatformFormatError)
        return cls.constant(convert(value, float, error=PlatformFormatError))
