"""How a similar device differs: few logarithmic factors, pulled towards 0 as strongly as left-out rows want it.

The logarithm of measured over predicted is explained by one factor for everything, one for each of computing, moving
and starting, and one for each kind of kernel. With few rows the first alone moves; what more rows show is let in.

Intervals of an adapted platform are what the starting platform knew, widened by what left-out rows show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.conformal import half_width, log_residuals
from annette.fitting.families import PREFERRED
from annette.models.roofline import Roofline
from annette.models.statistical import Mixed
from annette.platforms import Intervals
from annette.platforms.intervals import LogResiduals
from annette.platforms.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.samples import Rows, Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel
    from annette.platforms import Platform

__all__ = [
    "SIDES",
    "Differences",
    "Strength",
    "adapted_intervals",
    "choose_strength",
    "rescaled",
    "solve_differences",
    "time_shares",
]

_ANYTHING: Final = 3.0
_NOTHING: Final = 1e-6
_SPREADS_OF_SIDES: Final = (_NOTHING, 0.1, 0.3)
_SPREADS_OF_KINDS: Final = (_NOTHING, 0.1, 0.3, 1.0)
_OTHER_STRENGTH_BELOW: Final = 0.95
"""Share of the error with the usual strength that another one must stay below: of twelve that are tried on some dozens
of rows, one is often a little better by chance."""
_ROUNDS: Final = 8
_LEAST_SCALE: Final = 0.02

SIDES: Final = ("computing", "moving", "starting")
"""What bounds a kernel of a roofline: operations, bytes, and the time that every kernel takes."""

_ENOUGH_ROWS: Final = 30
_MIDDLE: Final = 0.68
_MOST: Final = 0.9
_NORMAL: Final = 1.645
_UNKNOWN: Final = 0.3
_LEAST_DIFFERENCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Strength:
    """By how much factors may plausibly differ from the common one, as standard deviations of their logarithms.

    Attributes:
        sides: Those of computing, moving and starting.
        kinds: Those of kinds of kernels.
    """

    sides: float
    kinds: float


_USUAL: Final = Strength(0.1, 0.3)
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

    def of(self, kind: str) -> float:
        """Logarithm of the factor on everything of a kind, with rows or without."""
        return self.overall + self.kinds.get(kind, 0.0)


def solve_differences(
    off: FloatArray, shares: FloatArray, kinds: npt.NDArray[np.str_], strength: Strength
) -> Differences:
    """Finds the factors by robust ridge regression.

    Args:
        off: ``log(measured / predicted)`` of each row, shape ``(rows,)``.
        shares: How much of each row's time follows each side, shape ``(rows, 3)``; see `annette.fitting.shrinkage`.
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

    def left_out_error(strength: Strength) -> float:
        error = 0.0
        for training, test in splits:
            differences = solve_differences(off[training], shares[training], kinds[training], strength)
            error += float(np.abs(off[test] - _explained(differences, shares[test], kinds[test])).sum())
        return error

    best, least = _USUAL, left_out_error(_USUAL) * _OTHER_STRENGTH_BELOW
    for strength in (Strength(sides, kinds) for sides in _SPREADS_OF_SIDES for kinds in _SPREADS_OF_KINDS):
        error = left_out_error(strength)
        if error < least:
            best, least = strength, error
    return best


def _explained(differences: Differences, shares: FloatArray, kinds: npt.NDArray[np.str_]) -> FloatArray:
    """What the factors explain of ``log(measured / predicted)``, to first order; see `solve_differences`."""
    own = np.array([differences.kinds.get(kind, 0.0) for kind in kinds.tolist()])
    total: FloatArray = differences.overall + shares @ np.array(differences.sides) + own
    return total


def rescaled(model: LayerModel, overall: float, sides: Sequence[float]) -> LayerModel:
    """The model for a device that differs, by natural logarithms of factors on time; 0 changes nothing.

    Models without rates of their own (forests, fixed formulas) follow the overall factor alone.

    Args:
        model: Any model.
        overall: Logarithm of the factor on everything.
        sides: Those on the time of operations, on the time of bytes and on the offset of every kernel, on top.

    Raises:
        ModelError: The family is not one that can be scaled.
    """
    if isinstance(model, Mixed):
        base = rescaled(model.base, overall, sides)
        if not isinstance(base, type(model.base)):
            raise TypeError(f"adapting turned a base of family {model.base.family!r} into {base.family!r}")
        return replace(model, base=base)
    if isinstance(model, Roofline):
        computing, moving, starting = (math.exp(overall + side) for side in sides)
        return replace(
            model,
            ops_per_s=model.ops_per_s / computing,
            bytes_per_s=model.bytes_per_s / moving,
            offset_s=model.offset_s * starting,
        )
    return model.scaled(math.exp(overall))


def time_shares(model: LayerModel, table: KernelTable) -> FloatArray:
    """How much of each row's time follows each of `SIDES` in `rescaled`, shape ``(rows, 3)``; zeros where none does."""
    base = model.base if isinstance(model, Mixed) else model
    shares = np.zeros((len(table), len(SIDES)))
    if not isinstance(base, Roofline):
        return shares
    terms = base.terms(table)
    total_s = np.maximum(terms.slower_s(base.offset_s), 1e-300)
    computing = terms.compute_s >= terms.memory_s
    shares[:, 0] = np.where(computing, terms.compute_s, 0.0) / total_s
    shares[:, 1] = np.where(computing, 0.0, terms.memory_s) / total_s
    shares[:, 2] = base.offset_s / total_s
    return shares


