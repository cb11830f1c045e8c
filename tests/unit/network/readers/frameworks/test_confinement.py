"""What an exporting process may do: asked of the kernel, in a process that is confined."""

import json
import socket
import subprocess
import sys

import pytest

ATTEMPTS = """
import json, os, pathlib, socket, subprocess, sys
from annette.network.readers.frameworks.confinement import confine

inside, outside, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
if not confine(inside):
    print("null")
    sys.exit()

def may(do):
    try:
        do()
    except PermissionError:
        return False
    return True

print(json.dumps({
    "write inside": may(lambda: (inside / "new").write_text("x")),
    "make a folder inside": may(lambda: (inside / "folder").mkdir()),
    "read outside": may(lambda: (outside / "old").read_text()),
    "write into nothing": may(lambda: pathlib.Path(os.devnull).write_text("x")),
    "write outside": may(lambda: (outside / "new").write_text("x")),
    "change outside": may(lambda: (outside / "old").write_text("x")),
    "cut outside": may(lambda: os.truncate(outside / "old", 0)),
    "remove outside": may(lambda: (outside / "old").unlink()),
    "link outside": may(lambda: (outside / "link").symlink_to("/")),
    "move outside": may(lambda: os.rename(inside / "new", outside / "moved")),
    "run a program": may(lambda: subprocess.run([sys.executable, "-c", ""], check=True)),
    "connect": may(lambda: socket.create_connection(("127.0.0.1", port)).close()),
}))
"""
ALLOWED = {"write inside", "make a folder inside", "read outside", "write into nothing"}


def test_a_confined_process_changes_nothing_outside_of_its_folder(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "old").write_text("kept", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = [str(inside), str(outside), str(server.getsockname()[1])]
        done = subprocess.run([sys.executable, "-c", ATTEMPTS, *arguments], capture_output=True, text=True, check=True)
    could = json.loads(done.stdout)
    if could is None:
        pytest.skip("this system has no Landlock")
    assert {what for what, might in could.items() if might} == ALLOWED
    assert [path.name for path in outside.iterdir()] == ["old"]
    assert (outside / "old").read_text(encoding="utf-8") == "kept"
