"""A board that prints one number: benchmarked, fitted and asked for estimates by the commands that a user types."""

import json
import subprocess
import sys

import pytest

from annette.bench.dataset import Dataset
from annette.bench.generate.totals import generate_totals_plan
from annette.estimation import estimate_network
from annette.network.zoo import build
from annette.platforms import load_platform

BOARD = """
import sys
with open(sys.argv[1], "rb") as file:
    size = len(file.read())
print(f"inference took {40 + size / 1e3:.1f} us")
"""


def annette(*words, code=0):
    done = subprocess.run([sys.executable, "-m", "annette", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "board.py").write_text(BOARD)
    program = f"{sys.executable} -S {tmp_path / 'board.py'} {{model}}"
    return ("bench", "--backend", "command", "--command", program, "--device", "pretended")


def test_a_campaign_switches_keeps_its_budget_and_is_continued(bench, tmp_path):
    out = str(tmp_path / "d.sqlite")
    first = annette(*bench, "--out", out, "--budget", "3s", "--json")
    assert first.stderr.count("\n") == 1
    assert "nothing of kernels" in first.stderr
    document = json.loads(first.stdout)
    assert document["plan"] == "totals-cpu-0"
    again = json.loads(annette(*bench, "--out", out, "--budget", "12s", "--resume", "--json").stdout)
    assert again["plan"] == "totals-cpu-0"
    assert again["rows"] > document["rows"]
    assert document["rows"] < 1000


def test_totals_are_fitted_without_options(bench, tmp_path):
    plan = generate_totals_plan("cpu")
    light = [case for case in plan.cases if len(case.network.layers) < 40 and case.network.ops < 3e8]
    (tmp_path / "plan.json").write_text(type(plan)("mine", tuple(light[:150])).to_text())
    out, platform = str(tmp_path / "d.sqlite"), str(tmp_path / "board.json")
    annette(*bench, "--out", out, "--plan", str(tmp_path / "plan.json"))
    with Dataset.open(tmp_path / "d.sqlite") as dataset:
        assert not any(run.kernels for run in dataset.runs())
    fitted = annette("fit", out, "--out", platform, "--mapping", "generic")
    assert "totals of 150 networks" in fitted.stdout
    estimate = estimate_network(build("squeezenet1_1"), load_platform(tmp_path / "board.json"))
    assert estimate.latency_s > 0
    assert estimate.interval_s is not None
    said = annette("estimate", "mobilenet_v1", "--platform", platform, "--json")
    assert json.loads(said.stdout)["latency_s"] > 0
    few = annette("fit", out, "--out", str(tmp_path / "learned.json"), "--mapping", "learned", code=2)
    assert "rules are learned from kernels" in few.stderr
