"""How totals divide among their kernels: what is most likely, given that similar kernels err alike.

Logarithms of kernel times are a Gaussian process around a formula (kriging; Rasmussen and Williams, *Gaussian Processes
for Machine Learning*, 2006). A total is a sum of their exponentials and is linearised where it is, so that the most
likely kernel times follow from a few linear systems as large as the number of totals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.sparse import csc_array, csr_array

from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from annette.fitting.totals.observations import Observations
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Attribution", "Prior", "attribute"]

_SIZES: Final = FeatureSet((
    "log2:ops", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes", "log2:in_channels_per_group",
    "log2:out_channels_per_group", "log2:out_positions", "log2:kernel_size", "log2:stride_height", "log2:axis_size",
    "log2:held_bytes", "log2:held_ops",
))  # fmt: skip
"""A doubling of one of these makes kernels as different as half a unit of the others does."""

_STATES: Final = FeatureSet((
    "activation", "residual", "blocked", "reads_network_input", "writes_network_output", "dilation_height",
    "valid_taps", "input_count", "masked", "fill:in_channels_per_group:4", "fill:out_channels_per_group:4",
    "fill:in_channels_per_group:8", "fill:out_channels_per_group:8", "fill:in_channels_per_group:16",
    "fill:out_channels_per_group:16", "fill:out_width:8", "fill:out_width:16",
))  # fmt: skip
_OF_SIZES: Final = 0.5
_OF_STATES: Final = 2.0
_OF_ACTIVATIONS: Final = 0.6
"""Activations have codes: their differences mean little."""

_ROUNDS: Final = 4
_TOLERATED: Final = 2.0
"""Errors of a total, in standard deviations of its noise, beyond which it counts less."""

_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Prior:
    """How kernel times scatter around their formula.

    Attributes:
        spread: Standard deviation of the logarithm.
        own: Share of the variance that a kernel shares with no other.
        common: Share of it that all kernels of a kind have in common.
        reach: Doublings of one size over which similarity falls by e.
        noise: Standard deviation of the logarithm of a total.
    """

    spread: float = 0.5
    own: float = 0.02
    common: float = 0.1
    reach: float = 16.0
    noise: float = 0.025

    def between(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Covariances of kernels of one kind, what is a kernel's own left out.

        Args:
            first: Coordinates, shape ``(rows, coordinates)``.
            second: Others, shape ``(columns, coordinates)``.
        """
        squared = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2.0 * first @ second.T
        near = np.exp(np.sqrt(np.maximum(squared, 0.0)) * (-1.0 / (_OF_SIZES * self.reach)))
        covariance: FloatArray = self.spread**2 * (self.common + (1.0 - self.common - self.own) * near)
        return covariance


@dataclass(frozen=True, eq=False)
class Attribution:
    """Times of kernels that explain totals.

    Attributes:
        latency_s: Of each distinct kernel of the totals, seconds.
        known: Share of the prior's variance that the totals removed, of each distinct kernel, from 0 to 1.
        evidence: Logarithm of the marginal likelihood of the totals: the higher, the better do formula, mapping and
            prior explain them.
        left_out: ``log(measured / estimated)`` of each total where its fold was left out; the few parameters of the
            formula saw it, nothing else did.
        prior: What was supposed.
    """

    latency_s: FloatArray
    known: FloatArray
    evidence: float
    left_out: FloatArray
    prior: Prior
    _pulls: Mapping[str, tuple[FloatArray, FloatArray]]
    """By kind, coordinates of kernels and what they add to others, in units of covariance."""

    def factors(self, table: KernelTable) -> FloatArray:
        """By what the formula's time of any kernel is to be multiplied, shape ``(rows,)``."""
        off = np.zeros(len(table))
        for kind, rows in table.rows_by_kind.items():
            if kind not in self._pulls:
                continue
            where, pulls = self._pulls[kind]
            for start in range(0, len(rows), _CHUNK):
                part = rows[start : start + _CHUNK]
                off[part] = self.prior.between(_coordinates(table.select(part)), where) @ pulls
        factors: FloatArray = np.exp(off)
        return factors


