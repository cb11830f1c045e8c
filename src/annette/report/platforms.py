"""Platforms as plain data, and as tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from annette.number_text import percent_text, seconds_text, size_of, words_text
from annette.platforms.format import dumps_platform
from annette.report.page import Page, texts
from annette.report.schemas.base import part
from annette.report.schemas.platforms import ListedPlatform, PlatformsDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.platforms import Platform, PlatformEntry

__all__ = ["platform_document", "platform_list_document", "print_platform", "print_platform_list"]

_WIDE = 4
_LEAST_S = 1e-15
_ERRORS = ("MAPE", "RMSPE")


def platform_list_document(entries: Sequence[PlatformEntry]) -> dict[str, Any]:
    """The platforms that can be named, schema ``annette/platforms/1``."""
    loaded = ((entry, entry.load()) for entry in entries)
    return PlatformsDocument(
        [
            part(
                ListedPlatform,
                platform,
                kinds=list(platform.models),
                precisions=list(platform.precisions),
                origin=entry.origin,
            )
            for entry, platform in loaded
        ]
    ).plain()


def platform_document(platform: Platform) -> dict[str, Any]:
    """One platform in full, schema ``annette/platform-summary/1``: its file without the parameters of the models."""
    document: dict[str, Any] = json.loads(dumps_platform(platform))
    document["schema"] = "annette/platform-summary/1"
    document["precisions"] = list(platform.precisions)
    document["models"] = {kind: sorted(families) for kind, families in platform.models.items()}
    document["mapping"] = [
        {"name": rule["name"], "description": rule.get("description", "")} for rule in document["mapping"]["rules"]
    ]
    return document


def print_platform_list(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints the list of platforms."""
    page = page or Page()
    entries = document["platforms"]
    rows = texts(
        entries,
        name=str,
        device=str,
        runtime=str,
        precisions=", ".join,
        latency_is=words_text,
        kinds=size_of,
        origin=str,
    )
    header = ("platform", "device", "runtime", "precision", "measures", "kinds", "origin")
    page.table(header, rows, left=(0, 1, 2, 3, 4, 6))


def print_platform(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints one platform: what it is, its kinds and families, accuracy, ranges, provenance."""
    page = page or Page()
    page.line(bold=document["name"], plain=f"  {document['description']}")
    facts = [
        ("device", document["device"]),
        ("runtime", document["runtime"]),
        ("precision", _precision_text(document["precision"], document["precisions"])),
        ("threads", str(document["threads"])),
        ("latency is", words_text(document["latency_is"])),
        ("preferred model", document["preferred_family"]),
        ("mapping rules", str(len(document["mapping"]))),
    ]
    facts += [
        (f"overhead {words_text(key.removesuffix('_s'))}", "unknown" if value is None else _overhead_text(value))
        for key, value in document["overhead"].items()
    ]
    page.table(("", ""), facts, left=(0, 1))
    kinds = [
        (kind, ", ".join(families), _ranges(document["ranges"].get(kind, {})))
        for kind, families in document["models"].items()
    ]
    page.table(("kind", "models", "fitted ranges"), kinds, left=(0, 1, 2))
    if document["accuracy"]:
        columns = list(dict.fromkeys(key for row in document["accuracy"] for key in row))
        rows = [tuple(_cell(column, row.get(column, "")) for column in columns) for row in document["accuracy"]]
        page.line(bold="accuracy")
        page.table(columns, rows, left=(0, 1))
    _print_provenance(document["provenance"], page)


def _precision_text(own: dict[str, Any], fitted: list[str]) -> str:
    """Precisions that were fitted, the widths of the platform's own, and what it converts to that."""
    converted = own.get("converts") or ()
    return (
        f"{', '.join(fitted)} (activations of {own['activation_bits']} bits, weights of {own['weight_bits']} bits"
        + (f"; converts {', '.join(converted)}" if converted else "")
        + ")"
    )


def _ranges(ranges: dict[str, Any]) -> str:
    shown = [f"{column} {least:g} to {most:g}" for column, (least, most) in ranges.items() if least != most]
    rest = len(shown) - _WIDE
    return ", ".join(shown[:_WIDE]) + (f", … {rest} more" if rest > 0 else "")


def _overhead_text(seconds: float) -> str:
    """A time of an overhead; what a fit leaves of a term that it does not need is nothing."""
    return seconds_text(seconds if abs(seconds) >= _LEAST_S else 0.0)


def _cell(column: str, value: Any) -> str:
    if isinstance(value, float):
        return percent_text(value) if column.endswith(_ERRORS) else f"{value:.4g}"
    return str(value)


def _print_provenance(provenance: dict[str, Any], page: Page) -> None:
    page.line(bold="provenance")
    page.line(plain=f"made by {provenance['created_by']}")
    for source in provenance["sources"]:
        date = f", {source['date']}" if source["date"] else ""
        page.line(plain=f"source: {source['title']} ({source['location']}; {source['licence']}{date})")
    for name, version in provenance["versions"].items():
        page.line(plain=f"version: {name} {version}")
    for name, _ in provenance.get("made_for", ()):
        page.line(plain=f"a part of the benchmark was made for {name}")
    page.notes(provenance["notes"])
