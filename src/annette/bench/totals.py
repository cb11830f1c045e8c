"""Benchmarks of devices that tell only how long a whole run took: noticed by their first answers, and kept in a budget.

What such a run costs is not known beforehand: a program is started, over a network perhaps, warms up and repeats as it
sees fit. So the plan is measured in parts, and what is left of a budget is shared out anew after each.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from annette.bench.campaign import Outcome, run_campaign
from annette.bench.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.bench.campaign import Progress
    from annette.bench.dataset import Dataset
    from annette.bench.measurement import Settings
    from annette.bench.places import Place
    from annette.bench.plan import Case
    from annette.bench.records import Run

__all__ = ["TOTALS", "Measuring", "Switch", "carry_out", "is_for_totals"]

TOTALS: Final = "totals"
"""Preset of plans for such devices, with which their names begin."""

_PRESETS: Final = ("quick-", "full-")
"""How names of plans begin that others may take the place of; those of users are carried out as they are."""

_PROBES: Final = 8
"""Cases by which a device shows whether it tells of kernels."""

_ANSWERS: Final = 3
"""So many of them must have succeeded."""

_PART: Final = 100
_LEAST_PART: Final = 10
_SHARE_OF_PART: Final = 0.25
"""Cases that are measured before the rest is shared out anew: at the most, at the least, and as a share of the rest."""


class Switch(Protocol):
    """Is told that a plan for totals takes the place of another."""

    def __call__(self, plan: Plan, text: str) -> None:
        """Called before the plan is carried out; ``text`` says why, in one line."""


@dataclass(frozen=True, eq=False)
class Measuring:
    """How a plan is carried out: as `annette.bench.campaign.run_campaign` has it."""

    dataset: Dataset
    backend: str
    options: Mapping[str, Any]
    settings: Settings
    visits: int = 1
    progress: Progress | None = None
    place: Place | None = None

    def run(self, name: str, cases: Sequence[Case]) -> Outcome:
        """Measures what the dataset lacks of some cases.

        Raises:
            BackendError: Nothing works on the backend.
            DatasetError: The dataset cannot be written, or belongs to another environment.
        """
        return run_campaign(
            Plan(name, tuple(cases)),
            self.dataset,
            backend=self.backend,
            options=self.options,
            settings=self.settings,
            visits=self.visits,
            progress=self.progress,
            place=self.place,
        )


def is_for_totals(plan: Plan) -> bool:
    """Whether a plan was made for devices that tell totals only."""
    return plan.name.startswith(f"{TOTALS}-")


def carry_out(
    plan: Plan,
    how: Measuring,
    *,
    otherwise: Callable[[], Plan],
    budget_s: float | None = None,
    switch: Switch | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Carries out a plan, or one for totals where the first answers tell nothing of kernels.

    The plan that is carried out is kept in the dataset, so that a campaign is continued with the same.

    Args:
        plan: What to measure.
        how: Where to and with what.
        otherwise: Makes the plan for totals.
        budget_s: Time that a plan for totals may take, with all that the dataset has already, seconds; None measures
            all of it.
        switch: Told where a plan for totals takes over.
        clock: Seconds that pass, from any start.

    Raises:
        BackendError: The backend cannot be started, or nothing works on it.
        DatasetError: The dataset cannot be written, or belongs to another environment.
    """
    how.dataset.add_plan(plan.digest(), plan.to_text())
    if is_for_totals(plan):
        return _within_budget(plan, how, budget_s, clock)
    if not plan.name.startswith(_PRESETS):
        return how.run(plan.name, plan.cases)
    probes = plan.cases[:_PROBES]
    first = how.run(plan.name, probes)
    runs = _runs_of(how.dataset, probes)
    if not _tells_totals(runs):
        return _joined(first, how.run(plan.name, plan.cases[_PROBES:]))
    instead = otherwise()
    how.dataset.add_plan(instead.digest(), instead.to_text())
    if switch is not None:
        switch(instead, _reason(how.backend, runs, instead, budget_s))
    return _joined(first, _within_budget(instead, how, budget_s, clock))


