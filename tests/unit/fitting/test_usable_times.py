"""Times that cannot be are left out before anything is summed over them, and named."""

import math
from dataclasses import replace

import numpy as np
import pytest

from annette.fitting.usable_times import with_usable_times
from tests.unit.fitting.synthetic import chain, run


def measured():
    random = np.random.default_rng(0)
    return run(chain("chain", random), random)


def test_with_usable_times_stay_as_they_are():
    runs = [measured()]
    assert with_usable_times(runs) == (runs, ())


@pytest.mark.parametrize("bad", [0.0, -1e-3, math.nan, math.inf])
def test_a_kernel_with_a_bad_time_goes_and_takes_the_whole_time_along(bad):
    before = measured()
    first = replace(before.kernels[0], latency_s=bad)
    (after,), (dropped,) = with_usable_times([replace(before, kernels=(first, *before.kernels[1:]))])
    assert after.kernels == before.kernels[1:]
    assert dropped.sources == (f"chain: {first.name}",)
    assert after.samples_s == ()
    assert math.isnan(after.latency_s)


@pytest.mark.parametrize("bad", [0.0, -1e-3, math.nan, math.inf])
def test_bad_times_of_runs_and_calibrations_are_not_used(bad):
    before = measured()
    (after,), (whole, calibration) = with_usable_times([replace(before, latency_s=bad, reference_s=(1e-3, bad))])
    assert "whole run" in whole.reason
    assert "calibration" in calibration.reason
    assert whole.sources == calibration.sources == ("chain",)
    assert after.kernels == before.kernels
    assert after.reference_s == (1e-3,)
