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
    assert set(calibration_scales(runs(times_s))) == {1.0}


def test_a_clock_that_drifts_is_followed():
    scales = calibration_scales(runs([1e-3] * 50 + [1.25e-3] * 49)[::-1])
    assert calibration_reference_s(runs([1e-3] * 50 + [1.25e-3] * 49)) == 1e-3
    assert scales[-1 - 3] == 1.0
    assert scales[-1 - 97] == pytest.approx(0.8)


def test_campaigns_that_measured_the_same_cases_keep_their_own_speeds():
    slow = [SimpleNamespace(**{**vars(run), "started_unix_s": run.started_unix_s + 1e3}) for run in runs([2e-3] * 20)]
    scales = calibration_scales([*runs([1e-3] * 21), *slow])
    assert scales[:20] == [1.0] * 20
    assert scales[-20:] == [0.5] * 20


def test_runs_without_calibration_have_no_factor():
    mixed = [*runs([1e-3, 1e-3]), SimpleNamespace(case="none", calibration_s=(), started_unix_s=9.0), *runs([0.0])[:0]]
    mixed[0].calibration_s = (2e-3,) * 3
    assert calibration_scales(mixed)[2] == 1.0
    assert calibration_scales(mixed[2:]) == [1.0]
