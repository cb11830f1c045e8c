"""Reads what a user's program prints about a run: a latency, a JSON document, or a table of layers as CSV."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import ProfileEntry
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LatencyReport", "read_report"]

_SCALES: Final = {"latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6, "latency_ns": 1e-9}
_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_NUMBER: Final = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[a-zA-Zµμ]*)")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """What a program said.

    Attributes:
        latency_s: One time per run of the whole network; at least one.
        entries: Kernels in the order reported; None where the program says nothing about them.
    """

    latency_s: tuple[float, ...]
    entries: tuple[ProfileEntry, ...] | None


def read_report(text: str) -> LatencyReport:
    """Reads a program's standard output.

    In this order: a JSON object (the whole text, or its last line), a CSV table with a column ``name`` and one of
    ``latency_s``, ``latency_ms``, ``latency_us``, ``latency_ns``, or a last line that ends in a number with a unit.

    Args:
        text: The output.

    Raises:
        BackendRunError: It is none of these, it is truncated, or a time is negative or no number.
    """
    stripped = text.strip()
    if not stripped:
        raise BackendRunError("the program printed nothing")
    document = _json_object(stripped)
    if document is not None:
        return _from_json(document)
    lines = stripped.splitlines()
    header = [column.strip() for column in lines[0].split(",")]
    if len(header) > 1:
        return _from_csv(lines, header)
    return LatencyReport((_from_number(lines[-1]),), None)


def _json_object(text: str) -> dict[str, Any] | None:
    if "{" not in text:
        return None
    for candidate in (text, text.splitlines()[-1]):
        try:
            document = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(document, dict):
            return document
    if text.startswith("{"):
        raise BackendRunError(f"the program's JSON is broken or truncated: it ends in {text[-_SHOWN:]!r}")
    return None


def _from_json(document: Mapping[str, Any]) -> LatencyReport:
    kernels = document.get("kernels")
    if kernels is None:
        return LatencyReport(_times(document, "the report"), None)
    if not isinstance(kernels, list) or not all(isinstance(kernel, dict) for kernel in kernels):
        raise BackendRunError("'kernels' in the program's JSON is not a list of objects")
    entries = tuple(_entry(kernel, f"kernel {position}") for position, kernel in enumerate(kernels))
    has_total = any(key in document for key in _SCALES)
    return LatencyReport(_times(document, "the report") if has_total else _sum(entries), entries)


def _from_csv(lines: list[str], header: list[str]) -> LatencyReport:
    if "name" not in header or not any(column in header for column in _SCALES):
        raise BackendRunError(
            f"the program's table has columns {', '.join(header)}: it needs 'name' and one of {', '.join(_SCALES)}"
        )
    entries = []
    for number, row in enumerate(csv.DictReader(lines, fieldnames=header, skipinitialspace=True)):
        if number == 0:
            continue
        if None in row or None in row.values():
            raise BackendRunError(f"row {number} of the program's table has more or fewer than {len(header)} columns")
        entries.append(_entry(row, f"row {number}"))
    if not entries:
        raise BackendRunError("the program's table has no rows")
    return LatencyReport(_sum(entries), tuple(entries))


def _entry(values: Mapping[str, Any], where: str) -> ProfileEntry:
    name = str(values.get("name", "")).strip()
    if not name:
        raise BackendRunError(f"{where} of the program's report has no name")
    layers = values.get("layers", ())
    if isinstance(layers, str):
        layers = [layer.strip() for layer in layers.split(";") if layer.strip()]
    known = {"name", "operator", "layers", *_SCALES}
    return ProfileEntry(
        name=name,
        operator=str(values.get("operator", "")).strip(),
        latency_s=_times(values, f"{where} ({name})"),
        layers=tuple(str(layer) for layer in layers),
        info={str(key): str(value) for key, value in values.items() if key not in known},
    )


def _times(values: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """One time or a list of times under the one key that names its unit."""
    keys = [key for key in _SCALES if key in values]
    if len(keys) != 1:
        raise BackendRunError(f"{where} of the program's output must have one of {', '.join(_SCALES)}; has {keys}")
    given = values[keys[0]]
    times = tuple(_scaled(value, _SCALES[keys[0]], where) for value in (given if isinstance(given, list) else [given]))
    if not times:
        raise BackendRunError(f"{where} of the program's output has an empty list of times")
    return times


def _scaled(value: Any, scale: float, where: str) -> float:
    try:
        time_s = float(value) * scale
    except (TypeError, ValueError):
        raise BackendRunError(f"a time in {where} of the program's output is {value!r}, not a number") from None
    if not (math.isfinite(time_s) and time_s >= 0):
        raise BackendRunError(f"a time in {where} of the program's output is {value!r}")
    return time_s


def _sum(entries: list[ProfileEntry] | tuple[ProfileEntry, ...]) -> tuple[float, ...]:
    return (math.fsum(median(entry.latency_s) for entry in entries),)


def _from_number(line: str) -> float:
    last = max(_NUMBER.finditer(line), key=re.Match.end, default=None)
    if last is None or last.end() != len(line.rstrip()):
        raise BackendRunError(f"the program's last line does not end in a latency: {line[-_SHOWN:]!r}")
    unit = last["unit"]
    if unit not in _UNITS:
        raise BackendRunError(f"the program's latency {last[0]!r} has no unit that is known: {', '.join(_UNITS)}")
    return _scaled(last["number"], _UNITS[unit], "the last line")
