"""What backends share."""

from types import SimpleNamespace

import pytest

from annette.bench import backend
from annette.bench.backend import Availability, time_runs, warm_up


def test_only_the_run_itself_is_timed(monkeypatch):
    clock = {"now_s": 0.0}
    monkeypatch.setattr(backend.time, "perf_counter", lambda: clock["now_s"])

    def passes(seconds):
        clock["now_s"] += seconds

    assert time_runs(lambda: passes(2.0), 3, lambda: passes(10.0)) == (2.0, 2.0, 2.0)
    assert clock["now_s"] == pytest.approx(36.0)
    assert time_runs(lambda: passes(2.0), 1, None) == (2.0,)


def test_a_package_is_usable_where_it_is_installed():
    assert Availability.of_package("numpy").usable
    missing = Availability.of_package("no-such-package")
    assert (missing.usable, missing.reason) == (False, "no-such-package is not installed")
    assert missing.install == "pip install no-such-package"


@pytest.mark.parametrize(("one_s", "runs"), [(1e-3, 3), (1e-4, 7), (1e-6, 60), (1.0, 3)])
def test_short_networks_warm_up_more_often(monkeypatch, one_s, runs):
    now = SimpleNamespace(s=0.0)
    calls = []

    def run():
        calls.append(1)
        now.s += one_s

    monkeypatch.setattr(backend.time, "perf_counter", lambda: now.s)
    assert warm_up(run) == len(calls) == runs
