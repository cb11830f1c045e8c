"""Fits find the parameters of devices that are known."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fit.roofline import fit_refined_roofline, fit_roofline
from annette.models.refined_roofline import RefinedRoofline, Unroll
from annette.models.roofline import Roofline
from tests.unit.fit.synthetic import convolutions, samples

UNROLLS = [
    {"out_height": (8, 1.0), "in_channels": (16, 1.0), "out_channels": (16, 1.0)},
    {"out_channels": (24, 0.6), "in_channels": (8, 0.8)},
    {"out_width": (14, 0.9), "out_channels": (32, 0.5)},
    {},
]


def measured(model, noise, rows=1200):
    table = convolutions(rows)
    random = np.random.default_rng(2)
    return samples(table, model.predict_s(table) * np.exp(random.normal(0, noise, rows)))


@pytest.mark.parametrize("unroll", UNROLLS, ids=["three", "two", "other", "none"])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_refined_rooflines_are_recovered(unroll, noise):
    device = RefinedRoofline(1e12, 8e9, 1e-5, {name: Unroll(*values) for name, values in unroll.items()})
    found = fit_refined_roofline(measured(device, noise, rows=2500 if noise == 0.05 else 800))
    assert {name: entry.size for name, entry in found.unroll.items()} == {k: size for k, (size, _) in unroll.items()}
    assert found.ops_per_s == pytest.approx(1e12, rel=0.03)
    assert found.bytes_per_s == pytest.approx(8e9, rel=0.03)
    assert found.offset_s == pytest.approx(1e-5, rel=0.03)
    for name, (_, alpha) in unroll.items():
        assert found.unroll[name].alpha == pytest.approx(alpha, rel=0.03)


def test_single_bad_measurements_do_not_decide():
    device = Roofline(1e12, 8e9, 1e-5)
    data = measured(device, 0.01)
    data.latency_s[::20] *= 10
    found = fit_roofline(data)
    assert found.ops_per_s == pytest.approx(1e12, rel=0.03)
    assert found.bytes_per_s == pytest.approx(8e9, rel=0.03)


def test_constant_dimensions_are_not_refined():
    table = convolutions(100)
    table.values[:] = table.values[0]
    found = fit_refined_roofline(samples(table, np.full(100, 1e-3)))
    assert dict(found.unroll) == {}
    np.testing.assert_allclose(found.predict_s(table), 1e-3, rtol=1e-3)


@pytest.mark.parametrize("fit", [fit_roofline, fit_refined_roofline])
def test_two_kernels_are_too_few(fit):
    with pytest.raises(FitError, match="2"):
        fit(samples(convolutions(2), np.ones(2)))


@pytest.mark.parametrize("rows", [8, 12, 20, 40, 80])
def test_noise_alone_is_not_taken_for_unrolls(rows):
    for seed in range(5):
        table = convolutions(rows, seed=seed)
        noise = np.exp(np.random.default_rng(seed).normal(0, 0.15, rows))
        assert (
            dict(fit_refined_roofline(samples(table, Roofline(1e12, 8e9, 1e-5).predict_s(table) * noise)).unroll) == {}
        )
