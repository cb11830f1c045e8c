"""Which unroll sizes are worth a fit: all of them judged by one linear approximation around what was found so far.

A kernel that computes takes longer in proportion to the product of what its dimensions lose, so the logarithm of its
time is a sum over the dimensions, and a change of sizes adds one vector for each dimension that changes. How far P, B,
t0 and the other alphas make up for it is, to first order, a projection. Thousands of sizes and all pairs of them cost
a few matrix products, where each fit would cost dozens of passes over the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.fitting.roofline_problem import RATES, SOFTNESS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.fitting.roofline_problem import Problem
    from annette.mapping.kernel import FloatArray

__all__ = ["Scan", "Trial"]

_ALPHAS: Final = (0.1, 0.3, 0.6, 1.0)
_FEW_ALPHAS: Final = (0.15, 0.4, 0.7, 1.0)
_MOST_ROWS: Final = 1000
_REFINED: Final = 48
_REFINEMENTS: Final = 4
_NOTHING: Final = 1e-12

Trial: TypeAlias = "dict[str, tuple[int, float]]"
"""Sizes and alphas to start from, of the dimensions that change; size 1 stands for none."""


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
        found: dict[tuple[int, int], Trial] = {}
        reach = min(cost.size, _REFINED * len(_FEW_ALPHAS))
        nearest = np.argpartition(cost, reach - 1, axis=None)[:reach]
        for index in nearest[np.argsort(cost.ravel()[nearest], kind="stable")].tolist():
            left, right = one.choices[index // len(two.choices)], two.choices[index % len(two.choices)]
            found.setdefault((left[0], right[0]), {names[0]: left, names[1]: right})
        return self._refined(list(found.values())[:_REFINED], most)

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
