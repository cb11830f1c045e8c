"""What ``annette estimate`` writes for other programs, and its budget."""

import csv
import json

import onnx
import pytest

from annette.network import zoo
from annette.network.writers.onnx import write_onnx
from tests.unit.cli.test_estimate import run  # noqa: F401 - a fixture


@pytest.fixture
def model(tmp_path):
    write_onnx(zoo.build("squeezenet1_1"), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_every_file_that_is_asked_for_is_about_the_estimate(run, model, tmp_path):  # noqa: F811
    files = ("--kernels", tmp_path / "k.csv", "--trace", tmp_path / "t.json", "--node-data", tmp_path / "overlay")
    code, out, _ = run(model, *files, "--annotate", tmp_path / "annotated.onnx", "--json")
    assert code == 0
    kernels = json.loads("\n".join(out))["kernels"]
    with (tmp_path / "k.csv").open(newline="") as file:
        assert [row["kernel"] for row in csv.DictReader(file)] == [kernel["name"] for kernel in kernels]
    assert len(json.loads((tmp_path / "t.json").read_text())["traceEvents"]) > len(kernels) / 2
    assert {path.name for path in (tmp_path / "overlay").iterdir()} == {"latency_ms.json", "share.json", "bound.json"}
    annotated = onnx.load(tmp_path / "annotated.onnx")
    assert all(node.metadata_props for node in annotated.graph.node)


def test_tables_and_traces_hold_all_networks(run, tmp_path):  # noqa: F811
    code, *_ = run("squeezenet1_1", "alexnet", "--kernels", tmp_path / "k.csv", "--trace", tmp_path / "t.json")
    assert code == 0
    with (tmp_path / "k.csv").open(newline="") as file:
        assert {row["network"] for row in csv.DictReader(file)} == {"squeezenet1_1", "alexnet"}
    assert len(json.loads((tmp_path / "t.json").read_text())["otherData"]["estimates"]) == 2


@pytest.mark.parametrize("option", ["--node-data", "--annotate"])
def test_what_lies_over_a_graph_is_about_one_network(run, tmp_path, option):  # noqa: F811
    code, _, err = run("squeezenet1_1", "alexnet", option, tmp_path / "x")
    assert code == 2
    assert f"{option} is about one network" in err[0]


def test_a_network_of_the_zoo_has_no_file_to_annotate(run, tmp_path):  # noqa: F811
    code, _, err = run("squeezenet1_1", "--annotate", tmp_path / "x.onnx")
    assert code == 2
    assert "ONNX file" in err[0]


def test_a_budget_that_is_exceeded_ends_with_code_3_and_says_so(run, monkeypatch):  # noqa: F811
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    code, out, err = run("squeezenet1_1", "alexnet", "--budget", "1us", "--table")
    assert code == 3
    assert len(out) == 2
    assert ["above the budget of 1.00 µs" in line for line in err] == [True, True]
    assert run("squeezenet1_1", "--budget", "1h")[0] == 0


def test_on_github_the_reason_is_an_annotation(run, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _, _, (line,) = run("squeezenet1_1", "--budget", "1us")
    assert line.startswith("::error title=annette::squeezenet1_1 on toy: ")
    assert "90 %25" in line or "no interval" in line
