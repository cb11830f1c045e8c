"""The batched solver against what it must find."""

import numpy as np
import pytest

from annette.fitting.solver import Linearised, soft_cost, solve


def line(x, y):
    """Residuals of y = a + b x."""

    def residuals(parameters, problems):
        values = parameters[:, :1] + parameters[:, 1:] * x - y
        jacobian = np.stack([np.ones_like(values), np.broadcast_to(x, values.shape)], axis=1)
        assert len(problems) == len(parameters)
        return Linearised(values, jacobian)

    return residuals


X = np.linspace(0, 1, 50)
FREE = (np.full(2, -100.0), np.full(2, 100.0))


def test_every_start_reaches_the_same_line():
    starts = np.array([[0.0, 0.0], [50.0, -50.0], [-3.0, 9.0]])
    found = solve(line(X, 2 + 3 * X), starts, *FREE, 0.1)
    np.testing.assert_allclose(found.parameters, [[2, 3]] * 3, atol=1e-3)
    assert (found.cost < 1e-5).all()


def test_outliers_pull_with_a_force_that_does_not_grow():
    y = 2 + 3 * X
    y[10] = 1000
    found = solve(line(X, y), np.zeros((1, 2)), *FREE, 0.01)
    np.testing.assert_allclose(found.parameters[0], [2, 3], atol=0.02)


def test_bounds_hold_and_the_rest_adapts():
    found = solve(line(X, 2 + 3 * X), np.zeros((1, 2)), np.array([-100.0, 0.0]), np.array([100.0, 1.0]), 0.1)
    assert found.parameters[0, 1] == pytest.approx(1.0)
    assert found.parameters[0, 0] == pytest.approx(3.0, abs=0.2)


def test_never_worse_than_the_start():
    start = np.array([[2.0, 3.0]])
    noise = np.random.default_rng(0).normal(0, 1, len(X))
    residuals = line(X, noise)
    before = soft_cost(residuals(start, np.arange(1)).residuals, 0.1)
    assert (solve(residuals, start, *FREE, 0.1).cost <= before).all()
