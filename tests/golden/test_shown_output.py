"""What the documentation shows of commands is what they print."""

import pytest
from tools.shown_output import ROOT, pages, renewed


@pytest.mark.parametrize("page", [str(file.relative_to(ROOT)) for file in pages()])
def test_what_is_shown_is_what_is_printed(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(text) == text, "make docs writes it anew"


def test_the_pages_that_show_output_are_found():
    assert {"README.md", "language-models.md", "sweeps.md"} <= {file.name for file in pages()}
