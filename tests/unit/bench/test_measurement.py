import msgspec
import numpy as np
import pytest

from annette.bench import measurement
from annette.bench.backend import Availability, Backend, BackendOptions, CompiledNetwork, Profile, Subject
from annette.bench.measurement import CacheEviction, CaseMeasurer, DutyCycle, Settings
from annette.bench.plan import Case
from annette.bench.records import Purpose, Status, midmean, uncertainty
from annette.errors import OptionError
from tests.unit.bench.scripted import network


class Clock(Backend):
    """Gives times from a script; counts what it is asked for."""

    name = "clock"

    def __init__(self, times, reference=None):
        super().__init__(BackendOptions())
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

    def profile(self, repeats, *, before=None):
        del before
        self.clock.calls.append(("profile", repeats))
        return Profile(())


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
    assert len(result.reference_s) == 10


@pytest.mark.parametrize(
    ("purpose", "one_s", "expected"),
    [
        (Purpose.NETWORK, 1e-4, (60, 60)),
        (Purpose.NETWORK, 4e-3, (25, 25)),
        (Purpose.NETWORK, 1.0, (6, 6)),
        (Purpose.NETWORK, 0.25, (20, 20)),
        (Purpose.NETWORK, float("nan"), (20, 20)),
        (Purpose.CHAIN, 1e-4, (20, 60)),
        (Purpose.CHAIN, 2e-5, (60, 60)),
        (Purpose.MICRO_KERNEL, 1.0, (6, 12)),
    ],
)
def test_short_networks_run_more_often(purpose, one_s, expected):
    assert Settings(visits=1).runs(one_s, purpose) == expected
    assert Settings(visits=1).runs(one_s, purpose, evicted=True) == (4, 8)


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
    assert clock.calls[-1] == ("profile", 8 if evicted_bytes else 60)


def test_operations_become_time_at_the_speed_of_the_reference_workload(monkeypatch):
    waits = []
    monkeypatch.setattr(measurement, "CacheEviction", lambda rest, _, elapsed_s: waits.append(elapsed_s) or rest)
    ops = 3 * measurement.reference_network().ops
    measured(Clock(always(1e-3)), Purpose.COLD_WEIGHTS, evicted_bytes=10, evicted_ops=ops)
    assert waits == [pytest.approx(3e-3)]  # The script's reference takes a millisecond.


def test_long_runs_rest_in_between(monkeypatch):
    rests = []
    monkeypatch.setattr(measurement, "_BUSY_S", 0.0)  # A run of no time counts as a long one.
    monkeypatch.setattr(measurement, "DutyCycle", lambda: DutyCycle(sleep=rests.append))
    measured(Clock(always(0.01)))
    assert len(rests) == 3 + 20  # The script's profile calls nothing.


@pytest.mark.parametrize(("one_s", "runs"), [(1.0, 5), (1e-3, 5), (1e-4, 20), (1e-6, 40), (0.0, 40)])
def test_a_short_reference_workload_runs_more_often(one_s, runs):
    result = measured(Clock(always(0.01), reference=always(one_s)), attempts=1)
    assert len(result.reference_s) == 2 * runs


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
    "changes", [{"repeats": 0}, {"kernel_repeats": 0}, {"attempts": 0}, {"target_s": 0.0}, {"timeout_s": float("nan")}]
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


class TickingClock:
    """Moves on by a millisecond whenever it is looked at."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 1e-3
        return self.now_s


def test_memory_is_touched_and_time_passes_before_every_run():
    clock, memory, rests = TickingClock(), np.zeros(100, np.uint8), []
    evict = CacheEviction(lambda: rests.append(clock.now_s), memory, 0.02, clock=clock)
    evict()
    assert clock.now_s >= 0.02
    evict()
    assert (memory == 2).all()
    assert rests == [0.0, pytest.approx(0.022, abs=2e-3)]


@pytest.mark.parametrize("elapsed_s", [0.0, 1.0])
def test_without_memory_to_touch_it_only_rests(elapsed_s):
    clock, rests = TickingClock(), []
    CacheEviction(lambda: rests.append(1), np.zeros(0, np.uint8), elapsed_s, clock=clock)()
    assert (rests, clock.now_s) == ([1], 0.0)


class RestingClock:
    def __init__(self):
        self.now_s, self.rests_s = 5.0, []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.rests_s.append(seconds)
        self.now_s += seconds


def worked(rest, clock, runs_s):
    for run_s in runs_s:
        rest()
        clock.now_s += run_s


def test_short_runs_share_a_rest():
    clock = RestingClock()
    worked(DutyCycle(clock, clock.sleep), clock, [0.001] * 1000)
    assert 8 <= len(clock.rests_s) <= 10


def test_any_second_has_more_than_five_hundredths_of_rest():
    for run_s in (1e-3, 0.03, 0.3, 0.6, 0.9):
        clock = RestingClock()
        start_s = clock.now_s
        worked(DutyCycle(clock, clock.sleep), clock, [run_s] * int(30 / run_s))
        assert sum(clock.rests_s) / (clock.now_s - start_s) > 0.05


def test_what_others_do_meanwhile_counts_as_work():
    clock = RestingClock()
    rest = DutyCycle(clock, clock.sleep)
    clock.now_s += 2.0
    rest()
    rest()
    assert clock.rests_s == [2.0 * 0.065]


def test_a_visit_that_scatters_is_not_measured_again_at_once():
    scattering = (value for _ in range(1000) for value in (1.0e-3, 2.0e-3))
    result = measured(Clock(scattering), Purpose.CHAIN, visits=3)
    assert result.attempts == 1
    assert measured(Clock(scattering), Purpose.CHAIN).attempts == 3
