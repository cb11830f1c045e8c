"""Robust least squares for many small problems at once.

Finding unroll sizes solves thousands of fits with three to seven parameters. Solved together, with exact derivatives,
they take a hundredth of what a general solver needs for them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray

__all__ = ["Linearised", "Residuals", "Solution", "soft_cost", "solve"]

_MOST_STEPS: Final = 100
_LEAST_PROGRESS: Final = 1e-6
_PATIENCE: Final = 3
_DAMPING_START: Final = 1e-2
_DAMPING_LEAST: Final = 1e-12
_DAMPING_MOST: Final = 1e8
_EXACT: Final = 1e-10
_RIDGE: Final = 1e-10


class Linearised(NamedTuple):
    """Residuals of some problems and their derivatives.

    Attributes:
        residuals: Shape ``(problems, rows)``.
        jacobian: Derivative by each parameter, shape ``(problems, parameters, rows)``.
    """

    residuals: FloatArray
    jacobian: FloatArray


class Residuals(Protocol):
    """The residuals of problems that share their rows."""

    def __call__(self, parameters: FloatArray, problems: npt.NDArray[np.intp]) -> Linearised:
        """Residuals and derivatives.

        Args:
            parameters: Shape ``(problems, parameters)``.
            problems: Index of the problem that each row of ``parameters`` belongs to, shape ``(problems,)``.
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
            np.where(chosen, then.residuals, now.residuals),
            np.where(chosen[:, :, None], then.jacobian, now.jacobian),
        )
        going = (idle[active] < _PATIENCE) & (damping[active] < _DAMPING_MOST) & (cost[active] > _EXACT)
        if not going.all():
            active = active[going]
            now = Linearised(now.residuals[going], now.jacobian[going])
        if not len(active):
            break
    return Solution(parameters, cost)


def _step(
    now: Linearised,
    parameters: FloatArray,
    damping: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    softness: float,
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
