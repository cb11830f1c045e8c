"""Runs the tutorial: every block of code of docs/tutorial.md, in order, in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from annette.platforms import load_platform
from tests.integration.pages import reader_of_a_page

pytest.importorskip("onnxruntime")
pytest.importorskip("lightgbm")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_block_works_as_written(tmp_path):
    here, environment = reader_of_a_page(tmp_path)
    shells = {"sh": ["sh", "-ec"], "python": [sys.executable, "-c"]}
    printed = {}
    for language, code in BLOCKS:
        if language in shells:
            done = subprocess.run(
                [*shells[language], code],
                cwd=here,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            printed[code.strip().splitlines()[-1]] = done.stdout
    assert {language for language, _ in BLOCKS} == {"sh", "python", "text"}
    assert {"conv", "max_pool"} <= load_platform(here / "my-cpu.json").models.keys()
    assert " on my-cpu</title>" in (here / "report.html").read_text(encoding="utf-8")
    last = printed[next(command for command in printed if "evaluate" in command)]
    for name in ("mine.onnx", "resnet18"):
        row = next(line for line in last.splitlines() if line.startswith(name)).split()
        assert row[2] == row[4] == "ms", row  # measured and estimated, both known
