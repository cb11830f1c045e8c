import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from annette.bench.processes import end_processes, marked_environment, new_token, working_folder

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")

ADOPTING = """
import subprocess, sys
from annette.bench.processes import adopt_orphans
adopt_orphans()
hidden = "import subprocess, sys; print(subprocess.Popen([*sys.argv[1:]], start_new_session=True, env={}).pid)"
subprocess.run([sys.executable, "-c", hidden, sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
import time; time.sleep(600)
"""


def is_running(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_whoever_adopts_orphans_takes_along_even_those_that_hide():
    token = new_token()
    with subprocess.Popen(
        [sys.executable, "-c", ADOPTING],
        stdout=subprocess.PIPE, text=True, start_new_session=True, env=marked_environment(token),
    ) as leader:  # fmt: skip
        hidden = int(leader.stdout.readline())
        assert leader.stdout.readline() == "ready\n"
        assert is_running(hidden)
        end_processes(leader, token)
        assert not is_running(hidden)
    assert leader.returncode == -9


def test_other_processes_go_on():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as other:
        token = new_token()
        with subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            start_new_session=True,
            env=marked_environment(token),
        ) as leader:
            end_processes(leader, token)
        assert leader.returncode == -9
        assert is_running(other.pid)
        assert is_running(os.getpid())
        other.communicate("\n")
    assert other.returncode == 0


def test_tokens_add_up(monkeypatch):
    monkeypatch.setenv("ANNETTE_STARTED_BY", "first")
    assert marked_environment("second")["ANNETTE_STARTED_BY"] == "first second"


def test_folders_of_processes_that_were_killed_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    names = [f"annette-worker-{gone.pid}-x", f"annette-worker-{os.getpid()}-y", "annette-worker-z", "other"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with working_folder() as folder:
        assert {path.name for path in tmp_path.iterdir()} == {*names[1:], Path(folder).name}
