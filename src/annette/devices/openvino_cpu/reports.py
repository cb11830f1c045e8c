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
import re
from dataclasses import replace
from itertools import pairwise
from typing import Final

import msgspec

from annette.bench.profile_matching import ReportedKernel, number
from annette.documents import convert, parse_json
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
_LONGEST_LINE: Final = 4096
"""Lines that are longer are none of a report; expressions for those that are take time by the square of it."""


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
    if any(len(line) > _LONGEST_LINE for line in lines):
        raise BackendRunError("this is no report of OpenVINO's performance counters: a line is too long")
    starts = [index for index, line in enumerate(lines) if line.lstrip().startswith("layerName")]
    if starts:
        return _mean([_table(lines[start:end]) for start, end in pairwise([*starts, len(lines)])])
    return _mean(_printed(lines))


def _mean(requests: list[list[ReportedKernel]]) -> tuple[ReportedKernel, ...]:
    """The executed layers with their mean times over the requests, which must have the same layers."""
    first = requests[0]
    names = [row.name for row in first]
    if any([row.name for row in rows] != names for rows in requests[1:]):  # Sorted by time in some releases.
        requests = [sorted(rows, key=lambda row: row.name) for rows in requests]
        if any([row.name for row in rows] != [row.name for row in requests[0]] for rows in requests):
            raise BackendRunError("the requests of the counters report have different layers")
    return tuple(
        replace(rows[0], latency_s=sum(row.latency_s for row in rows) / len(rows))
        for rows in zip(*requests, strict=True)
        if rows[0].executed
    )


def _table(lines: list[str]) -> list[ReportedKernel]:
    separator = ";" if ";" in lines[0] else ","
    try:
        cells = [next(csv.reader([line], delimiter=separator), []) for line in lines]
    except csv.Error as error:
        raise BackendRunError(f"the counters report is no table: {error}") from error
    columns = [column.strip().strip('"') for column in cells[0]]
    timed = next((match for column in columns if (match := _TIME.fullmatch(column))), None)
    required = ("execStatus", "layerType", "execType", timed[0] if timed else "realTime (ms)")
    for name in required:
        if name not in columns:
            raise BackendRunError(
                f"the counters report has no column {name!r}, only {', '.join(filter(None, columns))}"
            )
    status, kind, execution, time = map(columns.index, required)
    scale = _SCALES[timed[1]] if timed else 1.0
    rows: list[ReportedKernel] = []
    for row, line in zip(cells[1:], lines[1:], strict=True):
        if (total := _TOTAL.match(line)) is not None:
            _check_total(rows, total)
            return rows
        if row and row[0].strip().lower() == "total":
            _check_sum(rows, number(row[min(time, len(row) - 1)], "the total", line) * scale)
            return rows
        said = row[status].strip().removeprefix("Status.") if len(row) > max(time, status, kind, execution) else ""
        if said not in _STATUSES:
            raise BackendRunError(f"the counters report is torn or truncated in line {line[:_SHOWN]!r}")
        seconds = number(row[time], "realTime", line) * scale
        how = row[execution].strip()
        rows.append(ReportedKernel(row[0].strip(), row[kind].strip(), seconds, how, said == "EXECUTED"))
    raise BackendRunError("the counters report is truncated: there is no row of totals at its end")


class _Node(msgspec.Struct):
    name: str
    status: str
    node_type: str
    exec_type: str
    real_time: float | str


class _Request(msgspec.Struct):
    nodes: list[_Node]
    total_real_time: float | str


class _Report(msgspec.Struct):
    avg_performance: _Request | list[_Request] | None = None
    detailed_performance: _Request | list[_Request] | None = None


def _documents(text: str) -> list[list[ReportedKernel]]:
    document = parse_json(text.encode(), source="the counters report", error=BackendRunError)
    report = convert(document, _Report, error=BackendRunError, path="the counters report")
    parts = report.avg_performance or report.detailed_performance
    if not parts:
        raise BackendRunError(
            "this is no report of OpenVINO's performance counters: it has neither 'avg_performance' nor "
            "'detailed_performance'"
        )
    return [_request(part) for part in (parts if isinstance(parts, list) else [parts])]


def _request(part: _Request) -> list[ReportedKernel]:
    rows = []
    for node in part.nodes:
        said = node.status.removeprefix("Status.")
        seconds = number(str(node.real_time), "real_time", node.name) * 1e-3
        rows.append(ReportedKernel(node.name, node.node_type, seconds, node.exec_type, said == "EXECUTED"))
    _check_sum(rows, number(str(part.total_real_time), "total_real_time", "") * 1e-3)
    return rows


def _printed(lines: list[str]) -> list[list[ReportedKernel]]:
    requests: list[list[ReportedKernel]] = []
    rows: list[ReportedKernel] = []
    for line in lines:
        printed = _PRINTED.match(line)
        if printed is not None:
            execution = _EXECUTION.search(printed["rest"])
            how = printed["before"] or (execution[1] if execution else "")
            seconds = number(printed["time"], "realTime", line) * (1e-3 if printed["unit"] else 1e-6)
            ran = printed["status"] == "EXECUTED"
            rows.append(ReportedKernel(printed["name"], printed["type"].strip(), seconds, how, ran))
        elif rows and (total := _TOTAL.match(line)) is not None:
            _check_total(rows, total)
            requests.append(rows)
            rows = []
        elif " layerType:" in line or any(f" {status}" in line for status in _STATUSES):
            raise BackendRunError(f"the counters are torn, or have other fields, in line {line.strip()[:_SHOWN]!r}")
    if rows:
        raise BackendRunError("the counters are truncated: there is no total behind them")
    if not requests:
        raise BackendRunError("this is no report of OpenVINO's performance counters: it has no layers")
    return requests


def _check_total(rows: list[ReportedKernel], line: re.Match[str]) -> None:
    """Compares with a line of totals; "seconds" may be milliseconds, as one release has it."""
    total = number(line["time"], "the total", line[0])
    unit = line["unit"] or "microseconds"
    if unit == "seconds" and total > 2 * sum(row.latency_s for row in rows):
        unit = "milliseconds"
    decimals = len(line["time"].partition(".")[2])
    _check_sum(rows, total * _SCALES[unit], 0.5 * 10.0**-decimals * _SCALES[unit])


def _check_sum(rows: list[ReportedKernel], total_s: float, total_rounding_s: float = 0.0) -> None:
    sum_s = sum(row.latency_s for row in rows)
    if abs(sum_s - total_s) > _TOLERANCE * max(total_s, 1e-6) + _ROUNDING_S * len(rows) + total_rounding_s:
        raise BackendRunError(
            f"the layers of the counters report add up to {sum_s * 1e3:.3f} ms, its total is {total_s * 1e3:.3f} ms: "
            "rows are missing"
        )
