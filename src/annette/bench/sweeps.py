"""The sweeps of a dataset: how the time of one layer follows one of its sizes, everything else fixed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from annette.bench.visits import joined_visits

if TYPE_CHECKING:
    from annette.bench.dataset import Dataset
    from annette.bench.records import Run

__all__ = ["GROUP", "SWEEP", "SWEPT", "Sweep", "sweeps_of"]

SWEPT: Final = "swept"
"""Name of the layer that a sweep is about."""

SWEEP: Final = "sweep"
"""Key in a run's details: which of the layer's dimensions is swept."""

GROUP: Final = "group"
"""Key in a run's details: the group of the plan that its case belongs to."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep.

    Attributes:
        name: Its group in the plan.
        dimension: The size that is swept, a field of `annette.network.Dimensions`.
        kind: Kind of the layer.
        fixed: Sizes that all points have in common, by name.
        sizes: The swept size of each point, ascending.
        latency_s: Time of the kernel that ran the layer at each size, in seconds, the median of several rounds; of the
            whole network where the runtime has no report of kernels.
        of_kernels: Whether the times are those of kernels.
        left_out: Points that failed or called themselves unstable or drifted.
    """

    name: str
    dimension: str
    kind: str
    fixed: dict[str, int]
    sizes: tuple[int, ...]
    latency_s: tuple[float, ...]
    of_kernels: bool
    left_out: int


def sweeps_of(dataset: Dataset) -> tuple[Sweep, ...]:
    """The sweeps that a dataset has at least two usable points of, in the order of their names.

    Args:
        dataset: What ``annette bench`` has filled.
    """
    groups: dict[str, list[Run]] = {}
    for run in joined_visits(dataset.runs()):
        if SWEEP in run.details:
            groups.setdefault(run.details.get(GROUP, ""), []).append(run)
    sweeps = (_sweep(name, runs) for name, runs in sorted(groups.items()))
    return tuple(sweep for sweep in sweeps if sweep is not None)


def _sweep(name: str, runs: list[Run]) -> Sweep | None:
    dimension = runs[0].details[SWEEP]
    points = [(run, layer) for run in runs if (layer := run.network.layers_by_name.get(SWEPT)) is not None]
    of_kernels = any(run.kernels for run in runs)
    times: dict[int, list[float]] = {}
    for run, layer in points:
        time_s = _kernel_s(run) if of_kernels else run.latency_s
        if run.usable and time_s is not None:
            times.setdefault(getattr(layer.workload.dimensions, dimension), []).append(time_s)
    if len(times) < 2:
        return None
    dimensions = [layer.workload.dimensions._asdict() for _, layer in points]
    fixed = {key: size for key, size in dimensions[0].items() if size != 1 and all(d[key] == size for d in dimensions)}
    sizes = tuple(sorted(times))
    return Sweep(
        name=name,
        dimension=dimension,
        kind=points[0][1].kind,
        fixed=fixed,
        sizes=sizes,
        latency_s=tuple(median(times[size]) for size in sizes),
        of_kernels=of_kernels,
        left_out=len(runs) - sum(map(len, times.values())),
    )


def _kernel_s(run: Run) -> float | None:
    """Time of the kernel that ran the swept layer, and whatever it was fused with; None where none did."""
    times_s = [kernel.latency_s for kernel in run.kernels if SWEPT in kernel.layers]
    return math.fsum(times_s) if times_s else None
