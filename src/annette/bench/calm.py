"""How calm a machine was during a campaign: what the visits of its cases say.

Cases that are visited several times show what came and went. A machine that is slower for a whole round of visits, as
one that grows hot is, shows in all cases of the round. What lasts for the whole campaign does not show.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from annette.bench.records import Purpose, Status
from annette.bench.visits import CALM, error_of_gap, joined_error, run_level_s

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        rounds_apart: By how much the two calmest rounds of visits differ in all cases together, relative.
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
        None where fewer than ten cases of 50 µs and more were visited more than once.
    """
    levels: dict[str, dict[int, float]] = defaultdict(dict)
    for run in runs:
        if run.purpose is not Purpose.NETWORK and run.status is not Status.FAILED:
            levels[run.case][run.round] = run_level_s(run)
    visited = [of_case for of_case in levels.values() if len(of_case) > 1 and min(of_case.values()) >= _LEAST_S]
    if len(visited) < _LEAST_CASES:
        return None
    over: dict[int, list[float]] = defaultdict(list)
    for of_case in visited:
        shortest_s = min(of_case.values())
        for number, level_s in of_case.items():
            over[number].append(level_s / shortest_s)
    every = [ratio for ratios in over.values() for ratio in ratios]
    rounds = sorted(median(ratios) for ratios in over.values())
    return Calmness(
        index=sum(ratio <= CALM for ratio in every) / len(every),
        error=median(joined_error(tuple(of_case.values())) for of_case in visited),
        rounds_apart=rounds[1] / rounds[0] - 1,
        cases=len(visited),
    )
