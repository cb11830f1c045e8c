"""Non-negative least squares on relative error, pulled towards a starting point; the pull chosen by leaving out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from annette.evaluation.metrics import mape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray

__all__ = ["STRENGTHS", "Choice", "LinearModel", "choose", "folds", "left_out_s", "solve"]

STRENGTHS: Final = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Strengths of the pull that are tried."""

_MOST_FOLDS: Final = 20

_RICHER_BELOW: Final = 0.98
"""Share of a coarser model's left-out error that a richer one must stay below, as for families of layer models
(`annette.fitting.families`)."""


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
    """The model and strength with the smallest error on networks left out.

    Attributes:
        model: Position among the models.
        strength: Strength of the pull.
        error: Mean absolute relative error on networks that were left out.
    """

    model: int
    strength: float
    error: float


def solve(model: LinearModel, latency_s: FloatArray, strength: float) -> FloatArray:
    """Coefficients a >= 0 that minimise ``sum(((fixed + f a) / y - 1)^2) + strength sum(((a - prior) / spread)^2)``.

    A coefficient that the networks do not tell about keeps its prior.

    Args:
        model: Features f, priors and spreads.
        latency_s: Measured times y, above 0, shape ``(networks,)``.
        strength: Above 0.
    """
    pull = np.sqrt(strength) / model.spread
    rows = np.vstack([model.features / latency_s[:, None], np.diag(pull)])
    targets = np.concatenate([1.0 - model.fixed_s / latency_s, pull * model.prior])
    solution: FloatArray = nnls(rows, targets)[0]
    return solution


def left_out_s(model: LinearModel, latency_s: FloatArray, strength: float) -> FloatArray:
    """Prediction of each network by coefficients that did not see it."""
    predicted = np.empty(len(latency_s))
    for training, test in folds(len(latency_s)):
        coefficients = solve(model.select(training), latency_s[training], strength)
        predicted[test] = model.select(test).predict_s(coefficients)
    return predicted


def choose(models: Sequence[LinearModel], latency_s: FloatArray) -> Choice:
    """The model and strength with the smallest error on left-out networks.

    A later model must be better by 2 %, so that a richer description earns its place; of equal strengths the
    larger.
    """
    best: Choice | None = None
    for index, model in enumerate(models):
        for strength in reversed(STRENGTHS):
            error = mape(left_out_s(model, latency_s, strength), latency_s)
            margin = 1.0 if best is None or best.model == index else _RICHER_BELOW
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
