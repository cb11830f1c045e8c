"""Finds a space by its name, by a reference to Python, or in a file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.documents import read_json
from annette.errors import OptionError, nearest
from annette.references import resolve
from annette.spaces.blocks import space_from_json
from annette.spaces.nasbench101 import NasBench101
from annette.spaces.nasbench201 import NasBench201
from annette.spaces.once_for_all import OnceForAll
from annette.spaces.space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SPACES", "load_space"]

SPACES: Final[dict[str, Callable[..., SearchSpace]]] = {
    space.name: space for space in (NasBench101, NasBench201, OnceForAll)
}
"""The spaces that are built in, by name."""


def load_space(name: str | Path, *, batch: int = 1) -> SearchSpace:
    """Finds a space.

    Args:
        name: One of `SPACES`; a JSON file (`annette.spaces.blocks.space_from_json`); or ``module:name`` of a
            `SearchSpace`, or of a function or class that makes one when it is called with ``batch``.
        batch: Samples that are processed together.

    Raises:
        OptionError: There is no such space.
    """
    text = str(name)
    if text in SPACES:
        return SPACES[text](batch=batch)
    if text.endswith(".json"):
        return space_from_json(read_json(Path(text), error=OptionError), batch=batch)
    if ":" not in text:
        known = ", ".join((*SPACES, "a .json file", "module:name"))
        raise OptionError(f"there is no space {text!r}{nearest(text, SPACES)}; known: {known}")
    found = resolve(text)
    space = found if isinstance(found, SearchSpace) or not callable(found) else _made(found, text, batch)
    if not isinstance(space, SearchSpace):
        raise OptionError(f"{text!r} is no search space, but a {type(space).__name__}")
    if space.batch != batch:
        raise OptionError(f"space {text!r} processes {space.batch} samples together, not {batch}")
    return space


def _made(make: Callable[..., object], text: str, batch: int) -> object:
    """What a function or class makes for a batch."""
    try:
        inspect.signature(make).bind(batch=batch)
    except (TypeError, ValueError):
        raise OptionError(f"{text!r} cannot be called with batch={batch}, as what makes a search space is") from None
    return make(batch=batch)
