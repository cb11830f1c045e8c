"""Whether a machine is calm enough to be benchmarked: reference workloads, timed again and again for half a minute.

They are visited as the cases of a benchmark are (`annette.bench.visits`), in one process after the other, so that what
disturbs a benchmark disturbs them. From how their visits scatter follows what a benchmark would come to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.host import clock_hz, processor_times
from annette.bench.machine_speed import run_level_s
from annette.bench.named_backends import backend_class, backend_names, require_usable
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose, Status
from annette.bench.visits import CALM, undisturbed
from annette.bench.workloads import WORKLOADS, reference_workload
from annette.errors import BackendError, BackendUnavailableError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.bench.host import ProcessorTimes
    from annette.bench.measurement import Settings
    from annette.bench.records import Run

__all__ = [
    "CheckedWorkload",
    "MachineCheck",
    "check_machine",
    "checked_workloads",
    "error_of_three",
    "timing_backend",
]

_IN_A_ROUND: Final = 5
"""Visits of each workload in one process, whose start takes longer than they do."""

_LEAST_ROUNDS: Final = 5
_EXPECTED_S: Final = 0.05

_CALM_ERROR: Final = 0.01
_MOST_ERROR: Final = 0.04
"""Errors of a time from three visits, up to which a machine counts as calm, and beyond which as too disturbed. Cases of
a benchmark in two busy hours, with ten programs on two processors, came to 0.9 and 1.6 % (mean); what a model of
kernels is off by is several times that."""

_STOLEN: Final = 0.01
_CLOCK_RANGE: Final = 0.03
_BUSY: Final = 0.2
_SPREAD: Final = 0.05
"""What is worth saying: shares of time, and relative differences."""


@dataclass(frozen=True, slots=True)
class CheckedWorkload:
    """A reference workload.

    Attributes:
        name: One of `annette.bench.workloads.WORKLOADS`.
        feels: What it is, and what disturbs it.
        calm_s: What it takes undisturbed, seconds.
        spread: By how much the slowest tenth of the visits took longer, at the least, relative.
        calm: Share of the visits that took at most 3 % longer.
        error: Relative error, in the mean, of what any three visits say.
    """

    name: str
    feels: str
    calm_s: float
    spread: float
    calm: float
    error: float


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """How calm a machine is.

    Attributes:
        backend: Name of the backend that ran the workloads.
        workloads: The reference workloads that the backend can run.
        rounds: Processes that they were timed in, one after the other.
        duration_s: How long that took, seconds.
        stolen: Share of the time of the processors in use that the hypervisor gave to others; None where unknown.
        busy: Share of the time of all other processors in which they worked; None where unknown or there are none.
        clock_hz: Lowest and highest clock that was seen; None where it is not known.
    """

    backend: str
    workloads: tuple[CheckedWorkload, ...]
    rounds: int
    duration_s: float
    stolen: float | None
    busy: float | None
    clock_hz: tuple[float, float] | None

    @property
    def index(self) -> float:
        """Share of all visits that took at most 3 % longer than the undisturbed one, from 0 to 1."""
        return fmean(workload.calm for workload in self.workloads)

    @property
    def expected_error(self) -> float:
        """Relative error to be expected of a time from three visits, or three rounds of a network."""
        return fmean(workload.error for workload in self.workloads)

    @property
    def verdict(self) -> str:
        """``calm``, ``disturbed`` (go on, with wider intervals), or ``too disturbed`` (wait)."""
        if self.expected_error <= _CALM_ERROR:
            return "calm"
        return "disturbed" if self.expected_error <= _MOST_ERROR else "too disturbed"

    @property
    def causes(self) -> tuple[str, ...]:
        """What disturbs, one sentence each."""
        found = []
        if self.stolen is not None and self.stolen > _STOLEN:
            found.append(f"the hypervisor gives {self.stolen:.0%} of the processor's time to others")
        if self.clock_hz is not None and self.clock_hz[1] / self.clock_hz[0] - 1 > _CLOCK_RANGE:
            found.append(f"the clock varies from {self.clock_hz[0] / 1e9:.2f} to {self.clock_hz[1] / 1e9:.2f} GHz")
        if self.busy is not None and self.busy > _BUSY:
            found.append(f"the other processors work {self.busy:.0%} of the time")
        found += [
            f"{workload.name}: one visit in ten takes {workload.spread:.0%} longer or more ({workload.feels})"
            for workload in self.workloads
            if workload.spread > _SPREAD
        ]
        return tuple(found)


def check_machine(
    backend: str,
    *,
    options: Mapping[str, Any],
    settings: Settings,
    duration_s: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
) -> MachineCheck:
    """Times the reference workloads again and again, and says what disturbs them.

    Args:
        backend: Name of the backend.
        options: Its options.
        settings: How a visit is measured, and on which processors.
        duration_s: For how long, seconds; five rounds are made at the least.
        clock: Seconds that pass, from any start.

    Raises:
        BackendError: The backend cannot be used here, or runs none of the workloads.
        OptionError: The backend works times out instead of taking them.
    """
    if require_usable(backend).deterministic:
        raise OptionError(f"backend {backend!r} does not take times itself: there is nothing to check")
    cases = tuple(
        Case(f"{name}/{copy}", Purpose.MICRO_KERNEL, "check", reference_workload(name), _EXPECTED_S)
        for copy in range(_IN_A_ROUND)
        for name in WORKLOADS
    )
    started_s, before = clock(), processor_times()
    clocks: list[float] = []
    rounds = 0
    with (
        TemporaryDirectory(prefix="annette-check-") as folder,
        Dataset.create(Path(folder) / "check.sqlite") as dataset,
    ):
        while rounds < _LEAST_ROUNDS or clock() - started_s < duration_s:
            run_campaign(
                Plan("check", cases), dataset, backend=backend, options=options, settings=settings, round_=rounds
            )
            clocks += clock_hz(settings.cpus)
            rounds += 1
        runs = list(dataset.runs())
    workloads = checked_workloads(runs)
    if not workloads:
        raise BackendError(f"backend {backend!r} runs none of the reference workloads: {runs[0].reason}")
    used, others = _shares(before, processor_times(), settings.cpus)
    return MachineCheck(
        backend=backend,
        workloads=workloads,
        rounds=rounds,
        duration_s=clock() - started_s,
        stolen=used,
        busy=others,
        clock_hz=(min(clocks), max(clocks)) if clocks else None,
    )


def timing_backend() -> str:
    """The first backend, in alphabetical order, that takes times itself and whose runtime is usable here.

    Raises:
        BackendUnavailableError: There is none.
    """
    timing = sorted(name for name in backend_names() if not backend_class(name).deterministic)
    for name in timing:
        if backend_class(name).available().usable:
            return name
    raise BackendUnavailableError(
        f"none of the backends that take times ({', '.join(timing)}) is usable here; annette backends says why"
    )


def checked_workloads(runs: Iterable[Run]) -> tuple[CheckedWorkload, ...]:
    """What the runs of `check_machine` say of each workload; those that failed are left out."""
    times_s: dict[str, list[float]] = {}
    for run in runs:
        if run.status is not Status.FAILED:
            times_s.setdefault(run.case.partition("/")[0], []).append(run_level_s(run))
    return tuple(_checked(name, times_s[name]) for name in WORKLOADS if len(times_s.get(name, ())) > 2)


def _checked(name: str, times_s: Sequence[float]) -> CheckedWorkload:
    calm_s = undisturbed(times_s)
    return CheckedWorkload(
        name=name,
        feels=WORKLOADS[name],
        calm_s=calm_s,
        spread=max(quantiles(times_s, n=10, method="inclusive")[-1] / calm_s - 1, 0.0),
        calm=sum(time_s <= CALM * calm_s for time_s in times_s) / len(times_s),
        error=error_of_three(times_s),
    )


def error_of_three(times_s: Sequence[float]) -> float:
    """Mean distance of what three visits say from the undisturbed time, relative to it, over all threes.

    Args:
        times_s: Times of three visits or more.

    Example:
        >>> round(error_of_three([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]), 3)
        0.2
    """
    calm_s = undisturbed(times_s)
    return fmean(abs(undisturbed(three) / calm_s - 1) for three in combinations(times_s, 3))


def _shares(
    before: Mapping[int, ProcessorTimes], after: Mapping[int, ProcessorTimes], cpus: Sequence[int]
) -> tuple[float | None, float | None]:
    """Stolen share of the processors in use (of all, where none is named), and share in which the others worked."""
    passed = {cpu: after[cpu].since(before[cpu]) for cpu in before.keys() & after.keys()}
    own = [times for cpu, times in passed.items() if not cpus or cpu in cpus]
    rest = [times for cpu, times in passed.items() if cpus and cpu not in cpus]
    total = sum(times.total for times in own)
    others = sum(times.total for times in rest)
    return (
        sum(times.stolen for times in own) / total if total > 0 else None,
        sum(times.busy for times in rest) / others if others > 0 else None,
    )
