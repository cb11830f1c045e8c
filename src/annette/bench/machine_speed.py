"""How fast a machine was while something ran, and times brought to one speed.

Machines that others share change their speed for seconds and minutes: their clock follows what the neighbours compute,
and last caches and memory are shared. A reference workload timed beside each run says by how much. A time is taken to
be proportional to a power of the reference workload's time then. The visits that a campaign pays to the same case tell
the power: they differ in nothing but the moment.

On a virtual machine whose reference workload took 300 to 380 µs, three campaigns of one plan differed by 6 to 12 % in
their level and, beyond that, by 4 to 5 % (median) in what the shortest of three visits took; brought to one speed
before, by 2 % and 3 % (docs/benchmarking.md).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.records import Purpose, Status, calm, calm_reference_s
from annette.bench.subnormals import SUBNORMAL_LATENCY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import KernelIdentity, Run
    from annette.mapping.kernel import FloatArray

__all__ = [
    "LEAST_ROUND_EXPONENT", "at_speed", "reference_workload_s", "run_level_s", "speed_exponent", "speed_ratios"
]  # fmt: skip

LEAST_ROUND_EXPONENT: Final = 0.85
"""The power of the reference workload's time that rounds of whole networks follow at the least, where visits follow a
smaller one. A machine may change its speed several times a second, and what a visit of some milliseconds meets is not
what the reference workload met beside it; rounds last longer. Visits of three calm benchmarks of a virtual machine gave
0.41 to 0.50, rounds of networks in the same hours 0.76 to 0.91 (docs/decisions/calibration-exponent.md)."""

_ADJACENT_RUNS: Final = 10
_ADJACENT_S: Final = 4.0
"""Runs before and after a run whose reference workload counts for it, too: so many, begun at most so much earlier or
later. Visits of a campaign take 0.03 s each, so that they are a third of a second; rounds of networks take seconds.
With 4 s, two rounds of 400 networks differed by 5.6 % in the mean where they had differed by 6.7 %; with 10 and 20 s by
5.8 and 5.9 %. Of visits, 10 and 50 on either side made campaigns agree equally well, and none or one worse."""

_LONG_S: Final = 5e-5
"""Shorter runs are known worse, by the profile's whole microseconds."""

_LARGEST_DIFFERENCE: Final = 0.4
"""Natural logarithm: visits that differ by more from the mean of their case were interrupted."""

_LEAST_VISITS: Final = 500
"""Fewer visits tell too little: the standard error would be more than 0.1 on a machine whose speed varies by 3 %."""

_LEAST_CHANGE: Final = 0.01
"""Standard deviation of the logarithm of the reference workload's time between visits of a case, below which the
machine counts as steady."""

_LEAST_BELOW_1: Final = 0.1
_STANDARD_ERRORS_BELOW_1: Final = 3.0
"""An exponent counts as less than 1 if it is below by a tenth and by so many standard errors."""


def run_level_s(run: Run) -> float:
    """Time of a visit as far as it is known: of its kernels, which are fitted on, else of the whole run; seconds."""
    return sum(kernel.latency_s for kernel in run.kernels) if run.kernels else run.latency_s


def speed_ratios(runs: Sequence[Run], reference_s: float | None = None) -> list[float]:
    """Speed of the machine in each run: the reference workload's time at some speed over its time then.

    Its time in a run is the median over the run and those measured around it: machines change their speed for seconds,
    and what slows down the reference workload of a single run is an interruption that its kernels did not see. Each
    board of a cluster is a machine with neighbours and calm moments of its own.

    Args:
        runs: Runs in any order, of one or several benchmarks, which may have measured the same cases.
        reference_s: The reference workload's time at the speed that is asked for, seconds; None is that of each
            board's calm moments.

    Returns:
        A ratio for each run, less than 1 where the machine was slower; 1 where the reference workload was not timed.
    """
    ratios = [1.0] * len(runs)
    for times in _reference_times(runs):
        wanted_s = calm(tuple(times.values())) if reference_s is None else reference_s
        order = sorted(times, key=lambda index: runs[index].started_unix_s)
        started_s = np.array([runs[index].started_unix_s for index in order])
        times_s = np.array([times[index] for index in order])
        firsts = np.searchsorted(started_s, started_s - _ADJACENT_S)
        ends = np.searchsorted(started_s, started_s + _ADJACENT_S, side="right")
        for position, index in enumerate(order):
            first = max(int(firsts[position]), position - _ADJACENT_RUNS)
            end = min(int(ends[position]), position + _ADJACENT_RUNS + 1)
            ratios[index] = wanted_s / float(np.median(times_s[first:end]))
    return ratios


