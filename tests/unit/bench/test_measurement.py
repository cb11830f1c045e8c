import math

import msgspec
import numpy as np
import pytest

from annette.bench import measurement, pauses
from annette.bench.backend import Availability, Backend, BackendOptions, CompiledNetwork, Profile, ProfileEntry, Subject
from annette.bench.measurement import CaseMeasurer, Settings
from annette.bench.pauses import DutyCycle
from annette.bench.plan import Case
from annette.bench.records import Purpose, Status, midmean, uncertainty
from annette.bench.subnormals import SUBNORMAL_LATENCY
from annette.errors import OptionError
from tests.unit.bench.scripted import network


class Clock(Backend):
    """Gives times from a script; counts what it is asked for."""

    name = "clock"

    def __init__(self, times, reference=None, *, profiles=True, kernel_s=1e-3):
        super().__init__(BackendOptions())
        self.profiles, self.kernel_s = profiles, kernel_s
        self.times = iter(times)
        self.reference = iter(reference) if reference is not None else None
        self.calls = []

    @classmethod
    def available(cls):
        return Availability(usable=True, reason="a script")

    def environment(self):
        return {"runtime": "clock"}

    def compile(self, subject):
        return _Watch(self, subject.network.name)


class _Watch(CompiledNetwork):
    def __init__(self, clock, name):
        self.clock, self.name = clock, name

    def run(self, repeats, *, before=None):
        if self.name == "reference-workload":
            return tuple(next(self.clock.reference) if self.clock.reference else 1e-3 for _ in range(repeats))
        self.clock.calls.append(("run", repeats))
        for _ in range(repeats):
            before()
        return tuple(next(self.clock.times) for _ in range(repeats))

    def profile(self, repeats, *, before=None, within_s=math.inf):
        del before
        self.clock.calls.append(("profile", repeats) if math.isinf(within_s) else ("profile", repeats, within_s))
        return Profile((ProfileEntry("k", "Op", (self.clock.kernel_s,)),)) if self.clock.profiles else None


def measured(clock, purpose=Purpose.NETWORK, evicted_bytes=0, evicted_ops=0, **settings):
    measurer = CaseMeasurer(clock, Settings(**{"visits": 1, **settings}))
    net = network("net")
    case = Case("net", purpose, "g", net, 1.0, evicted_bytes=evicted_bytes, evicted_ops=evicted_ops)
    result = measurer.measure(case, Subject(net))
    measurer.close()
    return result


def always(value):
    while True:
        yield value


def test_a_steady_run_is_ok():
    clock = Clock(always(0.01))
    result = measured(clock)
    assert result.status is Status.OK
    assert (len(result.samples_s), result.attempts) == (20, 1)
    assert clock.calls == [("run", 3), ("run", 20), ("profile", 20)]
    assert len(result.reference_s) == 15  # Before, between the runs without and with the profiler, and after.


class SlowedClock(Clock):
    """Takes a fifth of its time with subnormal numbers taken as zero."""

    def __init__(self, ratio=0.2):
        super().__init__(always(0.01))
        self.ratio = ratio

    def compile(self, subject):
        return _Slowed(self, subject.network.name)


class _Slowed(_Watch):
    flushes = False

    def flush_subnormals(self, flush):
        self.flushes = flush
        return flush

    def run(self, repeats, *, before=None):
        return tuple(
            time_s * (self.clock.ratio if self.flushes else 1.0) for time_s in super().run(repeats, before=before)
        )


def test_what_subnormal_numbers_slow_down_is_timed_without_them():
    clock = SlowedClock()
    result = measured(clock)
    assert clock.calls == [("run", 3), ("run", 20), ("run", 3), ("run", 20), ("profile", 20)]
    assert result.samples_s == pytest.approx((0.002,) * 20)
    assert float(result.details[SUBNORMAL_LATENCY]) == pytest.approx(0.01)


def test_what_they_do_not_slow_down_is_timed_as_it_is():
    clock = SlowedClock(ratio=0.95)
    result = measured(clock)
    assert clock.calls == [("run", 3), ("run", 20), ("run", 3), ("profile", 20)]
    assert result.samples_s == pytest.approx((0.01,) * 20)
    assert SUBNORMAL_LATENCY not in result.details


