"""What ``import annette`` does beyond estimating: the same as the commands."""

import json
import sys

import pytest

import annette
from annette.bench.dataset import Dataset
from annette.bench.session import default_rounds
from annette.cli.main import main
from annette.errors import DatasetError, FitError, OptionError
from annette.evaluation.truth import Truth
from tests.unit.bench.scripted import install, network, plan


@pytest.fixture(autouse=True)
def scripted(tmp_path, monkeypatch):
    install(tmp_path / "plug-in", monkeypatch)
    monkeypatch.chdir(tmp_path)


def test_a_benchmark_is_that_of_the_command(tmp_path, monkeypatch, capsys):
    told = []
    outcome = annette.benchmark(
        "library.sqlite", backend="scripted", plan=plan(count=3), progress=lambda case, _: told.append(case.id)
    )
    assert (outcome.measured, outcome.failed, len(told)) == (3, 0, 3)
    (tmp_path / "plan.json").write_text(plan(count=3).to_text())
    words = ["annette", "bench", "--backend", "scripted", "--plan", "plan.json", "--out", "command.sqlite", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        main()
    with Dataset.open(tmp_path / "library.sqlite") as dataset:
        assert dataset.digest() == json.loads(capsys.readouterr().out)["digest"]


def test_a_benchmark_is_resumed_with_its_own_plan():
    annette.benchmark("d.sqlite", backend="scripted", plan=plan(count=3))
    with pytest.raises(DatasetError, match="exists already"):
        annette.benchmark("d.sqlite", backend="scripted")
    again = annette.benchmark("d.sqlite", backend="scripted", resume=True)
    assert (again.measured, again.skipped) == (0, 3)


def test_networks_are_measured_however_they_are_given(tmp_path):
    loaded = annette.load_network("alexnet", batch=2)
    named, given = annette.measure(["squeezenet1_1", loaded], backend="scripted", rounds=2, out="d.sqlite")
    assert (named.case, given.case) == ("squeezenet1_1", "alexnet")
    assert len(named.rounds) == 2
    assert given.rounds[0].network.batch == 2
    assert given.latency_s == pytest.approx(1e-5 * len(loaded.layers) + loaded.ops / 1e10)
    with Dataset.open(tmp_path / "d.sqlite") as dataset:
        assert dataset.count() == 4
    again = annette.measure(["squeezenet1_1"], backend="scripted", rounds=1, out="d.sqlite")
    assert again[0].rounds[0].round == 2
    assert annette.measure([loaded], backend="scripted", rounds=1)[0].latency_s == given.latency_s


def test_what_hangs_or_fails_is_given_up_once():
    hanging, fine, refused = annette.measure(
        [network("hang:net"), network("fine"), network("refuse:net")], backend="scripted", timeout_s=2.0, rounds=2
    )
    assert [run.reason for run in hanging.rounds] == ["no result within 2 s"]
    assert [run.reason for run in refused.rounds] == ["BackendRunError: it says no"]
    assert len(fine.rounds) == len(fine.usable) == 2


def test_what_is_only_estimated_takes_one_round():
    assert (default_rounds("vela"), default_rounds("replay"), default_rounds("onnxruntime")) == (1, 1, 3)


def test_options_are_those_of_the_backend():
    with pytest.raises(OptionError, match="no option 'colour'"):
        annette.measure(["alexnet"], backend="scripted", options={"colour": "red"})
    with pytest.raises(OptionError, match="no backend 'stone'"):
        annette.plan_benchmark("stone")
    with pytest.raises(OptionError, match="'fp8'"):
        annette.plan_benchmark("onnxruntime", options={"precision": "fp8"})
    with pytest.raises(OptionError, match="no option 'colour'"):
        annette.plan_benchmark("onnxruntime", options={"colour": "red"})


def test_a_platform_is_evaluated_on_networks_with_latencies():
    platform = annette.load_platform("ncs2-openvino")
    loaded = annette.load_network("squeezenet1_1")
    latency_s = annette.estimate(loaded, platform, fallback="roofline").latency_s
    found = annette.evaluate(platform, [Truth("a", loaded, (2 * latency_s,))], fallback="roofline", name="mine")
    assert found.suite == "mine"
    assert found.networks[0].error == pytest.approx(-0.5)


def test_nothing_is_fitted_to_whole_networks():
    annette.measure(["alexnet"], backend="scripted", rounds=1, out="d.sqlite")
    with pytest.raises(FitError, match="whole networks"):
        annette.fit(["d.sqlite"], name="mine", precision="fp32")
