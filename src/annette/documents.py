"""JSON documents from strangers: parsed strictly, and checked against one definition of what they may hold.

Network descriptions, platform files and mappings are handed around and therefore untrusted. Parsing happens here, once:
bounded, without NaN, without repeated keys. What a document may hold is a `msgspec.Struct` with bounds on its numbers,
from which the same library makes the JSON Schema that documents it (docs/decisions/documents-with-msgspec.md).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from annette.errors import AnnetteError

__all__ = ["MAX_JSON_BYTES", "convert", "parse_json", "read_json", "shown"]

_T = TypeVar("_T")

MAX_JSON_BYTES: Final = 256 * 2**20
"""Larger JSON files are refused: the largest known network description has 0.5 MB, forests stay below 100 MB."""


class _RejectedError(ValueError):
    """Something JSON parsers usually let pass."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RejectedError(f"the key {repeated[:80]!r} occurs twice in one object")
    return result


def _constant(text: str) -> float:
    raise _RejectedError(f"{text} is not a JSON number")


def parse_json(data: bytes, *, source: str, error: type[AnnetteError]) -> Any:
    """Parses strictly.

    Args:
        data: UTF-8 text.
        source: What the text is, for messages: a path or a name.
        error: Raised where the text is not acceptable JSON.

    Returns:
        Plain dicts, lists, strings, numbers, booleans and None. Numbers written larger than a float can hold arrive
        as infinity; whoever reads them checks the range.

    Raises:
        AnnetteError: As ``error``: not UTF-8, not JSON, nested too deeply, a repeated key, NaN or Infinity.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_constant)
    except RecursionError as cause:
        raise error(f"{source} is not usable: its JSON is nested too deeply") from cause
    except UnicodeDecodeError as cause:
        raise error(f"{source} is not a JSON file: byte {cause.start} is not UTF-8 text") from cause
    except json.JSONDecodeError as cause:
        raise error(f"{source} is not valid JSON: {cause.msg} at line {cause.lineno}, column {cause.colno}") from cause
    except _RejectedError as cause:
        raise error(f"{source} is not usable: {cause}") from cause
    except ValueError as cause:  # an integer with more digits than Python converts
        raise error(f"{source} is not usable: it holds a number with thousands of digits") from cause


def read_json(path: Path, *, error: type[AnnetteError], max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Reads and parses a file strictly.

    Args:
        path: The file.
        error: Raised where the file cannot be read or is not acceptable JSON.
        max_bytes: Larger files are refused unread.

    Returns:
        As `parse_json`.

    Raises:
        AnnetteError: As ``error``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as cause:
        raise error(f"cannot read {str(path)!r}: {cause.strerror or cause}") from cause
    if len(data) > max_bytes:
        raise error(f"{str(path)!r} is larger than {max_bytes} bytes: too large for a JSON description")
    return parse_json(data, source=repr(str(path)), error=error)


def convert(value: Any, kind: type[_T], *, error: type[AnnetteError], path: str = "$") -> _T:
    """Checks plain JSON values against a definition.

    Args:
        value: What `parse_json` returned, or a part of it.
        kind: A `msgspec.Struct`, or any type that msgspec converts to; numbers are not taken for texts or booleans.
        error: Raised where the value is not acceptable.
        path: Where the value is in its document, as a JSON path such as ``$.models.conv``.

    Raises:
        AnnetteError: As ``error``; the message names the place in the document and the value there.

    Example:
        >>> from annette.errors import PlatformFormatError
        >>> convert({"conv": [1, 2]}, dict[str, list[int]], error=PlatformFormatError)
        {'conv': [1, 2]}
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as cause:
        complaint, _, place = str(cause).partition(" - at `$")
        where, found = _located(value, place.rstrip("`"), path)
        raise error(f"{where} is {found}: {complaint[:1].lower()}{complaint[1:]}") from cause


_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


def _located(value: Any, place: str, path: str) -> tuple[str, str]:
    """Where a complaint is and what stands there, as far as the path that msgspec gives leads."""
    for step in _STEP.finditer(place):
        try:
            value = value[step[1]] if step[1] else value[int(step[2])]
        except (KeyError, IndexError, TypeError):
            return f"{path}{place[step.start() :]}", "not acceptable"
        path += step[0]
    return path, shown(value)


def shown(value: Any) -> str:
    """A value as it may appear in a one-line message: at most 80 characters, containers by their kind."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    return repr(value)[:80]
