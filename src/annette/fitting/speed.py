"""How fast the machine was while something was measured, and how far kernels follow that.

Machines that others share change their speed for seconds and minutes. A calibration workload beside each run says by
how much (`annette.bench.reference_workload`), and times are brought to one speed by it, but not one to one: others
slow down some kernels more than this one, and a few runs of a short workload are themselves known to some percent only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.records import calm, calm_reference_s
from annette.errors import FitError
from annette.fitting.families import feature_names
from annette.fitting.folds import folds
from annette.fitting.forest import Growth, grow
from annette.fitting.pairs import samples_of
from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel

__all__ = ["calibration_exponent", "calibration_ratios", "calibration_reference_s", "followed"]

_NEIGHBOURS: Final = 1
"""Runs on either side whose calibration counts for a run."""

_MOST_RUNS: Final = 2000
_LEAST_ROWS_OF_KIND: Final = 100
_LEAST_ROWS_OF_ALL: Final = 500

_LONG_S: Final = 2e-5
"""Shorter kernels are mostly overhead, and little of a network's time."""

_GROWTH: Final = Growth(trees=60, leaves=12, learning_rate=0.15)
_LARGEST_EXCESS: Final = 1.0
"""Logarithm of a time over its expectation beyond which a kernel is not asked."""

_LEAST_CHANGE: Final = 0.02
"""Standard deviation of the logarithm of the calibration's times below which a campaign tells nothing."""

_LEAST_DIFFERENCE: Final = 0.1
_SURE: Final = 3.0
"""How far below 1 a power must be: a tenth, and so many standard errors."""


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
    if np.std(np.log(ratios or [1.0])) < _LEAST_CHANGE:
        return 1.0
    chosen = np.sort(np.random.default_rng(0).permutation(len(runs))[:_MOST_RUNS]).tolist()
    some = [runs[index] for index in chosen]
    try:
        measured, _ = samples_of(some, mapping, precision)
        brought, _ = samples_of(some, mapping, precision, scales=[ratios[index] for index in chosen])
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
    asked = np.isfinite(samples.latency_s) & (samples.latency_s >= _LONG_S) & np.isfinite(slowness)
    excess, slow, cases = [], [], []
    for rows in samples.table.rows_by_kind.values():
        chosen = rows[asked[rows]]
        if len(chosen) < _LEAST_ROWS_OF_KIND:
            continue
        found = _excess(samples.select(chosen))
        near = np.abs(found) < _LARGEST_EXCESS
        if near.any():
            excess.append(found[near] - found[near].mean())
            slow.append(slowness[chosen][near] - slowness[chosen][near].mean())
            cases += [source.partition(": ")[0] for source in samples.sources[chosen][near].tolist()]
    if len(cases) < _LEAST_ROWS_OF_ALL:
        return 1.0
    x, y = np.concatenate(slow), np.concatenate(excess)
    if x.std() < _LEAST_CHANGE:
        return 1.0
    slope = float(x @ y / (x @ x))
    if 1.0 - slope < max(_SURE * _standard_error(x, y - slope * x, cases), _LEAST_DIFFERENCE):
        return 1.0
    return round(max(slope, 0.0), 2)


def _standard_error(x: FloatArray, left: FloatArray, cases: Sequence[str]) -> float:
    """Of a slope, where the errors of one case go together: its kernels were measured in the same moment."""
    numbers = np.unique(np.array(cases), return_inverse=True)[1]
    together = np.bincount(numbers, weights=x * left)
    return float(np.sqrt(together @ together) / (x @ x))


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
    found = {index: calm_reference_s(run.reference_s) for index, run in enumerate(runs)}
    return {index: time_s for index, time_s in found.items() if time_s is not None}
