"""How far estimates are from measurements, how well they rank, and the baselines that they are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import OptionError

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

__all__ = [
    "OPERATION_COUNT",
    "PLAIN_ROOFLINE",
    "Errors",
    "Ranking",
    "errors",
    "kendall",
    "mape",
    "operation_scale",
    "plain_roofline_s",
    "ranking",
    "spearman",
]

PLAIN_ROOFLINE: Final = "plain roofline"
"""One peak rate and one bandwidth for the whole device, ``t = max(ops / P, bytes / B)`` for each kernel, and nothing
else (Williams et al., *Roofline*, CACM 52, 2009). The family ``roofline`` has both, and an offset, for each kind."""

OPERATION_COUNT: Final = "operation count"
"""The proxy that people use without a model: time proportional to operations, with the best single scale."""

_RESAMPLES: Final = 1000
_BLOCK: Final = 256
"""Pairs are compared in blocks of so many rows, so that some thousand kernels take little memory."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of estimates, relative ones as shares (0.05 is 5 %).

    Attributes:
        count: Number of pairs.
        mape: Mean absolute error.
        rmspe: Root of the mean squared error.
        median: Median absolute error.
        worst: Largest absolute error.
        bias: Mean signed error; positive where estimates are too high.
        within_5: Share of the pairs within 5 %.
        within_10: Share of the pairs within 10 %.
        mae_s: Mean absolute error in seconds, which large networks dominate.
    """

    count: int
    mape: float
    rmspe: float
    median: float
    worst: float
    bias: float
    within_5: float
    within_10: float
    mae_s: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well estimates rank, with 95 % bootstrap intervals over the pairs.

    Attributes:
        spearman: Spearman's rank correlation, rho.
        spearman_interval: Its interval.
        kendall: Kendall's rank correlation, tau (tau-b: ties count half).
        kendall_interval: Its interval.
    """

    spearman: float
    spearman_interval: tuple[float, float]
    kendall: float
    kendall_interval: tuple[float, float]


def errors(estimated_s: FloatArray, measured_s: FloatArray) -> Errors:
    """Relative errors.

    Args:
        estimated_s: Estimates, shape ``(pairs,)``, at least one.
        measured_s: Measurements, all more than 0, same shape.

    Raises:
        OptionError: There are no pairs, or a measurement is not positive.
    """
    if not len(measured_s) or len(estimated_s) != len(measured_s):
        raise OptionError(f"{len(estimated_s)} estimates and {len(measured_s)} measurements make no pairs")
    if not (np.isfinite(measured_s).all() and (measured_s > 0).all()):
        raise OptionError("a measured latency is not a positive number")
    signed = estimated_s / measured_s - 1.0
    absolute = np.abs(signed)
    return Errors(
        count=len(signed),
        mape=float(absolute.mean()),
        rmspe=float(np.sqrt((signed**2).mean())),
        median=float(np.median(absolute)),
        worst=float(absolute.max()),
        bias=float(signed.mean()),
        within_5=float((absolute <= 0.05).mean()),
        within_10=float((absolute <= 0.10).mean()),
        mae_s=float(np.abs(estimated_s - measured_s).mean()),
    )


def mape(estimated_s: FloatArray, measured_s: FloatArray) -> float:
    """Mean absolute relative error, as a share; arguments as `errors`."""
    return float(np.abs(estimated_s / measured_s - 1).mean())


def ranking(estimated_s: FloatArray, measured_s: FloatArray, *, seed: int = 0) -> Ranking | None:
    """Rank correlations with bootstrap intervals; None for fewer than 3 pairs, which cannot be ranked meaningfully.

    Args:
        estimated_s: Estimates, shape ``(pairs,)``.
        measured_s: Measurements, same shape.
        seed: Of the resampling.
    """
    count = len(measured_s)
    if count < 3:
        return None
    random = np.random.default_rng(seed)
    resampled = [random.integers(0, count, count) for _ in range(_RESAMPLES)]
    rho = [spearman(estimated_s[rows], measured_s[rows]) for rows in resampled]
    tau = [kendall(estimated_s[rows], measured_s[rows]) for rows in resampled]
    return Ranking(
        spearman=spearman(estimated_s, measured_s),
        spearman_interval=_middle(rho),
        kendall=kendall(estimated_s, measured_s),
        kendall_interval=_middle(tau),
    )


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rho: the correlation of ranks, ties sharing their mean rank; NaN where one side is constant."""
    ranks = np.column_stack([_ranks(first), _ranks(second)])
    centred = ranks - ranks.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    return float((centred[:, 0] @ centred[:, 1]) / (norms[0] * norms[1])) if norms.all() else float("nan")


def kendall(first: FloatArray, second: FloatArray) -> float:
    """Kendall's tau-b; NaN where one side is constant."""
    agreeing, untied = 0.0, np.zeros(2)
    for start in range(0, len(first), _BLOCK):  # Every pair counts twice, which cancels.
        signs = [np.sign(side[start : start + _BLOCK, None] - side[None, :]) for side in (first, second)]
        agreeing += float((signs[0] * signs[1]).sum())
        untied += [np.count_nonzero(side) for side in signs]
    scale = float(np.sqrt(untied.prod()))
    return agreeing / scale if scale else float("nan")


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: FloatArray = (last - (counts - 1) / 2.0)[inverse]
    return mean_rank


def _middle(values: list[float]) -> tuple[float, float]:
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return float("nan"), float("nan")
    return float(np.quantile(finite, 0.025)), float(np.quantile(finite, 0.975))


def plain_roofline_s(platform: Platform, estimate: Estimate) -> FloatArray | None:
    """Time of each kernel by the platform's plain roofline, seconds, shape ``(kernels,)``; None where it has none.

    What is free, and what runs on the host where the device's time is estimated, takes none.

    Args:
        platform: What the estimate was made with.
        estimate: Any estimate of the network: the kernels are those of its mapping.
    """
    if platform.plain_roofline is None:
        return None
    elsewhere = platform.host_kinds if platform.latency_is == "device" else frozenset()
    counted = np.array([not kernel.free and kernel.kind not in elsewhere for kernel in estimate.mapped], dtype=bool)
    return np.where(counted, platform.plain_roofline.predict_s(estimate.table), 0.0)


def operation_scale(ops: FloatArray, measured_s: FloatArray) -> float:
    """Seconds per operation with the smallest mean absolute relative error: a weighted median.

    Args:
        ops: Operations of each network, more than 0.
        measured_s: Their latencies, seconds, more than 0.
    """
    ratio, weight = measured_s / ops, ops / measured_s
    order = np.argsort(ratio)
    heavy = np.cumsum(weight[order]) >= weight.sum() / 2.0
    return float(ratio[order][int(np.argmax(heavy))])
