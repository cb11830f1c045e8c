"""Performance counters of OpenVINO: what ``benchmark_app`` of 2018 to 2026 writes, and what it prints with ``-pc``.

Three forms, each with totals at its end, and perhaps once per request, of which the mean is taken:

- The **table** (``benchmark_average_counters_report.csv`` and its kin): semicolons, ``layerName``, ``execStatus``,
  ``layerType``, ``execType``, times in milliseconds (``realTime (ms)``; microseconds in old releases), a row ``Total``.
  Sorted reports of the Python tool have commas, and a line ``Total time: …`` instead of the row.
- **JSON** (``benchmark_average_counters_report.json``): ``nodes`` with times in milliseconds, ``total_real_time``.
- **Printed**: one line per layer, the status behind its name, then ``layerType:``, ``realTime:`` in microseconds or
  ``realTime (ms):``, ``execType:`` before or behind the times; names of more than 20 or 30 letters end in dots, types
  may be empty. A line ``Total time: …`` follows; a release calls milliseconds seconds there.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from annette.bench.reported import ReportedKernel, number
from annette.errors import BackendRunError

__all__ = ["parse_openvino_counters"]

_STATUSES: Final = ("EXECUTED", "NOT_RUN", "OPTIMIZED_OUT")
_TIME: Final = re.compile(r"realTime\s*\((ms|us|µs|microseconds)\)")
_SCALES: Final = {"seconds": 1.0, "milliseconds": 1e-3, "ms": 1e-3, "microseconds": 1e-6, "us": 1e-6, "µs": 1e-6}
_PRINTED: Final = re.compile(
    r"^(?:\[ INFO \])?\s*(?P<name>\S.*?)(?:\s+|(?<=:))(?:Status\.)?(?P<status>EXECUTED|NOT_RUN|OPTIMIZED_OUT)\s+"
    r"layerType:\s*(?P<type>(?!execType:|realTime)\S*(?: (?!execType:|realTime)\S+)*)\s*"
    r"(?:execType:\s*(?P<before>(?!realTime)\S*)\s*)?realTime(?P<unit>\s*\(ms\))?:\s*(?P<time>\S+)(?P<rest>.*)$"
)
_EXECUTION: Final = re.compile(r"execType:\s*(\S+)")
_TOTAL: Final = re.compile(
    r"^(?:\[ INFO \])?\s*\"?Total time:\s*(?P<time>[\d.]+)\s*(?P<unit>microseconds|us|milliseconds|ms|seconds)?\"?\s*$"
)
_TOLERANCE: Final = 0.001
_ROUNDING_S: Final = 1e-6
"""Last digit of a layer's time."""
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class _Row:
    kernel: ReportedKernel
    executed: bool


def parse_openvino_counters(text: str) -> tuple[ReportedKernel, ...]:
    """Reads a report; layers that did not run are left out.

    Args:
        text: The file's content, or what was printed.

    Raises:
        BackendRunError: It is no such report, a column has another name, a line is torn, or there are no totals at
            its end or they are not the sum of the layers.
    """
    if text.lstrip().startswith("{"):
        return _mean(_documents(text))
    lines = [line for line in text.replace("(%)\n", "(%)").splitlines() if line.strip()]
    if any(line.lstrip().startswith("layerName") for line in lines):
        return _mean(_tables(lines))
    return _mean(_printed(lines))


def _mean(requests: list[list[_Row]]) -> tuple[ReportedKernel, ...]:
    """The executed layers with their mean times over the requests, which must have the same layers."""
    first = requests[0]
    names = [row.kernel.name for row in first]
    if any([row.kernel.name for row in rows] != names for rows in requests[1:]):  # Sorted by time in some releases.
        requests = [sorted(rows, key=lambda row: row.kernel.name) for rows in requests]
        if any([row.kernel.name for row in rows] != [row.kernel.name for row in requests[0]] for rows in requests):
            raise BackendRunError("the requests of the counters report have different layers")
    return tuple(
        replace(rows[0].kernel, latency_s=sum(row.kernel.latency_s for row in rows) / len(rows))
        for rows in zip(*requests, strict=True)
        if rows[0].executed
    )


