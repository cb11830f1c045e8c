"""JSON documents: parsed strictly, checked against one definition of what they may hold, and described by it.

Network descriptions, platform files and mappings are handed around and therefore untrusted. Parsing happens here, once:
bounded, without NaN, without repeated keys. What a document may hold is stated by the annotations of a `msgspec.Struct`
or of a frozen dataclass, with bounds on its numbers; from these msgspec reads and checks it, and makes the JSON Schema
that documents it (docs/decisions/documents-with-msgspec.md). Every complaint names the place in the document, the value
there, and what it must be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import Meta

from annette.complaints import REFUSALS, complaint, member, shown
from annette.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path
    from types import TracebackType

    from annette.errors import AnnetteError

__all__ = [
    "LEAST_LATENCY_S",
    "MAX_JSON_BYTES",
    "MOST_LATENCY_S",
    "OPTIONAL",
    "Count",
    "Document",
    "Duration",
    "Finite",
    "Latency",
    "Natural",
    "NonNegative",
    "Positive",
    "Share",
    "check_fields",
    "convert",
    "is_duration",
    "is_latency",
    "located",
    "member",
    "parse_json",
    "plain",
    "read_json",
    "shown",
]

_T = TypeVar("_T")

MAX_JSON_BYTES: Final = 256 * 2**20
"""Larger JSON files are refused: the largest known network description has 0.5 MB, forests stay below 100 MB."""
_MAX_VALUES: Final = 5_000_000
"""Values in one document; empty objects, of two bytes each in the file, take most memory once parsed: 64 bytes each."""

Finite: TypeAlias = Annotated[float, Meta(ge=-1e100, le=1e100)]
"""Any number that later arithmetic cannot turn into infinity: times, rates and sizes stay far below."""
Positive: TypeAlias = Annotated[float, Meta(gt=0, le=1e100)]
"""A number above 0: rates, bandwidths, clocks."""
NonNegative: TypeAlias = Annotated[float, Meta(ge=0, le=1e100)]
"""A number of at least 0: times, overheads, errors."""
LEAST_LATENCY_S: Final = 1e-9
"""Seconds that anything that was run takes, at the least: three to five cycles of the fastest clocks there are."""
MOST_LATENCY_S: Final = 1e6
"""Seconds that anything that was run takes, at the most: eleven days, longer than anybody waited for a network."""
Latency: TypeAlias = Annotated[float, Meta(ge=LEAST_LATENCY_S, le=MOST_LATENCY_S)]
"""A time that was measured, in seconds: of a whole network, or of a kernel that somebody timed by itself."""
Duration: TypeAlias = Annotated[float, Meta(ge=0, le=MOST_LATENCY_S)]
"""A time that may be too short for the clock that took it, in seconds: of a kernel in a profile, or an overhead."""
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
"""A part of a whole, from 0 to 1."""
Natural: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
"""A whole number of at least 0."""
Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**62)]
"""A whole number of at least 1."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")

