"""Non-negative least squares on relative error, pulled towards a starting point; the pull chosen by leaving out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray

__all__ = ["STRENGTHS", "Choice", "LinearModel", "choose", "folds", "left_out_s", "solve"]

STRENGTHS: Final = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Strengths of the pull that are tried."""

_MOST_FOLDS: Final = 20


@dataclass(frozen=True, eq=False)
class LinearModel:
    """One way to describe the same networks by a few numbers.

    Attributes:
        features: What each coefficient multiplies, shape ``(networks, coefficients)``.
        prior: Where each coefficient starts, at least 0.
        spread: By how much each may plausibly move, above 0.
        fixed_s: Part of each network's time that no coefficient touches, shape ``(networks,)``.
    """

    features: FloatArray
    prior: FloatArray
    spread: FloatArray
    fixed_s: FloatArray

    def predict_s(self, coefficients: FloatArray) -> FloatArray:
        """Time of each network."""
        predicted: FloatArray = self.fixed_s + self.features @ coefficients
        return predicted

    def select(self, rows: npt.NDArray[np.intp]) -> LinearModel:
        """The given networks."""
        return LinearModel(self.features[rows], self.prior, self.spread, self.fixed_s[rows])


@dataclass(frozen=True, slots=True)
class Choice:
    """What leaving out prefers.

    Attributes:
        candidate: Position among the candidates.
        strength: Strength of the pull.
        error: Mean absolute relative error on networks that were left out.
    """

    candidate: int
    strength: float
    error: float


def solve(candidate: LinearModel, latency_s: FloatArray, strength: float) -> FloatArray:
    """Coefficients a >= 0 that minimise ``sum(((fixed + f a) / y - 1)^2) + strength sum(((a - prior) / spread)^2)``.

    A coefficient that the networks do not tell about keeps its prior.

    Args:
        candidate: Features f, priors and spreads.
        latency_s: Measured times y, above 0, shape ``(networks,)``.
        strength: Above 0.
    """
    pull = np.sqrt(strength) / candidate.spread
    rows = np.vstack([candidate.features / latency_s[:, None], np.diag(pull)])
    targets = np.concatenate([1.0 - candidate.fixed_s / latency_s, pull * candidate.prior])
    found: FloatArray = nnls(rows, targets)[0]
    return found


def left_out_s(candidate: LinearModel, latency_s: FloatArray, strength: float) -> FloatArray:
    """Prediction of each network by coefficients that did not see it."""
    predicted = np.empty(len(latency_s))
    for training, test in folds(len(latency_s)):
        coefficients = solve(candidate.select(training), latency_s[training], strength)
        predicted[test] = candidate.select(test).predict_s(coefficients)
    return predicted


def choose(candidates: Sequence[LinearModel], latency_s: FloatArray) -> Choice:
    """The candidate and strength with the smallest error on left-out networks.

    A later candidate must be better by 2 %, so that a richer description earns its place; of equal strengths the
    larger.
    """
    best: Choice | None = None
    for index, candidate in enumerate(candidates):
        for strength in reversed(STRENGTHS):
            error = float(np.abs(left_out_s(candidate, latency_s, strength) / latency_s - 1).mean())
            margin = 1.0 if best is None or best.candidate == index else 0.98
            if best is None or error < margin * best.error:
                best = Choice(index, strength, error)
    if best is None:
        raise ValueError("there is nothing to choose from")
    return best


def folds(count: int) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Training and test rows: every row is left out once, alone while there are at most 20."""
    order = np.arange(count)
    for fold in range(min(count, _MOST_FOLDS)):
        test = order % min(count, _MOST_FOLDS) == fold
        yield order[~test], order[test]
