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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray

__all__ = [
    "RunOverheads",
    "evicted_bytes",
    "evicted_ops",
    "run_overheads",
]

_LEAST_RUNS: Final = 10
_LEAST_KERNELS: Final = 8
_SOFTNESS_S: Final = 2e-6
_RELATIVE_NOISE: Final = 0.02


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
