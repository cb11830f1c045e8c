"""What a run costs beside its kernels, and what the profiler adds to them.

With n kernels profiled at t_1 … t_n and an unprofiled whole-network time T, ``T - sum(t)`` is ``o + c n``: o is the
runtime's cost per run, c its cost between two kernels less what the profiler adds to each. Both follow from many
runs of different n by robust regression; a negative c is profiler time and is taken off every kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from annette.bench.records import calm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray

__all__ = [
    "RunOverheads",
    "calibration_reference_s",
    "calibration_scales",
    "evicted_bytes",
    "evicted_ops",
    "measurement_facts",
    "run_overheads",
]

_LEAST_RUNS: Final = 10
_LEAST_KERNELS: Final = 8
_SOFTNESS_S: Final = 2e-6
_RELATIVE_NOISE: Final = 0.02
_NEIGHBOURS: Final = 1
"""Runs on either side whose calibration counts for a run."""


@dataclass(frozen=True, slots=True)
class RunOverheads:
    """Costs beside kernels, in seconds, each at least 0.

    Attributes:
        per_run_s: Once per run.
        per_kernel_s: Between two kernels.
        profiler_s: What the profiler adds to each kernel.
        runs: Runs that they were found from.
    """

    per_run_s: float
    per_kernel_s: float
    profiler_s: float
    runs: int


def run_overheads(runs: Iterable[Run]) -> RunOverheads:
    """Finds the overheads from runs that have both a profile and unprofiled times.

    Args:
        runs: Usable runs; those with 8 or more kernels count, for in short ones the costs cannot be told apart, and
            those whose caches were not emptied, which costs more without the profiler than with it. With fewer than
            10 of them, all overheads are 0.
    """
    rows = [
        (len(run.kernels), math.fsum(kernel.latency_s for kernel in run.kernels), run.latency_s)
        for run in runs
        if len(run.kernels) >= _LEAST_KERNELS
        and run.samples_s
        and math.isfinite(run.latency_s)
        and not evicted_bytes(run)
    ]
    if len(rows) < _LEAST_RUNS:
        return RunOverheads(0.0, 0.0, 0.0, len(rows))
    count, profiled_s, latency_s = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    weight = 1.0 / (_SOFTNESS_S + _RELATIVE_NOISE * latency_s)

    def residuals(parameters: FloatArray) -> FloatArray:
        expected: FloatArray = (profiled_s + parameters[0] + parameters[1] * count - latency_s) * weight
        return expected

    found = least_squares(residuals, np.array([1e-5, 0.0]), loss="soft_l1", x_scale=1e-6)
    per_run_s, between_s = (float(value) for value in found.x)
    return RunOverheads(
        per_run_s=max(per_run_s, 0.0),
        per_kernel_s=max(between_s, 0.0),
        profiler_s=max(-between_s, 0.0),
        runs=len(rows),
    )


def evicted_bytes(run: Run) -> float:
    """Memory that was touched before each run, to drive everything else out of the caches."""
    return float(run.details.get("evicted_bytes", "0"))


def evicted_ops(run: Run) -> float:
    """Operations of the larger network whose place was taken by waiting before each run."""
    return float(run.details.get("evicted_ops", "0"))


def calibration_scales(runs: Sequence[Run]) -> list[float]:
    """Factors that bring every run to the speed of a calm moment of the campaign, see `calibration_reference_s`.

    The speed of a moment is the median over the run and those measured just before and after it: machines change their
    speed for seconds, and what slows down the calibration of a single run is an interruption that its kernels did not
    see. Of the ways tried (single runs, wider windows, mixtures), this made two campaigns of one plan agree best.

    Args:
        runs: Runs in any order, of one or several campaigns, which may have measured the same cases.

    Returns:
        A factor for each run: the reference over the calibration time of the run; 1 without calibration times.
    """
    scales = [1.0] * len(runs)
    times = _calibrations(runs)
    if not times:
        return scales
    reference_s = calm(tuple(times.values()))
    order = sorted(times, key=lambda index: runs[index].started_unix_s)
    around = np.pad(np.array([times[index] for index in order]), _NEIGHBOURS, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(around, 2 * _NEIGHBOURS + 1), axis=1)
    for index, time_s in zip(order, smooth.tolist(), strict=True):
        scales[index] = reference_s / time_s
    return scales


def calibration_reference_s(runs: Sequence[Run]) -> float | None:
    """The calibration time that `calibration_scales` brings all runs to; None without calibrated runs.

    The lower quartile over the runs: a machine that others use is slower for minutes, and never faster than alone.
    """
    times = _calibrations(runs)
    return calm(tuple(times.values())) if times else None


def measurement_facts(runs: Sequence[Run], profiler_s: float) -> dict[str, float]:
    """What the measuring was like, as a platform's provenance keeps it (`annette.platforms.Provenance`).

    Args:
        runs: What was measured; without calibrated runs, nothing is said of the calibration.
        profiler_s: What the profiler added to each kernel, seconds.
    """
    facts = {"profiler_s": profiler_s}
    calibrated_s = calibration_reference_s(runs)
    if calibrated_s is not None:
        facts["calibration_s"] = calibrated_s
    return facts


def _calibrations(runs: Sequence[Run]) -> dict[int, float]:
    """Calibration time by number of the run, of those that have one."""
    found = {index: calm(run.calibration_s) for index, run in enumerate(runs) if run.calibration_s}
    return {index: time_s for index, time_s in found.items() if time_s > 0}
