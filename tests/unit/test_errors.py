"""The error tree: as drawn, one root, every class used."""

import inspect
import re
from pathlib import Path

import pytest

from annette import errors
from annette.errors import AnnetteError, nearest

CLASSES = [value for name in errors.__all__ if inspect.isclass(value := getattr(errors, name))]
SOURCE = Path(errors.__file__).parent


def drawn():
    """Child to parent, as the tree at the top of the module shows it."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    (?P<indent>[│ ]*(?:[├└]── )?)(?P<name>\w+Error)\b", line)
        if found:
            depth = len(found["indent"]) // 4
            del path[depth:]
            parents[found["name"]] = path[-1] if path else "Exception"
            path.append(found["name"])
    return parents


def test_the_drawn_tree_is_the_real_one():
    assert drawn() == {error.__name__: error.__base__.__name__ for error in CLASSES}


def test_everything_has_one_root():
    assert all(issubclass(error, AnnetteError) for error in CLASSES)


@pytest.mark.parametrize("error", [c for c in CLASSES if not c.__subclasses__()], ids=lambda error: error.__name__)
def test_every_leaf_is_raised_somewhere(error):
    pattern = re.compile(rf"\b{error.__name__}\(")
    files = (file for file in SOURCE.rglob("*.py") if file.name != "errors.py")
    assert any(pattern.search(file.read_text(encoding="utf-8")) for file in files)


def test_the_library_raises_nothing_of_its_own_elsewhere():
    pattern = re.compile(r"^class [A-Z]\w*(?:Error|Exception)\b", re.MULTILINE)
    files = [file for file in SOURCE.rglob("*.py") if file.name != "errors.py"]
    assert [file.name for file in files if pattern.search(file.read_text(encoding="utf-8"))] == []


def test_nearest_words_are_quoted_best_first():
    assert nearest("resnet5", ["resnet50", "vgg16", "resnet18"]) == "; did you mean 'resnet50' or 'resnet18'?"
    assert nearest("resnet5", ["resnet50", "resnet18"], count=1) == "; did you mean 'resnet50'?"


def test_names_that_contain_the_word_come_first():
    known = ["ethos-u55-128", "zoo", "ncs2-openvino", "Ethos-U85-512"]
    assert nearest("ethos", known) == "; did you mean 'ethos-u55-128' or 'Ethos-U85-512'?"
    assert nearest("o", ["openvino"]) == ""


def test_nothing_alike_gives_no_hint():
    assert nearest("zzz", ["resnet50"]) == ""
    assert nearest("zzz", []) == ""
