"""What ``import annette`` and its modules offer: sorted, existing, documented; and what importing it does not load."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import annette
from annette.cli.main import cli

HEAVY = ("lightgbm", "onnx", "onnxruntime", "openvino", "rich", "scipy", "sklearn", "torch")
OPTIONAL = ("annette.fitting", "annette.testing")
"""Packages whose modules may need an extra or the test tools."""


def modules():
    return sorted(
        info.name
        for info in pkgutil.walk_packages(annette.__path__, "annette.")
        if not info.name.endswith("__main__") and not info.name.startswith(OPTIONAL)
    )


@pytest.fixture(scope="module")
def imported():
    return {name: importlib.import_module(name) for name in modules()}


def test_the_top_level_is_flat_and_small():
    assert sorted(annette.__all__) == annette.__all__
    assert len(annette.__all__) < 40
    for name in annette.__all__:
        assert getattr(annette, name) is not None


def test_the_page_of_the_library_names_all_of_it_and_nothing_else():
    page = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
    named = set(re.findall(r"annette\.(\w+)", re.sub(r"annette\.[a-z_.]+ import", "", page)))
    assert named == {name for name in annette.__all__ if not name.startswith("_")}
    rows = re.findall(r"^\| `annette\.\w+` \| ([^|]+) \|", page, re.MULTILINE)
    with_function = {word for row in rows for word in re.findall(r"`(\w+)", row)}
    assert with_function == set(cli.list_commands(click.Context(cli)))


def test_packages_do_not_take_the_names_of_functions():
    program = (
        "import annette, annette.evaluation.evaluation, annette.fitting.conformal, annette.estimation.estimator\n"
        "print(*(callable(getattr(annette, name)) for name in ('evaluate', 'fit', 'estimate')))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True"] * 3


def test_every_name_a_module_offers_exists_and_is_documented(imported):
    missing = []
    for module in imported.values():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__:
                missing.append(f"{module.__name__}.{name}")
    assert missing == []


def test_every_module_says_what_it_is_for(imported):
    assert [name for name, module in imported.items() if not (module.__doc__ or "").strip()] == []


def test_methods_of_offered_classes_are_documented(imported):
    missing = []
    for module in imported.values():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) and value.__module__ == module.__name__:
                missing += [
                    f"{module.__name__}.{name}.{method}"
                    for method, function in vars(value).items()
                    if inspect.isfunction(function)
                    and not method.startswith("_")
                    and not inspect.getdoc(function)
                    and not any(hasattr(base, method) for base in value.__mro__[1:])
                ]
    assert missing == []


@pytest.mark.parametrize(
    "statement",
    [
        "import annette",
        "import annette; annette.estimate('squeezenet1_1', 'ncs2-openvino', fallback='roofline')",
        "import annette.cli.main",
    ],
)
def test_estimating_loads_no_runtime_and_no_learner(statement):
    program = f"{statement}\nimport sys\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
