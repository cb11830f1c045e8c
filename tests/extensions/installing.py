"""Makes a package known as an installer would: by a dist-info folder with entry points, on the import path."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def install(folder, name, entry_points, *, beside=HERE):
    """Writes the dist-info folder, and returns the environment of a process that sees the package.

    Args:
        folder: Where to write; made if it is missing.
        name: The distribution's name.
        entry_points: From group to a dictionary of names and references.
        beside: Folder that holds the package itself.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, entries in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {reference}" for key, reference in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join(filter(None, (str(folder), str(beside), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}


def annette(*arguments, env, cwd):
    """Runs the command line; its standard output, and its standard error where it is asked for."""
    command = [sys.executable, "-W", "error", "-m", "annette", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
