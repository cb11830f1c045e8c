"""The platform file: versioned, readable JSON.

``docs/platform-format.md`` describes every field. Files are untrusted: nothing in one is executed, every number is
checked, and unknown keys are refused, so that a misspelt parameter cannot pass for a default.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.documents import parse_json
from annette.errors import MappingError, PlatformError, PlatformFormatError
from annette.mapping.kernel import COLUMNS, Precision, is_context_column
from annette.mapping.model import MappingModel
from annette.models.fields import Fields
from annette.models.registry import build_model, families
from annette.models.roofline import Roofline
from annette.platforms.intervals import Intervals
from annette.platforms.overhead import Overhead
from annette.platforms.platform import LATENCY_MEANINGS, Platform
from annette.platforms.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.models.base import LayerModel

__all__ = ["FORMAT", "VERSION", "dump_platform", "dumps_platform", "loads_platform"]

FORMAT: Final = "annette/platform"
VERSION: Final = 1

_KEYS: Final = (
    "format",
    "version",
    "name",
    "description",
    "device",
    "runtime",
    "precision",
    "threads",
    "latency_is",
    "preferred_family",
    "preferred_by_kind",
    "overhead",
    "mapping",
    "models",
    "ranges",
    "intervals",
    "accuracy",
    "provenance",
    "host_kinds",
    "assumed",
    "plain_roofline",
)


def dumps_platform(platform: Platform) -> str:
    """Writes a platform as text; equal platforms give equal bytes.

    Args:
        platform: What to write.

    Returns:
        JSON with one line break at the end.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": platform.name,
        "description": platform.description,
        "device": platform.device,
        "runtime": platform.runtime,
        "precision": {
            "activation_bits": platform.precision.activation_bits,
            "weight_bits": platform.precision.weight_bits,
        },
        "threads": platform.threads,
        "latency_is": platform.latency_is,
        "preferred_family": platform.preferred_family,
        "preferred_by_kind": dict(platform.preferred_by_kind),
        "overhead": platform.overhead.to_json(),
        "mapping": platform.mapping.to_json(),
        "models": {
            kind: {family: model.to_json() for family, model in families.items()}
            for kind, families in platform.models.items()
        },
        "ranges": {
            kind: {column: list(limits) for column, limits in columns.items()}
            for kind, columns in platform.ranges.items()
        },
        "intervals": None if platform.intervals is None else platform.intervals.to_json(),
        "accuracy": [dict(row) for row in platform.accuracy],
        "provenance": platform.provenance.to_json(),
    }
    if platform.host_kinds:
        document["host_kinds"] = sorted(platform.host_kinds)
    if platform.assumed:
        document["assumed"] = dict(platform.assumed)
    if platform.plain_roofline is not None:
        document["plain_roofline"] = {
            "ops_per_s": platform.plain_roofline.ops_per_s,
            "bytes_per_s": platform.plain_roofline.bytes_per_s,
        }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def dump_platform(platform: Platform, path: str | os.PathLike[str]) -> None:
    """Writes a platform file, whole or not at all.

    Args:
        platform: What to write.
        path: Where; an existing file is replaced at once, its folder must exist.

    Raises:
        PlatformError: The file cannot be written.
    """
    import tempfile  # noqa: PLC0415 - estimates only read, and it is slow to import

    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(dumps_platform(platform))
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise PlatformError(f"cannot write platform file {str(target)!r}: {error.strerror or error}") from error


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
        fields = Fields(document)
        _check_version(fields)
        return _platform(fields)
    except PlatformFormatError as error:
        raise PlatformFormatError(f"platform file {source}: {error}") from error