def adapted_intervals(
    start: Platform,
    best: Mapping[str, str],
    samples: Samples,
    left_out_s: Mapping[str, FloatArray],
    differences: Differences,
) -> Intervals | None:
    """Intervals for the new device.

    Residuals of rows that the adaptation did not see are divided by the spread that the starting platform states for
    their kind. Quantiles of these over all kinds, corrected for their number, replace the starting platform's: few rows
    give wide intervals. Kinds with 30 rows or more have quantiles of their own; kinds without a row are widened by how
    much kinds were found to differ.

    Args:
        start: The starting platform; without intervals there, there are none here.
        best: The family that each kind prefers now.
        samples: The measured kernels.
        left_out_s: Estimates of left-out rows by family, and of what is preferred; NaN where a kind has no such family.
        differences: Factors of the models that the starting platform prefers.
    """
    known = start.intervals
    if known is None:
        return None
    residuals = {family: np.log(samples.latency_s / column) for family, column in left_out_s.items()}
    kernels: dict[str, dict[str, LogResiduals]] = {}
    for kind, families in known.kernels.items():
        usual = families.get(start.default_family(kind))
        for family in dict.fromkeys((*families, best.get(kind, ""))):
            before = families.get(family, usual)
            if before is not None and family:
                column = family if family in residuals and family != best.get(kind) else PREFERRED
                before = usual if column == PREFERRED and usual is not None else before
                off, units = residuals[column], _units(start, samples, column)
                kernels.setdefault(kind, {})[family] = _kernel_residuals(
                    samples, off, off / units, differences, kind, before
                )
    off = residuals[PREFERRED]
    wider = max(1.0, _corrected(off / _units(start, samples, PREFERRED)))
    common = _corrected(off) / math.sqrt(len(off))
    factor = math.exp(differences.overall)
    composed = {
        key: replace(
            errors,
            spreads={kind: _moved(spread, factor, wider) for kind, spread in errors.spreads.items()},
            run=math.hypot(errors.run, common),
        )
        for key, errors in known.composed.items()
    }
    return Intervals(kernels, None, composed, known.extrapolation_widening)


def _kernel_residuals(
    samples: Samples, off: FloatArray, scores: FloatArray, differences: Differences, kind: str, before: LogResiduals
) -> LogResiduals:
    """Quantiles of a kind: those of its own rows where there are enough, else those of all rows in units of spreads."""
    own = off[samples.table.kinds == kind]
    own = own[np.isfinite(own)]
    if len(own) >= _ENOUGH_ROWS:
        return log_residuals(own)
    pooled = log_residuals(scores[np.isfinite(scores)])
    difference = max(differences.strength.kinds, _LEAST_DIFFERENCE) if not len(own) else 0.0
    width = math.hypot(_half(before), difference)
    values = tuple(float(value) for value in np.clip(np.array(pooled.values) * width, -50, 50))
    spread = None if before.spread is None else _moved(before.spread, math.exp(differences.of(kind)), 1.0)
    if spread is not None:
        # The quantiles are in units of the typical spread, which `_half` includes.
        spread = Spread(spread.latency_s, tuple(value / _typical(before) for value in spread.values))
    return LogResiduals(pooled.levels, values, spread)


def _corrected(off: FloatArray) -> float:
    """Standard deviation that the central 90 % speak for, with the correction for few rows."""
    bounds = log_residuals(off).bounds(_MOST)
    return (bounds[1] - bounds[0]) / 2.0 / _NORMAL if bounds is not None else half_width(off)


def _units(start: Platform, samples: Samples, family: str) -> FloatArray:
    """For each row, what the starting platform states as half the width of the middle 68 % of its kind's log errors.

    Args:
        start: The starting platform.
        samples: The rows.
        family: That of the models; `PREFERRED` for what the starting platform prefers, also where there is no other.
    """
    units = {}
    for kind in samples.kinds:
        known = {} if start.intervals is None else start.intervals.kernels.get(kind, {})
        stated = known.get(family, known.get(start.default_family(kind)))
        units[kind] = _UNKNOWN if stated is None else _half(stated)
    return np.array([units[kind] for kind in samples.table.kinds.tolist()])


def _half(residuals: LogResiduals) -> float:
    bounds = residuals.bounds(_MIDDLE)
    half = _UNKNOWN if bounds is None else (bounds[1] - bounds[0]) / 2.0
    return max(half * _typical(residuals), 1e-3)


def _typical(residuals: LogResiduals) -> float:
    return 1.0 if residuals.spread is None else float(np.median(residuals.spread.values))


def _moved(spread: Spread, factor: float, wider: float) -> Spread:
    """A spread on a device that takes ``factor`` times as long, and errs ``wider`` times as much."""
    times_s = tuple(time_s if len(spread.values) == 1 else time_s * factor for time_s in spread.latency_s)
    return Spread(times_s, tuple(value * wider for value in spread.values))
