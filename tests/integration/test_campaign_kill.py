"""Campaigns and workers killed at random moments lose nothing and repeat nothing."""

import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from annette.bench.dataset import Dataset
from annette.bench.session import benchmark
from tests.unit.bench.scripted import SETTINGS, install, plan

KILLS = 20
CASES = 60

CAMPAIGN = """
import sys
from pathlib import Path
from annette.bench import supervisor
from annette.bench.plan import Plan
from annette.bench.session import benchmark
from tests.unit.bench.scripted import SETTINGS
supervisor.CASES_PER_WORKER = 10
plan = Plan.from_text(Path(sys.argv[1]).read_text())
options = {"journal": sys.argv[3], "pause_s": 0.02}
benchmark(plan, Path(sys.argv[2]), backend="scripted", options=options, settings=SETTINGS, resume=True)
"""


def workers_of(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker through ps, as on Linux")
def test_twenty_kills_change_nothing(tmp_path, monkeypatch):
    environment = install(tmp_path / "plug-in", monkeypatch)
    whole, cases = tmp_path / "whole.sqlite", plan(count=CASES)
    benchmark(cases, whole, backend="scripted", options={}, settings=SETTINGS)
    plan_file, out, journal = tmp_path / "plan.json", tmp_path / "killed.sqlite", tmp_path / "journal"
    plan_file.write_text(cases.to_text())
    command = [sys.executable, "-c", CAMPAIGN, str(plan_file), str(out), str(journal)]
    dice = random.Random(0)
    deadline = time.monotonic() + 200
    seen: list[tuple[set[str], int]] = []  # what was recorded at a kill, and how long the journal was
    kills: Counter[str] = Counter()
    campaign = start(command, environment)
    while sum(kills.values()) < KILLS:
        assert time.monotonic() < deadline
        wait_for(journal, len(lines(journal)) + dice.randrange(4), campaign)
        time.sleep(dice.uniform(0.0, 0.05))
        children = workers_of(campaign.pid)
        if dice.random() < 0.5 and children:
            subprocess.run(["kill", "-9", str(children[0])], check=False, capture_output=True)
            kills["worker"] += 1
        else:
            campaign.kill()
            campaign.wait()
            kills["campaign"] += 1
        if campaign.poll() is not None:
            seen.append((recorded(out), len(lines(journal))))
            campaign = start(command, environment)
    while campaign.wait(timeout=120):  # A worker that was killed before it could serve ends its campaign.
        campaign = start(command, environment)
    assert min(kills["worker"], kills["campaign"]) >= 3
    with Dataset.open(whole) as expected, Dataset.open(out) as found:
        assert found.digest() == expected.digest()
        assert found.count() == CASES
    compiled = lines(journal)
    for finished, length in seen:
        assert not finished & set(compiled[length:]), "a finished case was measured again"
    assert CASES <= len(compiled) <= CASES + KILLS
    assert sorted(path.name for path in tmp_path.glob("killed*")) == ["killed.sqlite"]


def start(command, environment):
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def wait_for(journal, length, campaign):
    """Waits until so many cases were begun; at most 3 s, or until the campaign has ended."""
    end = time.monotonic() + 3
    while len(lines(journal)) < length and campaign.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def recorded(path):
    if not path.exists():
        return set()
    with Dataset.open(path) as dataset:
        return {run.case for run in dataset.runs()}


def lines(path):
    return path.read_text().split() if path.exists() else []
