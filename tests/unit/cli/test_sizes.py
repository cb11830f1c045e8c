"""``annette estimate`` at several sizes, and ``annette generate``."""

import json
import sys

import pytest

from annette.cli.main import main
from tests.unit.network.readers.onnx.build import model, save

PLATFORM = ("--platform", "epyc-onnxruntime-fp32")
NET = "g (float[batch, 8, width] x) => (float[batch, 8, width] y) { y = Relu (x) }"


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command; returns exit code, lines of output, and lines of errors."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["annette", *map(str, arguments), *PLATFORM])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out.splitlines(), captured.err.splitlines()

    return command


@pytest.fixture
def net(tmp_path):
    return save(tmp_path, model(NET))


def test_several_sizes_are_a_table(run, net, tmp_path):
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    code, out, err = run(
        "estimate", net, "--batch", "1,2", "--input", "width={64..256}", "--csv", table, "--html", page
    )
    assert (code, err) == (0, [])
    assert [line.split()[:2] for line in out[2:8]] == [[b, w] for b in "12" for w in ("64", "128", "256")]
    assert (
        table.read_text(encoding="utf-8").splitlines()[0].startswith("batch,width,samples,sample_latency_s,latency_s")
    )
    assert "<h2>All sizes</h2>" in page.read_text(encoding="utf-8")


def test_several_sizes_as_json(run, net):
    code, out, _ = run("estimate", net, "--input", "x={2,4}x8x{width=16,32}", "--json")
    document = json.loads("\n".join(out))
    assert code == 0
    assert document["schema"] == "annette/sweep/1"
    assert [list(point["sizes"].values()) for point in document["points"]] == [[2, 16], [2, 32], [4, 16], [4, 32]]


def test_one_size_is_an_estimate_as_ever(run, net):
    code, out, _ = run("estimate", net, "--batch", "2", "--input", "width=64", "--json")
    assert code == 0
    assert json.loads("\n".join(out))["schema"] == "annette/estimate/1"


def test_a_budget_holds_for_every_size(run, net):
    code, _, err = run("estimate", net, "--batch", "1,2", "--input", "width=64", "--budget", "0.01us")
    assert code == 3
    assert len(err) == 2
    assert "batch 2" in err[1]


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (("--all",), "--all is about estimates at one size"),
        (("--jobs", "2"), "--jobs is about"),
        (("--trace", "a.json"), "--trace is about"),
        (("resnet18",), "a second NETWORK is about"),
        (("--input", "x={2"), "braces do not match"),
        (("--input", "x={2,3}", "--input", "x=2"), "given twice"),
    ],
)
def test_what_is_about_one_size_is_refused(run, net, further, message):
    code, out, err = run("estimate", net, "--batch", "1,2", *further)
    assert (code, out) == (2, [])
    assert message in err[0]


@pytest.mark.parametrize("batch", ["0", "a", "1,0", "{4..1}", "1,"])
def test_batches_are_numbers_of_at_least_one(run, net, batch):
    code, _, err = run("estimate", net, "--batch", batch)
    assert code == 2
    assert "--batch" in err[0]


def test_generate_prints_tables_json_and_files(run, tmp_path):
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    code, out, err = run("generate", "gpt2", "--prompt", "8", "--new", "3", "--csv", table, "--html", page)
    assert (code, err) == (0, [])
    assert out[1].startswith("time to first token")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 1 + 3
    assert "time per token" in page.read_text(encoding="utf-8")
    code, out, _ = run("generate", "gpt2", "--prompt", "4,8", "--new", "1", "--json")
    document = json.loads("\n".join(out))
    assert [each["prompt"] for each in document["generations"]] == [4, 8]
    assert document["generations"][0]["steps"] == []


def test_generate_refuses_what_writes_no_tokens(run, net):
    code, _, err = run("generate", net, "--prompt", "8", "--new", "2")
    assert code == 2
    assert "no input for tokens" in err[0]