def reference_workload_s(runs: Sequence[Run]) -> float | None:
    """Time of the reference workload at the speed that all runs are brought to, seconds; None where it was not timed.

    The lower quartile over the runs: a machine that others use is slower for minutes, and never faster than alone. Of
    several boards, each of which is brought to its own, the geometric mean over the runs: models are fitted to the
    logarithms of their times together, and so price a board in between.
    """
    calm_s = [(len(times), calm(tuple(times.values()))) for times in _reference_times(runs)]
    if len(calm_s) < 2:
        return calm_s[0][1] if calm_s else None
    return math.exp(math.fsum(count * math.log(time_s) for count, time_s in calm_s) / sum(count for count, _ in calm_s))


def speed_exponent(runs: Sequence[Run], ratios: Sequence[float]) -> float:
    """The power of the reference workload's time that other times are proportional to.

    By how much the visits of a case differ from their mean is regressed on how much the machine was slower.

    Args:
        runs: Visits, not joined yet.
        ratios: Speed of the machine in each (`speed_ratios`).

    Returns:
        From 0 to 1. 1 where the machine was steady, visits are too few, or it is not certainly below 1.
    """
    cases: dict[tuple[str, str, tuple[KernelIdentity, ...]], list[tuple[float, float]]] = defaultdict(list)
    for run, ratio in zip(runs, ratios, strict=True):
        level_s = run_level_s(run) if run.purpose is not Purpose.NETWORK and run.status is not Status.FAILED else 0.0
        if level_s >= _LONG_S:
            cases[run.case, run.board, run.what_ran].append((-math.log(ratio), math.log(level_s)))
    visited = [np.array(visits) for visits in cases.values() if len(visits) > 1]
    if sum(map(len, visited)) < _LEAST_VISITS:
        return 1.0
    differences = [visits - visits.mean(axis=0) for visits in visited]
    near = np.concatenate([np.abs(each[:, 1]) < _LARGEST_DIFFERENCE for each in differences])
    slower, longer = np.concatenate(differences)[near].T
    numbers = np.repeat(np.arange(len(differences)), list(map(len, differences)))[near]
    if slower.std() < _LEAST_CHANGE:
        return 1.0
    slope = float(slower @ longer / (slower @ slower))
    error = _standard_error(slower, longer - slope * slower, numbers)
    certain = max(_STANDARD_ERRORS_BELOW_1 * error, _LEAST_BELOW_1)
    return round(max(slope, 0.0), 2) if 1.0 - slope >= certain else 1.0


def at_speed(run: Run, factor: float) -> Run:
    """A run with all its times multiplied by a factor, but those of the reference workload."""
    if factor == 1.0:
        return run
    kernels = tuple(
        replace(
            kernel,
            latency_s=kernel.latency_s * factor,
            samples_s=tuple(time_s * factor for time_s in kernel.samples_s),
        )
        for kernel in run.kernels
    )
    samples_s = tuple(time_s * factor for time_s in run.samples_s)
    details = run.details
    if SUBNORMAL_LATENCY in details:
        details = {**details, SUBNORMAL_LATENCY: repr(float(details[SUBNORMAL_LATENCY]) * factor)}
    return replace(run, latency_s=run.latency_s * factor, samples_s=samples_s, kernels=kernels, details=details)


def _standard_error(x: FloatArray, residuals: FloatArray, numbers: Iterable[int]) -> float:
    """Standard error of a slope, clustered by case: what its visits differ by is not independent."""
    together = np.bincount(np.asarray(numbers), weights=x * residuals)
    return float(np.sqrt(together @ together) / (x @ x))


def _reference_times(runs: Sequence[Run]) -> list[dict[int, float]]:
    """Time of the reference workload by position of the run, of those that have one; for each board apart."""
    machines: dict[str, dict[int, float]] = {}
    for index, run in enumerate(runs):
        time_s = calm_reference_s(run.reference_s)
        if time_s is not None:
            machines.setdefault(run.board, {})[index] = time_s
    return list(machines.values())
