"""How widely the errors of kernels are spread, by how long the kernels take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from annette.documents import Positive, check_fields, convert, plain
from annette.errors import PlatformFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray

__all__ = ["Spread", "SpreadStack"]


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
        return SpreadStack([self]).at(np.zeros(len(latency_s), dtype=np.intp), latency_s)

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


class SpreadStack:
    """Several spreads that are asked together.

    Args:
        spreads: One or more; rows name theirs by its place in this sequence.
    """

    def __init__(self, spreads: Sequence[Spread]) -> None:
        counts = np.array([len(spread.values) for spread in spreads])
        self._last = counts - 1
        # The last point is repeated, so that all have the same number: the line behind it is level.
        self._log_s, self._values = np.empty((2, len(spreads), int(counts.max()) + 1))
        for row, spread in enumerate(spreads):
            for known, points in ((self._log_s, np.log(spread.latency_s)), (self._values, np.array(spread.values))):
                known[row, : len(points)], known[row, len(points) :] = points, points[-1]

    def at(self, of: npt.NDArray[np.intp], latency_s: FloatArray) -> FloatArray:
        """Standard deviation for kernels with these estimates, shape as ``latency_s``.

        Args:
            of: Number of the spread of each.
            latency_s: Their estimates, seconds.
        """
        known = self._log_s[of]
        log_s = np.clip(np.log(np.maximum(latency_s, 1e-12)), known[:, 0], known[:, -1])
        place = np.minimum((known <= log_s[:, None]).sum(axis=1) - 1, self._last[of])
        start, width = self._log_s[of, place], self._log_s[of, place + 1] - self._log_s[of, place]
        rise = self._values[of, place + 1] - self._values[of, place]
        values: FloatArray = self._values[of, place] + rise * ((log_s - start) / np.where(width > 0, width, 1.0))
        return values
