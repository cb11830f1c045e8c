"""Kernel times as they are without the profiler, which is most of what it reports of a short kernel.

A profiled time is off by what the profiler adds and by the clock's resolution: of kernels that take a fifth of a
microsecond one runtime reports 2 µs each, whatever they do. The unprofiled time of the whole run knows better: with the
cost of a run itself taken off, it is the sum of the kernels. How much it corrects follows from how well it is known.
With a common error d of the run's n profiled times, of standard deviation s, and the total known within S, the best
guess of d from what the sum is off is its share ``n s^2 / (n^2 s^2 + S^2)`` (linear minimum mean square error). A run
of few microseconds decides about its kernels, and one of milliseconds, whose noise is more, leaves them as they are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.fitting.samples import evicted_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.records import Run
    from annette.fitting.overheads import RunOverheads

__all__ = ["without_profiler"]

_COMMON_S: Final = 5e-7
"""Standard deviation s of the error that the profiled times of a run have in common: half of a whole microsecond, of
which rounding is 0.29 and the rest that the profiler costs more where caches are busy (1.8 to 2.6 µs were found)."""
_CLOCK_S: Final = 1e-7
_RELATIVE_NOISE: Final = 0.02
"""Standard deviation of a run's total: that of the clock, and a part of the time."""
_SHORTEST_S: Final = 1e-7
"""No kernel counts as shorter: an unprofiled chain of the shortest that a CPU runtime has takes twice as much each."""
_MOST_OFF: Final = 0.5
"""Share of a profiled time that may be the profiler's where no total says so."""


def without_profiler(runs: Iterable[Run], overheads: RunOverheads) -> list[Run]:
    """The runs with the times that their kernels have without the profiler.

    Args:
        runs: Usable runs. Totals of those whose caches were emptied are not used: emptying costs more without the
            profiler than with it.
        overheads: What was found of such runs; where that is nothing, profiled times less ``profiler_s``, at least half
            of each, are all that is known.
    """
    return [_corrected(run, overheads) for run in runs]


def _corrected(run: Run, overheads: RunOverheads) -> Run:
    count = len(run.kernels)
    shift_s, share = 0.0, 0.0
    if count and overheads.known and run.samples_s and math.isfinite(run.latency_s) and not evicted_bytes(run):
        sum_s = math.fsum(kernel.latency_s for kernel in run.kernels)
        total_s = _CLOCK_S + _RELATIVE_NOISE * run.latency_s
        gain = count * _COMMON_S**2 / (count**2 * _COMMON_S**2 + total_s**2)
        shift_s, share = gain * (run.latency_s - overheads.beside_s(run) - sum_s), gain * count
    # What is not known better than this is not taken as shorter; that keeps its logarithm from running away.
    unknown_s = max(_SHORTEST_S, _COMMON_S * math.sqrt(1.0 - share))
    kernels = tuple(
        replace(
            kernel,
            latency_s=max(
                kernel.latency_s - overheads.profiler_s + shift_s,
                min(_MOST_OFF * kernel.latency_s, unknown_s if share else math.inf),
            ),
        )
        for kernel in run.kernels
    )
    return replace(run, kernels=kernels)
