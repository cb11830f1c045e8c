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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS, configurations, evicted_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.fitting.overheads import RunOverheads
    from annette.fitting.samples import Rows, Samples
    from annette.mapping.kernel import FloatArray

    _Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

__all__ = ["FIRST_USE", "UNRESOLVED", "first_uses", "unresolved", "without_profiler"]

UNRESOLVED: Final = "shorter than a profile resolves, and no time of its own is known: only a sum, or none"
"""Why rows are left out."""

FIRST_USE: Final = "the first of their kind after the caches were emptied: the time is that of fetching code"
"""Why others are: of normalizations in chains of convolutions, the first took 24 to 54 µs there where the others of the
same size took 9 to 14. In a network it is one kernel of each kind, if any."""

_CODE_S: Final = 3e-5
"""About what that was. Kernels that others of their kind say take as long or longer stay: most of what those take more
is their maps' memory, which no cache holds. (OpenVINO: a first pooling of 4.6 MB took 177 µs, and 89 without emptying;
in five networks the like took 166 to 207. Most networks have one.)"""

_COMMON_S: Final = 5e-7
"""Standard deviation s of the error that the profiled times of a run have in common: half of a whole microsecond, of
which rounding is 0.29 and the rest that the profiler costs more where caches are busy (1.8 to 2.6 µs were found)."""
_FURTHEST: Final = 4.0
"""So many standard deviations a common error may be; what makes a sum more off than that is wrong by itself."""
_CLOCK_S: Final = 1e-7
_RELATIVE_NOISE: Final = 0.02
"""Standard deviation of a run's total: that of the clock, and a part of the time. What a run costs by itself varies,
too (`annette.fitting.overheads.RunOverheads.spread_s`)."""
_SHORTEST_S: Final = 1e-7
"""No kernel counts as shorter: an unprofiled chain of the shortest that a CPU runtime has takes twice as much each."""
_RESOLVED_S: Final = 1e-6
"""What a report in whole microseconds resolves."""
_SHORT_RUN_S: Final = 5e-5
"""Runs up to so long are corrected by their total almost fully, which smears their kernels; in longer ones, kernels
find caches as those of networks do, too."""
_REPEATED: Final = 4
"""Of kernels that are so often in a run, all configurations counted, the mean is known: their errors are alike."""
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
        total_s = math.hypot(_CLOCK_S + _RELATIVE_NOISE * run.latency_s, overheads.spread_s)
        gain = count * _COMMON_S**2 / (count**2 * _COMMON_S**2 + total_s**2)
        shift_s, share = gain * (run.latency_s - overheads.beside_s(run) - sum_s), gain * count
        if abs(shift_s) > _FURTHEST * _COMMON_S:
            shift_s, share = 0.0, 0.0
    # What is not known better than this is not taken as shorter; that keeps its logarithm from running away.
    unknown_s = max(_SHORTEST_S, _COMMON_S * math.sqrt(1.0 - share))
    added_s = [overheads.profiler_s + (overheads.first_s if index == 0 else 0.0) for index in range(count)]
    times_s = [
        max(
            kernel.latency_s - each_s + shift_s,
            min(_MOST_OFF * kernel.latency_s, unknown_s if share else math.inf),
        )
        for kernel, each_s in zip(run.kernels, added_s, strict=True)
    ]
    kernels = (replace(kernel, latency_s=time_s) for kernel, time_s in zip(run.kernels, times_s, strict=True))
    return replace(run, kernels=tuple(kernels))


def unresolved(samples: Samples, run_of_row: Rows, run_s: FloatArray) -> _Flags:
    """Rows whose time is a share in that of a short run of several kernels, or a profile's alone: no time of their own.

    Kernels that a kind's roofline puts below what a profile resolves count, not those that were measured so: else the
    shortest would be left out where they were measured short and stay where they were measured long. Kinds that have
    too few other rows keep all.

    Args:
        samples: Measured kernels without the profiler's time, before equal ones are joined.
        run_of_row: The run of each row.
        run_s: Unprofiled time of each run, seconds; NaN where there is none, infinite where that says nothing because
            caches were emptied: those kernels are cold, and no others tell what they take.

    Returns:
        Whether a row is one, shape ``(rows,)``.
    """
    total_s = run_s[run_of_row]
    shared = (total_s <= _SHORT_RUN_S) & _unlike(configurations(samples.table), run_of_row)
    smeared = shared | np.isnan(total_s)
    found: npt.NDArray[np.bool_] = np.zeros(len(samples), dtype=bool)
    for rows in samples.table.rows_by_kind.values():
        usable = rows[np.isfinite(samples.latency_s[rows]) & (samples.latency_s[rows] > 0)]
        others = usable[~smeared[usable]]
        if not smeared[usable].any() or len(np.unique(configurations(samples.table.select(others)))) < LEAST_ROWS:
            continue
        base = fit_roofline(samples.select(others))
        found[usable] = smeared[usable] & (base.predict_s(samples.table.select(usable)) < _RESOLVED_S)
    return found


def _unlike(own: Rows, run_of_row: Rows) -> _Flags:
    """Whether the run of each row has several configurations, most of them once or a few times."""
    pairs = np.unique(np.column_stack([run_of_row, own]), axis=0)
    runs = int(run_of_row.max()) + 1
    different, kernels = (np.bincount(numbers, minlength=runs) for numbers in (pairs[:, 0], run_of_row))
    flags: _Flags = ((different > 1) & (kernels < _REPEATED * different))[run_of_row]
    return flags


def first_uses(samples: Samples, run_of_row: Rows, emptied: _Flags) -> _Flags:
    """Rows whose time is mostly that of fetching a kind's code: the first of each kind where caches were emptied.

    Kernels with weights stay: their cold weights are what such runs are measured for. So do kinds that have too few
    other rows, and kernels that take longer than code does.

    Args:
        samples: Measured kernels, those of a run in order of execution.
        run_of_row: The run of each row.
        emptied: Whether the caches were emptied before each run.

    Returns:
        Whether a row is one, shape ``(rows,)``.
    """
    _, kind = np.unique(samples.table.kinds, return_inverse=True)
    _, first = np.unique(np.column_stack([run_of_row, kind]), axis=0, return_index=True)
    found: npt.NDArray[np.bool_] = np.zeros(len(samples), dtype=bool)
    found[first] = True
    found &= emptied[run_of_row] & (samples.table["weight_bytes"] == 0)
    for rows in samples.table.rows_by_kind.values():
        others = samples.select(
            rows[~found[rows] & (samples.latency_s[rows] > 0) & np.isfinite(samples.latency_s[rows])]
        )
        if len(np.unique(configurations(others.table))) < LEAST_ROWS:
            found[rows] = False
        else:
            found[rows] &= fit_roofline(others).predict_s(samples.table.select(rows)) < _CODE_S
    return found
