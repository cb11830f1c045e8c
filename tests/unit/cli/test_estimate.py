"""``annette estimate`` of folders, patterns and many networks."""

import json
import sys

import pytest

from annette.cli.main import main
from annette.network import zoo
from annette.network.writers.onnx import write_onnx
from annette.platforms import dump_platform
from tests.unit.samples import platform


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Estimates on a small platform; returns exit code, lines of output, and lines of errors."""
    dump_platform(platform(), tmp_path / "toy.json")

    def estimate(*arguments):
        end = ("--platform", str(tmp_path / "toy.json"), "--fallback", "roofline")
        monkeypatch.setattr(sys, "argv", ["annette", "estimate", *map(str, arguments), *end])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out.splitlines(), captured.err.splitlines()

    return estimate


@pytest.fixture
def folder(tmp_path):
    models = tmp_path / "models"
    (models / "more").mkdir(parents=True)
    write_onnx(zoo.build("squeezenet1_1"), models / "a.onnx")
    write_onnx(zoo.build("squeezenet1_1", batch=2), models / "more" / "b.onnx")
    (models / "bad.onnx").write_bytes(b"no model")
    (models / "config.json").write_text("{}", encoding="utf-8")
    return models


def test_a_folder_gives_a_row_for_each_file_that_is_a_network(run, folder):
    code, out, err = run(folder)
    assert code == 2
    assert [line.rpartition("  ")[2] for line in out] == [str(folder / "a.onnx"), str(folder / "more" / "b.onnx")]
    assert len(err) == 1
    assert "bad.onnx" in err[0]


def test_json_lines_have_every_network_in_its_place(run, folder):
    code, out, _ = run(folder, "squeezenet1_1", "--json-lines")
    assert code == 2
    documents = [json.loads(line) for line in out]
    assert [each["schema"].split("/")[1] for each in documents] == ["estimate", "error", "estimate", "estimate"]
    assert documents[0]["latency_s"] == pytest.approx(documents[3]["latency_s"], rel=1e-9)


def test_a_pattern_without_a_match_costs_no_other(run, folder):
    code, out, err = run(folder / "**" / "b.onnx", folder / "*.tflite", "--json")
    assert code == 2
    assert [each["schema"] for each in json.loads("".join(out))] == ["annette/error/1", "annette/estimate/1"]
    assert "*.tflite" in err[0]


def test_a_folder_of_one_file_is_a_list_of_one(run, folder):
    (folder / "bad.onnx").unlink()
    (folder / "a.onnx").unlink()
    code, out, _ = run(folder, "--json")
    assert code == 0
    assert len(json.loads("".join(out))) == 1


def test_one_network_as_a_row(run):
    code, out, _ = run("squeezenet1_1", "--table")
    assert code == 0
    assert len(out) == 1
    assert out[0].endswith("squeezenet1_1")


def test_several_processes_say_the_same(run, folder):
    alone, together = run(folder, "--json-lines"), run(folder, "--json-lines", "--jobs", "2")
    assert together == alone


@pytest.mark.parametrize("form", ["--json-lines", "--json", "--table"])
@pytest.mark.usefixtures("here")
def test_a_cluster_says_the_same(run, folder, form):
    alone, together = run(folder, "squeezenet1_1", form), run(folder, "squeezenet1_1", form, "--scheduler", "tcp://x")
    assert together == alone


@pytest.mark.usefixtures("here")
def test_one_network_on_a_cluster(run):
    assert run("squeezenet1_1", "--json", "--scheduler", "tcp://x") == run("squeezenet1_1", "--json")


def test_a_cluster_has_workers_of_its_own(run, folder):
    code, out, err = run(folder, "--scheduler", "tcp://x", "--jobs", "2")
    assert (code, out) == (2, [])
    assert "take one of the two" in err[-1]
