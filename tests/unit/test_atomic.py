import os
import subprocess
import sys
import threading

import pytest

from annette import atomic
from annette.atomic import replacing, write_whole

WRITER = """
import os, signal, sys
from annette import atomic
if sys.argv[2] == "named":
    atomic.os = type("os", (), {name: getattr(os, name) for name in dir(os) if name != "O_TMPFILE"})
with atomic.replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["nameless", "named"])
def way(request, monkeypatch):
    """With and without files that have no name until they are complete."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


@pytest.mark.usefixtures("way")
def test_a_file_is_made_and_replaced_and_nothing_else_is_left(tmp_path):
    write_whole(tmp_path / "a", "first")
    write_whole(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_text() == "second"
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o600 == 0o600


@pytest.mark.usefixtures("way")
def test_what_fails_leaves_what_was_there(tmp_path):
    write_whole(tmp_path / "a", "first")
    with pytest.raises(ValueError, match="hexadecimal"), replacing(tmp_path / "a") as file:
        file.write(bytes.fromhex("00 0x"))
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("way")
def test_what_must_be_new_replaces_nothing(tmp_path):
    with pytest.raises(FileExistsError), replacing(tmp_path / "a", new=True):
        (tmp_path / "a").write_text("first")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", "second", new=True)
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_whoever_is_killed_leaves_nothing_that_stays(tmp_path, way):
    target = tmp_path / "a"
    done = subprocess.run([sys.executable, "-c", WRITER, str(target), way], check=False)
    assert done.returncode == -9
    assert not target.exists()
    assert len(names(tmp_path)) == (way == "named")
    write_whole(target, "whole")
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["x" * 300, "none/a", ".."])
def test_what_cannot_be_written_is_an_os_error(tmp_path, name):
    with pytest.raises(OSError, match=r"too long|No such|busy"):
        write_whole(tmp_path / name, "text")
    assert not names(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_what_names_no_file_is_an_os_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="a folder, or nothing is named"):
        write_whole(name, "text")


@pytest.mark.usefixtures("way")
def test_a_long_name_may_have_all_its_length(tmp_path):
    write_whole(tmp_path / ("x" * 255), "text")
    assert len(names(tmp_path)) == 1


def test_a_pipe_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join(20)
    assert read == ["text"]
    assert pipe.is_fifo()


def test_processes_are_told_from_numbers():
    assert atomic.lives(os.getpid())
    assert not atomic.lives(10**30)
