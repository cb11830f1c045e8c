"""Performance counters of OpenVINO: what ``benchmark_app`` writes, and what it prints with ``-pc``.

The report (``benchmark_average_counters_report.csv`` and its kin) is a table of semicolons with ``layerName``,
``execStatus``, ``layerType``, ``execType``, and times in milliseconds (``realTime (ms)``, ``cpuTime (ms)``), or in
microseconds in older releases; it ends with a row of totals. The printed form has one line per layer, the status behind
its name, then ``layerType: … realTime: … cpu: … execType: …`` in microseconds, and a last line ``Total time: …``.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from annette.bench.reports.entries import ReportedKernel, number
from annette.errors import BackendRunError

__all__ = ["parse_openvino_counters"]

_EXECUTED: Final = "EXECUTED"
_STATUSES: Final = ("EXECUTED", "NOT_RUN", "OPTIMIZED_OUT", "Status.EXECUTED", "Status.NOT_RUN", "Status.OPTIMIZED_OUT")
_TIME: Final = re.compile(r"realTime\s*\((ms|us|µs|microseconds)\)")
_SCALES: Final = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "microseconds": 1e-6}
_PRINTED: Final = re.compile(
    r"^(?:\[ INFO \])?\s*(?P<name>\S.*?)\s+(?P<status>EXECUTED|NOT_RUN|OPTIMIZED_OUT)\s+layerType:\s*(?P<type>\S+)\s+"
    r"(?:execType:\s*(?P<before>\S+)\s+)?realTime(?:\s*\(ms\))?:\s*(?P<time>\S+)(?P<rest>.*)$"
)
_EXECUTION: Final = re.compile(r"execType:\s*(\S+)")
_TOTAL: Final = re.compile(r"^(?:\[ INFO \])?\s*Total(?: time)?:?\s", re.IGNORECASE)
_TOLERANCE: Final = 0.001


def parse_openvino_counters(text: str) -> tuple[ReportedKernel, ...]:
    """Reads a report; layers that did not run are left out.

    Args:
        text: The file's content, or what was printed.

    Raises:
        BackendRunError: It is no such report, a column has another name, a line is torn, or there are no totals at
            its end or they are not the sum of the layers.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    header = next((index for index, line in enumerate(lines) if line.lstrip().startswith("layerName")), None)
    if header is not None:
        return _table(lines[header:])
    return _printed(lines)


def _table(lines: list[str]) -> tuple[ReportedKernel, ...]:
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=";"))
    columns = [column.strip() for column in rows[0]]
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
    kernels: list[ReportedKernel] = []
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if row[0].strip().lower().startswith("total"):
            _check_total(kernels, number(row[min(time, len(row) - 1)], "the total", line) * scale)
            return tuple(kernels)
        if len(row) <= max(time, status, kind, execution) or row[status].strip() not in _STATUSES:
            raise BackendRunError(f"the counters report is torn or truncated in line {line[:80]!r}")
        if row[status].strip().endswith(_EXECUTED):
            seconds = number(row[time], "realTime", line) * scale
            kernels.append(ReportedKernel(row[0].strip(), row[kind].strip(), seconds, row[execution].strip()))
    raise BackendRunError("the counters report is truncated: there is no row of totals at its end")


def _printed(lines: list[str]) -> tuple[ReportedKernel, ...]:
    kernels: list[ReportedKernel] = []
    for line in lines:
        found = _PRINTED.match(line)
        if found is not None:
            if found["status"] == _EXECUTED:
                scale = 1e-3 if "(ms)" in line else 1e-6
                execution = _EXECUTION.search(found["rest"])
                how = found["before"] or (execution.group(1) if execution else "")
                seconds = number(found["time"], "realTime", line) * scale
                kernels.append(ReportedKernel(found["name"], found["type"], seconds, how))
        elif kernels and _TOTAL.match(line):
            total = re.search(r"([\d.]+)\s*(microseconds|us|ms|milliseconds)?", line.split(":", 1)[-1])
            if total is None:
                raise BackendRunError(f"the counters end with {line.strip()[:80]!r}, which states no total")
            milliseconds = (total.group(2) or "").startswith("m") and total.group(2) != "microseconds"
            _check_total(kernels, float(total.group(1)) * (1e-3 if milliseconds else 1e-6))
            return tuple(kernels)
        elif " layerType:" in line or _EXECUTED in line:
            raise BackendRunError(f"the counters are torn, or have other fields, in line {line.strip()[:80]!r}")
    if not kernels:
        raise BackendRunError("this is no report of OpenVINO's performance counters: it has no layers")
    raise BackendRunError("the counters are truncated: there is no total behind them")


def _check_total(kernels: list[ReportedKernel], total_s: float) -> None:
    found_s = sum(kernel.latency_s for kernel in kernels)
    if abs(found_s - total_s) > _TOLERANCE * max(total_s, 1e-6) + 1e-6 * len(kernels):
        raise BackendRunError(
            f"the layers of the counters report add up to {found_s * 1e3:.3f} ms, its total is {total_s * 1e3:.3f} ms: "
            "rows are missing"
        )