OPTIONAL: Final[Mapping[str, bool]] = {"optional": True}
"""Metadata of a dataclass's field that may be missing in a document; all others must be there, defaults or not."""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An object in a JSON document: what is not declared is refused, and what has no default must be there."""


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
        AnnetteError: As ``error``: not UTF-8, not JSON, too many values or nested too deeply, a repeated key, NaN or
            Infinity, or half of a surrogate pair.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise error(f"{source} is not usable: it holds more than {_MAX_VALUES} values")
    try:
        text = data.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as cause:
        raise error(f"{source} is not usable: its JSON is nested too deeply") from cause
    except UnicodeEncodeError as cause:
        raise error(
            f"{source} is not usable: a text in it holds half of a surrogate pair, which no text can"
        ) from cause
    except UnicodeDecodeError as cause:
        raise error(f"{source} is not a JSON file: byte {cause.start} is not UTF-8 text") from cause
    except json.JSONDecodeError as cause:
        raise error(f"{source} is not valid JSON: {cause.msg} at line {cause.lineno}, column {cause.colno}") from cause
    except _RejectedError as cause:
        raise error(f"{source} is not usable: {cause}") from cause
    except ValueError as cause:  # an integer with more digits than Python converts
        raise error(f"{source} is not usable: it holds a number with thousands of digits") from cause
    return document


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
        with open_regular(path, error=error) as file:
            data = file.read(max_bytes + 1) or b""
    except OSError as cause:
        raise error(f"cannot read {str(path)!r}: {cause.strerror or cause}") from cause
    if len(data) > max_bytes:
        raise error(f"{str(path)!r} is larger than {max_bytes} bytes: too large for a JSON description")
    return parse_json(data, source=repr(str(path)), error=error)


def convert(value: Any, kind: type[_T], *, error: type[AnnetteError], path: str = "$") -> _T:
    """Checks plain JSON values against a definition, and builds what it defines.

    Args:
        value: What `parse_json` returned, or a part of it.
        kind: A `Document`, a frozen dataclass, or any type that msgspec converts to. Numbers are not taken for texts
            or booleans; a dataclass's fields must all be there, but those marked `OPTIONAL`. What a class inside it
            reads itself, with a class method ``from_json``, it is left to read.
        error: Raised where the value is not acceptable.
        path: Where the value is in its document, as a JSON path such as ``$.models.conv``.

    Raises:
        AnnetteError: As ``error``; the message names the place in the document, the value there, and what it must be.

    Example:
        >>> from annette.errors import PlatformFormatError
        >>> convert({"conv": [1, 2]}, dict[str, list[int]], error=PlatformFormatError)
        {'conv': [1, 2]}
    """
    defined: Any = _definition(cast("Hashable", kind))
    try:
        checked = msgspec.convert(value, defined)
    except REFUSALS as cause:
        raise error(complaint(value, defined, path)) from cause
    return checked if defined is kind else _builder(cast("Hashable", kind))(value, path, error)  # type: ignore[no-any-return]


def check_fields(instance: Any, *, error: type[AnnetteError]) -> None:
    """Checks a dataclass that was built by hand, as reading it would: for ``__post_init__``.

    Fields that hold instances of classes are left out: those checked themselves.

    Args:
        instance: Fields that are not acceptable are named ``$.FIELD``.
        error: Raised where one is not acceptable.

    Raises:
        AnnetteError: As ``error``.
    """
    for name, kind in _plain_fields(cast("Hashable", type(instance))):
        value = _builtin(getattr(instance, name))
        try:
            msgspec.convert(value, kind)
        except REFUSALS as cause:
            raise error(complaint(value, kind, f"$.{name}")) from cause


def is_latency(value_s: float) -> bool:
    """Whether a time is one that something can take (`Latency`).

    Args:
        value_s: Any number, in seconds.
    """
    return LEAST_LATENCY_S <= value_s <= MOST_LATENCY_S


def is_duration(value_s: float) -> bool:
    """Whether a time is one that a profile may report (`Duration`).

    Args:
        value_s: Any number, in seconds.
    """
    return 0 <= value_s <= MOST_LATENCY_S


class located:  # noqa: N801 - a context manager is read like a function
    """Puts a place in front of the complaints of what reads a part of a document.

    Args:
        path: Where the part is; takes the place of ``$`` where a complaint begins with that.
        error: Which complaints, and what they are raised as.
    """

    def __init__(self, path: str, *, error: type[AnnetteError]) -> None:
        self._path, self._error = path, error

    def __enter__(self) -> None:
        """Begins to read the part."""

    def __exit__(self, _: type[BaseException] | None, cause: BaseException | None, __: TracebackType | None) -> None:
        """Says where a complaint is about."""
        if isinstance(cause, self._error):
            text = str(cause)
            at = f"{self._path}{text[1:]}" if text.startswith(("$.", "$[", "$ ")) else f"{self._path}: {text}"
            raise self._error(at) from cause


def plain(value: Any) -> Any:
    """Structs, dataclasses and what they hold as plain JSON values, field by field.

    What a class inside writes itself, with a method ``to_json``, it is left to write.
    """
    if is_dataclass(value):
        return {each.name: _inner_plain(getattr(value, each.name)) for each in fields(value) if each.init}
    if isinstance(value, Mapping):
        return {key: _inner_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(_inner_plain, value))
    return msgspec.to_builtins(value, enc_hook=dict)


def _inner_plain(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else plain(value)


@cache
def _definition(kind: Any) -> Any:
    """A type as msgspec may check it: each dataclass as a struct of the same fields, which refuses others.

    What reads itself may be anything here.
    """
    if is_dataclass(kind):
        optional = {field.name for field in fields(kind) if "optional" in field.metadata}
        members = _members(cast("Hashable", kind)).items()
        return msgspec.defstruct(
            str(getattr(kind, "__name__", "object")),
            [(name, _inner_definition(part), *((None,) if name in optional else ())) for name, part in members],
            forbid_unknown_fields=True,
            kw_only=True,
        )
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (None, Annotated, Literal):
        return kind
    defined = tuple(_inner_definition(part) for part in inner)
    if defined == inner:
        return kind
    return Union[defined] if origin is UnionType else origin[defined]  # noqa: UP007 - of a tuple known at run time


def _inner_definition(kind: Any) -> Any:
    return Any if hasattr(kind, "from_json") else _definition(kind)


_Builder: TypeAlias = "Callable[[Any, str, type[AnnetteError]], Any]"
"""Builds what a type defines, of a value that passed its definition, of where that is, and what is raised."""


@cache
def _builder(kind: Any) -> _Builder:
    """How a type is built; found once, as documents hold thousands of some."""
    if is_dataclass(kind):
        members = [(name, _inner_builder(part)) for name, part in _members(cast("Hashable", kind)).items()]

        def instance(value: Any, path: str, error: type[AnnetteError]) -> Any:
            parts = {name: built(value[name], member(path, name), error) for name, built in members if name in value}
            with located(path, error=error):
                return kind(**parts)  # type: ignore[operator] # the class, not an instance

        return instance
    if _definition(kind) is kind:
        return lambda value, _path, _error: msgspec.convert(value, kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (dict, Mapping):
        of_key = _inner_builder(inner[1])
        return lambda value, path, error: {key: of_key(part, member(path, key), error) for key, part in value.items()}
    if origin in (list, tuple):
        of_item = _inner_builder(inner[0])
        return lambda value, path, error: origin(
            [of_item(part, f"{path}[{index}]", error) for index, part in enumerate(value)]
        )
    present = _inner_builder(next(form for form in inner if form is not NoneType))
    return lambda value, path, error: None if value is None else present(value, path, error)


def _inner_builder(kind: Any) -> _Builder:
    """The same of a part, which may read itself."""
    if not hasattr(kind, "from_json"):
        return _builder(cast("Hashable", kind))

    def read(value: Any, path: str, error: type[AnnetteError]) -> Any:
        with located(path, error=error):
            return kind.from_json(value)

    return read


@cache
def _plain_fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Name and annotation of the fields that hold numbers, texts and collections of these."""
    return tuple((name, inner) for name, inner in _members(kind).items() if _is_plain(inner))


def _is_plain(kind: Any) -> bool:
    if get_origin(kind) in (Annotated, Literal):
        return True
    inner = get_args(kind)
    return all(map(_is_plain, inner)) if inner else kind in (bool, float, int, str, NoneType, ...)


def _builtin(value: Any) -> Any:
    """Numbers of numpy, which are no exact floats, as such; collections as lists and dicts."""
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _builtin(inner) for key, inner in value.items()}
    return [_builtin(inner) for inner in value] if isinstance(value, list | tuple) else value


@cache
def _members(kind: Any) -> dict[str, Any]:
    """Name and annotation of the fields of a dataclass that its constructor takes."""
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: hints[each.name] for each in fields(kind) if each.init}
