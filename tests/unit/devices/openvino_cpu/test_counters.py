"""What is known of a node's time from counters that were cut to whole microseconds twice."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from annette.devices.openvino_cpu.counters import CounterReading, executed_nodes_s, read_counters


def read(durations_us: list[float], runs: int) -> CounterReading:
    """What the runtime says of one node after so many runs: each is cut to microseconds, and so is the average."""
    average_us = sum(int(time_us) for time_us in durations_us[:runs]) // runs
    counter = SimpleNamespace(node_name="node", real_time=timedelta(microseconds=average_us))
    return read_counters([counter], runs)


@pytest.mark.parametrize("time_us", [0.3, 0.9, 1.6, 4.5, 27.2, 1200.4])
def test_a_slow_first_run_is_not_in_the_time(time_us: float) -> None:
    durations_us = [time_us + 300.0, time_us + 2.0] + [time_us] * 40
    readings = (read(durations_us, runs) for runs in (1, 2, 42))
    (time_s,) = executed_nodes_s(*readings).values()
    assert time_s == pytest.approx(time_us * 1e-6, abs=1.1e-6)


def test_times_are_neither_too_long_nor_too_short_in_the_mean() -> None:
    errors_us = []
    for step in range(200):
        time_us = 5.0 + step * 0.037
        readings = (read([50.0 + 1.7 * step, 60.0] + [time_us] * 30, runs) for runs in (1, 2, 32))
        errors_us.append(executed_nodes_s(*readings)["node"] * 1e6 - time_us)
    assert abs(sum(errors_us) / len(errors_us)) < 0.15


def test_what_only_the_first_run_shows_is_short_and_what_none_shows_did_not_run() -> None:
    first, warm, last = CounterReading(1, {"short": 12}), CounterReading(2, {"short": 6}), CounterReading(22, {})
    times_s = executed_nodes_s(first, warm, last)
    assert times_s.keys() == {"short"}
    assert 0 < times_s["short"] <= 1e-6


def test_an_average_of_zero_counts_as_not_run() -> None:
    counters = [SimpleNamespace(node_name="node", real_time=timedelta(0))]
    assert read_counters(counters, 3).averages_us == {}
