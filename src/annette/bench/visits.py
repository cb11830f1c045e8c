"""Visits: a case is measured several times for a short while, spread over a campaign, instead of once for long.

What disturbs a machine that others use comes and goes within seconds and minutes, so that all runs of one long
measurement suffer from it or none does. Of several short ones at different times the shorter half did not. On 70
kernels that were visited 25 times while six other programs shared the two processors, two campaigns of one visit each
differed by 3.9 % (mean; median 0.6 %), of two visits, of which the shorter counts, by 0.9 %, of three by 0.6 %, of five
by 0.5 %. What hits a kernel alone is left out in this way; what makes the machine slower for longer shows in a
reference workload, too, and visits are brought to one speed by it before they are joined
(`annette.bench.machine_speed`).

Of three full campaigns of one plan on a machine of the latter kind, two differed by 4.9 to 5.0 % (mean, beyond their
level; medians 2.9 to 3.4 %) where the two shortest of three visits count, by 5.2 to 5.7 % where the shortest does, by
5.2 to 5.5 % where the middle one does and by 6.0 to 6.1 % with the mean. Where a quarter of the visits was made longer
by 30 % in the mean, the shortest (6.0 to 6.5 %) and the two shortest (6.7 to 6.9 %) were least off.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from statistics import mean, median
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.machine_speed import run_level_s
from annette.bench.records import Purpose, Run, Status, midmean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import KernelRecord
    from annette.mapping.kernel import FloatArray

__all__ = ["CALM", "error_of_gap", "joined_error", "joined_visits", "undisturbed"]

CALM: Final = 1.03
"""Time of a visit over that of the shortest, up to which it counts as calm. In a busy hour the shortest of three visits
was off by 0.1 % (median) where the next was within 1 %, by 1 % where within 3 %, and by 2 to 5 % beyond."""

_MOST_APART: Final = 0.3
"""Relative difference of the two shortest of three visits above which the joined run calls itself unstable: then one
visit alone says what the case takes when nobody disturbs it. Where they differed by 10 to 30 %, the shortest was off
by 3 to 5 % (median; 200 cases in each of two busy hours), and beyond by 7 to 35 %."""

_MOST_LONGER: Final = 1.5
"""What a kernel takes in a visit over its shortest, from which on it was interrupted."""

_ERROR_OF_GAP: Final = 0.7
_LEAST_ERROR: Final = 0.005
_MOST_ERROR: Final = 0.5
"""Relative standard error of the shortest of three visits, over the relative difference to the next one; at the least
and at the most. Where kernels of two busy hours differed by 0.6, 1.8, 5.5 and 16 %, half the width of the middle 68 %
of their errors (against what the other visits said) was 0.7, 1.2 to 2.3, 3 to 5, and 7 to 11 %."""


def joined_visits(runs: Iterable[Run]) -> list[Run]:
    """Makes one run of all visits of a case.

    A time is what the shorter half of the visits say (`undisturbed`); those of kernels are then lengthened together, to
    add up to what one visit took. Failed visits do not count unless all failed. Boards
    of one model are two machines, of which one is a little faster: where several have visited a case, for one of them
    was lost, the visits of the board with most of them count.
    Runs of whole networks stay apart: theirs are the rounds of a truth.

    Args:
        runs: Runs of one dataset, in any order.

    Returns:
        One run for each case, in the order of their first visits.
    """
    visits: dict[tuple[str, int], list[Run]] = {}
    for position, run in enumerate(runs):
        own = position if run.purpose is Purpose.NETWORK else -1
        visits.setdefault((run.case, own), []).append(run)
    return [_joined(of_case) if len(of_case) > 1 else of_case[0] for of_case in visits.values()]


def _joined(visits: Sequence[Run]) -> Run:
    usable = [run for run in visits if run.status is not Status.FAILED]
    if not usable:
        return visits[0]
    ((board, _),) = Counter(run.board for run in usable).most_common(1)
    usable = [run for run in usable if run.board == board]
    alike = [run for run in usable if run.what_ran == usable[0].what_ran]
    shortest = min(alike, key=run_level_s)
    timed = [run for run in alike if run.samples_s]
    status, reason = _judged(alike)
    return replace(
        shortest,
        round=0,
        status=status,
        reason=reason,
        duration_s=sum(run.duration_s for run in visits),
        latency_s=undisturbed([median(run.samples_s) for run in timed]) if timed else shortest.latency_s,
        samples_s=tuple(time_s for run in timed for time_s in run.samples_s),
        reference_s=tuple(time_s for run in alike for time_s in run.reference_s),
        kernels=_joined_kernels(shortest, alike),
        attempts=len(visits),
    )


def _joined_kernels(run: Run, visits: Sequence[Run]) -> tuple[KernelRecord, ...]:
    """The kernels of one of the visits, with what all say of their times.

    Runtimes order what can run in any order, and number what they put in, differently from one compilation to the next:
    kernels of one identity are paired by their times.
    """
    ordered = [sorted(visit.kernels, key=lambda kernel: (kernel.identity, kernel.latency_s)) for visit in visits]
    positions = sorted(
        range(len(run.kernels)), key=lambda index: (run.kernels[index].identity, run.kernels[index].latency_s)
    )
    if not positions:
        return ()
    visits_s = np.array([[midmean(kernel.samples_s) for kernel in kernels] for kernels in ordered])
    times_s: list[list[float]] = visits_s.T.tolist()
    calm_s = np.array(list(map(undisturbed, times_s)))
    together_s = (calm_s * _of_one_visit(visits_s, calm_s)).tolist()
    joined = {
        position: _joined_kernel(run.kernels[position], records, time_s, joined_error(each_s))
        for position, records, time_s, each_s in zip(
            positions, zip(*ordered, strict=True), together_s, times_s, strict=True
        )
    }
    return tuple(joined[position] for position in range(len(run.kernels)))


def _of_one_visit(visits_s: FloatArray, calm_s: FloatArray) -> float:
    """How much longer all kernels of a run take in its calmest visit than each in its own calmest one, at least 1.

    The shortest of several times of each kernel leaves out what differs by chance from visit to visit, which no run of
    many kernels is spared: on a machine whose last cache others use, kernels that find their weights in none took 4.5 %
    longer together (median of 491 chains) than the sum of the shortest; 1.6 % in chains of 8 kernels and more that are
    run again and again. Interruptions of single kernels do not count.

    Args:
        visits_s: Time of each kernel in each visit, shape ``(visits, kernels)``.
        calm_s: What the visits say of each kernel alone, shape ``(kernels,)``.
    """
    together_s = undisturbed(np.minimum(visits_s, _MOST_LONGER * calm_s).sum(axis=1).tolist())
    alone_s = float(calm_s.sum())
    return max(together_s / alone_s, 1.0) if alone_s > 0 else 1.0


def _joined_kernel(
    kernel: KernelRecord, records: Sequence[KernelRecord], latency_s: float, error: float
) -> KernelRecord:
    return replace(
        kernel,
        latency_s=latency_s,
        error=error,
        samples_s=tuple(time_s for record in records for time_s in record.samples_s),
    )


def undisturbed(times_s: Sequence[float]) -> float:
    """What visits, or rounds, of one and the same thing say of its time when nobody disturbs it.

    Args:
        times_s: A time of each, at least one.

    Returns:
        The mean of the shorter half, which counts the middle one: of three the two shortest, of two the shorter.
    """
    return mean(sorted(times_s)[: (len(times_s) + 1) // 2])


def joined_error(times_s: Sequence[float]) -> float:
    """Relative standard error of `undisturbed`, from the distance to the next longer time.

    Args:
        times_s: A time of each visit, at least one.

    Returns:
        0 for a single visit, which does not tell.

    Example:
        >>> round(joined_error([1.00e-3, 1.05e-3, 1.90e-3]), 3)
        0.035
    """
    ordered = sorted(times_s)
    chosen = (len(ordered) - 1) // 4
    if len(ordered) < 2 or not ordered[chosen] > 0:
        return 0.0
    return min(math.hypot(_LEAST_ERROR, error_of_gap(ordered[chosen + 1] / ordered[chosen] - 1)), _MOST_ERROR)


def error_of_gap(apart: float) -> float:
    """Relative standard error of the shortest of several times, from its relative difference to the next."""
    return _ERROR_OF_GAP * apart


def _judged(visits: Sequence[Run]) -> tuple[Status, str]:
    """What the joined run says of itself."""
    if any(run.status is Status.TOO_SHORT for run in visits):
        return Status.TOO_SHORT, next(run.reason for run in visits if run.status is Status.TOO_SHORT)
    levels = sorted(map(run_level_s, visits))
    if len(levels) == 1:
        return visits[0].status, visits[0].reason
    apart = levels[1] / levels[0] - 1 if levels[0] > 0 else 0.0
    if apart > _MOST_APART:
        return Status.UNSTABLE, f"the two shortest of {len(levels)} visits differ by {apart:.0%}"
    return Status.OK, ""
