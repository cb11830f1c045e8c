"""Mutations of JSON documents: values of every kind in every place, and text that only a JSON parser sees."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tools.fuzz.values import floating, integer, near, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["encode_document", "mutate_document", "mutate_leaf", "value"]

_RAW: Final = "@raw@"
"""Begins a text that stands for itself in the file, without quotes: numbers that Python does not write."""
_AGAIN: Final = "@again@"
"""Begins a key that stands in its object for the second time."""
_MARKED: Final = re.compile(rf'"{_RAW}([^"]*)"')

_DEEPEST: Final = 3
_RAW_VALUES: Final = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "00", "01", "0x10", "+1", ".5", "1.", "1e", "tru", "'a'", "-0",
    "1" * 400, "1" * 5000, "0." + "3" * 400, "1e-400", "[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000, "[" * 100_000,
    "[" * 150_000 + "]" * 150_000, "\\u0000", ",", "{}{}", "// comment",
)  # fmt: skip


class _Place(NamedTuple):
    container: Any
    key: Any


def value(dice: Random, depth: int = 0) -> Any:
    """Any value that JSON has, and some that it has not."""
    return dice.choice(_SCALARS if depth >= _DEEPEST else _SCALARS + _CONTAINERS)(dice, depth)


def mutate_document(document: Any, dice: Random) -> None:
    """Changes one place of a document, which is a list or an object.

    Places are found by walking down from the top, so that the few values that say how the rest is read are met as
    often as the many numbers below.
    """
    place = _place(document, dice)
    if place is None:
        return
    dice.choice(_CHANGES)(place, document, dice)


def mutate_leaf(document: Any, dice: Random) -> None:
    """Changes one number, text or truth value to another one of its type, wherever it stands.

    Most of what a document holds are such values, and a reader takes most of their changes: what becomes of them is
    seen by whoever reckons with them.
    """
    place = _place(document, dice, stop=0.0)
    if place is not None:
        _same_type(place, document, dice)


def encode_document(document: Any, dice: Random) -> bytes:
    """The document as a file, with what was marked; in most cases ASCII, sometimes UTF-8 with what is no Unicode."""
    ascii_only = dice.random() < 0.8
    written = json.dumps(document, ensure_ascii=ascii_only, default=str)
    if _RAW in written:
        written = _MARKED.sub(lambda match: match[1].replace("\\\\", "\\"), written)
    data = written.replace(_AGAIN, "").encode("utf-8", "surrogatepass")
    if dice.random() < 0.02:
        return dice.choice((b"\xef\xbb\xbf" + data, written.encode("utf-16", "surrogatepass"), data + b"\0", data * 2))
    return data


_SCALARS: Final[tuple[Callable[[Random, int], Any], ...]] = (
    lambda dice, _: integer(dice),
    lambda dice, _: integer(dice),
    lambda dice, _: floating(dice),
    lambda dice, _: text(dice),
    lambda dice, _: text(dice),
    lambda dice, _: dice.choice((None, True, False)),
    lambda dice, _: _RAW + dice.choice(_RAW_VALUES),
    lambda dice, _: dice.choice(([], {}, [[]], [{}], {"": ""}, [None], [1, "a"], {"a": {"a": {}}})),
)
_CONTAINERS: Final[tuple[Callable[[Random, int], Any], ...]] = (
    lambda dice, depth: [value(dice, depth + 1) for _ in range(dice.choice((1, 2, 3, 4, 8, 40)))],
    lambda dice, depth: [value(dice, depth + 1) for _ in range(2)],
    lambda dice, depth: {text(dice): value(dice, depth + 1) for _ in range(dice.randrange(4))},
)


def _place(document: Any, dice: Random, stop: float = 0.12) -> _Place | None:
    container = document
    while True:
        if not container or not isinstance(container, dict | list):
            return None
        key = dice.choice(list(container)) if isinstance(container, dict) else dice.randrange(len(container))
        inner = container[key]
        if not inner or not isinstance(inner, dict | list) or dice.random() < stop:
            return _Place(container, key)
        container = inner


def _replace(place: _Place, _: Any, dice: Random) -> None:
    place.container[place.key] = value(dice)


def _same_type(place: _Place, _: Any, dice: Random) -> None:
    """Another value of the type that was there: what gets past the first check."""
    old = place.container[place.key]
    new: Any
    if isinstance(old, bool) or old is None:
        new = dice.choice((True, False, None, 0, 1))
    elif isinstance(old, int | float):
        new = near(dice, old)
    elif isinstance(old, str):
        digits = old.lstrip("-").isdecimal() and old.isascii()
        new = str(near(dice, int(old))) if digits and len(old) < 20 else text(dice, (old.upper(), old + old, old[:-1]))
    elif isinstance(old, list):
        new = dice.choice((old[::-1], old[:1], old + old, old[:200] * 50, [], old[:-1], [old], old[:1] * 1000))
    else:
        new = dict(reversed(old.items()))
    place.container[place.key] = new


def _delete(place: _Place, _: Any, __: Random) -> None:
    del place.container[place.key]


def _duplicate(place: _Place, _: Any, dice: Random) -> None:
    old = copy.deepcopy(place.container[place.key])
    if isinstance(place.container, list):
        place.container.insert(dice.randrange(len(place.container) + 1), old)
    elif isinstance(place.key, str):
        place.container[_AGAIN + place.key] = dice.choice((old, value(dice)))


def _insert(place: _Place, _: Any, dice: Random) -> None:
    if isinstance(place.container, list):
        place.container.insert(dice.randrange(len(place.container) + 1), value(dice))
    else:
        place.container[text(dice)] = value(dice)


def _transplant(place: _Place, document: Any, dice: Random) -> None:
    """Puts what stands in another place of the document here."""
    other = _place(document, dice)
    if other is not None:
        place.container[place.key] = copy.deepcopy(other.container[other.key])


def _rename(place: _Place, _: Any, dice: Random) -> None:
    if isinstance(place.container, dict):
        place.container[text(dice, tuple(map(str, place.container)))] = place.container.pop(place.key)


def _wrap(place: _Place, _: Any, dice: Random) -> None:
    old = place.container[place.key]
    place.container[place.key] = dice.choice(([old], {"a": old}, str(old)[:500], [old] * 3, {str(old)[:50]: old}))


_CHANGES: Final[tuple[Callable[[_Place, Any, Random], None], ...]] = (
    _replace, _replace, _same_type, _same_type, _same_type, _same_type, _delete, _duplicate, _insert, _transplant,
    _rename, _wrap,
)  # fmt: skip
