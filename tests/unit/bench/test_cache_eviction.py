"""What happens between two runs."""

import numpy as np
import pytest

from annette.bench.cache_eviction import CacheEviction


class Clock:
    """Moves on by a millisecond whenever it is looked at."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 1e-3
        return self.now_s


def test_memory_is_touched_and_time_passes_before_every_run():
    clock, memory, rests = Clock(), np.zeros(100, np.uint8), []
    evict = CacheEviction(lambda: rests.append(clock.now_s), memory, 0.02, clock=clock)
    evict()
    assert clock.now_s >= 0.02
    evict()
    assert (memory == 2).all()
    assert rests == [0.0, pytest.approx(0.022, abs=2e-3)]


@pytest.mark.parametrize("elapsed_s", [0.0, 1.0])
def test_without_memory_to_touch_it_only_rests(elapsed_s):
    clock, rests = Clock(), []
    CacheEviction(lambda: rests.append(1), np.zeros(0, np.uint8), elapsed_s, clock=clock)()
    assert (rests, clock.now_s) == ([1], 0.0)
