"""How a case is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a case is measured; part of what a dataset keeps about its runs.

    Attributes:
        warmup: Runs before anything is recorded.
        repeats: Runs recorded, at the least.
        target_s: Time for the recorded runs of one case: short networks are run more often, up to ``most_repeats``.
        most_repeats: Runs recorded, at the most.
        attempts: How often a run that calls itself unstable is measured again before it is kept, marked.
        timeout_s: A case that gives no result for so long has failed.
        cpus: Processors to pin the worker to; empty leaves the choice to the scheduler.
        flush_bytes: Memory touched before each run of a cold-weights case; more than the last-level cache.
        unstable_spread: Interquartile range over median above which a run calls itself unstable.
        drift: Relative change of the calibration over a run above which it calls itself drifted.
    """

    warmup: int = 3
    repeats: int = 20
    target_s: float = 0.1
    most_repeats: int = 60
    attempts: int = 3
    timeout_s: float = 120.0
    cpus: tuple[int, ...] = ()
    flush_bytes: int = 64 * 1024 * 1024
    unstable_spread: float = 0.1
    drift: float = 0.1

    def __post_init__(self) -> None:
        for field in ("repeats", "most_repeats", "attempts"):
            if getattr(self, field) < 1:
                raise OptionError(f"measurement setting {field} is {getattr(self, field)}, less than 1")
        for field in ("target_s", "timeout_s", "unstable_spread", "drift"):
            if not getattr(self, field) > 0:
                raise OptionError(f"measurement setting {field} is {getattr(self, field)}, not more than 0")

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """Builds settings from `to_json`."""
        return cls(**{**values, "cpus": tuple(values["cpus"])})
