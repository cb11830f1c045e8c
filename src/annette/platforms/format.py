"""The platform file: versioned, readable JSON.

``docs/platform-format.md`` describes every field. Files are untrusted: nothing in one is executed, every number is
checked, and unknown keys are refused, so that a misspelt parameter cannot pass for a default.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from msgspec import Meta

from annette.atomic import write_whole
from annette.documents import (
    OPTIONAL,
    Document,
    Finite,
    Natural,
    Positive,
    convert,
    located,
    member,
    parse_json,
    plain,
)
from annette.errors import MappingError, PlatformError, PlatformFormatError, nearest
from annette.mapping.kernel import COLUMNS, Precision, is_context_column
from annette.mapping.model import MappingModel
from annette.models.base import build_model, families
from annette.models.roofline import Roofline
from annette.platforms.intervals import Intervals  # noqa: TC001 - annotations are read at run time
from annette.platforms.overhead import Overhead  # noqa: TC001 - annotations are read at run time
from annette.platforms.platform import (
    Platform,
    Provenance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FORMAT", "VERSION", "dump_platform", "dumps_platform", "loads_platform"]

FORMAT: Final = "annette/platform"
VERSION: Final = 1

_NAME: Final = re.compile(r"(?=.{1,100}$)[^\W_]+(?:[-._][^\W_]+)*")


class _Rates(Document, frozen=True):
    ops_per_s: Positive
    bytes_per_s: Positive


@dataclass(frozen=True, kw_only=True)
class _PlatformFile:
    """What a platform file holds, in this order; models, mapping and intervals read themselves."""

    format: str
    version: int
    name: str
    description: str
    device: str
    runtime: str
    precision: Precision
    threads: Annotated[int, Meta(ge=1, le=65536)]
    latency_is: Literal["device", "end_to_end"]
    preferred_family: str
    preferred_by_kind: dict[str, str]
    overhead: Overhead
    mapping: dict[str, Any]
    models: dict[str, dict[str, dict[str, Any]]]
    ranges: dict[str, dict[str, list[Finite]]]
    intervals: Intervals | None = field(default=None, metadata=OPTIONAL)
    accuracy: list[dict[str, Any]]
    provenance: Provenance
    host_kinds: frozenset[str] = field(default=frozenset(), metadata=OPTIONAL)
    assumed: dict[str, str] | None = field(default=None, metadata=OPTIONAL)
    plain_roofline: _Rates | None = field(default=None, metadata=OPTIONAL)
    peak_ops_per_s: Positive | None = field(default=None, metadata=OPTIONAL)
    batch_is: Literal["together", "one_by_one"] | None = field(default=None, metadata=OPTIONAL)


_T = TypeVar("_T")

_MEMBERS: Final = tuple(each.name for each in fields(_PlatformFile) if each.name not in ("format", "version"))
"""Fields of a platform, in the order of a file."""

_LEFT_OUT: Final = ("host_kinds", "assumed", "plain_roofline", "peak_ops_per_s", "batch_is")
"""Fields that are not written where they are empty."""


def dumps_platform(platform: Platform) -> str:
    """Writes a platform as text; equal platforms give equal bytes.

    Args:
        platform: What to write.

    Returns:
        JSON with one line break at the end.
    """
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    document |= {name: getattr(platform, name) for name in _MEMBERS}
    document["host_kinds"] = sorted(platform.host_kinds)
    if platform.plain_roofline is not None:
        rates = platform.plain_roofline
        document["plain_roofline"] = {"ops_per_s": rates.ops_per_s, "bytes_per_s": rates.bytes_per_s}
    if platform.batch_is == "together":
        del document["batch_is"]
    document = {name: value for name, value in plain(document).items() if value or name not in _LEFT_OUT}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def dump_platform(platform: Platform, path: str | os.PathLike[str]) -> None:
    """Writes a platform file, whole or not at all.

    Args:
        platform: What to write.
        path: Where; an existing file is replaced at once, its folder must exist.

    Raises:
        PlatformError: The file cannot be written.
    """
    text = dumps_platform(platform)
    try:
        write_whole(path, text)
    except OSError as error:
        raise PlatformError(f"cannot write platform file {os.fspath(path)!r}: {error.strerror or error}") from error


def loads_platform(data: bytes, *, source: str) -> Platform:
    """Reads a platform from the bytes of a file.

    Args:
        data: The file's content.
        source: Where it comes from, for messages.

    Returns:
        The platform.

    Raises:
        PlatformFormatError: It is not a platform file, of another version, or a value is not acceptable; the message
            names the place in the file.
    """
    document = parse_json(data, source=f"platform file {source}", error=PlatformFormatError)
    try:
        _check_version(document)
        return _platform(convert(document, _PlatformFile, error=PlatformFormatError))
    except PlatformFormatError as error:
        raise PlatformFormatError(f"platform file {source}: {error}") from error


def _check_version(document: Any) -> None:
    """Tells an old, a newer and a missing version apart, each with its remedy."""
    stated = convert(document, dict[str, Any], error=PlatformFormatError)
    if stated.get("format") != FORMAT:
        raise PlatformFormatError(
            f"$.format is {str(stated.get('format'))[:80]!r}, not {FORMAT!r}: this is not a platform file; "
            "'annette fit' writes platform files"
        )
    if "version" not in stated:
        raise PlatformFormatError(f'$.version is missing: write "version": {VERSION} if it follows that layout')
    version = convert(stated["version"], Natural, error=PlatformFormatError, path="$.version")
    if version > VERSION:
        raise PlatformFormatError(
            f"$.version is {version}, newer than {VERSION}, which this annette reads: upgrade annette to use it"
        )
    if version < VERSION:
        raise PlatformFormatError(
            f"$.version is {version}, older than {VERSION} and never released: fit the platform again"
        )


def _platform(read: _PlatformFile) -> Platform:
    if not _NAME.fullmatch(read.name):
        raise PlatformFormatError(
            f"$.name is {read.name[:80]!r}: it must be letters and digits joined by hyphens, dots or underscores"
        )
    preferred = {member("$.preferred_by_kind", kind): family for kind, family in read.preferred_by_kind.items()}
    known = families()
    for path, family in {"$.preferred_family": read.preferred_family, **preferred}.items():
        if family not in known:
            hint = nearest(family, known)
            raise PlatformFormatError(f"{path} is {family[:80]!r}: it must be one of {', '.join(known)}{hint}")
    rates = read.plain_roofline
    read_otherwise = {
        "mapping": _mapping(read.mapping),
        "models": _each(read.models, "$.models", build_model),
        "ranges": _each(read.ranges, "$.ranges", _limits),
        "accuracy": tuple(read.accuracy),
        "assumed": read.assumed or {},
        "plain_roofline": None if rates is None else Roofline(rates.ops_per_s, rates.bytes_per_s),
        "batch_is": read.batch_is or "together",
    }
    return Platform(**{name: getattr(read, name) for name in _MEMBERS} | read_otherwise)


def _mapping(document: dict[str, Any]) -> MappingModel:
    try:
        with located("$.mapping", error=MappingError):
            return MappingModel.from_json(document)
    except MappingError as error:
        raise PlatformFormatError(str(error)) from error


def _each(
    listed: dict[str, dict[str, Any]], path: str, build: Callable[[str, Any, str], _T]
) -> dict[str, dict[str, _T]]:
    """What a function builds of the name, the value and the place of each member, by kind of kernel."""
    return {
        kind: {name: build(name, part, member(member(path, kind), name)) for name, part in parts.items()}
        for kind, parts in listed.items()
    }


def _limits(column: str, limits: list[float], path: str) -> tuple[float, float]:
    if column not in COLUMNS and not is_context_column(column):
        raise PlatformFormatError(f"{path} is not known here{nearest(column, COLUMNS)}; known: {', '.join(COLUMNS)}")
    if len(limits) != 2 or limits[0] > limits[1]:
        raise PlatformFormatError(f"{path} must be the smallest and the largest value, in that order")
    return limits[0], limits[1]
