"""What a run costs beside its kernels, and what the profiler adds to them.

With n kernels profiled at t_1 … t_n and an unprofiled whole-network time T, ``T - sum(t)`` is ``o + a i + b j + c n``:
o is the runtime's cost per run, a and b what it costs to hand over each of i inputs and j outputs, c its cost between
two kernels less what the profiler adds to each. All follow from many runs of different n, i and j by robust regression,
in which short runs count most; a negative c is profiler time and is taken off every kernel. Two things more belong to
the run: what its first kernel takes longer than others like it, for whatever ran before, and what several kernels cost
however many they are, for instance memory for what is between them. (ONNX Runtime 1.32 on a Zen
4: one kernel that does next to nothing takes 4.9 µs a run and each further one 0.22 to 0.31 µs, while the profiler
reports 2 µs of each; an input or output more is 0.4 to 0.5 µs, however many bytes it has.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from annette.fitting.samples import evicted_bytes
from annette.platforms import Overhead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray
    from annette.network import Network

__all__ = ["RunOverheads", "run_overheads"]

_LEAST_RUNS: Final = 10
_CLOCK_S: Final = 3e-7
_RESOLUTION_S: Final = 2.5e-7
"""Standard deviation of a profiled time beside its noise: reports are in whole microseconds, 0.29 of them by rounding,
and equal kernels of one run are all rounded alike."""
_RELATIVE_NOISE: Final = 0.02
_SHORT_S: Final = 5e-5
"""Runs up to so long show how much what a run costs by itself varies; of longer ones the noise of kernels is more."""
_MIDDLE: Final = (0.16, 0.84)
_LEAST_EQUAL: Final = 4
"""Equal kernels of a run that tell what the first of them takes more."""

_NESTED: Final = ("per_round_s", "per_round_value_s", "per_branch_s", "per_size_node_s")
"""Terms that benchmarks of loops and branches tell (`annette.fitting.rounds`)."""


@dataclass(frozen=True, slots=True)
class RunOverheads:
    """Costs beside kernels, in seconds, each at least 0.

    Attributes:
        per_run_s: Once per run.
        per_kernel_s: Between two kernels.
        profiler_s: What the profiler adds to each kernel.
        runs: Runs that they were found from.
        per_input_s: For each input of the network.
        per_output_s: For each of its outputs.
        spread_s: Standard deviation of what short runs take beside their kernels, around all this.
        several_s: Once per run of more than one kernel.
        first_s: What a profile says of the first kernel of a run beyond what such a kernel takes elsewhere.
        per_round_s: To begin a round of a loop (`annette.fitting.rounds`); None where no loop was measured.
        per_round_value_s: For each value that a round is handed or gives; likewise.
        per_branch_s: To choose and enter a branch; None where none was measured.
        per_size_node_s: For a kernel that computes with sizes; None where no loop was measured.
    """

    per_run_s: float
    per_kernel_s: float
    profiler_s: float
    runs: int
    per_input_s: float = 0.0
    per_output_s: float = 0.0
    spread_s: float = 0.0
    several_s: float = 0.0
    first_s: float = 0.0
    per_round_s: float | None = None
    per_round_value_s: float | None = None
    per_branch_s: float | None = None
    per_size_node_s: float | None = None

    @property
    def known(self) -> bool:
        """Whether there were enough runs to find anything."""
        return self.runs >= _LEAST_RUNS

    def stated(self) -> Overhead:
        """What a platform says of them: the host's terms where they are known. No byte of input or output costs.

        Runtimes that compute where the host does take its buffers as they are, and an array of 4 MB cost no more to
        hand over than one of 64 bytes. What a device beside the host adds for bytes follows from whole networks.
        """
        nested = {name: getattr(self, name) for name in _NESTED}
        if not self.known:
            return Overhead(per_kernel_s=self.per_kernel_s, **nested)
        return Overhead(
            self.per_kernel_s,
            self.per_run_s,
            per_input_byte_s=0.0,
            per_output_byte_s=0.0,
            per_input_s=self.per_input_s,
            per_output_s=self.per_output_s,
            spread_s=self.spread_s,
            several_s=self.several_s,
            **nested,
        )

    def beside_s(self, run: Run) -> float:
        """What a run takes without the profiler beyond the sum of its profiled kernels; less than 0 with many."""
        once_s = self.per_run_s - self.first_s + (self.several_s if len(run.kernels) > 1 else 0.0)
        once_s += self.per_input_s * len(run.network.inputs)
        between_s = (self.per_kernel_s - self.profiler_s) * len(run.kernels)
        return once_s + self.per_output_s * len(run.network.outputs) + between_s


def run_overheads(runs: Iterable[Run]) -> RunOverheads:
    """Finds the overheads from runs that have both a profile and unprofiled times.

    Args:
        runs: Usable runs; those count whose caches were not emptied, which costs more without the profiler than with
            it. With fewer than 10 of them, all overheads are 0.
    """
    used = [
        run for run in runs if run.kernels and run.samples_s and math.isfinite(run.latency_s) and not evicted_bytes(run)
    ]
    if len(used) < _LEAST_RUNS:
        return RunOverheads(0.0, 0.0, 0.0, len(used))
    amounts = np.array(
        [
            (1, len(run.network.inputs), len(run.network.outputs), len(run.kernels) > 1, len(run.kernels))
            for run in used
        ],
        dtype=np.float64,
    )
    first_s = _first_s(used)
    latency_s = np.array([run.latency_s for run in used])
    beside_s = first_s + latency_s - np.array([math.fsum(kernel.latency_s for kernel in run.kernels) for run in used])
    noise_s = _CLOCK_S + _RESOLUTION_S * amounts[:, -1] + _RELATIVE_NOISE * latency_s
    told = np.array([True, *(_varies(column) for column in amounts.T[1:-1]), True])
    columns = amounts[:, told]

    def residuals(parameters: FloatArray) -> FloatArray:
        expected: FloatArray = (columns @ parameters - beside_s) / noise_s
        return expected

    start = np.array([1e-5, 1e-7, 1e-7, 1e-7, 0.0])[told]
    least = np.array([0.0, 0.0, 0.0, 0.0, -np.inf])[told]
    optimum = least_squares(residuals, start, bounds=(least, np.inf), loss="soft_l1", x_scale=1e-6)
    found = np.zeros(amounts.shape[1])
    found[told] = optimum.x
    short = latency_s <= _SHORT_S
    per_run_s, per_input_s, per_output_s, several_s, between_s = found.tolist()
    return RunOverheads(
        per_run_s=per_run_s,
        per_kernel_s=max(between_s, 0.0),
        profiler_s=max(-between_s, 0.0),
        runs=len(used),
        per_input_s=per_input_s,
        per_output_s=per_output_s,
        spread_s=_half_width((beside_s - amounts @ found)[short]),
        several_s=several_s,
        first_s=first_s,
    )


def _first_s(runs: Sequence[Run]) -> float:
    """How much longer the first of several equal kernels is than the others; 0 where fewer than 10 runs tell."""
    longer = [
        run.kernels[0].latency_s - sum(kernel.latency_s for kernel in run.kernels[1:]) / (len(run.kernels) - 1)
        for run in runs
        if len(run.kernels) >= _LEAST_EQUAL and run.latency_s <= _SHORT_S and _are_equal(run.network)
    ]
    return max(0.0, float(np.median(longer))) if len(longer) >= _LEAST_RUNS else 0.0


def _are_equal(network: Network) -> bool:
    first = network.layers[0]
    return all(layer.kind == first.kind and layer.workload == first.workload for layer in network.layers[1:])


def _varies(amounts: FloatArray) -> bool:
    """Whether enough runs have another number of something than most, so that its cost shows."""
    values, counts = np.unique(amounts, return_counts=True)
    return len(values) > 1 and int(counts.sum() - counts.max()) >= _LEAST_RUNS


def _half_width(residuals_s: FloatArray) -> float:
    """Half the width of the middle 68 %; 0 of fewer than 10."""
    if len(residuals_s) < _LEAST_RUNS:
        return 0.0
    low, high = np.quantile(residuals_s, _MIDDLE)
    return float(high - low) / 2.0
