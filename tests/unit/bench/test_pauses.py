"""What happens between runs: memory is touched, time passes, and others get their share."""

import numpy as np
import pytest

from annette.bench.pauses import CacheEviction, DutyCycle


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
