"""How a total divides among its kernels: what is most likely, given that similar kernels err alike.

Logarithms of kernel times are a Gaussian process around a formula (kriging; Rasmussen and Williams, *Gaussian Processes
for Machine Learning*, 2006): total times are sums of their exponentials, linearised where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from annette.fitting.totals.observations import Observations
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Attribution", "Prior", "attribute"]

_SIZES: Final = FeatureSet((
    "log2:ops", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes", "log2:in_channels_per_group",
    "log2:out_channels_per_group", "log2:out_positions", "log2:kernel_size", "log2:stride_height", "log2:axis_size",
    "log2:held_bytes", "log2:held_ops",
))  # fmt: skip
_STATES: Final = FeatureSet((
    "activation", "residual", "blocked", "reads_network_input", "writes_network_output", "fill:in_channels_per_group:16",
    "fill:out_channels_per_group:16", "fill:in_channels_per_group:8", "fill:out_channels_per_group:8",
    "fill:in_channels_per_group:4", "fill:out_channels_per_group:4",
    "fill:out_width:8", "fill:out_width:16", "dilation_height", "valid_taps", "input_count", "masked"
))  # fmt: skip
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Prior:
    """How kernel times scatter around their formula.

    Attributes:
        spread: Standard deviation of the logarithm.
        own: Share of the variance that a kernel shares with none.
        common: Share of it that all kernels of a kind share.
        reach: Doublings of one size over which similarity falls by e.
        noise: Standard deviation of the logarithm of a total.
    """

    spread: float = 0.3
    own: float = 0.05
    common: float = 0.1
    reach: float = 4.0
    noise: float = 0.025


@dataclass(frozen=True, eq=False)
class Attribution:
    """Times of distinct kernels that explain the totals.

    Attributes:
        latency_s: Of each kernel, seconds.
        known: How much of the prior's variance the totals removed, from 0 to 1.
        evidence: Logarithm of the marginal likelihood of the totals.
        noise: Standardised residuals of totals.
    """

    latency_s: FloatArray
    known: FloatArray
    evidence: float
    residuals: FloatArray


def coordinates(table: KernelTable) -> FloatArray:
    states = _STATES.matrix(table)
    states[:, :3] *= (0.3, 1.0, 1.0)
    return np.column_stack([_SIZES.matrix(table) * 0.5, states * 2.0])


def covariance(first: FloatArray, second: FloatArray, prior: Prior) -> FloatArray:
    squared = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2.0 * first @ second.T
    near = np.exp(-np.sqrt(np.maximum(squared, 0.0)) / (0.5 * prior.reach))
    return prior.spread**2 * (prior.common + (1.0 - prior.common - prior.own) * near)


def attribute(seen: Observations, base_s: FloatArray, per_run_s: float, prior: Prior) -> Attribution:
    """Divides totals among kernels.

    Args:
        seen: The totals.
        base_s: What a formula says of each kernel, seconds, shape ``(kernels,)``.
        per_run_s: What every run costs beside its kernels.
        prior: How kernels scatter.
    """
    table, counts, target = seen.table, seen.counts, np.log(seen.latency_s)
    where = coordinates(table)
    blocks = {}
    for kind, rows in table.rows_by_kind.items():
        block = covariance(where[rows], where[rows], prior)
        block[np.diag_indices(len(rows))] += prior.own * prior.spread**2
        blocks[kind] = (rows, block)
    off = np.zeros(len(table))
    weights = np.ones(len(target))
    for _ in range(_ROUNDS):
        one_s = base_s * np.exp(off)
        total_s = counts @ one_s + per_run_s
        shares = counts.multiply(one_s[None, :]).multiply(1.0 / total_s[:, None]).tocsc()
        gap = target - np.log(total_s) + shares @ off
        between = np.zeros((len(target), len(target)))
        spread_of = {}
        for kind, (rows, block) in blocks.items():
            part = shares[:, rows]
            runs = np.unique(part.tocoo().row)
            dense = part[runs].toarray()
            together = dense @ block
            spread_of[kind] = (rows, runs, together)
            between[np.ix_(runs, runs)] += together @ dense.T
        noise = prior.noise**2 / weights
        between[np.diag_indices(len(target))] += noise
        factor = cho_factor(between, lower=True)
        solved = cho_solve(factor, gap)
        known = np.zeros(len(table))
        for rows, runs, together in spread_of.values():
            off[rows] = together.T @ solved[runs]
        left = noise * solved  # residual of each total
        weights = 1.0 / np.sqrt(1.0 + (left / (2.0 * prior.noise)) ** 2)
    for rows, runs, together in spread_of.values():
        half = np.zeros((len(target), len(rows)))
        half[runs] = together
        from scipy.linalg import solve_triangular
        v = solve_triangular(factor[0], half, lower=True)
        known[rows] = (v * v).sum(0) / prior.spread**2
    evidence = -0.5 * float(gap @ solved) - float(np.log(np.diag(factor[0])).sum()) - 0.5 * len(target) * np.log(2 * np.pi)
    return Attribution(base_s * np.exp(off), known, evidence, left)
