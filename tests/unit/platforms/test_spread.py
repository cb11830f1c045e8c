"""Spreads of several kinds, asked together."""

import numpy as np
import pytest

from annette.platforms.spread import Spread, SpreadStack


def test_between_its_points_a_spread_is_linear_in_log_time_and_outside_level():
    spreads = [Spread((1e-6, 1e-4, 1e-3), (0.4, 0.2, 0.1)), Spread.constant(0.3), Spread((1e-5, 1e-3), (0.1, 0.5))]
    random = np.random.default_rng(0)
    of = random.integers(0, 3, 500)
    latency_s = 10.0 ** random.uniform(-8, -1, 500)
    latency_s[:4] = 0.0, 1e-6, 1e-4, 1e-3
    known = [np.interp(np.log(np.maximum(latency_s, 1e-12)), np.log(each.latency_s), each.values) for each in spreads]
    assert SpreadStack(spreads).at(of, latency_s) == pytest.approx(np.choose(of, known), rel=1e-12)
