"""What rounds and branches cost beside their kernels: from benchmarks of those that do next to nothing.

A run of a loop of r rounds that hand on v states and run k kernels takes ``o + p v + r (a + b v + c k)``: o and p
belong to the run, c is one short kernel's time, and a and b are what a runtime takes to begin a round and to hand on a
state. (ONNX Runtime 1.32 on one core of a Zen 4: 0.13 µs a round and 0.14 µs a state, with 0.31 µs for each addition of
eight numbers; 24 loops then are off by 2 % in the mean, the worst by 9 %. For each round it
collects feeds and fetches, runs the graph and hands on its results; see loop.cc and scan_utils.cc in
onnxruntime/core/providers/cpu/controlflow.)

A run of n branches with k kernels each takes ``o + n (e + c k)``; e is what it takes to choose and enter one. What c is
there also stands for the kernels that compute with sizes which a file leaves open: they read and write a few numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray
    from annette.network import Layer, Network

__all__ = ["RoundCosts", "is_about_control", "round_costs"]

_LOOP, _BRANCH = "loop", "branch"
_CONTROL: Final = kinds_in(Category.CONTROL)
_LEAST_RUNS: Final = 10
_CLOCK_S: Final = 3e-7
_RELATIVE_NOISE: Final = 0.02
"""As of other runs (`annette.fitting.overheads`)."""


class RoundCosts(NamedTuple):
    """What nested graphs cost beside their kernels, seconds; None where too few were measured.

    Attributes:
        per_round_s: To begin a round of a loop.
        per_round_value_s: To hand on one value to a round or from it.
        per_branch_s: To choose and enter a branch.
        per_size_node_s: For a kernel that computes with sizes, which has next to nothing to do.
    """

    per_round_s: float | None = None
    per_round_value_s: float | None = None
    per_branch_s: float | None = None
    per_size_node_s: float | None = None


def is_about_control(network: Network) -> bool:
    """Whether a benchmark's network is about loops or branches."""
    return any(layer.kind in _CONTROL for layer in network.layers)


def round_costs(runs: Sequence[Run]) -> RoundCosts:
    """Finds them from the unprofiled times of benchmarks of loops and branches.

    Args:
        runs: Usable runs of networks that are one loop, or one row of branches, each.

    Returns:
        What was measured; of each sort at least 10 runs with a time are needed.
    """
    costs = RoundCosts()
    loops = _solved([(run, _of_loop(layer)) for run, layer in _subjects(runs, _LOOP)])
    if loops is not None:
        costs = RoundCosts(float(loops[2]), float(loops[3]), per_size_node_s=float(loops[4]))
    branches = _solved([(run, _of_branches(layer)) for run, layer in _subjects(runs, _BRANCH)])
    return costs if branches is None else costs._replace(per_branch_s=float(branches[1]))


def _subjects(runs: Sequence[Run], kind: str) -> list[tuple[Run, Layer]]:
    """Runs with a time that are about a kind, and its layer."""
    layers = ((run, next((layer for layer in run.network.layers if layer.kind == kind), None)) for run in runs)
    return [(run, layer) for run, layer in layers if layer and run.samples_s and math.isfinite(run.latency_s)]


def _solved(used: Sequence[tuple[Run, tuple[float, ...]]]) -> FloatArray | None:
    """Seconds for each amount, none less than 0; None where there are too few runs."""
    if len(used) < _LEAST_RUNS:
        return None
    amounts = np.array([each for _, each in used])
    latency_s = np.array([run.latency_s for run, _ in used])
    noise_s = _CLOCK_S + _RELATIVE_NOISE * latency_s

    def residuals(parameters: FloatArray) -> FloatArray:
        differences: FloatArray = (amounts @ parameters - latency_s) / noise_s
        return differences

    found = least_squares(
        residuals, np.full(amounts.shape[1], 1e-7), bounds=(0.0, np.inf), loss="soft_l1", x_scale=1e-6
    )
    solution: FloatArray = found.x
    return solution


def _of_branches(layer: Layer) -> tuple[float, ...]:
    """What a run's costs are proportional to: one, branches, kernels of all branches."""
    branches, additions = (float(layer.attributes[name]) for name in ("branches", "additions"))  # type: ignore[arg-type]
    return 1.0, branches, branches * additions


def _of_loop(loop: Layer) -> tuple[float, ...]:
    """What a run's costs are proportional to: one, states, rounds, states of all rounds, kernels of all rounds."""
    states, rounds = len(loop.inputs), float(loop.attributes["rounds"])  # type: ignore[arg-type]
    kernels = 1 + states * int(loop.attributes["additions"])  # type: ignore[arg-type]
    return 1.0, float(states), rounds, rounds * states, rounds * kernels
