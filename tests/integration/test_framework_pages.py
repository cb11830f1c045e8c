"""Runs the pages on frameworks: every program and every command of docs/frameworks, in order, in an empty folder.

A page is skipped where what it installs is not installed.
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integration.pages import reader_of_a_page

PAGES = Path(__file__).resolve().parents[2] / "docs" / "frameworks"
BLOCK = re.compile(r"^```(?:python (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = {
    "keras": ("keras", "tensorflow", "tf2onnx"),
    "onnx": (),
    "openvino": ("openvino",),
    "pytorch": ("torch", "torchvision", "onnxscript"),
    "tflite": ("keras", "tensorflow"),
}
"""What each page's code imports."""


def test_every_page_is_run():
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == NEEDED.keys()


@pytest.mark.parametrize("page", NEEDED)
def test_every_block_works_as_written(page, tmp_path):
    missing = [name for name in NEEDED[page] if find_spec(name) is None]
    if missing:
        pytest.skip(f"{page}.md needs {', '.join(missing)}")
    here, environment = reader_of_a_page(tmp_path)
    ran = 0
    for block in BLOCK.finditer((PAGES / f"{page}.md").read_text(encoding="utf-8")):
        if block["file"]:
            (here / block["file"]).write_text(block["text"], encoding="utf-8")
            lines = [[sys.executable, block["file"]]]
        else:
            commands = block["text"].splitlines()
            lines = [["sh", "-ec", line] for line in commands if not line.startswith("pip install")]
        for line in lines:
            done = subprocess.run(line, cwd=here, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line[-1]}\n{done.stdout}\n{done.stderr[-4000:]}"
            assert "Traceback" not in done.stderr, done.stderr[-4000:]
            ran += 1
    assert ran >= 3, "the page has changed its form: too few blocks were found"
