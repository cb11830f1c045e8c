"""Engines and saturating rates: a known device is recovered from what it would measure."""

from dataclasses import replace

import numpy as np
import pytest

from annette.bench.importing.collection import kernel_runs
from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.devices.tvm_arm.fit import DENSE_TERMS, fit_saturating
from annette.devices.tvm_arm.models import SaturatingRate
from annette.devices.xilinx_dpu.constants import DpuConstants, dpu_models, fit_dpu
from annette.errors import FitError
from annette.fitting.formula_fit import grouped_by_network, predict_s
from annette.fitting.samples import paired_kernels
from annette.mapping.kernel import Precision
from annette.mapping.rules import preset

CLOCK_HZ = 300e6
TRUE = DpuConstants(4, 12, 12, 4, 0.85, 4.0, 14.0, 20.0, 7.0, 12e-6)


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(3)
    kernels = []
    for number in range(60):
        channels, filters = random.choice([3, 12, 20, 32, 60, 64, 100, 128], 2).tolist()
        size = int(random.choice([7, 9, 14, 22, 28, 56]))
        taps = int(random.choice([1, 3, 5]))
        stage = Stage("conv", channels, size, size, filters, (taps, taps))
        kernels.append(MeasuredKernel(f"net{number % 3}", f"conv{number}", (stage,), 1.0))
    measured, share, _ = paired_kernels(kernel_runs(kernels, {"device": "x"}), preset("dnndk"), Precision(8, 8))
    assert share == 1.0
    return grouped_by_network(measured)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_sizes_of_an_array_are_recovered(samples, noise):
    random = np.random.default_rng(0)
    times = predict_s(dpu_models(TRUE, CLOCK_HZ), samples.table) * np.exp(noise * random.standard_normal(len(samples)))
    found = fit_dpu(replace(samples, latency_s=times), clock_hz=CLOCK_HZ)
    assert (found.rows, found.in_channels, found.out_channels) == (4, 12, 12)
    assert found.efficiency == pytest.approx(0.85, rel=0.03)


def test_sizes_need_convolutions(samples):
    with pytest.raises(FitError, match="need 10 profiled convolutions, and there are 5"):
        fit_dpu(samples.select(np.arange(5)), clock_hz=CLOCK_HZ)


def test_rows_are_held_out_by_network(samples):
    assert sorted(set(samples.groups.tolist())) == ["net0", "net1", "net2"]


def test_a_saturating_rate_is_recovered(samples):
    true = SaturatingRate(2e-11, 3e-10, 4e-10, 1e-10, 0.0, 2e-5)
    found = fit_saturating(replace(samples, latency_s=true.predict_s(samples.table)), DENSE_TERMS)
    np.testing.assert_allclose(found.coefficients, true.coefficients, rtol=1e-4, atol=1e-16)


def test_single_bad_measurements_do_not_decide(samples):
    true = SaturatingRate(2e-11, 3e-10, 4e-10, 1e-10, 0.0, 2e-5)
    times = true.predict_s(samples.table)
    times[7] *= 10
    found = fit_saturating(replace(samples, latency_s=times), DENSE_TERMS)
    np.testing.assert_allclose(found.coefficients, true.coefficients, rtol=1e-4, atol=1e-16)


def test_a_rate_needs_more_rows_than_terms(samples):
    with pytest.raises(FitError, match="5 terms needs more rows"):
        fit_saturating(samples.select(np.arange(5)), DENSE_TERMS)
