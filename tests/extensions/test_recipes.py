"""The recipes of docs/recipes work as they are printed: their files are written, their commands and tests are run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import annette
from tests.extensions.installing import install

SOURCE = Path(annette.__file__).parent
RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
EXTENSIONS = ("backend", "device", "layer-model", "reader")
CHANGES = ("operator", "kind")
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Code blocks of a page as language, file name (empty without one) and text."""
    text = (RECIPES / f"{page}.md").read_text(encoding="utf-8")
    return [(found["language"], found["file"] or "", found["text"]) for found in BLOCK.finditer(text)]


def write_files(page, folder):
    for _, name, text in blocks(page):
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def run(command, env, folder):
    command, _, target = command.partition(" > ")
    words = shlex.split(command)
    program = {"annette": ["-W", "error", "-m", "annette"], "python": ["-W", "error"]}[words[0]]
    done = subprocess.run(
        [sys.executable, *program, *words[1:]], check=False, capture_output=True, text=True, env=env, cwd=folder
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    if target:
        (folder / target).write_text(done.stdout, encoding="utf-8")
    return done.stdout


def check_console(text, env, folder):
    """Runs what follows ``$`` and looks for each line below it in what is printed, whatever the spaces."""
    printed = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            printed = " ".join(run(line[2:], env, folder).split())
        else:
            assert " ".join(line.split()) in printed, f"{line!r} is not in: {printed[:2000]}"


@pytest.mark.parametrize("page", EXTENSIONS)
def test_the_recipe_of_an_extension_works_as_printed(page, tmp_path):
    write_files(page, tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    env = install(tmp_path / "site", project["name"], project["entry-points"], beside=tmp_path)
    commands = [text for language, _, text in blocks(page) if language == "console"]
    assert commands
    for text in commands:
        check_console(text, env, tmp_path)
    for suite in sorted(path.name for path in tmp_path.glob("test_*.py")):
        report = run(shlex.join(["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", suite]), env, tmp_path)
        assert re.search(r"\d+ passed", report)


@pytest.mark.parametrize("page", CHANGES)
def test_the_recipe_of_a_change_works_as_printed_on_a_copy_of_the_package(page, tmp_path):
    copy = tmp_path / "src" / "annette"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "catalog"))
    (copy / "platforms" / "catalog").symlink_to(SOURCE / "platforms" / "catalog")
    for language, name, text in blocks(page):
        if language == "diff":
            apply(text, tmp_path / name)
        elif name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(copy.parent), os.environ.get("PYTHONPATH", ""))))
    for language, _, text in blocks(page):
        if language == "console":
            check_console(text, {**os.environ, "PYTHONPATH": path}, tmp_path)


def apply(diff, path):
    """Applies a difference without line numbers: its unchanged lines must stand in the file once, in a row."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{path} does not hold once: {before}"
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("page", [path.stem for path in sorted(RECIPES.glob("*.md")) if path.stem != "README"])
def test_every_recipe_is_listed(page):
    assert f"({page}.md)" in (RECIPES / "README.md").read_text(encoding="utf-8")


def test_a_recipe_that_is_wrong_is_noticed(tmp_path):
    with pytest.raises(AssertionError, match="is not in"):
        check_console("$ python -c 'print(1)'\n2\n", dict(os.environ), tmp_path)
