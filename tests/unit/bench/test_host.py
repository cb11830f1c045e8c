"""What Linux says of processors, and what it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from annette.bench.host import ProcessorTimes, clock_hz, processor_times

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


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no autogroups")
def test_a_worker_in_a_session_of_its_own_is_as_nice_there_as_it_is_itself() -> None:
    asks = (
        "import os, pathlib; from annette.bench.host import pin_process; "
        "print(pin_process(())['nice'], pathlib.Path('/proc/self/autogroup').read_text().split()[-1])"
    )
    told = subprocess.run(
        ["nice", "-n", "7", sys.executable, "-c", asks],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = str(min(os.nice(0) + 7, 19))
    assert told.stdout.split() == [expected, expected]
