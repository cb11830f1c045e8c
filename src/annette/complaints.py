"""What is wrong with a value of a JSON document, in words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, EnumType
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from annette.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["REFUSALS", "complaint", "member", "shown"]

REFUSALS: Final = (msgspec.ValidationError, UnicodeEncodeError)
"""What `msgspec.convert` raises; the latter for halves of surrogate pairs, which JSON can write and UTF-8 cannot."""


def complaint(value: Any, kind: Any, path: str) -> str:
    """What is wrong with a value: the place of the smallest part that is refused, what stands there, what it must be.

    Args:
        value: What msgspec does not convert.
        kind: To this type.
        path: Where the value is in its document.
    """
    value, kind, path = _innermost(value, kind, path)
    own = _own_words(value, kind)
    if own:
        return f"{path}: {own}"
    structure = next(filter(_is_struct, _forms(kind)), None)
    if isinstance(value, Mapping) and structure is not None:
        members = {each.encode_name: each.required for each in msgspec.structs.fields(structure)}
        unknown = next((str(key) for key in value if key not in members), None)
        if unknown is not None:
            hint = nearest(unknown[:80], members)
            return f"{member(path, unknown)} is not known here{hint}; known: {', '.join(members)}"
        missing = next((key for key, required in members.items() if required and key not in value), None)
        if missing is not None:
            return f"{member(path, missing)} is missing"
    hint = nearest(value, _words(kind)) if isinstance(value, str) else ""
    requirement = _requirement(kind)
    stated = f"a list of {len(value)}" if isinstance(value, list) and "list of" in requirement else shown(value)
    return f"{path} is {stated}: it must be {requirement}{hint}"


def _own_words(value: Any, kind: Any) -> str:
    """What a structure's own check (``__post_init__``) says; empty where a field is wrong."""
    try:
        msgspec.convert(value, kind)
    except REFUSALS as error:
        return str(error.__cause__) if type(error.__cause__) is ValueError else ""
    return ""


def member(path: str, key: str) -> str:
    """Path of a member of an object."""
    return f"{path}.{key[:80]}" if key.isidentifier() else f"{path}[{key[:80]!r}]"


def shown(value: Any) -> str:
    """A value as it may appear in a one-line message: at most 80 characters, containers by their kind."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    return repr(value)[:80]


def _innermost(value: Any, kind: Any, path: str) -> tuple[Any, Any, str]:
    """The smallest part that conversion refuses: itself, what it must be, and where it is."""
    for key, part, inner in _parts(value, kind):
        try:
            msgspec.convert(part, inner)
        except REFUSALS:
            return _innermost(part, inner, member(path, key) if isinstance(key, str) else f"{path}[{key}]")
    return value, kind, path


def _parts(value: Any, kind: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Key or index, value and type of the members of an object or a list, as far as they are defined."""
    for form in _forms(kind):
        origin, inner = get_origin(form), get_args(form)
        if isinstance(value, Mapping):
            if _is_struct(form):
                members = {each.encode_name: each.type for each in msgspec.structs.fields(form)}
                yield from ((key, value[key], members[key]) for key in members if key in value)
            elif origin in (dict, Mapping):
                yield from ((key, part, inner[1]) for key, part in value.items() if isinstance(key, str))
        elif isinstance(value, list | tuple) and origin in _LISTS:
            each = inner if origin is tuple and inner[-1] is not ... else inner[:1] * len(value)
            yield from ((index, *pair) for index, pair in enumerate(zip(value, each, strict=False)))


def _forms(kind: Any) -> tuple[Any, ...]:
    """The types of a union, without bounds; the type itself where it is none."""
    if get_origin(kind) is Annotated:
        return _forms(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) in (UnionType, Union) else (kind,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _words(kind: Any) -> tuple[str, ...]:
    """The words that a value may be one of; none where any are allowed."""
    if isinstance(kind, EnumType):
        return tuple(str(each.value) for each in list[Enum](kind))
    return get_args(kind) if get_origin(kind) is Literal else ()


_LISTS: Final = (list, tuple, frozenset)
_NAMES: Final = {float: "a number", int: "a whole number", str: "text", bool: "true or false", NoneType: "null"}
_BOUNDS: Final = {
    "gt": "greater than",
    "ge": "of at least",
    "lt": "less than",
    "le": "at most",
    "min_length": "with a length of at least",
    "max_length": "with a length of at most",
}


def _requirement(kind: Any) -> str:
    """What a value of a type must be, in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return " or ".join(_requirement(form) for form in inner)
    if origin is Annotated:
        bounds = ((words, getattr(meta, key, None)) for meta in inner[1:] for key, words in _BOUNDS.items())
        limits = " and ".join(f"{words} {_limit(bound)}" for words, bound in bounds if bound is not None)
        return f"{_requirement(inner[0])} {limits}".strip()
    if _words(kind):
        return f"one of {', '.join(_words(kind))}"
    if origin in _LISTS:
        return f"a list of {len(inner)}" if origin is tuple and inner[-1] is not ... else "a list"
    return _NAMES.get(kind, "an object")


def _limit(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"