def _runs_of(dataset: Dataset, cases: Iterable[Case]) -> list[Run]:
    wanted = {case.id for case in cases}
    return [run for run in dataset.runs() if run.case in wanted]


def _tells_totals(runs: Sequence[Run]) -> bool:
    answered = [run for run in runs if run.status.usable and run.samples_s]
    return len(answered) >= min(_ANSWERS, len(runs)) and bool(answered) and not any(run.kernels for run in runs)


def _reason(backend: str, runs: Sequence[Run], plan: Plan, budget_s: float | None) -> str:
    each_s = sum(run.duration_s for run in runs) / len(runs)
    limit = f"as many as fit {budget_s / 60:.3g} min" if budget_s is not None else "--budget TIME limits it"
    return (
        f"the first {len(runs)} runs on {backend!r} tell how long they took and nothing of kernels ({each_s:.2g} s a "
        f"run): going on with plan {plan.name!r} for totals, {len(plan.cases)} cases, {limit}"
    )


class _Budget:
    """What is left of a budget, and what cases cost that were thought to cost so much.

    Attributes:
        limit_s: All of it, seconds.
    """

    def __init__(self, limit_s: float, plan: Plan, dataset: Dataset, clock: Callable[[], float]) -> None:
        expected = {case.id: case.expected_s for case in plan.cases}
        runs = list(dataset.runs())
        self.limit_s = limit_s
        self._before_s = sum(run.duration_s for run in runs)
        self._clock, self._started_s = clock, clock()
        known = [(run.duration_s, expected[run.case]) for run in runs if run.case in expected]
        self._cost_s = sum(cost for cost, _ in known)
        self._thought_s = sum(thought for _, thought in known)

    @property
    def left_s(self) -> float:
        """What may still be spent, seconds."""
        return self.limit_s - self._before_s - (self._clock() - self._started_s)

    def count(self, part: Sequence[Case], took_s: float) -> None:
        """Notes what some cases took in all."""
        self._cost_s += took_s
        self._thought_s += sum(case.expected_s for case in part)

    def part(self, waiting: Sequence[Case]) -> tuple[Case, ...]:
        """The cases to measure next: of those that fit, as many as take a quarter of what is left; at least 10."""
        scale = self._cost_s / self._thought_s if self._cost_s > 0 else 1.0
        thought_s = self.left_s / scale
        fitting = Plan("", tuple(waiting)).within(thought_s).cases if thought_s > 0 else ()
        if not fitting or fitting[0].expected_s > thought_s:
            return ()
        used_s, count = 0.0, 0
        while count < len(fitting) and count < _PART and (count < _LEAST_PART or used_s < thought_s * _SHARE_OF_PART):
            used_s += fitting[count].expected_s
            count += 1
        return fitting[:count]


def _within_budget(plan: Plan, how: Measuring, budget_s: float | None, clock: Callable[[], float]) -> Outcome:
    """Measures a plan part by part, as much of it as the budget allows; what was measured before counts."""
    waiting = [case for case in plan.cases if not how.dataset.has(case.id)]
    skipped = len(plan.cases) - len(waiting)
    if budget_s is None or not waiting:
        return replace(how.run(plan.name, waiting), skipped=skipped)
    budget = _Budget(budget_s, plan, how.dataset, clock)
    outcome: Outcome | None = None
    while part := budget.part(waiting):
        started_s = clock()
        now = how.run(plan.name, part)
        budget.count(part, clock() - started_s)
        outcome = now if outcome is None else _joined(outcome, now)
        done = {case.id for case in part}
        waiting = [case for case in waiting if case.id not in done]
    return replace(outcome or how.run(plan.name, ()), skipped=skipped)


def _joined(first: Outcome, second: Outcome) -> Outcome:
    """Two parts of one campaign; the share of the matched time is that of the longer part where both have one."""
    shares = [part for part in (first, second) if not math.isnan(part.matched_share)]
    longest = max(shares, key=lambda part: part.device_s, default=None)
    return Outcome(
        measured=first.measured + second.measured,
        skipped=first.skipped + second.skipped,
        failed=first.failed + second.failed,
        device_s=first.device_s + second.device_s,
        matched_share=longest.matched_share if longest is not None else math.nan,
    )
