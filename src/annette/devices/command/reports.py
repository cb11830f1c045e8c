"""Reads what a user's program prints about a run: a latency, a JSON document, or a table of layers as CSV."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import msgspec

from annette.bench.backend import ProfileEntry
from annette.documents import (
    LEAST_LATENCY_S,
    MOST_LATENCY_S,
    convert,
    is_duration,
    is_latency,
    parse_json,
    shown,
)
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["LatencyReport", "read_report"]

_SCALES: Final = {"latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6, "latency_ns": 1e-9}
_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_NUMBER: Final = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[a-zA-Zµμ]*)")
_SHOWN: Final = 80


class _KernelTexts(msgspec.Struct):
    """What a row or an object says of a kernel, its times and further facts aside."""

    name: str | int = ""
    operator: str | int = ""
    layers: str | list[str | int] = ""


_TEXTS: Final = ("name", "operator", "layers")


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
        BackendRunError: It is none of these, it is truncated, or a time is no number or not one that anything takes.
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
    broken: BackendRunError | None = None
    for candidate in (text, text.splitlines()[-1]):
        try:
            document = parse_json(candidate.encode(), source="what the program printed", error=BackendRunError)
        except BackendRunError as error:
            broken = broken or error
            continue
        if isinstance(document, dict):
            return document
    if broken is not None and text.startswith("{"):
        raise BackendRunError(f"the program's JSON is broken or truncated: it ends in {text[-_SHOWN:]!r}; {broken}")
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
    if len(set(header)) < len(header):
        raise BackendRunError("two columns of the program's table have the same name")
    try:
        rows = list(csv.DictReader(lines, fieldnames=header, skipinitialspace=True))[1:]
    except csv.Error as error:
        raise BackendRunError(f"the program's table is no CSV: {error}") from error
    entries = []
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise BackendRunError(f"row {number} of the program's table has more or fewer than {len(header)} columns")
        entries.append(_entry(row, f"row {number}"))
    if not entries:
        raise BackendRunError("the program's table has no rows")
    return LatencyReport(_sum(entries), tuple(entries))


def _entry(values: Mapping[str, Any], where: str) -> ProfileEntry:
    stated = {key: value for key, value in values.items() if key in _TEXTS and value is not None}
    texts = convert(stated, _KernelTexts, error=BackendRunError, path=f"{where} of the program's report")
    name = str(texts.name).strip()
    if not name:
        raise BackendRunError(f"{where} of the program's report has no name")
    layers = texts.layers
    if isinstance(layers, str):
        layers = [layer.strip() for layer in layers.split(";") if layer.strip()]
    further = {key: str(value) for key, value in values.items() if key not in (*_TEXTS, *_SCALES)}
    return ProfileEntry(
        name=name,
        operator=str(texts.operator).strip(),
        latency_s=_times(values, f"{where} ({name})", is_duration),
        layers=tuple(map(str, layers)),
        info=convert(further, dict[str, str], error=BackendRunError, path=f"{where} of the program's report"),
    )


def _times(values: Mapping[str, Any], where: str, is_time: Callable[[float], bool] = is_latency) -> tuple[float, ...]:
    """One time or a list of times under the one key that names its unit."""
    keys = [key for key in _SCALES if key in values]
    if len(keys) != 1:
        raise BackendRunError(f"{where} of the program's output must have one of {', '.join(_SCALES)}; has {keys}")
    given = values[keys[0]]
    listed = given if isinstance(given, list) else [given]
    times = tuple(_scaled(value, _SCALES[keys[0]], where, is_time) for value in listed)
    if not times:
        raise BackendRunError(f"{where} of the program's output has an empty list of times")
    return times


def _scaled(value: Any, scale: float, where: str, is_time: Callable[[float], bool] = is_latency) -> float:
    try:
        time_s = math.nan if isinstance(value, bool) else float(value) * scale
    except (TypeError, ValueError, OverflowError):
        time_s = math.nan
    if not is_time(time_s):
        least = f"{LEAST_LATENCY_S:g}" if is_time is is_latency else "0"
        raise BackendRunError(
            f"a time in {where} of the program's output is {shown(value)}: it must be a number of {least} to "
            f"{MOST_LATENCY_S:g} seconds"
        )
    return time_s


def _sum(entries: Sequence[ProfileEntry]) -> tuple[float, ...]:
    total_s = math.fsum(median(entry.latency_s) for entry in entries)
    return (_scaled(total_s, 1.0, "the sum over the kernels"),)


def _from_number(line: str) -> float:
    last = max(_NUMBER.finditer(line), key=re.Match.end, default=None)
    if last is None or last.end() != len(line.rstrip()):
        raise BackendRunError(f"the program's last line does not end in a latency: {line[-_SHOWN:]!r}")
    unit = last["unit"]
    if unit not in _UNITS:
        raise BackendRunError(f"the program's latency {last[0]!r} has no unit that is known: {', '.join(_UNITS)}")
    return _scaled(last["number"], _UNITS[unit], "the last line")
