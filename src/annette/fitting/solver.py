"""The fit of a refined roofline as a problem for a robust least squares solver of many small problems at once.

Peak rate P, bandwidth B, offset t0 and the alphas are continuous and are solved for; unroll sizes are given. Finding
these solves thousands of fits with three to seven parameters. Solved together, with exact derivatives, they take a
hundredth of what a general solver needs for them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from annette.models.roofline import UNROLLED, extent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray

__all__ = [
    "RATES",
    "SOFTNESS",
    "TINY_S",
    "Linearised",
    "Problem",
    "Residuals",
    "Solution",
    "roundness",
    "soft_cost",
    "solve",
]

_MOST_STEPS: Final = 100
_LEAST_PROGRESS: Final = 1e-6
_PATIENCE: Final = 3
_DAMPING_START: Final = 1e-2
_DAMPING_LEAST: Final = 1e-12
_DAMPING_MOST: Final = 1e8
_EXACT: Final = 1e-10
_RIDGE: Final = 1e-10

RATES: Final = 3
"""Parameters before the alphas: log 1/P, log 1/B and log t0."""

SOFTNESS: Final = 0.02
"""Log error at which squares turn into absolute values: what repeated measurements differ by."""

TINY_S: Final = 1e-12
_LOWER: Final = (-60.0, -60.0, -40.0)
_UPPER: Final = (0.0, 0.0, 5.0)


class Linearised(NamedTuple):
    """Residuals of some problems and their derivatives.

    Attributes:
        residuals: Shape ``(problems, rows)``.
        jacobian: Derivative by each parameter, shape ``(problems, parameters, rows)``.
    """

    residuals: FloatArray
    jacobian: FloatArray


Residuals: TypeAlias = "Callable[[FloatArray, npt.NDArray[np.intp]], Linearised]"
"""The residuals of problems that share their rows.