def _tables(lines: list[str]) -> list[list[_Row]]:
    starts = [index for index, line in enumerate(lines) if line.lstrip().startswith("layerName")]
    return [_table(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _table(lines: list[str]) -> list[_Row]:
    separator = ";" if ";" in lines[0] else ","
    cells = [next(csv.reader(io.StringIO(line), delimiter=separator), []) for line in lines]
    columns = [column.strip().strip('"') for column in cells[0]]
    time = next((index for index, column in enumerate(columns) if _TIME.fullmatch(column)), None)
    for name in ("execStatus", "layerType", "execType"):
        if name not in columns:
            raise BackendRunError(
                f"the counters report has no column {name!r}, only {', '.join(filter(None, columns))}"
            )
    if time is None:
        raise BackendRunError(
            f"the counters report has no column 'realTime (ms)', only {', '.join(filter(None, columns))}"
        )
    unit = _TIME.fullmatch(columns[time])
    scale = _SCALES[unit.group(1)] if unit else 1.0
    status, kind, execution = (columns.index(name) for name in ("execStatus", "layerType", "execType"))
    rows: list[_Row] = []
    for row, line in zip(cells[1:], lines[1:], strict=True):
        if _TOTAL.match(line):
            _check_total(rows, line)
            return rows
        if row and row[0].strip().lower() == "total":
            _check_sum(rows, number(row[min(time, len(row) - 1)], "the total", line) * scale, _ROUNDING_S)
            return rows
        said = row[status].strip().removeprefix("Status.") if len(row) > max(time, status, kind, execution) else ""
        if said not in _STATUSES:
            raise BackendRunError(f"the counters report is torn or truncated in line {line[:_SHOWN]!r}")
        seconds = number(row[time], "realTime", line) * scale
        kernel = ReportedKernel(row[0].strip(), row[kind].strip(), seconds, row[execution].strip())
        rows.append(_Row(kernel, said == "EXECUTED"))
    raise BackendRunError("the counters report is truncated: there is no row of totals at its end")


def _documents(text: str) -> list[list[_Row]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BackendRunError(f"the counters report is no JSON, or truncated: {error}") from error
    found = document.get("avg_performance") or document.get("detailed_performance")
    if not found:
        raise BackendRunError(
            "this is no report of OpenVINO's performance counters: it has neither 'avg_performance' nor "
            "'detailed_performance'"
        )
    return [_document(part) for part in (found if isinstance(found, list) else [found])]


def _document(part: Any) -> list[_Row]:
    rows = []
    try:
        for node in part["nodes"]:
            said = str(node["status"]).removeprefix("Status.")
            seconds = number(str(node["real_time"]), "real_time", json.dumps(node)) * 1e-3
            kernel = ReportedKernel(str(node["name"]), str(node["node_type"]), seconds, str(node["exec_type"]))
            rows.append(_Row(kernel, said == "EXECUTED"))
        _check_sum(rows, number(str(part["total_real_time"]), "total_real_time", "") * 1e-3, _ROUNDING_S)
    except (KeyError, TypeError) as error:
        raise BackendRunError(f"the counters report has no field {error}") from error
    return rows


def _printed(lines: list[str]) -> list[list[_Row]]:
    requests: list[list[_Row]] = []
    rows: list[_Row] = []
    for line in lines:
        found = _PRINTED.match(line)
        if found is not None:
            execution = _EXECUTION.search(found["rest"])
            how = found["before"] or (execution.group(1) if execution else "")
            seconds = number(found["time"], "realTime", line) * (1e-3 if found["unit"] else 1e-6)
            kernel = ReportedKernel(found["name"], found["type"].strip(), seconds, how)
            rows.append(_Row(kernel, found["status"] == "EXECUTED"))
        elif rows and _TOTAL.match(line):
            _check_total(rows, line)
            requests.append(rows)
            rows = []
        elif " layerType:" in line or any(f" {status}" in line for status in _STATUSES):
            raise BackendRunError(f"the counters are torn, or have other fields, in line {line.strip()[:_SHOWN]!r}")
    if rows:
        raise BackendRunError("the counters are truncated: there is no total behind them")
    if not requests:
        raise BackendRunError("this is no report of OpenVINO's performance counters: it has no layers")
    return requests


def _check_total(rows: list[_Row], line: str) -> None:
    """Compares with a line of totals; "seconds" may be milliseconds, as one release has it."""
    found = _TOTAL.match(line)
    total, unit = (number(found["time"], "the total", line), found["unit"] or "microseconds") if found else (0.0, "ms")
    decimals = len(found["time"].partition(".")[2]) if found else 0
    if unit == "seconds" and total * _SCALES["seconds"] > 2 * sum(row.kernel.latency_s for row in rows):
        unit = "milliseconds"
    _check_sum(rows, total * _SCALES[unit], _ROUNDING_S, 0.5 * 10.0**-decimals * _SCALES[unit])


def _check_sum(rows: list[_Row], total_s: float, rounding_s: float, total_rounding_s: float = 0.0) -> None:
    found_s = sum(row.kernel.latency_s for row in rows)
    if abs(found_s - total_s) > _TOLERANCE * max(total_s, 1e-6) + rounding_s * len(rows) + total_rounding_s:
        raise BackendRunError(
            f"the layers of the counters report add up to {found_s * 1e3:.3f} ms, its total is {total_s * 1e3:.3f} ms: "
            "rows are missing"
        )
