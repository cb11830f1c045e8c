"""Rows that are off by orders of magnitude are named and left out, real ones stay."""

import numpy as np
import pytest

from annette.fitting.outliers import without_outliers
from annette.models.roofline import Roofline
from tests.unit.fitting.synthetic import convolutions, samples


def measured(rows=100, noise=0.3):
    table = convolutions(rows)
    random = np.random.default_rng(5)
    return samples(table, Roofline(1e12, 8e9, 1e-5).predict_s(table) * np.exp(random.normal(0, noise, rows)))


@pytest.mark.parametrize("factor", [1e4, 1e-4])
def test_orders_of_magnitude_are_named_and_left_out(factor):
    data = measured()
    data.latency_s[[7, 40]] *= factor
    kept, (dropped,) = without_outliers(data)
    assert dropped.sources == ("case7", "case40")
    assert "50 times" in dropped.reason
    assert len(kept) == 98


def test_slow_roads_stay():
    data = measured()
    data.latency_s[::10] *= 20
    assert without_outliers(data) == (data, ())


def test_too_few_rows_are_not_judged():
    data = measured(5)
    data.latency_s[0] *= 1e6
    assert without_outliers(data) == (data, ())
