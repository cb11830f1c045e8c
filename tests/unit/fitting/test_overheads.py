from types import SimpleNamespace

import numpy as np
import pytest

from annette.fitting.overheads import reference_workload_s, speed_exponent, speed_ratios
from tests.unit.fitting.synthetic import DEVICE, convolutions, samples


def runs(times_s, board=""):
    return [
        SimpleNamespace(case=f"case{n}", reference_s=(time_s,) * 3, started_unix_s=float(n), board=board)
        for n, time_s in enumerate(times_s)
    ]


def test_an_interruption_of_one_calibration_changes_nothing():
    times_s = [1e-3] * 20
    times_s[7] = 1.3e-3
    assert set(speed_ratios(runs(times_s))) == {1.0}


def test_a_clock_that_drifts_is_followed():
    scales = speed_ratios(runs([1e-3] * 50 + [1.25e-3] * 49)[::-1])
    assert reference_workload_s(runs([1e-3] * 50 + [1.25e-3] * 49)) == 1e-3
    assert scales[-1 - 3] == 1.0
    assert scales[-1 - 97] == pytest.approx(0.8)


def test_campaigns_that_measured_the_same_cases_keep_their_own_speeds():
    slow = [SimpleNamespace(**{**vars(run), "started_unix_s": run.started_unix_s + 1e3}) for run in runs([2e-3] * 20)]
    scales = speed_ratios([*runs([1e-3] * 21), *slow])
    assert scales[:20] == [1.0] * 20
    assert scales[-20:] == [0.5] * 20


def test_boards_that_differ_are_not_taken_for_disturbed_ones():
    """Two boards in turns, one 10 % slower, and once disturbed by a fifth for a while."""
    calm, slower = runs([1e-3] * 60, "a"), runs([1.1e-3] * 40 + [1.32e-3] * 20, "b")
    scales = speed_ratios([run for both in zip(calm, slower, strict=True) for run in both])
    assert set(scales[::2]) == {1.0}
    assert set(scales[1:60:2]) == {1.0}
    assert scales[-1] == pytest.approx(1 / 1.2)


def test_the_reference_of_several_boards_stands_between_them():
    assert reference_workload_s([*runs([1e-3] * 30, "a"), *runs([2e-3] * 30, "b")]) == pytest.approx(2**0.5 * 1e-3)
    assert reference_workload_s([*runs([1e-3] * 30, "a"), *runs([2e-3] * 10, "b")]) == pytest.approx(2**0.25 * 1e-3)


def test_runs_without_calibration_have_no_factor():
    mixed = [
        *runs([1e-3, 1e-3]),
        SimpleNamespace(case="none", reference_s=(), started_unix_s=9.0, board=""),
        *runs([0.0])[:0],
    ]
    mixed[0].reference_s = (2e-3,) * 3
    assert speed_ratios(mixed)[2] == 1.0
    assert speed_ratios(mixed[2:]) == [1.0]


@pytest.mark.parametrize("drifts", [False, True])
@pytest.mark.parametrize(("power", "expected"), [(0.4, 0.4), (1.0, 1.0), (0.97, 1.0), (0.0, 0.0)])
def test_the_exponent_of_the_reference_workload_is_recovered(power, expected, drifts):
    random = np.random.default_rng(4)
    table = convolutions(900)
    moments = np.cumsum(random.normal(0.0, 0.03, 90)) if drifts else random.normal(0.0, 0.1, 90)
    slowness = np.repeat(moments, 10)
    noise = np.exp(random.normal(0.0, 0.05, 900))
    measured = samples(table, (5e-5 + DEVICE["conv"].predict_s(table)) * np.exp(power * slowness) * noise)
    assert speed_exponent(measured, np.exp(-slowness)) == pytest.approx(expected, abs=0.15 if expected < 1 else 0)


def test_a_steady_machine_and_few_kernels_tell_nothing():
    table = convolutions(900)
    measured = samples(table, 5e-5 + DEVICE["conv"].predict_s(table))
    assert speed_exponent(measured, np.ones(900)) == 1.0
    ratios = np.exp(np.random.default_rng(0).normal(0.0, 0.1, 300))
    assert speed_exponent(measured.select(np.arange(300)), ratios) == 1.0
