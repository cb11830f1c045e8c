"""What a round of a loop costs beside its kernels: from benchmarks of loops whose rounds do next to nothing.

A run of a loop of r rounds that hand on v states and run k kernels takes ``o + p v + r (a + b v + c k)``: o and p
belong to the run, c is one short kernel's time, and a and b are what a runtime takes to begin a round and to hand on a
state. (ONNX Runtime 1.32 on one core of a Zen 4: 0.13 µs a round and 0.14 µs a state, with 0.31 µs for each addition of
eight numbers; 24 loops then are off by 2 % in the mean, the worst by 9 %. For each round it
collects feeds and fetches, runs the graph and hands on its results; see loop.cc and scan_utils.cc in
onnxruntime/core/providers/cpu/controlflow.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import least_squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray
    from annette.network import Network

__all__ = ["RoundCosts", "has_loop", "round_costs"]

_KIND: Final = "loop"
_LEAST_RUNS: Final = 10
_CLOCK_S: Final = 3e-7
_RELATIVE_NOISE: Final = 0.02
"""As of other runs (`annette.fitting.overheads`)."""


class RoundCosts(NamedTuple):
    """What a round costs beside its kernels, seconds.

    Attributes:
        per_round_s: To begin it.
        per_round_value_s: To hand on one value.
    """

    per_round_s: float
    per_round_value_s: float


def has_loop(network: Network) -> bool:
    """Whether a benchmark's network is about loops."""
    return any(layer.kind == _KIND for layer in network.layers)


def round_costs(runs: Sequence[Run]) -> RoundCosts | None:
    """Finds them from the unprofiled times of benchmarks of loops.

    Args:
        runs: Usable runs of networks that are one loop each.

    Returns:
        None where fewer than 10 have a time.
    """
    used = [run for run in runs if run.samples_s and math.isfinite(run.latency_s)]
    if len(used) < _LEAST_RUNS:
        return None
    amounts = np.array([_amounts(run.network) for run in used])
    latency_s = np.array([run.latency_s for run in used])
    noise_s = _CLOCK_S + _RELATIVE_NOISE * latency_s

    def residuals(parameters: FloatArray) -> FloatArray:
        differences: FloatArray = (amounts @ parameters - latency_s) / noise_s
        return differences

    found = least_squares(
        residuals, np.full(amounts.shape[1], 1e-7), bounds=(0.0, np.inf), loss="soft_l1", x_scale=1e-6
    )
    return RoundCosts(float(found.x[2]), float(found.x[3]))


def _amounts(network: Network) -> tuple[float, ...]:
    """What a run's costs are proportional to: one, states, rounds, states of all rounds, kernels of all rounds."""
    (loop,) = (layer for layer in network.layers if layer.kind == _KIND)
    states, rounds = len(loop.inputs), float(loop.attributes["rounds"])  # type: ignore[arg-type]
    kernels = 1 + states * int(loop.attributes["additions"])  # type: ignore[arg-type]
    return 1.0, float(states), rounds, rounds * states, rounds * kernels
