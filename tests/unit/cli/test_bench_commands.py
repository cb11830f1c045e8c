import json
import sys

import pytest

from annette.bench.plan import Plan
from annette.cli.main import main
from tests.unit.bench.scripted import install, plan


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own, where the scripted backend is installed; gives code, output, errors."""
    install(tmp_path / "plug-in", monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.json").write_text(plan(count=3).to_text())

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["annette", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return call


BENCH = ("bench", "--backend", "scripted", "--plan", "plan.json", "--out", "d.sqlite")


def test_bench_prints_one_document_with_a_digest_that_repeats(run):
    code, output, errors = run(*BENCH, "--json")
    document = json.loads(output)
    assert (code, errors) == (0, "")
    assert document["schema"] == "annette/bench/1"
    assert (document["rows"], document["measured"], document["failed"]) == (3, 3, 0)
    assert document["matched_share"] == 1.0
    again = json.loads(run(*BENCH[:-1], "other.sqlite", "--json")[1])
    assert again["digest"] == document["digest"]
    assert len(document["digest"]) == 64


def test_bench_resumes_with_the_plan_of_the_dataset(run):
    assert run(*BENCH)[0] == 0
    code, output, _ = run("bench", "--backend", "scripted", "--out", "d.sqlite", "--resume", "--json")
    assert code == 0
    assert (json.loads(output)["measured"], json.loads(output)["skipped"]) == (0, 3)


def test_bench_in_words(run):
    code, output, _ = run(*BENCH, "--device", "stone")
    assert code == 0
    assert "3 rows; 3 measured now" in output
    assert "digest" in output


def test_dry_run_measures_nothing(run, tmp_path):
    code, output, _ = run(*BENCH, "--dry-run", "--json", "--save-plan", "copy.json")
    document = json.loads(output)
    assert code == 0
    assert document["counts"] == {"micro-kernel/group": 3}
    assert document["expected_s"] == pytest.approx(0.3)
    assert not (tmp_path / "d.sqlite").exists()
    assert Plan.from_text((tmp_path / "copy.json").read_text()).digest() == document["plan_digest"]


def test_a_budget_cuts_the_plan(run):
    assert json.loads(run(*BENCH, "--budget", "0.2s", "--dry-run", "--json")[1])["cases"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bench", "--backend", "scriptet", "--out", "d"), "no backend 'scriptet'; did you mean 'scripted'?"),
        ((*BENCH, "--devize", "x"), "no option 'devize'; did you mean 'device'?"),
        ((*BENCH, "--pause-s", "long"), "'long', not of type float"),
        ((*BENCH, "--option", "device"), "not NAME=VALUE"),
        ((*BENCH, "--budget", "soon"), "not a duration"),
        ((*BENCH, "--budget", "0s"), "not a duration"),
        ((*BENCH, "--batch", "0"), "batch sizes"),
        ((*BENCH, "--cpus", "a"), "not a list of processors"),
        ((*BENCH, "--cpus", "4096"), "processor 4096"),
        ((*BENCH, "stray"), "unexpected argument 'stray'"),
        ((*BENCH[:-2],), "--out DATASET is missing"),
        ((*BENCH[:-1], "no/folder/d.sqlite"), "does not exist"),
        ((*BENCH[:-1], "plan.json"), "exists already"),
        ((*BENCH[:-1], "plan.json", "--resume"), "not a database"),
        (("bench", "--backend", "scripted", "--plan", "none.json", "--out", "d"), "cannot be read"),
        (("measure", "--backend", "scripted"), "Missing argument"),
        (("measure", "no-such-network", "--backend", "scripted"), "no-such-network"),
        (("measure", "lenet", "lenet", "--backend", "scripted"), "twice"),
    ],
)
def test_what_the_user_can_mend_is_one_line(run, words, message):
    code, output, errors = run(*words)
    assert code == 2
    assert not output
    assert errors.startswith("annette: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_measure_reports_rounds_and_kernels(run):
    code, output, _ = run("measure", "squeezenet1_1", "--backend", "scripted", "--json", "--out", "d.sqlite")
    document = json.loads(output)
    assert code == 0
    assert document["schema"] == "annette/measurement/1"
    assert len(document["rounds_s"]) == 3
    assert document["remeasurement_spread"] == 0
    assert sum(kernel["latency_s"] for kernel in document["kernels"]) == pytest.approx(document["latency_s"])


def test_measure_in_words(run):
    code, output, _ = run("measure", "squeezenet1_1", "alexnet", "--backend", "scripted", "--rounds", "1")
    assert code == 0
    assert "squeezenet1_1 on scripted: " in output
    assert "alexnet on scripted: " in output
    assert "lighter kernels" in output


def test_backends_lists_what_is_usable(run):
    code, output, _ = run("backends", "--json")
    found = {entry["name"]: entry for entry in json.loads(output)["backends"]}
    assert code == 0
    assert {"onnxruntime", "replay", "command", "scripted"} <= found.keys()
    assert found["scripted"]["usable"]
    assert "onnxruntime" in run("backends")[1]
