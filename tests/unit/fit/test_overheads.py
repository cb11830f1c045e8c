from types import SimpleNamespace

import pytest

from annette.fit.overheads import calibration_reference_s, calibration_scales


def runs(times_s):
    return [
        SimpleNamespace(case=f"case{n}", calibration_s=(time_s,) * 3, started_unix_s=float(n))
        for n, time_s in enumerate(times_s)
    ]


def test_an_interruption_of_one_calibration_changes_nothing():
    times_s = [1e-3] * 20
    times_s[7] = 1.3e-3
    assert set(calibration_scales(runs(times_s)).values()) == {1.0}


def test_a_clock_that_drifts_is_followed():
    scales = calibration_scales(runs([1e-3] * 50 + [1.25e-3] * 49)[::-1])
    assert calibration_reference_s(runs([1e-3] * 50 + [1.25e-3] * 49)) == 1e-3
    assert scales["case3"] == 1.0
    assert scales["case97"] == pytest.approx(0.8)


def test_runs_without_calibration_have_no_factor():
    mixed = [*runs([1e-3, 1e-3]), SimpleNamespace(case="none", calibration_s=(), started_unix_s=9.0), *runs([0.0])[:0]]
    assert set(calibration_scales(mixed)) == {"case0", "case1"}
    assert calibration_scales(mixed[2:]) == {}