They are given parameters, shape ``(problems, parameters)``, and for each row of these the index of its problem.
"""


class Solution(NamedTuple):
    """The solution of each problem.

    Attributes:
        parameters: Shape ``(problems, parameters)``.
        cost: The soft error, see `soft_cost`, shape ``(problems,)``.
    """

    parameters: FloatArray
    cost: FloatArray


def soft_cost(residuals: FloatArray, softness: float) -> FloatArray:
    """Mean of ``sqrt(1 + (r / softness)^2) - 1`` over the last axis: squares where small, absolute where large."""
    cost: FloatArray = np.sqrt(1.0 + (residuals / softness) ** 2).mean(axis=-1) - 1.0
    return cost


def solve(
    residuals: Residuals,
    starts: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    softness: float,
    *,
    steps: int | None = None,
) -> Solution:
    """Minimises the soft error of every problem within bounds, by damped Gauss-Newton steps (Levenberg-Marquardt).

    Residuals are reweighted in each step, so that outliers pull with a force that does not grow. A parameter at a
    bound that the error pushes outwards is held there. Only steps that lower the error are taken, so the result is
    never worse than the start.

    Args:
        residuals: What is minimised.
        starts: One starting point a problem, shape ``(problems, parameters)``, within the bounds.
        lower: Least value of each parameter, shape ``(parameters,)``.
        upper: Largest value of each parameter.
        softness: Residual at which the error turns from squared to absolute.
        steps: Most steps; enough to converge where absent.

    Returns:
        The best point seen of each problem.
    """
    parameters = np.clip(starts, lower, upper)
    problems = np.arange(len(parameters))
    now = residuals(parameters, problems)
    cost = soft_cost(now.residuals, softness)
    damping = np.full(len(parameters), _DAMPING_START)
    idle = np.zeros(len(parameters), dtype=np.intp)
    active = problems
    for _ in range(_MOST_STEPS if steps is None else steps):
        step = _step(now, parameters[active], damping[active], lower, upper, softness)
        tried = np.clip(parameters[active] + step, lower, upper)
        then = residuals(tried, active)
        cost_then = soft_cost(then.residuals, softness)
        better = cost_then < cost[active]
        gained = np.where(better, (cost[active] - cost_then) / np.maximum(cost[active], _EXACT), 0.0)
        parameters[active[better]] = tried[better]
        cost[active[better]] = cost_then[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.2, 5.0), _DAMPING_LEAST, None)
        idle[active] = np.where(
            better & (gained < _LEAST_PROGRESS), idle[active] + 1, np.where(better, 0, idle[active])
        )
        chosen = better[:, None]
        now = Linearised(
            np.where(chosen, then.residuals, now.residuals), np.where(chosen[:, :, None], then.jacobian, now.jacobian)
        )
        going = (idle[active] < _PATIENCE) & (damping[active] < _DAMPING_MOST) & (cost[active] > _EXACT)
        if not going.all():
            active = active[going]
            now = Linearised(now.residuals[going], now.jacobian[going])
        if not len(active):
            break
    return Solution(parameters, cost)


def _step(
    now: Linearised, parameters: FloatArray, damping: FloatArray, lower: FloatArray, upper: FloatArray, softness: float
) -> FloatArray:
    weight = 1.0 / np.sqrt(1.0 + (now.residuals / softness) ** 2)
    weighted = now.jacobian * weight[:, None, :]
    gradient = (weighted @ now.residuals[:, :, None])[:, :, 0]
    curvature: FloatArray = weighted @ now.jacobian.transpose(0, 2, 1)
    held = ((parameters <= lower) & (gradient > 0)) | ((parameters >= upper) & (gradient < 0))
    gradient = np.where(held, 0.0, gradient)
    free = ~held
    curvature = np.where(free[:, :, None] & free[:, None, :], curvature, 0.0)
    diagonal = np.einsum("bii->bi", curvature)
    diagonal += damping[:, None] * diagonal + np.where(held, 1.0, _RIDGE * now.residuals.shape[1])
    solved: FloatArray = np.asarray(np.linalg.solve(curvature, -gradient[:, :, None]), dtype=np.float64)
    return solved[:, :, 0]


def roundness(size: int) -> int:
    """How often a size can be halved."""
    return (size & -size).bit_length() - 1


@dataclass(frozen=True, eq=False)
class Problem:
    """One fit: the work of each row and the logarithm of its time.

    Attributes:
        ops: Operations of each row, shape ``(rows,)``.
        bytes: Bytes of each row.
        log_s: Natural logarithm of the measured time.
        extents: Sizes of the dimensions that may be unrolled, by name.
    """

    ops: FloatArray
    bytes: FloatArray
    log_s: FloatArray
    extents: Mapping[str, FloatArray]
    _lost: dict[tuple[str, int], FloatArray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, samples: Samples) -> Problem:
        """The problem of some measured kernels."""
        table = samples.table
        extents = {name: extent_of(table, name) for name in UNROLLED}
        return cls(table["ops"], table.bytes, np.log(samples.latency_s), extents)

    def __len__(self) -> int:
        return len(self.log_s)

    def lost(self, name: str, size: int) -> FloatArray:
        """``1 / u - 1`` of a dimension: the share of extra work when it is fully unrolled by ``size``."""
        key = (name, size)
        if key not in self._lost:
            extent = self.extents[name]
            self._lost[key] = np.ceil(extent / size) * size / extent - 1.0
        return self._lost[key]

    def distinct(self, name: str, sizes: Sequence[int]) -> list[int]:
        """Of sizes that cut every extent into as many parts, and so fit equally well, the roundest; ascending."""
        extents = np.unique(self.extents[name])
        roundest: dict[bytes, int] = {}
        for size in sorted(set(sizes)):
            parts = np.ceil(extents / size).tobytes()
            if roundness(size) > roundness(roundest.get(parts, 1)) or parts not in roundest:
                roundest[parts] = size
        return sorted(roundest.values())

    def losses(self, sizes: Sequence[Mapping[str, int]]) -> FloatArray:
        """What each refined dimension loses, for several choices of sizes of the same number of dimensions.

        Returns:
            Shape ``(choices, dimensions, rows)``; dimensions in the order of each choice.
        """
        return np.array([[self.lost(*entry) for entry in choice.items()] for choice in sizes]).reshape(
            len(sizes), -1, len(self)
        )

    def terms(self, parameters: FloatArray, lost: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Compute time, memory time and offset of each problem and row, in seconds.

        Args:
            parameters: log 1/P, log 1/B, log t0 and one alpha a dimension, shape ``(problems, 3 + dimensions)``.
            lost: What each refined dimension loses, shape ``(problems, dimensions, rows)``.
        """
        rates = np.exp(parameters[:, :RATES])
        work = self.ops * rates[:, 0, None]
        for index in range(lost.shape[1]):
            work = work * (1.0 + parameters[:, RATES + index, None] * lost[:, index])
        return work, self.bytes * rates[:, 1, None], rates[:, 2, None]

    def residuals(self, parameters: FloatArray, lost: FloatArray) -> FloatArray:
        """Logarithm of predicted over measured, shape ``(problems, rows)``; arguments as `terms`."""
        work, memory, offset = self.terms(parameters, lost)
        residuals: FloatArray = np.log(np.maximum(np.maximum(work, memory) + offset, TINY_S)) - self.log_s
        return residuals

    def linearised(self, parameters: FloatArray, lost: FloatArray) -> Linearised:
        """The residuals with their derivatives; arguments as `terms`."""
        work, memory, offset = self.terms(parameters, lost)
        computing = work >= memory
        time_s = np.maximum(np.where(computing, work, memory) + offset, TINY_S)
        by_work = np.where(computing, work, 0.0) / time_s
        jacobian = np.empty((*parameters.shape, len(self.log_s)))
        jacobian[:, 0] = by_work
        jacobian[:, 1] = np.where(computing, 0.0, memory) / time_s
        jacobian[:, 2] = offset / time_s
        jacobian[:, RATES:] = by_work[:, None] * lost / (1.0 + parameters[:, RATES:, None] * lost)
        return Linearised(np.log(time_s) - self.log_s, jacobian)

    def solve(
        self, lost: FloatArray, starts: FloatArray, *, softness: float = SOFTNESS, steps: int | None = None
    ) -> Solution:
        """What each start leads to, with its own losses.

        Args:
            lost: As `terms`.
            starts: Parameters as `terms`, one row a problem.
            softness: As `annette.fitting.solver.solve`.
            steps: Most steps of the solver; its own limit where absent.
        """
        alphas = lost.shape[1]
        return solve(
            lambda parameters, problems: self.linearised(parameters, lost[problems]),
            starts,
            np.array([*_LOWER, *([0.0] * alphas)]),
            np.array([*_UPPER, *([1.0] * alphas)]),
            softness,
            steps=steps,
        )

    def starts(self) -> FloatArray:
        """Starting points of the rates: compute-bound, memory-bound, both; shape ``(starts, 3)``."""
        time_s = np.exp(self.log_s)
        with np.errstate(divide="ignore"):
            per_op = np.log(time_s / np.maximum(self.ops, 1.0))
            per_byte = np.log(time_s / np.maximum(self.bytes, 1.0))
        small = float(np.log(max(float(time_s.min()) * 0.3, TINY_S)))
        low, mid = (float(np.quantile(per_op, q)) for q in (0.05, 0.5))
        low_b, mid_b = (float(np.quantile(per_byte, q)) for q in (0.05, 0.5))
        return np.array([[low, low_b, small], [mid, low_b, small], [low, mid_b, small], [mid, mid_b, small]])
