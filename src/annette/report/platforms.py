"""Platforms as plain data, and as tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from annette.platforms.format import dumps_platform
from annette.report.text import print_table, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from annette.platforms import Platform, PlatformEntry

__all__ = ["platform_document", "platform_list_document", "print_platform", "print_platform_list"]

_WIDE = 4


def platform_list_document(entries: Sequence[PlatformEntry]) -> dict[str, Any]:
    """The platforms that can be named, schema ``annette/platforms/1``."""
    return {
        "schema": "annette/platforms/1",
        "platforms": [_summary(entry, entry.load()) for entry in entries],
    }


def platform_document(platform: Platform) -> dict[str, Any]:
    """One platform in full, schema ``annette/platform-summary/1``: its file without the parameters of the models."""
    document: dict[str, Any] = json.loads(dumps_platform(platform))
    document["schema"] = "annette/platform-summary/1"
    document["models"] = {kind: sorted(families) for kind, families in platform.models.items()}
    document["mapping"] = [
        {"name": rule["name"], "description": rule.get("description", "")} for rule in document["mapping"]["rules"]
    ]
    return document


def print_platform_list(document: dict[str, Any], *, console: Console | None = None) -> None:
    """Prints the list of platforms."""
    rows = [
        (
            entry["name"],
            entry["device"],
            entry["runtime"],
            entry["latency_is"].replace("_", " "),
            str(len(entry["kinds"])),
            entry["origin"],
        )
        for entry in document["platforms"]
    ]
    header = ("platform", "device", "runtime", "measures", "kinds", "origin")
    print_table(header, rows, left=(0, 1, 2, 3, 5), console=console)


def print_platform(document: dict[str, Any], *, console: Console | None = None) -> None:
    """Prints one platform: what it is, its kinds and families, accuracy, ranges, provenance."""
    console = console or terminal()
    title = Text(document["name"], style="bold")
    title.append(f"  {document['description']}", style="not bold")
    console.print(title)
    facts = [
        ("device", document["device"]),
        ("runtime", document["runtime"]),
        ("precision", ", ".join(f"{key} {value}" for key, value in document["precision"].items())),
        ("threads", str(document["threads"])),
        ("latency is", document["latency_is"].replace("_", " ")),
        ("preferred model", document["preferred_family"]),
        ("mapping rules", str(len(document["mapping"]))),
    ]
    facts += [
        (f"overhead {key}", "unknown" if value is None else f"{value:g}") for key, value in document["overhead"].items()
    ]
    print_table(("", ""), facts, left=(0, 1), console=console)
    kinds = [
        (kind, ", ".join(families), _ranges(document["ranges"].get(kind, {})))
        for kind, families in document["models"].items()
    ]
    print_table(("kind", "models", "fitted ranges"), kinds, left=(0, 1, 2), console=console)
    if document["accuracy"]:
        columns = list(dict.fromkeys(key for row in document["accuracy"] for key in row))
        rows = [tuple(_cell(row.get(column, "")) for column in columns) for row in document["accuracy"]]
        console.print(Text("accuracy", style="bold"))
        print_table(columns, rows, left=(0, 1), console=console)
    _print_provenance(document["provenance"], console)


def _summary(entry: PlatformEntry, platform: Platform) -> dict[str, Any]:
    return {
        "name": platform.name,
        "description": platform.description,
        "device": platform.device,
        "runtime": platform.runtime,
        "latency_is": platform.latency_is,
        "preferred_family": platform.preferred_family,
        "kinds": list(platform.models),
        "origin": entry.origin,
    }


def _ranges(ranges: dict[str, Any]) -> str:
    shown = [f"{column} {least:g} to {most:g}" for column, (least, most) in ranges.items() if least != most]
    rest = len(shown) - _WIDE
    return ", ".join(shown[:_WIDE]) + (f", … {rest} more" if rest > 0 else "")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_provenance(provenance: dict[str, Any], console: Console) -> None:
    console.print(Text("provenance", style="bold"))
    console.print(Text(f"made by {provenance['created_by']}"))
    for source in provenance["sources"]:
        date = f", {source['date']}" if source["date"] else ""
        console.print(Text(f"source: {source['title']} ({source['location']}; {source['licence']}{date})"))
    for name, version in provenance["versions"].items():
        console.print(Text(f"version: {name} {version}"))
    for note in provenance["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))