def test_benchmarks_are_not_asked_for_subnormal_numbers():
    clock = SlowedClock()
    measured(clock, Purpose.MICRO_KERNEL)
    assert clock.calls == [("profile", 20, 0.01)]


@pytest.mark.parametrize(
    ("one_s", "runs"), [(1e-4, 60), (4e-3, 25), (1.0, 6), (0.25, 20), (float("nan"), 20), (0.0, 20)]
)
def test_short_networks_run_more_often(one_s, runs):
    assert Settings().network_runs(one_s) == runs


@pytest.mark.parametrize(("one_s", "runs"), [(1e-5, 20), (1e-3, 10), (4e-3, 3), (1.0, 1), (float("nan"), 1)])
def test_a_visit_has_a_time_of_its_own(one_s, runs):
    assert Settings().visit_runs(one_s, evicted=False) == runs
    assert Settings().visit_runs(one_s, evicted=True) == 1


@pytest.mark.parametrize(
    ("purpose", "evicted_bytes", "calls"),
    [
        (Purpose.MICRO_KERNEL, 0, [("profile", 20, 0.01)]),
        (Purpose.COLD_WEIGHTS, 9, [("profile", 1, 0.01)]),
        (Purpose.CHAIN, 9, [("profile", 1, 0.01)]),
        (Purpose.CHAIN, 0, [("profile", 20, 0.01), ("run", 3), ("run", 5)]),
    ],
)
def test_what_a_visit_runs(purpose, evicted_bytes, calls):
    clock = Clock(always(1e-3))
    result = measured(clock, purpose, evicted_bytes=evicted_bytes)
    assert clock.calls == calls
    assert len(result.samples_s) == (5 if len(calls) > 1 else 0)


def test_what_takes_next_to_no_time_is_also_timed_as_a_whole():
    clock = Clock(always(1e-5), kernel_s=5e-6)
    result = measured(clock, Purpose.MICRO_KERNEL)
    assert clock.calls == [("profile", 20, 0.01), ("run", 3), ("run", 50), ("run", 20)]
    assert len(result.samples_s) == 20


def test_what_tells_nothing_of_kernels_is_timed_as_a_whole():
    clock = Clock(always(1e-3), profiles=False)
    result = measured(clock, Purpose.MICRO_KERNEL)
    assert (len(result.samples_s), result.entries) == (10, None)


def test_visits_share_a_timing_of_the_reference_workload(monkeypatch):
    clock = Clock(always(1e-3), reference=iter(range(1, 1000)))
    measurer = CaseMeasurer(clock, Settings())
    net = network("net")
    now_s = iter([10.0, 10.0, 10.05, 10.2, 10.2])
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: next(now_s, 11.0))
    due = [measurer._recent_reference() for _ in range(3)]
    assert due[0] == due[1] != due[2]
    case = Case("net", Purpose.MICRO_KERNEL, "g", net, 1.0)
    assert measurer.measure(case, Subject(net)).reference_s


@pytest.mark.parametrize(("one_s", "further"), [(1e-3, []), (1e-4, [("run", 5)]), (5e-6, [("run", 60)])])
def test_short_networks_warm_up_for_as_long(one_s, further):
    clock = Clock(always(one_s))
    measured(clock)
    assert clock.calls == [("run", 3), *further, ("run", 60), ("profile", 60)]


@pytest.mark.parametrize("evicted_bytes", [0, 100])
def test_caches_are_emptied_where_the_case_says_so(evicted_bytes, monkeypatch):
    touched = []
    zeros = np.zeros
    monkeypatch.setattr(np, "zeros", lambda size, dtype: touched.append(size) or zeros(size, dtype))
    clock = Clock(always(1e-3))
    measured(clock, Purpose.COLD_WEIGHTS, evicted_bytes=evicted_bytes)
    assert touched == [0, evicted_bytes] if evicted_bytes else [0]
    assert clock.calls == [("profile", 1 if evicted_bytes else 20, 0.01)]


def test_operations_become_time_at_the_speed_of_the_reference_workload(monkeypatch):
    waits = []
    monkeypatch.setattr(measurement, "CacheEviction", lambda rest, _, elapsed_s: waits.append(elapsed_s) or rest)
    ops = 3 * measurement.reference_network().ops
    measured(Clock(always(1e-3)), Purpose.COLD_WEIGHTS, evicted_bytes=10, evicted_ops=ops)
    assert waits == [pytest.approx(3e-3)]  # The script's reference takes a millisecond.


