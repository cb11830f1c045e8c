"""The command line as a user meets it: exit codes, one-line errors, JSON."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from annette.cli.main import cli, main
from annette.platforms import dump_platform
from tests.unit.samples import platform


def run(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["annette", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.json"
    dump_platform(platform(), path)
    return str(path)


@pytest.mark.parametrize("command", [["estimate"], ["inspect"], ["compare"], ["platforms"], ["platforms", "show"], []])
def test_every_command_has_help_with_an_example(command):
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert "annette " in result.output


def test_estimate_prints_a_document_for_one_network_and_a_list_for_several(capsys, monkeypatch, toy):
    arguments = ("--platform", toy, "--fallback", "roofline", "--json")
    code, out, err = run(capsys, monkeypatch, "estimate", "squeezenet1_1", *arguments)
    assert (code, err) == (0, "")
    assert json.loads(out)["schema"] == "annette/estimate/1"
    code, out, _ = run(capsys, monkeypatch, "estimate", "squeezenet1_1", "alexnet", *arguments)
    assert code == 0
    assert [document["network"] for document in json.loads(out)] == ["squeezenet1_1", "alexnet"]


def test_one_bad_network_among_several_does_not_lose_the_others(capsys, monkeypatch, toy, tmp_path):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    arguments = (str(bad), "squeezenet1_1", "no-such-net", "--platform", toy, "--fallback", "roofline")
    code, out, err = run(capsys, monkeypatch, "estimate", *arguments)
    assert code == 2
    assert "squeezenet1_1 on toy: " in out
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["annette", "annette"]
    assert "bad.onnx" in err
    assert "'no-such-net'" in err
    code, out, again = run(capsys, monkeypatch, "estimate", *arguments, "--json")
    assert (code, again) == (2, err)
    documents = json.loads(out)
    schemas = [document["schema"] for document in documents]
    assert schemas == ["annette/error/1", "annette/estimate/1", "annette/error/1"]
    assert documents[0]["network"] == str(bad)
    code, out, err = run(capsys, monkeypatch, "estimate", str(bad), "--platform", toy)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_batch_reaches_the_network(capsys, monkeypatch, toy):
    code, out, _ = run(
        capsys,
        monkeypatch,
        "estimate",
        "alexnet",
        "--platform",
        toy,
        "--batch",
        "3",
        "--json",
        "--fallback",
        "roofline",
    )
    assert code == 0
    assert json.loads(out)["batch"] == 3


def test_inspect_and_compare_and_platforms_print_json(capsys, monkeypatch, toy):
    code, out, _ = run(capsys, monkeypatch, "inspect", "squeezenet1_1", "--json", "--platform", toy)
    assert code == 0
    assert json.loads(out)["kernels"]
    code, out, _ = run(capsys, monkeypatch, "compare", "alexnet", "--platform", toy, "--json", "--fallback", "roofline")
    assert code == 0
    assert json.loads(out)["platforms"][0]["platform"] == "toy"
    code, out, _ = run(capsys, monkeypatch, "platforms", "list", "--json")
    assert code == 0
    assert json.loads(out)["platforms"]
    code, out, _ = run(capsys, monkeypatch, "platforms", "show", toy, "--json")
    assert code == 0
    assert json.loads(out)["models"]["conv"] == ["refined-roofline", "roofline"]


def test_tables_are_printed_without_json(capsys, monkeypatch, toy):
    for arguments in (
        ("inspect", "squeezenet1_1"),
        ("platforms",),
        ("platforms", "show", toy),
        ("estimate", "alexnet", "--platform", toy, "--fallback", "roofline"),
        ("compare", "alexnet", "--platform", toy, "--fallback", "roofline"),
    ):
        code, out, err = run(capsys, monkeypatch, *arguments)
        assert (code, err) == (0, "")
        assert len(out.splitlines()) >= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["estimat", "alexnet"], "did you mean 'estimate'"),
        (["estimate", "alexnet"], "--platform"),
        (["estimate", "alexnt", "--platform", "TOY"], "did you mean 'alexnet'"),
        (["estimate", "missing.onnx", "--platform", "TOY"], "does not exist"),
        (["estimate", "alexnet", "--platform", "zcu102-dnndkk"], "zcu102-dnndk"),
        (["estimate", "alexnet", "--platform", "TOY", "--batch", "0"], "--batch"),
        (["estimate", "alexnet", "--platform", "TOY", "--model", "magic"], "--model"),
        (["estimate", "alexnet", "--platform", "TOY", "--input", "data=1x0y"], "NAME=SHAPE"),
        (["estimate", "alexnet", "--platform", "TOY", "--input", "data=1x3x9x9"], "it has 'image'"),
        (["estimate", "squeezenet1_1", "--platform", "TOY"], "no model for kind"),
        (["inspect", "alexnet", "--nonsense"], "--nonsense"),
        (["platforms", "show", "nowhere.json"], "nowhere.json"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(capsys, monkeypatch, toy, arguments, message):
    code, out, err = run(capsys, monkeypatch, *[toy if argument == "TOY" else argument for argument in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("annette: ")
    assert len(err.splitlines()) == 1
    assert message in err


def test_bad_files_get_one_line_and_exit_code_2(capsys, monkeypatch, toy, tmp_path):
    for name, content in (("empty.onnx", b""), ("noise.onnx", b"\xff" * 64), ("text.json", b"{]"), ("odd.xyz", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        code, out, err = run(capsys, monkeypatch, "estimate", str(path), "--platform", toy)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
    code, _, err = run(capsys, monkeypatch, "inspect", str(tmp_path / "folder.onnx"))
    assert code == 2
    (tmp_path / "folder.onnx").mkdir()
    code, _, err = run(capsys, monkeypatch, "inspect", str(tmp_path / "folder.onnx"))
    assert code == 2
    assert "is a folder" in err


@pytest.mark.parametrize("option", [(), ("--help",), ("--json",)])
def test_a_closed_pipe_ends_quietly_as_shells_say_it(option):
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "annette", "platforms", *option]
    with os.fdopen(writer) as closed:
        result = subprocess.run(words, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (141, "")


def test_the_bare_command_shows_its_help(capsys, monkeypatch):
    code, out, err = run(capsys, monkeypatch)
    assert (code, out) == (2, "")
    assert "Commands:\n" in err


def test_a_family_that_a_platform_has_nowhere_is_refused(capsys, monkeypatch, toy):
    code, out, err = run(capsys, monkeypatch, "estimate", "alexnet", "--platform", toy, "--model", "mixed")
    assert (code, out) == (2, "")
    assert "has no 'mixed' models at all; it has: roofline, refined-roofline" in err


def test_a_folder_is_no_network(capsys, monkeypatch, tmp_path):
    code, out, err = run(capsys, monkeypatch, "inspect", str(tmp_path))
    assert (code, out) == (2, "")
    assert "is a folder" in err


@pytest.mark.parametrize(
    ("command", "title"),
    [
        (("estimate", "alexnet"), "alexnet on toy"),
        (("estimate", "alexnet", "squeezenet1_1", "--table"), "2 networks on toy"),
        (("compare", "alexnet"), "alexnet on toy"),
    ],
)
def test_estimate_and_compare_write_a_page(capsys, monkeypatch, tmp_path, toy, command, title):
    page, options = tmp_path / "report.html", ("--platform", toy, "--fallback", "roofline")
    code, _, err = run(capsys, monkeypatch, *command, *options, "--html", str(page))
    assert (code, err) == (0, "")
    assert f"<h1>{title}</h1>" in page.read_text(encoding="utf-8")
    code, _, err = run(capsys, monkeypatch, *command, *options, "--html", str(tmp_path))
    assert code == 2
    assert "--html" in err
    assert "cannot be written" in err
