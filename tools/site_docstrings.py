"""Shows the examples of docstrings as code on the site: griffe knows the section as ``Examples:`` only."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

_HEADING: Final = re.compile(r"^( *)Example:$", re.MULTILINE)


class Examples(griffe.Extension):
    """Calls the section what griffe calls it."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Looks at each object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = _HEADING.sub(r"\1Examples:", obj.docstring.value)
