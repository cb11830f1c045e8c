"""What the entry point makes of faults, interrupts and text of strangers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import click
import pytest

from annette.cli import main as entry
from annette.cli.output import print_json

FAULT = "list index out of range\x1b[2J\nsecond line"


@pytest.fixture
def failing(monkeypatch, tmp_path):
    """A command that fails as told, the temporary folder, and what runs it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def run(error):
        @click.command("inspect")
        def command():
            raise error

        monkeypatch.setattr(entry.cli, "get_command", lambda *_: command)
        monkeypatch.setattr(sys, "argv", ["annette", "inspect"])
        with pytest.raises(SystemExit) as stop:
            entry.main()
        return stop.value.code

    return run


def test_a_fault_of_ours_is_one_line_with_the_traceback_in_a_file(failing, capsys):
    assert failing(IndexError(FAULT)) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "please report it" in line
    assert "IndexError: list index out of range" in line
    report = Path(re.search("the file '([^']+)'", line)[1]).read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in report
    assert "'inspect'" in report


def test_a_fault_is_told_where_no_file_can_be_written(failing, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    assert failing(IndexError("x")) == 70
    assert "please report it with what was done" in capsys.readouterr().err


def test_developers_see_the_traceback(failing, monkeypatch):
    monkeypatch.setenv("ANNETTE_UNGUARDED", "1")
    with pytest.raises(IndexError):
        failing(IndexError("x"))


def test_what_the_system_refuses_is_told_as_such(failing, capsys):
    assert failing(OSError(28, "No space left on device", "/full/disk")) == 2
    assert capsys.readouterr().err == "annette: cannot read or write '/full/disk': No space left on device\n"


def test_an_interrupt_is_silent(failing, capsys):
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.strip() == ""


def test_an_interrupt_that_fell_into_a_callback_is_delivered_again():
    class Owner:
        pass

    def callback(_reference):
        raise KeyboardInterrupt

    owner = Owner()
    reference = weakref.ref(owner, callback)
    previous = sys.unraisablehook
    # A shell that starts the tests in the background has them ignore interrupts.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = entry._interrupt_again
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes a moment after the callback
            del owner
            time.sleep(5)
    finally:
        sys.unraisablehook = previous
        signal.signal(signal.SIGINT, handler)
    assert reference() is None


def test_messages_about_arguments_are_escaped(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["annette", "estimate", "\x1b]0;x\x07.onnx", "--platform", "\u202egnp"])
    with pytest.raises(SystemExit):
        entry.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_a_document_is_json_that_no_terminal_obeys(capsys):
    document = {"name": "größe \x1b[2J \x9b \u202e \ud800 \U000e0001", "x": [1.5]}
    print_json(document)
    out = capsys.readouterr().out
    assert json.loads(out) == document
    assert all(line.isprintable() for line in out.splitlines())
    assert "größe" in out


@pytest.mark.parametrize("after_s", [0.03, 0.1, 0.2, 0.35, 0.5])
def test_an_interrupt_during_the_start_shows_no_traceback(after_s):
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _PROGRAM, *sys.path],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # the interpreter itself has started: before that, the traceback would be Python's
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err.strip() == ""
    assert process.returncode in {0, 130, -signal.SIGINT}


_PROGRAM = """
import os, sys
sys.path[:] = sys.argv[1:]
sys.argv[:] = ["annette", "estimate", "resnet50", "--platform", "ncs2-openvino"]
from annette.__main__ import main
os.write(1, b"started" + os.linesep.encode())
main()
"""
