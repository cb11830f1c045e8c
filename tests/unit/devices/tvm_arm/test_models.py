"""Saturating rates and cached memory: numbers worked out by hand."""

import numpy as np
import pytest

from annette.devices.tvm_arm.models import CachedMemory, SaturatingRate
from annette.errors import PlatformFormatError
from tests.unit.devices.xilinx_dpu.test_models import conv, kernel


def test_the_rate_saturates_with_every_dimension():
    model = SaturatingRate(2e-11, 1e-10, 3e-10, 4e-10, 0.0, 1e-5)
    table = conv(32, 64, 14, 3)
    macs = 32 * 64 * 196 * 9
    expected = 1e-5 + macs * (2e-11 + 1e-10 / 32 + 3e-10 / 64 + 4e-10 / 196)
    assert model.predict_s(table) == pytest.approx(expected)
    assert model.terms(table).compute_s == pytest.approx(macs * 2e-11)


def test_it_grows_with_every_dimension():
    model = SaturatingRate(2e-11, 1e-10, 3e-10, 4e-10, 5e-11, 1e-5)
    small = model.predict_s(conv(32, 64, 14, 3))
    for larger in (conv(33, 64, 14, 3), conv(32, 65, 14, 3), conv(32, 64, 15, 3), conv(32, 64, 14, 5)):
        assert model.predict_s(larger) > small


def test_negative_coefficients_are_refused():
    with pytest.raises(PlatformFormatError, match="per_patch_s"):
        SaturatingRate(2e-11, 1e-10, -1e-12, 0.0, 0.0, 0.0)


def test_activations_move_at_the_caches_rate_where_they_fit():
    model = CachedMemory(1e12, 1e9, 1000, 1e10, 1e-6)
    fits = kernel(input_bytes=500, output_bytes=500, weight_bytes=100)
    does_not = kernel(input_bytes=501, output_bytes=500, weight_bytes=100)
    assert model.predict_s(fits) == pytest.approx(1e-6 + 1000 / 1e10 + 100 / 1e9)
    assert model.predict_s(does_not) == pytest.approx(1e-6 + 1101 / 1e9)


def test_computing_counts_where_it_is_longer():
    model = CachedMemory(1e9, 1e9, 0, 1e9)
    np.testing.assert_allclose(model.predict_s(kernel(ops=5000, input_bytes=10)), 5e-6)