def attribute(
    seen: Observations,
    base_s: FloatArray,
    per_run_s: float,
    prior: Prior,
    folds: npt.NDArray[np.intp] | None = None,
) -> Attribution:
    """Divides totals among kernels.

    Args:
        seen: The totals.
        base_s: What a formula says of each distinct kernel, seconds, above 0, shape ``(kernels,)``.
        per_run_s: What every run costs beside its kernels, seconds.
        prior: How kernels scatter around the formula.
        folds: Number of the fold of each total, which is left out with it, shape ``(runs,)``; None leaves out nothing.
    """
    counts, target = seen.counts, np.log(seen.latency_s)
    blocks = _blocks(seen.table, prior)
    off, weights, runs = np.zeros(len(seen.table)), np.ones(len(target)), len(target)
    diagonal = np.diag_indices(runs)
    for _ in range(_ROUNDS):
        one_s = base_s * np.exp(off)
        total_s = counts @ one_s + per_run_s
        shares = csc_array(counts.multiply(one_s[None, :]).multiply(1.0 / total_s[:, None]))
        gap = target - np.log(total_s) + shares @ off
        covariance = np.zeros((runs, runs))
        reached: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray]] = []
        for _, rows, block in blocks.values():
            part = csr_array(shares[:, rows])
            those = np.flatnonzero(np.diff(part.indptr))
            part = part[those]
            together = part @ block
            reached.append((rows, those, together))
            covariance[np.ix_(those, those)] += together @ part.T
        noise = prior.noise**2 / weights
        covariance[diagonal] += noise
        lower = cho_factor(covariance, lower=True)
        solved = cho_solve(lower, gap)
        for rows, those, together in reached:
            off[rows] = together.T @ solved[those]
        left = noise * solved
        weights = 1.0 / np.sqrt(1.0 + (left / (_TOLERATED * prior.noise)) ** 2)
    determinant = float(np.log(np.diag(lower[0])).sum())
    evidence = -0.5 * float(gap @ solved) - determinant - 0.5 * runs * math.log(2.0 * math.pi)
    left_out = np.zeros(runs) if folds is None else _left_out(lower, solved, folds)
    pull = shares.T @ solved
    pulls = {kind: (where, pull[rows]) for kind, (where, rows, _) in blocks.items()}
    return Attribution(base_s * np.exp(off), _known(reached, lower[0], off, prior), evidence, left_out, prior, pulls)


def _left_out(lower: tuple[FloatArray, bool], solved: FloatArray, folds: npt.NDArray[np.intp]) -> FloatArray:
    """Residuals of each fold by all others, from one inverse (Rasmussen and Williams, section 5.4.2, for blocks)."""
    inverse = cho_solve(lower, np.eye(len(solved)))
    left_out = np.zeros(len(solved))
    for fold in np.unique(folds):
        own = np.flatnonzero(folds == fold)
        left_out[own] = np.linalg.solve(inverse[np.ix_(own, own)], solved[own])
    return left_out


def _known(
    reached: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray]],
    lower: FloatArray,
    off: FloatArray,
    prior: Prior,
) -> FloatArray:
    known = np.zeros(len(off))
    for rows, those, together in reached:
        half = np.zeros((len(lower), len(rows)))
        half[those] = together
        known[rows] = (solve_triangular(lower, half, lower=True) ** 2).sum(0) / prior.spread**2
    return known


def _blocks(table: KernelTable, prior: Prior) -> dict[str, tuple[FloatArray, npt.NDArray[np.intp], FloatArray]]:
    """By kind: coordinates, row numbers, and covariances among them."""
    blocks = {}
    for kind, rows in table.rows_by_kind.items():
        where = _coordinates(table.select(rows))
        block = prior.between(where, where)
        block[np.diag_indices(len(rows))] += prior.own * prior.spread**2
        blocks[kind] = (where, rows, block)
    return blocks


def _coordinates(table: KernelTable) -> FloatArray:
    """What kernels of one kind are compared by, shape ``(rows, coordinates)``."""
    states = _STATES.matrix(table) * _OF_STATES
    states[:, 0] = np.minimum(states[:, 0], 1.0) * _OF_ACTIVATIONS + states[:, 0] * 0.02
    return np.column_stack([_SIZES.matrix(table) * _OF_SIZES, states])
