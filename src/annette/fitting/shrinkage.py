"""How a similar device differs: few logarithmic factors, pulled towards 0 as strongly as left-out rows want it.

The logarithm of measured over predicted is explained by one factor for everything, one for each of computing, moving
and starting, and one for each kind of kernel. With few rows the first alone moves; what more rows show is let in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.model_scaling import SIDES, Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.folds import Rows
    from annette.mapping.kernel import FloatArray

__all__ = ["USUAL", "Differences", "Strength", "choose_strength", "explained", "solve_differences"]

_ANYTHING: Final = 3.0
_NOTHING: Final = 1e-6
_SPREADS_OF_SIDES: Final = (_NOTHING, 0.1, 0.3)
_SPREADS_OF_KINDS: Final = (_NOTHING, 0.1, 0.3, 1.0)
_OTHER_STRENGTH_BELOW: Final = 0.95
"""Share of the error with the usual strength that another one must stay below: of twelve that are tried on some dozens
of rows, one is often a little better by chance."""
_ROUNDS: Final = 8
_LEAST_SCALE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Strength:
    """By how much factors may plausibly differ from the common one, as standard deviations of their logarithms.

    Attributes:
        sides: Those of computing, moving and starting.
        kinds: Those of kinds of kernels.
    """

    sides: float
    kinds: float


USUAL: Final = Strength(0.1, 0.3)
"""What is expected before anything is measured: kinds differ more than what bounds kernels within a kind."""


@dataclass(frozen=True)
class Differences:
    """How the new device differs, as natural logarithms of factors on time.

    Attributes:
        overall: Logarithm of the factor on everything.
        sides: Those of computing, moving and starting, on top.
        kinds: Those of kinds that have rows, on top.
        strength: How far factors were allowed to go.
    """

    overall: float
    sides: tuple[float, float, float]
    kinds: Mapping[str, float]
    strength: Strength

    def of(self, kind: str) -> Change:
        """The change of a kind, with rows or without."""
        return Change(self.overall + self.kinds.get(kind, 0.0), *self.sides)


def solve_differences(
    off: FloatArray, shares: FloatArray, kinds: npt.NDArray[np.str_], strength: Strength
) -> Differences:
    """Finds the factors by robust ridge regression.

    Args:
        off: ``log(measured / predicted)`` of each row, shape ``(rows,)``.
        shares: How much of each row's time follows each side, shape ``(rows, 3)``; see `annette.fitting.model_scaling`.
        kinds: Kind of each row.
        strength: How far factors may go.
    """
    present, members = np.unique(kinds, return_inverse=True)
    design = np.hstack([np.ones((len(off), 1)), shares, np.eye(len(present))[members]])
    allowed = np.array([_ANYTHING, *[strength.sides] * len(SIDES), *[strength.kinds] * len(present)])
    scale = max(float(np.median(np.abs(off - np.median(off)))) * 1.5, _LEAST_SCALE)
    weight = np.ones(len(off))
    coefficients = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        weighted = design * weight[:, None]
        curvature = weighted.T @ design / scale**2 + np.diag(allowed**-2.0)
        coefficients = np.linalg.solve(curvature, weighted.T @ off / scale**2)
        rest = np.abs(off - design @ coefficients)
        scale = max(float(np.median(rest)) * 1.5, _LEAST_SCALE)
        weight = 1.0 / np.maximum(rest / scale, 1.0)
    first, second, third = coefficients[1:4].tolist()
    factors = dict(zip(present.tolist(), coefficients[4:].tolist(), strict=True))
    return Differences(float(coefficients[0]), (first, second, third), factors, strength)


def choose_strength(
    off: FloatArray, shares: FloatArray, kinds: npt.NDArray[np.str_], splits: Sequence[tuple[Rows, Rows]]
) -> Strength:
    """How far factors may go: as far as usual, unless another strength is clearly better on left-out rows.

    Args:
        off: As in `solve_differences`.
        shares: As there.
        kinds: As there.
        splits: Training and test rows.
    """
    best, least = USUAL, _left_out_error(off, shares, kinds, splits, USUAL) * _OTHER_STRENGTH_BELOW
    for strength in (Strength(sides, kinds) for sides in _SPREADS_OF_SIDES for kinds in _SPREADS_OF_KINDS):
        error = _left_out_error(off, shares, kinds, splits, strength)
        if error < least:
            best, least = strength, error
    return best


def _left_out_error(
    off: FloatArray,
    shares: FloatArray,
    kinds: npt.NDArray[np.str_],
    splits: Sequence[tuple[Rows, Rows]],
    strength: Strength,
) -> float:
    error = 0.0
    for training, test in splits:
        differences = solve_differences(off[training], shares[training], kinds[training], strength)
        error += float(np.abs(off[test] - explained(differences, shares[test], kinds[test])).sum())
    return error


def explained(differences: Differences, shares: FloatArray, kinds: npt.NDArray[np.str_]) -> FloatArray:
    """What the factors explain of ``log(measured / predicted)``, to first order; see `solve_differences`."""
    own = np.array([differences.kinds.get(kind, 0.0) for kind in kinds.tolist()])
    total: FloatArray = differences.overall + shares @ np.array(differences.sides) + own
    return total
