"""What a run costs beside its kernels, what the profiler adds to them, and how fast the machine was during each run.

With n kernels profiled at t_1 … t_n and an unprofiled whole-network time T, ``T - sum(t)`` is ``o + a i + b j + c n``:
o is the runtime's cost per run, a and b what it costs to hand over each of i inputs and j outputs, c its cost between
two kernels less what the profiler adds to each. All follow from many runs of different n, i and j by robust regression,
in which short runs count most; a negative c is profiler time and is taken off every kernel. Two things more belong to
the run: what its first kernel takes longer than others like it, for whatever ran before, and what several kernels cost
however many they are, for instance memory for what is between them. (ONNX Runtime 1.32 on a Zen
4: one kernel that does next to nothing takes 4.9 µs a run and each further one 0.22 to 0.31 µs, while the profiler
reports 2 µs of each; an input or output more is 0.4 to 0.5 µs, however many bytes it has.)

Machines that others share change their speed for seconds and minutes. A reference workload timed beside each run says
by how much, and kernel times are brought to one speed by it. Kernel time is taken to be proportional to a power of the
reference workload's time: other programs slow down some kernels more than the reference workload and some less, and a
few runs of a short workload are themselves known to some percent only, which makes the power smaller than 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from annette.bench.records import calm, calm_reference_s
from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import evicted_bytes
from annette.platforms import Overhead
from annette.platforms.kernel_similarity import similarity, similarity_coordinates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import Run
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.network import Network

__all__ = [
    "RunOverheads",
    "reference_workload_s",
    "run_overheads",
    "speed_exponent",
    "speed_ratios",
]

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

_ADJACENT_RUNS: Final = 1
"""Runs before and after a run whose reference workload counts for it, too."""

_LEAST_ROWS_OF_KIND: Final = 100
_LEAST_ROWS_OF_ALL: Final = 500
"""Fewer kernels tell too little: simulated times off by 2 to 15 %, on a machine whose speed varied by 10 %, gave
standard errors of 0.02 to 0.06 with 900 kernels, which are a third more with 500."""

_LONG_S: Final = 2e-5
"""Shorter kernels are mostly overhead, and little of a network's time."""

_SIMILAR_KERNELS: Final = 16
"""Kernels that each is compared with. From 4 to 16 gave errors within 20 % of each other, on simulated kernels and on
benchmarks of two x86 runtimes whose times were multiplied by known powers of a simulated slowdown."""

_LARGEST_MISFIT: Final = 1.0
"""Natural logarithm: kernels whose roofline is off by more than e times count as off by e times."""

_LARGEST_DIFFERENCE: Final = 0.7
"""Natural logarithm: kernels that take more than twice or less than half of what similar ones take are left out."""

_LEAST_CHANGE: Final = 0.02
"""Standard deviation of the logarithm of the reference workload's time below which the machine counts as steady: as
much as a few runs of a short workload are uncertain by themselves."""

_LEAST_BELOW_1: Final = 0.1
_STANDARD_ERRORS_BELOW_1: Final = 3.0
"""An exponent counts as less than 1 if it is below by a tenth and by so many standard errors."""


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


def speed_ratios(runs: Sequence[Run]) -> list[float]:
    """Speed of the machine in each run, relative to calm moments: the reference workload's time then over the run's.

    The reference workload's time in a run is the median over the run and those measured just before and after it:
    machines change their speed for seconds, and what slows down the reference workload of a single run is an
    interruption that its kernels did not see. Each board of a cluster is a machine with neighbours and calm moments of
    its own. Of the ways tried (single runs, wider windows, mixtures), this made two
    benchmarks of one plan agree best.

    Args:
        runs: Runs in any order, of one or several benchmarks, which may have measured the same cases.

    Returns:
        A ratio for each run, less than 1 where the machine was slow; 1 where the reference workload was not timed.
    """
    ratios = [1.0] * len(runs)
    for times in _reference_times(runs):
        reference_s = calm(tuple(times.values()))
        order = sorted(times, key=lambda index: runs[index].started_unix_s)
        around = np.pad(np.array([times[index] for index in order]), _ADJACENT_RUNS, mode="edge")
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(around, 2 * _ADJACENT_RUNS + 1), axis=1)
        for index, time_s in zip(order, smooth.tolist(), strict=True):
            ratios[index] = reference_s / time_s
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


def speed_exponent(samples: Samples, ratios: FloatArray) -> float:
    """The power of the reference workload's time that kernel times are proportional to.

    A partially linear model, ``log t = exponent * log(reference workload) + f(kernel) + noise``, estimated by
    differences between similar kernels (Yatchew, Economics Letters 57, 1997), for which f is almost the same: how much
    longer a kernel took than the mean of its nearest neighbours, beyond what a roofline says, is regressed on how much
    slower the machine was then. Benchmarks mix the cases of all kinds, so that nothing else goes with that.

    Args:
        samples: Kernels with their times as they were measured.
        ratios: Speed of the machine while each was measured (`speed_ratios`), shape ``(rows,)``.

    Returns:
        From 0 to 1. 1 where the machine was steady, kernels are too few, or it is not certainly below 1.
    """
    slowness = -np.log(ratios)
    usable = np.isfinite(samples.latency_s) & (samples.latency_s >= _LONG_S)
    slower, longer, cases = [], [], []
    for rows in samples.table.rows_by_kind.values():
        chosen = rows[usable[rows]]
        if len(chosen) < _LEAST_ROWS_OF_KIND:
            continue
        part = samples.select(chosen)
        misfit = np.log(part.latency_s / fit_roofline(part).predict_s(part.table))
        misfit = np.clip(misfit - np.median(misfit), -_LARGEST_MISFIT, _LARGEST_MISFIT)
        coordinates = similarity_coordinates(part.table)
        similar = cKDTree(coordinates).query(coordinates, k=_SIMILAR_KERNELS + 1)[1][:, 1:]  # without itself
        weights = similarity(coordinates[:, None], coordinates[similar])
        weights /= weights.sum(axis=1, keepdims=True)
        x = slowness[chosen] - (weights * slowness[chosen][similar]).sum(axis=1)
        y = misfit - (weights * misfit[similar]).sum(axis=1)
        near = np.abs(y) < _LARGEST_DIFFERENCE
        slower.append(x[near])
        longer.append(y[near])
        cases += [source.partition(": ")[0] for source in part.sources[near].tolist()]
    if len(cases) < _LEAST_ROWS_OF_ALL:
        return 1.0
    x, y = np.concatenate(slower), np.concatenate(longer)
    if x.std() < _LEAST_CHANGE:
        return 1.0
    slope = float(x @ y / (x @ x))
    certain = max(_STANDARD_ERRORS_BELOW_1 * _standard_error(x, y - slope * x, cases), _LEAST_BELOW_1)
    return round(max(slope, 0.0), 2) if 1.0 - slope >= certain else 1.0


def _standard_error(x: FloatArray, residuals: FloatArray, cases: Sequence[str]) -> float:
    """Standard error of a slope, clustered by case: the kernels of a case were measured in the same moment."""
    numbers = np.unique(np.array(cases), return_inverse=True)[1]
    together = np.bincount(numbers, weights=x * residuals)
    return float(np.sqrt(together @ together) / (x @ x))


def _reference_times(runs: Sequence[Run]) -> list[dict[int, float]]:
    """Time of the reference workload by position of the run, of those that have one; for each board apart."""
    machines: dict[str, dict[int, float]] = {}
    for index, run in enumerate(runs):
        time_s = calm_reference_s(run.reference_s)
        if time_s is not None:
            machines.setdefault(run.board, {})[index] = time_s
    return list(machines.values())