def _check_version(fields: Fields) -> None:
    """Tells an old, a newer and a missing version apart, each with its remedy."""
    if fields.get("format") != FORMAT:
        raise PlatformFormatError(
            f"$.format is {str(fields.get('format'))[:80]!r}, not {FORMAT!r}: this is not a platform file; "
            "'annette fit' writes platform files"
        )
    if "version" not in fields:
        raise PlatformFormatError(f'$.version is missing: write "version": {VERSION} if it follows that layout')
    version = fields.integer("version", least=0)
    if version > VERSION:
        raise PlatformFormatError(
            f"$.version is {version}, newer than {VERSION}, which this annette reads: upgrade annette to use it"
        )
    if version < VERSION:
        raise PlatformFormatError(
            f"$.version is {version}, older than {VERSION} and never released: fit the platform again"
        )


def _platform(fields: Fields) -> Platform:
    fields.only(*_KEYS)
    precision = fields.object("precision")
    precision.only("activation_bits", "weight_bits")
    preferred = fields.object("preferred_by_kind")
    intervals = fields.optional_object("intervals")
    assumed = fields.optional_object("assumed")
    return Platform(
        name=_name(fields),
        description=fields.text("description"),
        device=fields.text("device"),
        runtime=fields.text("runtime"),
        precision=Precision(
            activation_bits=precision.integer("activation_bits", least=1, most=64),
            weight_bits=precision.integer("weight_bits", least=1, most=64),
        ),
        threads=fields.integer("threads", least=1, most=65536),
        latency_is=fields.text("latency_is", choices=LATENCY_MEANINGS),
        mapping=_mapping(fields),
        models=_models(fields.object("models")),
        preferred_family=fields.text("preferred_family", choices=families()),
        preferred_by_kind={kind: preferred.text(kind, choices=families()) for kind in preferred},
        overhead=Overhead.from_json(fields.object("overhead")),
        ranges=_ranges(fields.object("ranges")),
        intervals=None if intervals is None else Intervals.from_json(intervals),
        accuracy=tuple(dict(row) for row in fields.objects("accuracy")),
        provenance=Provenance.from_json(fields.object("provenance")),
        host_kinds=frozenset(fields.texts("host_kinds") if "host_kinds" in fields else ()),
        assumed={} if assumed is None else {kind: assumed.text(kind) for kind in assumed},
        plain_roofline=_plain_roofline(fields.optional_object("plain_roofline")),
    )


def _plain_roofline(fields: Fields | None) -> Roofline | None:
    if fields is None:
        return None
    fields.only("ops_per_s", "bytes_per_s")
    return Roofline(ops_per_s=fields.number("ops_per_s", above=0), bytes_per_s=fields.number("bytes_per_s", above=0))


def _name(fields: Fields) -> str:
    name = fields.text("name")
    if (
        not name
        or len(name) > 100
        or not all(part.isalnum() for part in name.replace(".", "-").replace("_", "-").split("-"))
    ):
        raise PlatformFormatError(
            f"$.name is {name[:80]!r}: it must be letters and digits joined by hyphens, dots or underscores"
        )
    return name


def _mapping(fields: Fields) -> MappingModel:
    try:
        return MappingModel.from_json(dict(fields.object("mapping")))
    except MappingError as error:
        raise PlatformFormatError(f"$.mapping: {error}") from error


def _models(fields: Fields) -> dict[str, Mapping[str, LayerModel]]:
    models: dict[str, Mapping[str, LayerModel]] = {}
    for kind in fields:
        families = fields.object(kind)
        models[kind] = {family: build_model(family, families.object(family)) for family in families}
    return models


def _ranges(fields: Fields) -> dict[str, Mapping[str, tuple[float, float]]]:
    ranges: dict[str, Mapping[str, tuple[float, float]]] = {}
    for kind in fields:
        columns = fields.object(kind)
        columns.only(*COLUMNS, *(column for column in columns if is_context_column(column)))
        ranges[kind] = {column: _limits(columns, column) for column in columns}
    return ranges


def _limits(columns: Fields, column: str) -> tuple[float, float]:
    limits = columns.numbers(column)
    if len(limits) != 2 or limits[0] > limits[1]:
        raise PlatformFormatError(f"{columns.at(column)} must be the smallest and the largest value, in that order")
    return limits[0], limits[1]
