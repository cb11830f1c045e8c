"""``annette advise``."""

import json
import sys

import pytest

from annette import load_network
from annette.cli.main import main
from annette.network.writers.onnx import write_onnx
from tests.unit.advice import samples


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Advice on a small network; returns exit code, output and errors."""
    write_onnx(samples.branched(), tmp_path / "net.onnx")

    def advise(*arguments):
        words = ["annette", "advise", str(tmp_path / "net.onnx"), "--platform", "ethos-u55-128", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return advise


def test_hints_are_printed_with_their_gains(run):
    code, out, _ = run()
    assert code == 0
    assert "on ethos-u55-128" in out
    assert "compute the 3 branches" in out


def test_the_changed_network_is_written_and_reads_back(run, tmp_path):
    document = json.loads(run("--json")[1])
    (number,) = [hint["number"] for hint in document["hints"] if hint["what"] == "branches"]
    code, out, _ = run("--apply", number, "--out", tmp_path / "changed.onnx", "--html", tmp_path / "a.html", "--json")
    assert code == 0
    applied = json.loads(out)["applied"]
    assert applied["file"] == str(tmp_path / "changed.onnx")
    assert applied["gain_s"] == pytest.approx(document["hints"][number - 1]["gain_s"])
    assert len(load_network(tmp_path / "changed.onnx").layers) == 6
    assert (tmp_path / "a.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--out", "x.onnx"), "name some"),
        (("--apply", "all"), "not a list of numbers"),
        (("--apply", "77"), "there is no hint 77"),
        (("--least", "2"), "not a share"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, told):
    code, out, error = run(*arguments)
    assert (code, out) == (2, "")
    assert told in error
    assert error.count("\n") == 1