def test_long_runs_rest_in_between(monkeypatch):
    rests = []
    monkeypatch.setattr(pauses, "_BUSY_S", 0.0)  # A run of no time counts as a long one.
    monkeypatch.setattr(measurement, "DutyCycle", lambda: DutyCycle(sleep=rests.append))
    measured(Clock(always(0.01)))
    assert len(rests) == 3 + 20  # The script's profile calls nothing.


@pytest.mark.parametrize(("one_s", "runs"), [(1.0, 5), (1e-3, 5), (1e-4, 20), (1e-6, 40), (0.0, 40)])
def test_a_short_reference_workload_runs_more_often(one_s, runs):
    result = measured(Clock(always(0.01), reference=always(one_s)), attempts=1)
    assert len(result.reference_s) == 3 * runs


def test_an_unstable_run_is_measured_again():
    def times():
        yield from [0.01] * 3 + [0.01, 0.02] * 10
        yield from always(0.01)

    result = measured(Clock(times()))
    assert (result.status, result.attempts) == (Status.OK, 2)
    assert set(result.samples_s) == {0.01}


def test_what_stays_unstable_is_kept_and_marked():
    def times():
        while True:
            yield from (0.01, 0.02)

    result = measured(Clock(times()), attempts=2)
    assert (result.status, result.attempts) == (Status.UNSTABLE, 2)
    assert "known to" in result.reason


def test_a_changing_reference_workload_marks_drift():
    result = measured(Clock(always(0.01), reference=[1e-3] * 8 + [2e-3] * 5 + [1.5e-3] * 99), attempts=1)
    assert result.status is Status.DRIFTED
    assert "reference workload changed by" in result.reason


@pytest.mark.parametrize(
    ("time_s", "status"), [(1e-6, Status.TOO_SHORT), (-1.0, Status.FAILED), (float("inf"), Status.FAILED)]
)
def test_times_judge_themselves(time_s, status):
    assert measured(Clock(always(time_s)), attempts=1).status is status


@pytest.mark.parametrize(("samples", "expected"), [((1.0,), 0.0), ((1.0, 1.0, 1.0), 0.0), ((0.0, 0.0), float("inf"))])
def test_samples_that_agree_are_certain(samples, expected):
    assert uncertainty(samples) == expected


def test_more_samples_of_the_same_scatter_are_more_certain():
    few = np.linspace(0.9, 1.1, 9)
    assert uncertainty(tuple(few)) == pytest.approx(0.929 * 0.1 / 3, rel=1e-3)
    assert uncertainty(tuple(np.tile(few, 16))) == pytest.approx(uncertainty(tuple(few)) / 4, rel=0.05)
    drawn = np.random.default_rng(0).normal(1.0, 0.1, (4000, 25))
    assert np.std(np.median(drawn, axis=1)) == pytest.approx(np.median([uncertainty(tuple(d)) for d in drawn]), rel=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"repeats": 0},
        {"visit_repeats": 0},
        {"visit_s": 0.0},
        {"attempts": 0},
        {"target_s": 0.0},
        {"timeout_s": float("nan")},
    ],
)
def test_settings_refuse_what_makes_no_sense(changes):
    with pytest.raises(OptionError, match=next(iter(changes))):
        Settings(**changes)


def test_settings_survive_a_round_trip():
    settings = Settings(cpus=(1, 2), repeats=7)
    assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings


def test_the_middle_half_is_finer_than_the_clock_and_ignores_outliers():
    assert midmean([3e-6, 3e-6, 3e-6, 4e-6, 3e-6, 4e-6, 4e-6, 900e-6]) == pytest.approx(3.5e-6)
    assert midmean([2.0]) == 2.0
    assert midmean([1.0, 2.0]) == 1.5


def test_a_visit_that_scatters_is_not_measured_again_at_once():
    scattering = (value for _ in range(1000) for value in (1.0e-3, 2.0e-3))
    result = measured(Clock(scattering), Purpose.CHAIN, visits=3)
    assert result.attempts == 1
    assert measured(Clock(scattering), Purpose.CHAIN).attempts == 3
