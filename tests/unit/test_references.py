"""References to code by name."""

import math

import pytest

from annette.errors import PluginError
from annette.references import resolve


def test_a_reference_leads_to_an_attribute_of_a_module():
    assert resolve("math:pi") is math.pi


@pytest.mark.parametrize("reference", ["math:no_such_thing", "annette.no_such_module:x", "no_such_package.module:x"])
def test_a_reference_that_leads_nowhere_is_a_plug_in_error(reference):
    with pytest.raises(PluginError, match="leads nowhere"):
        resolve(reference)


def test_what_a_module_needs_and_is_not_installed_is_told_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_has"):
        resolve("needs_more:x")
