"""Fits constants of tiled rooflines: robust regression on the logarithm of time, drawn to what is known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from annette.models.roofline import Roofline
from annette.models.tiled_roofline import Range, TiledRoofline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.tiled_roofline import Formula

__all__ = ["NEVER_COMPUTES", "fit_constants", "fit_per_byte", "fit_tiled"]

_SOFTNESS: Final = 0.05
_SHORTEST_S: Final = 1e-9
_LEAST_SCALE: Final = 0.5

NEVER_COMPUTES: Final = 1e15
"""Peak rate of a roofline that only memory bounds, operations per second."""


def fit_tiled(samples: Samples, formula: Formula, strength: float) -> TiledRoofline:
    """Fits a formula.

    Args:
        samples: Rows of kinds that the formula is for; without any, its typical constants are taken.
        formula: What to fit.
        strength: How strongly constants are drawn to their typical values.
    """
    table = samples.table
    constants = fit_constants(lambda p: formula.seconds(table, p), formula.constants, samples.latency_s, strength)
    return TiledRoofline(formula.name, constants)


def fit_per_byte(samples: Samples, *, start: Range, bandwidth: Range, strength: float) -> Roofline:
    """Fits ``t0 + bytes / B``, for kernels that a start and one bandwidth describe.

    Args:
        samples: Rows of such kernels.
        start: Of t0, in microseconds.
        bandwidth: Of B, in gigabytes per second.
        strength: How strongly both are drawn to their typical values.
    """
    size = samples.table.bytes
    constants = fit_constants(
        lambda p: p["start_us"] * 1e-6 + size / (p["gb_per_s"] * 1e9),
        {"start_us": start, "gb_per_s": bandwidth},
        samples.latency_s,
        strength,
    )
    return Roofline(
        ops_per_s=NEVER_COMPUTES, bytes_per_s=constants["gb_per_s"] * 1e9, offset_s=constants["start_us"] * 1e-6
    )


def fit_constants(
    seconds: Callable[[Mapping[str, float]], FloatArray],
    ranges: Mapping[str, Range],
    latency_s: FloatArray,
    strength: float,
) -> dict[str, float]:
    """Finds constants that explain measured times.

    Minimises a soft absolute error of ``log(predicted / measured)`` and, with weight ``strength`` and for as many rows
    as there are, the distance of each constant from its typical value relative to that value.

    Args:
        seconds: Time of each row for given constants.
        ranges: Where each constant is looked for.
        latency_s: Measured times, shape ``(rows,)``.
        strength: Weight of what is known beforehand.
    """
    names = list(ranges)
    start, least, most = (np.array([ranges[name][part] for name in names], dtype=np.float64) for part in range(3))
    if not len(latency_s):
        return dict(zip(names, start.tolist(), strict=True))
    log_s = np.log(latency_s)
    pull = strength * np.sqrt(len(log_s)) / np.maximum(np.abs(start), _LEAST_SCALE)

    def residuals(x: FloatArray) -> FloatArray:
        predicted = seconds(dict(zip(names, x.tolist(), strict=True)))
        error = np.log(np.maximum(predicted, _SHORTEST_S)) - log_s
        return np.concatenate([error, pull * (x - start)])

    optimum = least_squares(
        residuals,
        start,
        bounds=(least, most),
        loss="soft_l1",
        f_scale=_SOFTNESS,
        x_scale=np.maximum(start, 0.1),
    )
    return dict(zip(names, optimum.x.tolist(), strict=True))
