"""The search for unroll sizes: which dimensions are refined, and by which whole numbers.

Sizes cannot be followed downhill: a wrong size of one dimension is made up for by alphas, rates and sizes of others. So
the search goes from point to point by the best of all changes of one dimension, then of two at once, until none is
worth it. A linear approximation (`annette.fitting.unroll_scan`) proposes, exact fits decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.roofline_problem import RATES, SOFTNESS, roundness
from annette.fitting.unroll_scan import Scan, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.fitting.roofline_problem import Problem
    from annette.mapping.kernel import FloatArray

__all__ = ["Criterion", "Point", "Search"]

_SINGLES: Final = 10
_PAIRS: Final = 10
_FIRST_STEPS: Final = 5
_KEPT: Final = 5
_ROUNDS: Final = 24
_ROWS_OF_A_DIMENSION: Final = 8
_LISTED_WHOLLY: Final = 32
_ROUND_NUMBERS: Final = 0.5
_MOST_ROUND: Final = 4
_EXACT: Final = 1e-7
_WORTH: Final = 1e-3
_MEMORY_BOUND: Final = (0.003, 0.02, 0.1, 0.3, 0.6)


@dataclass(frozen=True, eq=False)
class Point:
    """Sizes, and the best parameters for them.

    Attributes:
        sizes: Of the refined dimensions.
        parameters: Rates, and alphas in the order of the sizes.
        cost: Soft error (`annette.fitting.solver.soft_cost`).
        score: What is minimised, in units of the logarithm of a likelihood (`Criterion`).
    """

    sizes: Mapping[str, int]
    parameters: FloatArray
    cost: float
    score: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """How good a choice of sizes is: how likely it makes the data, and how much it had to choose.

    Attributes:
        softness: Of the error.
        power: Power of the error that the likelihood goes with, for each row: 1 where errors count by their absolute
            values, 1/2 where the soft error is one of squares.
        least_gain: Share by which a refined dimension must lower the error, however many rows say so.
    """

    softness: float = SOFTNESS
    power: float = 1.0
    least_gain: float = 0.01

    def score(self, cost: float, sizes: Mapping[str, int], rows: int, choices: int) -> float:
        """The score of a point; lower is better.

        The Bayesian information criterion for an alpha and a size of each refined dimension, ``log n + log k`` with n
        rows and k sizes to choose from, more where there are few rows for each parameter. Sizes that the data cannot
        tell apart are told apart by how round they are: hardware unrolls in powers of two.
        """
        spare = max(rows - RATES - len(sizes) - 2, 1)
        each = max(math.log(rows * choices) * rows / spare, self.power * self.least_gain * rows)
        even = sum(min(roundness(size), _MOST_ROUND) for size in sizes.values())
        return self.power * rows * math.log(cost + _EXACT) + len(sizes) * each - _ROUND_NUMBERS * even


class Search:
    """Finds the sizes of one problem.

    Args:
        problem: The data.
        candidates: Sizes to try, ascending, for each dimension that may be refined.
        criterion: What is minimised.
    """

    def __init__(self, problem: Problem, candidates: Mapping[str, Sequence[int]], criterion: Criterion) -> None:
        self._problem, self._candidates, self._criterion = problem, candidates, criterion
        self._choices = max((len(sizes) for sizes in candidates.values()), default=1)
        self._most = len(problem) // _ROWS_OF_A_DIMENSION

    def from_rates(self, starts: FloatArray) -> Point:
        """The best point without refined dimensions that any of the starting rates leads to."""
        return self._solved([{}] * len(starts), starts)

    def again(self, point: Point) -> Point:
        """A point of another search, solved by the criterion of this one."""
        return self._solved([point.sizes], point.parameters[None])

    def settle(self, point: Point) -> Point:
        """Changes the point as long as that is worth it."""
        for _ in range(_ROUNDS):
            scan = Scan(self._problem, point.sizes, point.parameters, softness=self._criterion.softness)
            better = self._better(point, self._changes_of_one(point, scan))
            if better is point:
                better = self._rates(point)
            if better is point:
                better = self._better(point, self._changes_of_two(scan))
            if better is point:
                break
            point = better
        return point

    def _changes_of_one(self, point: Point, scan: Scan) -> list[Trial]:
        trials: list[Trial] = []
        for name, sizes in self._candidates.items():
            trials += scan.singles(name, sizes, _SINGLES)
            if name in point.sizes:
                near = _between(point.sizes[name], sizes)
                trials += scan.singles(name, near, _SINGLES // 2) if near else []
                trials.append({name: (1, 0.0)})
        return [trial for trial in trials if all(point.sizes.get(name) != size for name, (size, _) in trial.items())]

    def _changes_of_two(self, scan: Scan) -> list[Trial]:
        trials: list[Trial] = []
        for first, second in combinations(self._candidates.items(), 2):
            trials += scan.pairs(first, second, _PAIRS)
        return trials

    def _better(self, point: Point, trials: Sequence[Trial]) -> Point:
        """The best point that any of the trials leads to, or the given one."""
        best = point
        batches: dict[int, list[tuple[dict[str, int], list[float]]]] = {}
        alphas = dict(zip(point.sizes, point.parameters[RATES:].tolist(), strict=True))
        for trial in trials:
            entries = {name: (size, alphas[name]) for name, size in point.sizes.items()} | trial
            kept = {name: entry for name, entry in entries.items() if entry[0] > 1}
            if len(kept) <= self._most:
                start = ({name: size for name, (size, _) in kept.items()}, [alpha for _, alpha in kept.values()])
                batches.setdefault(len(kept), []).append(start)
        for batch in batches.values():
            sizes = [choice for choice, _ in batch]
            starts = np.array([[*point.parameters[:RATES], *start] for _, start in batch])
            polished = self._polished(sizes, starts)
            if polished.score < best.score - _WORTH:
                best = polished
        return best

    def _polished(self, sizes: Sequence[Mapping[str, int]], starts: FloatArray) -> Point:
        """The best point that any start leads to: few steps for all, and the rest for the best of them."""
        problem, softness = self._problem, self._criterion.softness
        lost = problem.losses(sizes)
        for _ in range(2):
            starts[:, 0] -= np.median(problem.residuals(starts, lost), axis=1)
        first = problem.solve(lost, starts, softness=softness, steps=_FIRST_STEPS)
        kept = np.argsort(first.cost, kind="stable")[:_KEPT]
        return self._solved([sizes[index] for index in kept.tolist()], first.parameters[kept])

    def _solved(self, sizes: Sequence[Mapping[str, int]], starts: FloatArray) -> Point:
        solution = self._problem.solve(self._problem.losses(sizes), starts, softness=self._criterion.softness)
        rows = len(self._problem)
        scores = [
            self._criterion.score(cost, choice, rows, self._choices)
            for cost, choice in zip(solution.cost.tolist(), sizes, strict=True)
        ]
        best = int(np.argmin(scores))
        return Point(dict(sizes[best]), solution.parameters[best], float(solution.cost[best]), scores[best])

    def _rates(self, point: Point) -> Point:
        """Other bandwidths and offsets: from where a side decides nowhere, no derivative leads back."""
        time_s = np.exp(self._problem.log_s)
        offset_s = math.exp(point.parameters[2])
        left = np.maximum(time_s - offset_s, 0.1 * time_s) / np.maximum(self._problem.bytes, 1.0)
        starts = [point.parameters.copy() for _ in range(len(_MEMORY_BOUND) + 2)]
        for start, share in zip(starts, _MEMORY_BOUND, strict=False):
            start[1] = math.log(float(np.quantile(left, share)))
        starts[-1][2] = math.log(0.5 * float(time_s.min()))
        starts[-2][2] = math.log(0.05 * float(time_s.min()))
        sizes = [point.sizes] * len(starts)
        lost = self._problem.losses(sizes)
        softness = self._criterion.softness
        first = self._problem.solve(lost, np.array(starts), softness=softness, steps=2 * _FIRST_STEPS)
        kept = np.argsort(first.cost, kind="stable")[:2]
        solved = self._solved([point.sizes] * len(kept), first.parameters[kept])
        return solved if solved.score < point.score - _WORTH else point


def _between(size: int, listed: Sequence[int]) -> list[int]:
    """Whole numbers around a size that are not listed."""
    if size <= _LISTED_WHOLLY:
        return []
    below = max((other for other in listed if other < size), default=size)
    above = min((other for other in listed if other > size), default=size)
    return [other for other in range(below + 1, above) if other not in listed and other != size]
