"""How a case is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from annette.bench.records import MOST_DRIFT, MOST_UNCERTAIN, Purpose
from annette.errors import OptionError

__all__ = ["Settings"]

_FEWEST: Final = 6
"""Runs without the profiler, at the least: fewer would not show whether a moment was calm."""

_EVICTED: Final = (4, 8)
"""Runs without and with the profiler where the caches are emptied: it takes longer than a run, and has no outliers."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a case is measured; part of what a dataset keeps about its runs.

    Attributes:
        warmup: Runs before anything is recorded.
        repeats: Runs of a whole network that are recorded, at the least; as many again are profiled.
        kernel_repeats: Profiled runs of anything but whole networks, at the least; about a third as many are run
            without the profiler.
        target_s: Time for the recorded runs of one case: short networks are run more often, up to ``most_repeats``.
        most_repeats: Runs recorded, at the most.
        attempts: How often a run that calls itself unstable is measured again before it is kept, marked.
        timeout_s: A case that gives no result for so long has failed.
        cpus: Processors to pin the worker to; empty leaves the choice to the scheduler.
        most_uncertain: Standard error of the samples' median, relative to it, above which a run calls itself unstable.
        drift: Relative change of the reference workload over a run above which it calls itself drifted.
    """

    warmup: int = 3
    repeats: int = 20
    kernel_repeats: int = 12
    target_s: float = 0.1
    most_repeats: int = 60
    attempts: int = 3
    timeout_s: float = 120.0
    cpus: tuple[int, ...] = ()
    most_uncertain: float = MOST_UNCERTAIN
    drift: float = MOST_DRIFT

    def __post_init__(self) -> None:
        for field in ("repeats", "kernel_repeats", "most_repeats", "attempts"):
            if getattr(self, field) < 1:
                raise OptionError(f"measurement setting {field} is {getattr(self, field)}, less than 1")
        for field in ("target_s", "timeout_s", "most_uncertain", "drift"):
            if not getattr(self, field) > 0:
                raise OptionError(f"measurement setting {field} is {getattr(self, field)}, not more than 0")

    def runs(self, one_s: float, purpose: Purpose, *, evicted: bool = False) -> tuple[int, int]:
        """How often a case is run for the record.

        Args:
            one_s: Time of one run; anything that is not more than 0 stands for unknown.
            purpose: Why it is measured: of micro-kernels and chains the profile counts, of networks the total.
            evicted: Whether the caches are emptied before each run.

        Returns:
            Runs without the profiler, and with it.
        """
        if evicted:
            return _EVICTED
        least = self.repeats if purpose is Purpose.NETWORK else self.kernel_repeats
        wanted = self.target_s / one_s if one_s > 0 else least
        profiled = int(max(min(wanted, self.most_repeats), least))
        return (profiled if purpose is Purpose.NETWORK else max(_FEWEST, profiled // 3)), profiled
