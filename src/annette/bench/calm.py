"""How calm a machine was during a campaign: what the visits of its cases say.

Cases that are visited several times show what came and went. Each board of a cluster is a machine of its own: only
visits on one board are compared. A machine that is slower for a whole round of visits, as
one that grows hot is, shows in all cases of the round. What lasts for the whole campaign does not show.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from annette.bench.machine_speed import run_level_s
from annette.bench.records import Purpose, Status
from annette.bench.visits import CALM, error_of_gap, joined_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from annette.bench.records import Run

__all__ = ["Calmness", "calmness"]

_LEAST_S: Final = 5e-5
"""Of shorter cases the clock's whole microseconds say more than the machine."""

_LEAST_CASES: Final = 10


@dataclass(frozen=True, slots=True)
class Calmness:
    """How calm a campaign was.

    Attributes:
        index: Share of the visits that took at most 3 % longer than the shortest of their case, from 0 to 1.
        error: Relative standard error of the time that a case's visits are joined to, median over the cases.
        rounds_apart: By how much the two calmest rounds of visits differ in all cases together, relative; of several
            boards, on the one where they differ most.
        cases: Cases that were visited more than once, of 50 µs and more.
    """

    index: float
    error: float
    rounds_apart: float
    cases: int

    @property
    def level_error(self) -> float:
        """Relative standard error that all joined times have in common.

        Disturbances only ever lengthen: what they leave in joined times has one sign and does not average out.
        """
        return math.hypot(self.error, error_of_gap(self.rounds_apart))


def calmness(runs: Iterable[Run]) -> Calmness | None:
    """How calm a campaign was.

    Args:
        runs: Runs of one dataset, before visits are joined.

    Returns:
        None where no machine visited ten cases of 50 µs and more more than once.
    """
    levels: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if run.purpose is not Purpose.NETWORK and run.status is not Status.FAILED:
            levels[run.board][run.case][run.round] = run_level_s(run)
    machines = [visited for of_board in levels.values() if len(visited := _visited(of_board)) >= _LEAST_CASES]
    if not machines:
        return None
    every = [ratio for visited in machines for _, ratio in _over_shortest(visited)]
    return Calmness(
        index=sum(ratio <= CALM for ratio in every) / len(every),
        error=median(joined_error(tuple(of_case.values())) for visited in machines for of_case in visited),
        rounds_apart=max(map(_rounds_apart, machines)),
        cases=sum(map(len, machines)),
    )


def _visited(levels: Mapping[str, dict[int, float]]) -> list[dict[int, float]]:
    """Times of the cases that were visited more than once and are not too short, by round."""
    return [of_case for of_case in levels.values() if len(of_case) > 1 and min(of_case.values()) >= _LEAST_S]


def _over_shortest(visited: Iterable[Mapping[int, float]]) -> Iterator[tuple[int, float]]:
    """Round of each visit, and its time over that of the shortest visit of its case."""
    for of_case in visited:
        shortest_s = min(of_case.values())
        for number, level_s in of_case.items():
            yield number, level_s / shortest_s


def _rounds_apart(visited: Iterable[Mapping[int, float]]) -> float:
    """By how much the two calmest rounds of one machine's visits differ."""
    over: dict[int, list[float]] = defaultdict(list)
    for number, ratio in _over_shortest(visited):
        over[number].append(ratio)
    rounds = sorted(median(ratios) for ratios in over.values())
    return rounds[1] / rounds[0] - 1
