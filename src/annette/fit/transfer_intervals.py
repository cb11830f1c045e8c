"""Intervals of an adapted platform: what the starting platform knew, widened by what left-out rows show."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fit.conformal import half_width, log_residuals
from annette.platforms import Intervals
from annette.platforms.residuals import LogResiduals
from annette.platforms.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.fit.samples import Samples
    from annette.fit.shrinkage import Differences
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
    start: Platform, samples: Samples, residuals: Mapping[str, FloatArray], found: Differences
) -> Intervals | None:
    """Intervals for the new device.

    Residuals of rows that the adaptation did not see are divided by the spread that the starting platform states for
    their kind. Quantiles of these over all kinds, corrected for their number, replace the starting platform's: few rows
    give wide intervals. Kinds with 30 rows or more have quantiles of their own; kinds without a row are widened by how
    much kinds were found to differ.

    Args:
        start: The starting platform; without intervals there, there are none here.
        samples: The measured kernels.
        residuals: ``log(measured / estimated)`` of left-out rows by family, and of what is preferred.
        found: What was found for the preferred models.
    """
    known = start.intervals
    if known is None:
        return None
    kernels: dict[str, dict[str, LogResiduals]] = {}
    for kind, families in known.kernels.items():
        for family, before in families.items():
            kernels.setdefault(kind, {})[family] = _kernel_residuals(
                start, samples, residuals, found, kind, family, before
            )
    units = np.array([_unit(start, kind, start.default_family(kind)) for kind in samples.table.kinds.tolist()])
    off = residuals["preferred"]
    wider = max(1.0, _corrected(off / units))
    common = _corrected(off) / math.sqrt(len(off))
    factor = math.exp(found.overall)
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
    start: Platform,
    samples: Samples,
    residuals: Mapping[str, FloatArray],
    found: Differences,
    kind: str,
    family: str,
    before: LogResiduals,
) -> LogResiduals:
    chosen = "preferred" if family == start.default_family(kind) or family not in residuals else family
    rows = samples
    if chosen != "preferred":
        rows = samples.select(np.array([family in start.models[other] for other in samples.table.kinds.tolist()]))
    off = residuals[chosen]
    own = off[rows.table.kinds == kind]
    if len(own) >= _ENOUGH_ROWS:
        return log_residuals(own)
    names = [start.default_family(other) if chosen == "preferred" else family for other in rows.table.kinds.tolist()]
    units = np.array([_unit(start, other, name) for other, name in zip(rows.table.kinds.tolist(), names, strict=True)])
    pooled = log_residuals(off / units)
    unit = _half(before)
    difference = max(found.strength.kinds, _LEAST_DIFFERENCE) if not len(own) else 0.0
    width = math.hypot(unit, difference)
    values = tuple(float(value) for value in np.clip(np.array(pooled.values) * width, -50, 50))
    spread = None if before.spread is None else _moved(before.spread, math.exp(found.of(kind).overall), 1.0)
    if spread is not None:
        # The quantiles are in units of the typical spread, which `_half` includes.
        spread = Spread(spread.latency_s, tuple(value / _typical(before) for value in spread.values))
    return LogResiduals(pooled.levels, values, spread)


def _corrected(off: FloatArray) -> float:
    """Standard deviation that the central 90 % speak for, with the correction for few rows."""
    bounds = log_residuals(off).bounds(_MOST)
    return (bounds[1] - bounds[0]) / 2.0 / _NORMAL if bounds is not None else half_width(off)


def _unit(start: Platform, kind: str, family: str) -> float:
    """What the starting platform states as half the width of the middle 68 % of a kind's log errors."""
    known = None if start.intervals is None else start.intervals.kernels.get(kind, {}).get(family)
    return _UNKNOWN if known is None else _half(known)


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
