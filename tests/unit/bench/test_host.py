"""What Linux says of processors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.bench.host import ProcessorTimes, clock_hz, processor_times

if TYPE_CHECKING:
    from pathlib import Path

STAT = """cpu  30 4 3 60 3 0 0 10 0 0
cpu0 10 0 1 30 1 2 3 3 0 0
cpu1 20 4 2 30 2 0 0 7 5 0
cpu2 1 2 3
intr 5
"""


def test_stolen_and_idle_time_is_not_work(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT, encoding="ascii")
    times = processor_times(tmp_path / "stat")
    assert times == {0: ProcessorTimes(50, 3, 16), 1: ProcessorTimes(65, 7, 26)}
    assert times[1].since(times[0]) == ProcessorTimes(15, 4, 10)


def test_the_clock_is_in_hertz_where_it_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "cpu1" / "cpufreq"
    folder.mkdir(parents=True)
    (folder / "scaling_cur_freq").write_text("2600000\n", encoding="ascii")
    assert clock_hz((0, 1), tmp_path) == [2.6e9]


def test_where_nobody_says_it_nothing_is_known(tmp_path: Path) -> None:
    assert processor_times(tmp_path / "none") == {}
    assert clock_hz((0,), tmp_path) == []
