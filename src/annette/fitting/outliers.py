"""Measured kernels that are off by orders of magnitude: a clock that jumped, a unit that was mistaken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS, Dropped

if TYPE_CHECKING:
    from annette.fitting.samples import Samples

__all__ = ["OUTLIER_FACTOR", "without_outliers"]

OUTLIER_FACTOR: Final = 50.0
"""Kernels that are at least so many times slower or faster than others of their kind with as much work are left out.

Real kernels of one kind were seen to differ by up to 26 times on one runtime (a slow road for odd channel counts).
"""

_SPREADS: Final = 8.0
_MIDDLE: Final = (0.16, 0.84)


def without_outliers(samples: Samples) -> tuple[Samples, tuple[Dropped, ...]]:
    """Leaves out rows that no model of their kind should follow.

    A row counts as one if it is off from its kind's roofline (robust, so that single rows do not move it) by a factor
    of 50 and by 8 times the kind's spread.

    Args:
        samples: Cleaned rows; kinds with too few to be fitted are not judged.

    Returns:
        What is left, and the rows that were left out, with the reason.
    """
    far = np.zeros(len(samples), dtype=bool)
    for rows in samples.table.rows_by_kind.values():
        if len(rows) < LEAST_ROWS:
            continue
        part = samples.select(rows)
        off = np.log(part.latency_s / fit_roofline(part).predict_s(part.table))
        off -= np.median(off)
        low, high = np.quantile(off, _MIDDLE)
        far[rows] = np.abs(off) > max(math.log(OUTLIER_FACTOR), _SPREADS * float(high - low) / 2.0)
    if not far.any():
        return samples, ()
    reason = f"more than {OUTLIER_FACTOR:.0f} times slower or faster than other kernels of the kind with as much work"
    return samples.select(~far), (Dropped(reason, tuple(samples.sources[far].tolist())),)
