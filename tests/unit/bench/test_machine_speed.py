"""The speed of a machine while something ran, from a reference workload that was timed beside it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from annette.bench.machine_speed import at_speed, reference_workload_s, speed_exponent, speed_ratios
from annette.bench.records import Purpose
from annette.bench.subnormals import SUBNORMAL_LATENCY
from tests.unit.bench.test_visits import visit


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


def test_a_given_speed_is_what_all_boards_are_brought_to():
    assert speed_ratios([*runs([1e-3] * 30, "a"), *runs([2e-3] * 30, "b")], 1e-3) == [1.0] * 30 + [0.5] * 30


def test_rounds_of_networks_that_take_seconds_know_their_own_moment():
    """What ran half a minute earlier says nothing of now."""
    spread = [replace(visit(0, 1e-3), reference_s=(1e-3 * (1 + n % 2),), started_unix_s=30.0 * n) for n in range(8)]
    assert speed_ratios(spread) == [1.0, 0.5] * 4


def visited(exponent, *, cases=300, drifts=False, noise=0.05, spread=0.1, seed=4):
    """Three visits of each case, spread over a campaign, at moments that differ."""
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, spread, 3 * cases // 30)
    slowness = np.repeat(np.cumsum(steps * 0.3) if drifts else steps, 30)
    times_s = random.uniform(1e-4, 1e-2, cases)
    return [
        visit(
            index // cases,
            float(times_s[index % cases] * np.exp(exponent * slow + random.normal(0.0, noise))),
            case=str(index % cases),
            reference_s=(float(1e-3 * np.exp(slow)),),
            started_unix_s=0.03 * index,
        )
        for index, slow in enumerate(slowness)
    ]


@pytest.mark.parametrize("drifts", [False, True])
@pytest.mark.parametrize(("power", "expected"), [(0.4, 0.4), (1.0, 1.0), (0.97, 1.0), (0.0, 0.0)])
def test_the_exponent_of_the_reference_workload_is_recovered(power, expected, drifts):
    seen = visited(power, drifts=drifts)
    assert speed_exponent(seen, speed_ratios(seen)) == pytest.approx(expected, abs=0.1 if expected < 1 else 0)


def test_a_steady_machine_few_visits_and_single_ones_tell_nothing():
    steady, few = visited(0.4, spread=0.001), visited(0.4, cases=100)
    single = [replace(run, case=str(number)) for number, run in enumerate(visited(0.4))]
    networks = [replace(run, purpose=Purpose.NETWORK) for run in visited(0.4)]
    for seen in (steady, few, single, networks):
        assert speed_exponent(seen, speed_ratios(seen)) == 1.0


def test_all_times_of_a_run_are_brought_to_a_speed_but_those_of_the_reference_workload():
    run = visit(0, 2e-3, details={SUBNORMAL_LATENCY: "0.008"})
    faster = at_speed(run, 0.5)
    assert (faster.latency_s, faster.samples_s) == (1e-3, (1e-3, 1e-3))
    assert (faster.kernels[0].latency_s, faster.kernels[0].samples_s) == (1e-3, (1e-3, 1e-3))
    assert faster.details == {SUBNORMAL_LATENCY: "0.004"}
    assert faster.reference_s == run.reference_s
    assert at_speed(run, 1.0) is run
