"""What the site needs beside the pages (mkdocs.yml): navigation with all pages of a folder, names of code blocks.

An entry of the navigation that ends with ``/*`` stands for the pages of that folder that are named nowhere else. A
block of code whose first line names a file (as in the recipes, whose tests write such files) is shown with that name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

_NAMED_BLOCK: Final = re.compile(r"^```(\w+) ([\w./-]+)$", re.MULTILINE)


def on_config(config: Any) -> Any:
    """Fills in the folders."""
    docs = Path(config["docs_dir"])
    named = set(_pages(config["nav"]))
    config["nav"] = _filled(config["nav"], docs, named)
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Names blocks of code in the way that the site takes."""
    return _NAMED_BLOCK.sub(r'```\1 title="\2"', markdown)


def _pages(entries: list[Any]) -> list[str]:
    found = []
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += _pages(value) if isinstance(value, list) else [value]
    return found


def _filled(entries: list[Any], docs: Path, named: set[str]) -> list[Any]:
    filled: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            filled += [{title: _filled(v, docs, named) if isinstance(v, list) else v} for title, v in entry.items()]
        elif entry.endswith("/*"):
            pages = (page.relative_to(docs).as_posix() for page in (docs / entry[:-2]).glob("*.md"))
            filled += sorted(page for page in pages if page not in named)
        else:
            filled.append(entry)
    return filled
