"""A campaign: carries out a plan, here or on the boards of a cluster, and records every case in a dataset."""

from __future__ import annotations

import json
import math
import time
from contextlib import closing
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final, Protocol

from annette.bench.dataset import differing_fact
from annette.bench.places import ThisMachine, Visit
from annette.bench.profile_matching import match_profile
from annette.bench.records import BOARD, MADE_FOR, Run, Status
from annette.bench.sweeps import GROUP, SWEEP
from annette.errors import BackendError, DatasetError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.measurement import Settings
    from annette.bench.places import Measured, Place
    from annette.bench.plan import Case, Plan

__all__ = ["Outcome", "Progress", "run_campaign"]

_DEAR_S: Final = 0.1
_AGREEING: Final = 0.1
"""Device time of a visit from which on the last of three visits is spared where the others, relative to the shorter,
differ by no more than this. On a virtual machine in a noisy hour one case in twenty took so long, mostly to make and
compile networks of many weights, and these took 45 % of the 672 s of a benchmark; visits of 0.1 s scatter less than
those of 0.01 s. What is left uncertain counts in the fit (`annette.bench.visits.joined_error`)."""

_MOST_FAILURES: Final = 25
"""So many failures in a row, with no success at all, mean that the setup is wrong, not the cases."""


class Progress(Protocol):
    """Is told about every case; a progress bar, a log, a test."""

    def __call__(self, case: Case, run: Run) -> None:
        """Called after ``run`` has been recorded."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign came to.

    Attributes:
        measured: Cases measured now.
        skipped: Cases that the dataset had already.
        failed: Cases that failed now, recorded with their reasons.
        device_s: Time that the workers spent on them.
        matched_share: Share of all profiled time that was matched to layers; NaN without profiles.
    """

    measured: int
    skipped: int
    failed: int
    device_s: float
    matched_share: float


def run_campaign(
    plan: Plan,
    dataset: Dataset,
    *,
    backend: str,
    options: Mapping[str, Any],
    settings: Settings,
    round_: int = 0,
    visits: int = 1,
    progress: Progress | None = None,
    place: Place | None = None,
) -> Outcome:
    """Measures what a plan lists and a dataset does not have yet.

    Every case is recorded the moment it is finished, so that a campaign can be killed at any time and resumed: no
    finished case is lost, and none is measured twice.

    Args:
        plan: What to measure.
        dataset: Where to; open for writing.
        backend: Name of the backend.
        options: Its options.
        settings: How to measure.
        round_: Which of several measurements of the same plan this is, or the first one of several visits.
        visits: How often each case is measured: all once, then all again. A case that fails is not visited again, and
            one that takes long is not visited for the last time of three or more if its visits agree.
        progress: Told about every case.
        place: Where cases are measured; None is this machine.

    Raises:
        BackendError: The backend cannot be started, or nothing at all works on it.
        ClusterError: No board is left to measure on.
        DatasetError: The dataset was measured in another environment, or cannot be written.
    """
    place = place or ThisMachine(backend, options, settings)
    tally = _Tally()
    with closing(_measured(plan, dataset, place, range(round_, round_ + visits))) as measured:
        for one in measured:
            _check_environment(dataset, one.environment)
            run = _run(one, settings)
            dataset.add(run)
            tally.add(run)
            if progress is not None:
                progress(one.visit.case, run)
            if len(tally.failed) >= _MOST_FAILURES and not tally.measured:
                raise BackendError(
                    f"the first {len(tally.failed)} cases all failed on {backend!r}, the last with: {run.reason}"
                )
    if not tally.measured and not tally.failed:
        _check_environment(dataset, place.probe())
    return tally.outcome(plan)


def _measured(plan: Plan, dataset: Dataset, place: Place, rounds: range) -> Generator[Measured]:
    """The visits that a dataset lacks, as they are made; whoever takes one records it before the next.

    All cases once, then all again; none of cases that have failed. Of three rounds or more the last one is made when
    the others are known, without the cases of which they tell enough.
    """
    for numbers in (rounds[:-1], rounds[-1:]) if len(rounds) > 2 else (rounds,):
        before = dataset.visits(range(rounds.start, numbers.start))
        left_out = dataset.failed(rounds) | {case for case, visits in before.items() if _enough(visits)}
        waiting = [
            Visit(case, number)
            for number in numbers
            for case in plan.cases
            if case.id not in left_out and not dataset.has(case.id, number)
        ]
        with closing(place.measure(waiting, dataset.boards() if waiting else {})) as measured:
            yield from measured


def _enough(visits: Sequence[tuple[float, float]]) -> bool:
    """Whether a case takes long, and its two shortest visits agree."""
    if len(visits) < 2 or fmean(duration_s for duration_s, _ in visits) < _DEAR_S:
        return False
    first_s, second_s = sorted(level_s for _, level_s in visits)[:2]
    return second_s <= (1.0 + _AGREEING) * first_s


@dataclass
class _Tally:
    """Counts what a campaign measures, visit after visit."""

    measured: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    device_s: float = 0.0
    shares: list[tuple[float, float]] = field(default_factory=list)

    def add(self, run: Run) -> None:
        self.device_s += run.duration_s
        (self.failed if run.status is Status.FAILED else self.measured).add(run.case)
        if run.kernels:
            self.shares.append((run.matched_share, sum(kernel.latency_s for kernel in run.kernels)))

    def outcome(self, plan: Plan) -> Outcome:
        total_s = math.fsum(weight for _, weight in self.shares)
        share = math.fsum(share * weight for share, weight in self.shares) / total_s if total_s > 0 else math.nan
        return Outcome(
            measured=len(self.measured - self.failed),
            skipped=len(plan.cases) - len(self.measured | self.failed),
            failed=len(self.failed),
            device_s=self.device_s,
            matched_share=share,
        )


def _run(measured: Measured, settings: Settings) -> Run:
    case, result = measured.visit.case, measured.result
    origin = {GROUP: case.group, "evicted_bytes": str(case.evicted_bytes), "evicted_ops": str(case.evicted_ops)}
    if case.sweep:
        origin[SWEEP] = case.sweep
    if case.made_for:
        origin[MADE_FOR] = json.dumps(case.made_for)
    if measured.board:
        origin[BOARD] = measured.board
    matched = match_profile(case.network, result.entries or ())
    return Run(
        case=case.id,
        round=measured.visit.number,
        purpose=case.purpose,
        network=case.network,
        environment=measured.environment,
        details={**result.details, **origin, "settings": repr(settings)},
        status=result.status,
        reason=result.reason,
        started_unix_s=time.time() - result.duration_s,
        duration_s=result.duration_s,
        latency_s=median(result.samples_s) if result.samples_s else math.nan,
        samples_s=result.samples_s,
        reference_s=result.reference_s,
        kernels=matched.kernels,
        matched_share=matched.matched_share,
        attempts=result.attempts,
    )


def _check_environment(dataset: Dataset, now: Mapping[str, str]) -> None:
    """A dataset holds one environment: what was measured elsewhere or with other versions does not compare."""
    for before in dataset.environments():
        key = differing_fact(before, now)
        if key is not None:
            raise DatasetError(
                f"dataset {str(dataset.path)!r} was measured with {key} {before.get(key)!r}, and here it is "
                f"{now.get(key)!r}: results do not compare; use another --out"
            )
