"""What holds for every module of the package: examples that run, functions and files of readable size, no circles.

Who may import whom is said in ``pyproject.toml`` (import-linter); this is what no linter of ours checks.
"""

import ast
import doctest
import importlib
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import annette

SOURCE = Path(annette.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
EXAMPLES = [path for path in FILES if ">>> " in path.read_text(encoding="utf-8")]
ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md"]
NAME = re.compile(r"\bannette(?:\.[A-Za-z_]\w*)+")
GROUPS = frozenset({"annette.devices", "annette.readers"})
OPTIONAL = frozenset(
    {"ai_edge_litert", "distributed", "ethosu", "lightgbm", "onnxruntime", "openvino", "scipy", "sklearn"}
)


def name_of(path):
    """The module that a file of the package holds."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run_examples(module):
    """Runs all examples in the docstrings of a module; what went wrong as text, and how many there were."""
    said = []
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=said.append, clear_globs=True)
    return "".join(said), runner.tries


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_in_docstrings_run(path):
    try:
        module = importlib.import_module(name_of(path))
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in OPTIONAL:
            pytest.skip(f"{error.name}, which this module needs, is not installed")
        raise
    wrong, tried = run_examples(module)
    assert not wrong, wrong
    assert tried


def test_a_wrong_example_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "wrong_example.py").write_text('"""Adds.\n\n>>> 1 + 1\n3\n"""\n')
    monkeypatch.syspath_prepend(tmp_path)
    wrong, tried = run_examples(importlib.import_module("wrong_example"))
    assert "Expected:\n    3\nGot:\n    2\n" in wrong
    assert tried == 1


def test_no_file_is_too_long_to_read():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_too_long_to_read():
    lengths = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lengths[f"{name_of(path)}:{node.name}"] = node.end_lineno - node.lineno + 1
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_module_imports_itself_through_others():
    """Imports that only annotations need count as well: they tie modules together for a reader."""
    graph = grimp.build_graph("annette", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        pytest.fail(f"modules import each other in a circle: {circle}")


def exists(name):
    """Whether a dotted name leads to a module, an attribute, or a field of a class."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(thing, part):
                return part == parts[-1] and part in getattr(thing, "__annotations__", {})
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_names_in_the_documentation_exist(page):
    names = set(NAME.findall(page.read_text(encoding="utf-8"))) - GROUPS
    assert sorted(name for name in names if not exists(name)) == []


def test_names_in_docstrings_exist():
    names = {}
    for path in FILES:
        for name in re.findall(rf"`({NAME.pattern})`", path.read_text(encoding="utf-8")):
            names.setdefault(name, name_of(path))
    assert {name: module for name, module in names.items() if name not in GROUPS and not exists(name)} == {}


@pytest.mark.parametrize("name", ["annette.no_such_module", "annette.api.no_such_function"])
def test_a_name_that_leads_nowhere_is_noticed(name):
    assert exists("annette.models.base.LayerModel.family")
    assert not exists(name)
