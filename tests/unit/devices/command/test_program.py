import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from annette.devices.command import program
from annette.devices.command.program import run_program
from annette.errors import BackendRunError

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


def script(tmp_path, text):
    path = tmp_path / "program.sh"
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def sleeping(seconds):
    """Processes, not dead, that sleep for so long."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdecimal() else []
            if words[:2] == [b"sleep", str(seconds).encode()]:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


LEFT_BEHIND = """
( sleep {0}.1 ) &
setsid sleep {0}.2 &
setsid bash -c 'setsid sleep {0}.3 & sleep {0}.4' >/dev/null 2>&1 </dev/null &
env -i {1} {0}.5 &
disown -a
"""


@pytest.mark.parametrize(("ending", "printed"), [("echo 1.5 ms", "1.5 ms\n"), ("sleep 7{0}.6", ""), ("exit 3", "")])
def test_nothing_of_a_program_stays_behind(tmp_path, ending, printed):
    base = 30_000 + os.getpid() % 10_000 * 10
    command = script(tmp_path, LEFT_BEHIND.format(base, shutil.which("sleep")) + ending.format(base))
    if printed:
        assert run_program(command, timeout_s=20) == printed
    else:
        with pytest.raises(BackendRunError, match=r"no result in 1 s|exit code 3"):
            run_program(command, timeout_s=1)
    assert not [number for part in range(1, 7) for number in sleeping(f"{base}.{part}")]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_program_that_floods_is_ended(monkeypatch, stream):
    monkeypatch.setattr(program, "MOST_PRINTED_BYTES", 1 << 20)
    code = f"import sys\nwhile True: sys.{stream}.write('y' * 10000)"
    with pytest.raises(BackendRunError, match="printed more than 1 MB"):
        run_program([sys.executable, "-c", code], timeout_s=60)


def test_what_a_program_printed_last_is_read():
    text = "y" * 300_000
    assert run_program([sys.executable, "-c", "print('y' * 300_000, end='')"], timeout_s=60) == text


def test_a_program_may_close_its_output_and_go_on(tmp_path):
    assert run_program(script(tmp_path, "echo 1 ms; exec >&- 2>&-; sleep 0.3"), timeout_s=20) == "1 ms\n"
    with pytest.raises(BackendRunError, match=r"no result in 0\.5 s"):
        run_program(script(tmp_path, "exec >&- 2>&-; exec sleep 600"), timeout_s=0.5)


def test_escape_sequences_on_standard_error_are_shown_as_such(tmp_path):
    command = script(tmp_path, r"printf 'bad \033[31mred\033]0;pwn\007\nline2 \033[2J' >&2; exit 3")
    with pytest.raises(BackendRunError) as caught:
        run_program(command, timeout_s=20)
    assert str(caught.value).endswith(r"ended with exit code 3: line2 \x1b[2J")


def test_who_is_interrupted_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    base = 40_000 + os.getpid() % 10_000
    command = script(tmp_path, f"setsid sleep {base}.7 &\nsleep {base}.8")
    monkeypatch.setattr(program._Printed, "read_until", lambda self, _: time.sleep(0.5) or interrupt(self))
    with pytest.raises(KeyboardInterrupt):
        run_program(command, timeout_s=60)
    assert not sleeping(f"{base}.7")
    assert not sleeping(f"{base}.8")


def test_names_that_no_program_can_have_are_refused():
    with pytest.raises(BackendRunError, match="cannot be run"):
        run_program(["/nowhere/at/all"], timeout_s=1)
    with pytest.raises(BackendRunError, match="cannot be run: embedded null byte"):
        run_program(["a\0b"], timeout_s=1)
