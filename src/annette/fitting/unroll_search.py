"""The search for unroll sizes: which dimensions are refined, and by which whole numbers.

Sizes cannot be followed downhill: a wrong size of one dimension is made up for by alphas, rates and sizes of others. So
the search goes from point to point by the best of all changes of one dimension, then of two at once, until none is
worth it. A linear approximation around the point proposes, exact fits decide.

A kernel that computes takes longer in proportion to the product of what its dimensions lose, so the logarithm of its
time is a sum over the dimensions, and a change of sizes adds one vector for each dimension that changes. How far P, B,
t0 and the other alphas make up for it is, to first order, a projection. Thousands of sizes and all pairs of them cost
a few matrix products, where each fit would cost dozens of passes over the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.fitting.solver import RATES, SOFTNESS, roundness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.fitting.solver import Problem
    from annette.mapping.kernel import FloatArray

__all__ = ["Criterion", "Point", "Scan", "Search", "Trial"]

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

_ALPHAS: Final = (0.1, 0.3, 0.6, 1.0)
_FEW_ALPHAS: Final = (0.15, 0.4, 0.7, 1.0)
_MOST_ROWS: Final = 1000
_REFINED: Final = 48
_REFINEMENTS: Final = 4
_NOTHING: Final = 1e-12

Trial: TypeAlias = "dict[str, tuple[int, float]]"
"""Sizes and alphas to start from, of the dimensions that change; size 1 stands for none."""


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
        pairs = combinations(self._candidates.items(), 2)
        return [trial for first, second in pairs for trial in scan.pairs(first, second, _PAIRS)]

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
        lost = self._problem.losses(sizes)
        for _ in range(2):
            starts[:, 0] -= np.median(self._problem.residuals(starts, lost), axis=1)
        return self._best_of(sizes, starts, lost, _FIRST_STEPS, _KEPT)

    def _best_of(
        self, sizes: Sequence[Mapping[str, int]], starts: FloatArray, lost: FloatArray, steps: int, most: int
    ) -> Point:
        first = self._problem.solve(lost, starts, softness=self._criterion.softness, steps=steps)
        kept = np.argsort(first.cost, kind="stable")[:most]
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
        solved = self._best_of(sizes, np.array(starts), self._problem.losses(sizes), 2 * _FIRST_STEPS, 2)
        return solved if solved.score < point.score - _WORTH else point


def _between(size: int, listed: Sequence[int]) -> list[int]:
    """Whole numbers around a size that are not listed."""
    if size <= _LISTED_WHOLLY:
        return []
    below = max((other for other in listed if other < size), default=size)
    above = min((other for other in listed if other > size), default=size)
    return [other for other in range(below + 1, above) if other not in listed and other != size]


class _Vectors(NamedTuple):
    """What the choices for one dimension add to the weighted residuals, shape ``(choices, rows)``."""

    choices: list[tuple[int, float]]
    added: FloatArray


class Scan:
    """Judges changes of the sizes from one point.

    Args:
        problem: The data; large ones are judged by a part of their rows.
        sizes: Refined dimensions of the point, in the order of its alphas.
        parameters: Rates and alphas of the point.
        softness: Log error at which rows begin to count less.
    """

    def __init__(
        self, problem: Problem, sizes: Mapping[str, int], parameters: FloatArray, *, softness: float = SOFTNESS
    ) -> None:
        rows = np.arange(len(problem))
        if len(rows) > _MOST_ROWS:
            rows = np.sort(np.random.default_rng(0).permutation(len(rows))[:_MOST_ROWS])
        self._problem, self._rows, self._sizes = problem, rows, dict(sizes)
        now = problem.linearised(parameters[None], problem.losses([sizes]))
        residuals = now.residuals[0, rows]
        weight = (1.0 + (residuals / softness) ** 2) ** -0.25
        self._residuals = weight * residuals
        self._jacobian = weight * now.jacobian[0][:, rows]
        self._share = weight * now.jacobian[0, 0, rows]
        self._alphas = dict(zip(sizes, parameters[RATES:].tolist(), strict=True))
        self._pairs: dict[str, _Vectors] = {}

    def singles(self, name: str, sizes: Sequence[int], most: int) -> list[Trial]:
        """The most promising sizes of one dimension, each with its best alpha, the best first."""
        vectors = self._vectors(name, sizes, _ALPHAS)
        _, cost = self._projected([name], vectors.added)
        nearest = cost.reshape(len(sizes), len(_ALPHAS)).argmin(axis=1).tolist()
        return self._refined([{name: (size, _ALPHAS[index])} for size, index in zip(sizes, nearest, strict=True)], most)

    def pairs(self, first: tuple[str, Sequence[int]], second: tuple[str, Sequence[int]], most: int) -> list[Trial]:
        """The most promising pairs of sizes of two dimensions, of which either may become none."""
        names = [first[0], second[0]]
        one, two = (self._paired(*part) for part in (first, second))
        apart_one, cost_one = self._projected(names, one.added)
        apart_two, cost_two = self._projected(names, two.added, base=False)
        cost = cost_one[:, None] + cost_two + 2.0 * (apart_one @ apart_two.T)
        trials: dict[tuple[int, int], Trial] = {}
        reach = min(cost.size, _REFINED * len(_FEW_ALPHAS))
        nearest = np.argpartition(cost, reach - 1, axis=None)[:reach]
        for index in nearest[np.argsort(cost.ravel()[nearest], kind="stable")].tolist():
            left, right = one.choices[index // len(two.choices)], two.choices[index % len(two.choices)]
            trials.setdefault((left[0], right[0]), {names[0]: left, names[1]: right})
        return self._refined(list(trials.values())[:_REFINED], most)

    def _refined(self, trials: Sequence[Trial], most: int) -> list[Trial]:
        """Some trials that change the same dimensions, the most promising first, with the best alphas for them."""
        names = list(trials[0])
        lost = np.array([[self._problem.lost(n, size)[self._rows] for n, (size, _) in t.items()] for t in trials])
        alphas = np.array([[alpha for _, alpha in trial.values()] for trial in trials])
        residuals, directions = self._apart(names)
        least = np.full(len(trials), np.inf)
        best = alphas
        for _ in range(_REFINEMENTS):
            grown = 1.0 + alphas[:, :, None] * lost
            added = self._share * np.log(grown).sum(axis=1)
            left = residuals + added - (added @ directions.T) @ directions
            cost = np.einsum("tr,tr->t", left, left)
            best = np.where((cost < least)[:, None], alphas, best)
            least = np.minimum(cost, least)
            slopes = self._share * lost / grown
            slopes -= (slopes @ directions.T) @ directions
            curvature = slopes @ slopes.transpose(0, 2, 1)
            curvature += np.eye(len(names)) * (_NOTHING + 1e-6 * curvature.max(axis=(1, 2), keepdims=True))
            change = np.linalg.solve(curvature, slopes @ left[:, :, None])[:, :, 0]
            alphas = np.clip(alphas - change, 0.0, 1.0)
        order = np.argsort(least, kind="stable")[:most].tolist()
        return [
            {name: (trials[index][name][0], float(alpha)) for name, alpha in zip(names, best[index], strict=True)}
            for index in order
        ]

    def _paired(self, name: str, sizes: Sequence[int]) -> _Vectors:
        if name not in self._pairs:
            others = [size for size in sizes if size != self._sizes.get(name)]
            vectors = self._vectors(name, others, _FEW_ALPHAS)
            if name in self._sizes:
                none = np.zeros((1, len(self._rows)))
                vectors = _Vectors([(1, 0.0), *vectors.choices], np.concatenate([none, vectors.added]))
            self._pairs[name] = vectors
        return self._pairs[name]

    def _vectors(self, name: str, sizes: Sequence[int], alphas: Sequence[float]) -> _Vectors:
        choices = [(size, alpha) for size in sizes for alpha in alphas]
        lost = np.array([self._problem.lost(name, size)[self._rows] for size in sizes])
        added = self._share * np.log1p(np.array(alphas)[:, None] * lost[:, None, :])
        return _Vectors(choices, added.reshape(len(choices), len(self._rows)))

    def _projected(
        self, names: Sequence[str], added: FloatArray, *, base: bool = True
    ) -> tuple[FloatArray, FloatArray]:
        """What the other parameters cannot make up for, and the squared error that is left.

        Args:
            names: Dimensions that change: what they add now is taken away.
            added: What they add instead, shape ``(choices, rows)``.
            base: Whether the squared error counts that of the residuals; else only what is added to it.
        """
        residuals, directions = self._apart(names)
        apart = added - (added @ directions.T) @ directions
        cost = 2.0 * (apart @ residuals) + np.einsum("cr,cr->c", apart, apart)
        return apart, cost + float(residuals @ residuals) if base else cost

    def _apart(self, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """The residuals without some dimensions, and orthonormal directions in which all other parameters move them.

        What lies in these directions is taken from the residuals.
        """
        residuals = self._residuals.copy()
        kept = [0, 1, 2]
        for index, (name, size) in enumerate(self._sizes.items()):
            if name not in names:
                kept.append(RATES + index)
                continue
            lost = self._problem.lost(name, size)[self._rows]
            residuals -= self._share * np.log1p(self._alphas[name] * lost)
        directions = _basis(self._jacobian[kept])
        return residuals - directions.T @ (directions @ residuals), directions


def _basis(rows: FloatArray) -> npt.NDArray[np.float64]:
    """Orthonormal rows that span the given ones; rows that are zero, or follow from others, are left out."""
    length = np.sqrt(np.einsum("pr,pr->p", rows, rows))
    rows = rows[length > _NOTHING * max(float(length.max()), 1.0)]
    if not len(rows):
        return rows
    scaled = rows / np.sqrt(np.einsum("pr,pr->p", rows, rows))[:, None]
    _, values, basis = np.linalg.svd(scaled, full_matrices=False)
    spanned: FloatArray = basis[values > 1e-7]
    return spanned
