"""How fast the machine was while something was measured, and how far kernels follow that.

Machines that others share change their speed for seconds and minutes. A calibration workload beside each run says by
how much (`annette.bench.calibration`), and times are brought to one speed by it, but not one to one: others slow down
some kernels more than this one, and a few runs of a short workload are themselves known to some percent only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.records import calm
from annette.errors import FitError
from annette.fit.families import feature_names
from annette.fit.folds import folds
from annette.fit.forest import Growth, grow
from annette.fit.pairs import samples_of
from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.fit.samples import Samples
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel

__all__ = ["calibration_exponent", "calibration_ratios", "calibration_reference_s", "followed"]

_NEIGHBOURS: Final = 1
"""Runs on either side whose calibration counts for a run."""

_MOST_RUNS: Final = 1500
_LEAST_ROWS: Final = 100
"""Of a kind, to be asked; and of all kinds together five times as many."""

_LONG_S: Final = 2e-5
"""Shorter kernels are mostly overhead, and little of a network's time."""

_GROWTH: Final = Growth(trees=60, leaves=12, learning_rate=0.15)
_LARGEST: Final = 1.0
_LEAST_CHANGE: Final = 0.02
_LEAST_DIFFERENCE: Final = 0.1
_SURE: Final = 3.0
"""Standard errors."""


def calibration_ratios(runs: Sequence[Run]) -> list[float]:
    """By how much each run was slower than a calm moment (`calibration_reference_s`), inverted: reference over run.

    The speed of a moment is the median over the run and those measured just before and after it: machines change their
    speed for seconds, and what slows down the calibration of a single run is an interruption that its kernels did not
    see. Of the ways tried (single runs, wider windows, mixtures), this made two campaigns of one plan agree best.

    Args:
        runs: Runs in any order, of one or several campaigns, which may have measured the same cases.

    Returns:
        A ratio for each run; 1 without calibration times.
    """
    ratios = [1.0] * len(runs)
    times = _calibrations(runs)
    if not times:
        return ratios
    reference_s = calm(tuple(times.values()))
    order = sorted(times, key=lambda index: runs[index].started_unix_s)
    around = np.pad(np.array([times[index] for index in order]), _NEIGHBOURS, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(around, 2 * _NEIGHBOURS + 1), axis=1)
    for index, time_s in zip(order, smooth.tolist(), strict=True):
        ratios[index] = reference_s / time_s
    return ratios


def calibration_reference_s(runs: Sequence[Run]) -> float | None:
    """The calibration time of the speed that all runs are brought to; None without calibrated runs.

    The lower quartile over the runs: a machine that others use is slower for minutes, and never faster than alone.
    """
    times = _calibrations(runs)
    return calm(tuple(times.values())) if times else None


def calibration_exponent(
    runs: Sequence[Run], ratios: Sequence[float], mapping: MappingModel, precision: Precision
) -> float:
    """How far kernels follow the calibration workload: their time goes with its time to this power.

    Args:
        runs: Runs of a campaign.
        ratios: Their `calibration_ratios`.
        mapping: Says which layers run as one kernel.
        precision: Width of the platform's numbers.

    Returns:
        From 0 to 1, see `followed`; 1 where no kernel can be told.
    """
    step = max(1, len(runs) // _MOST_RUNS)
    try:
        measured, _ = samples_of(runs[::step], mapping, precision)
        brought, _ = samples_of(runs[::step], mapping, precision, scales=ratios[::step])
    except FitError:
        return 1.0
    return followed(measured, np.log(measured.latency_s / brought.latency_s))


def followed(samples: Samples, slowness: FloatArray) -> float:
    """The power of the calibration's time that kernel times go with.

    What a kernel takes beyond what small forests expect of it, which did not see it, is compared with how slow the
    moment was. Cases of all kinds are mixed in a campaign, so that nothing else goes with that.

    Args:
        samples: Kernels with their times as they were measured.
        slowness: Logarithm of the calibration's time over its reference in that moment, shape ``(rows,)``.

    Returns:
        From 0 to 1. 1 where it cannot be told from 1 surely, or is less than a tenth from it.
    """
    excess, slow = [], []
    for rows in samples.table.rows_by_kind.values():
        chosen = rows[(samples.latency_s[rows] >= _LONG_S) & np.isfinite(slowness[rows])]
        if len(chosen) >= _LEAST_ROWS:
            found = _excess(samples.select(chosen))
            near = np.abs(found) < _LARGEST
            excess.append(found[near] - found[near].mean())
            slow.append(slowness[chosen][near] - slowness[chosen][near].mean())
    if sum(map(len, slow)) < 5 * _LEAST_ROWS:
        return 1.0
    x, y = np.concatenate(slow), np.concatenate(excess)
    if x.std() < _LEAST_CHANGE:
        return 1.0
    slope = float(x @ y / (x @ x))
    error = float(np.std(y - slope * x) / (x.std() * np.sqrt(len(x))))
    if 1.0 - slope < max(_SURE * error, _LEAST_DIFFERENCE):
        return 1.0
    return round(max(slope, 0.0), 2)


def _excess(samples: Samples) -> FloatArray:
    """Logarithm of each time over what a forest expects that was grown without its group."""
    features = FeatureSet(feature_names(samples)).matrix(samples.table)
    target = np.log(samples.latency_s)
    left = np.empty(len(samples))
    for training, test in folds(samples):
        left[test] = target[test] - grow(features[training], target[training], _GROWTH).predict(features[test])
    return left


def _calibrations(runs: Sequence[Run]) -> dict[int, float]:
    """Calibration time by number of the run, of those that have one."""
    found = {index: calm(run.calibration_s) for index, run in enumerate(runs) if run.calibration_s}
    return {index: time_s for index, time_s in found.items() if time_s > 0}
