"""Fits saturating rates: least absolute relative error with coefficients that are not negative, a linear programme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linprog

from annette.devices.tvm_arm.models import TERMS, SaturatingRate
from annette.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray

__all__ = ["DENSE_TERMS", "DEPTHWISE_TERMS", "fit_saturating", "least_absolute"]

DENSE_TERMS: Final = ("per_mac_s", "per_output_s", "per_patch_s", "per_weight_s", "offset_s")
"""Terms of convolutions that mix channels."""

DEPTHWISE_TERMS: Final = ("per_mac_s", "per_input_s", "offset_s")
"""Terms of depthwise convolutions: the input counts on its own, since a stride reads what it does not use."""


def fit_saturating(samples: Samples, terms: Sequence[str]) -> SaturatingRate:
    """Fits one kind.

    Args:
        samples: Its rows, of one kind.
        terms: Which coefficients may differ from 0.

    Raises:
        FitError: There are fewer rows than coefficients, or the programme has no solution.
    """
    if len(samples) <= len(terms):
        raise FitError(
            f"a saturating rate of {len(terms)} terms needs more rows than that, and there are {len(samples)}"
        )
    positions = [TERMS.index(name) for name in terms]
    coefficients = least_absolute(SaturatingRate.columns(samples.table)[:, positions], samples.latency_s)
    return SaturatingRate(**{**dict.fromkeys(TERMS, 0.0), **dict(zip(terms, coefficients.tolist(), strict=True))})


def least_absolute(columns: FloatArray, latency_s: FloatArray) -> FloatArray:
    """Coefficients a >= 0 that minimise ``sum(|columns a / latency - 1|)``; deterministic.

    Args:
        columns: What the coefficients multiply, not negative, shape ``(rows, coefficients)``.
        latency_s: Measured times, above 0, shape ``(rows,)``.

    Raises:
        FitError: The solver finds no optimum.
    """
    scale = np.maximum(columns.max(axis=0), 1e-300)
    relative = columns / scale / latency_s[:, None]
    unit = float(np.median(1.0 / latency_s))
    rows, width = relative.shape
    cost = np.concatenate([np.zeros(width), np.ones(2 * rows)])
    slack = np.hstack([np.eye(rows), -np.eye(rows)])
    equations = np.hstack([relative / unit, slack])
    solution = linprog(cost, A_eq=equations, b_eq=np.ones(rows), bounds=(0, None), method="highs")
    if not solution.success:
        raise FitError(f"the linear programme of a saturating rate has no solution: {solution.message}")
    coefficients: FloatArray = np.maximum(solution.x[:width], 0.0) / unit / scale
    return coefficients
