"""Where code of the documentation is run: an empty folder, beside a folder with the command as users have it."""

import os
import sys
from pathlib import Path

import annette


def reader_of_a_page(tmp_path):
    """The folder that a page's code is run in, and the environment that it sees."""
    command = tmp_path / "bin" / "annette"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m annette "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    paths = {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(Path(annette.__file__).parents[1])}
    return here, os.environ | paths
