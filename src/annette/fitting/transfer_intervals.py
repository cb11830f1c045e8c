"""Intervals of an adapted platform: what the starting platform knew, widened by what left-out rows show."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.conformal import half_width, log_residuals
from annette.fitting.selection import PREFERRED
from annette.platforms import Intervals
from annette.platforms.intervals import LogResiduals, Spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.fitting.samples import Samples
    from annette.fitting.shrinkage import Differences
    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

__all__ = ["adapted_intervals"]

_ENOUGH_ROWS: Final = 30
_MIDDLE: Final = 0.68
_MOST: Final = 0.9
_NORMAL: Final = 1.645
_UNKNOWN: Final = 0.3
_LEAST_DIFFERENCE: Final = 0.1


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
    spread = None if before.spread is None else _moved(before.spread, math.exp(differences.of(kind).overall), 1.0)
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
