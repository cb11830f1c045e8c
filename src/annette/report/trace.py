"""Estimates as a trace that Perfetto, Chrome and Speedscope open: the kernels, one after the other, on a line of time.

The form is the Trace Event Format of Chromium's *trace-viewer*: complete events (``ph`` is ``X``) with times in
microseconds, metadata events (``M``) that name the rows, and counters (``C``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["trace_document"]

_TICKS: Final = 1024
"""Steps of a microsecond that times are rounded to.

With a power of two, start plus duration is the next start to the last bit, for viewers that add floating-point numbers
(Speedscope nests what overlaps); cut to whole nanoseconds, as by Perfetto's processor, neighbours do not overlap.
"""
_STATED: Final = ("network", "platform", "model", "batch", "latency_s", "latency_is", "interval_s", "notes")

_DEVICE, _HOST = 1, 2
"""Rows of a process: kernels on the device, and what a run costs beside them."""


def trace_document(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A trace of estimates, one process each, so that networks or platforms stand below each other.

    A kernel's event carries what the estimate knows of it: layers, rules, operations, bytes, what bounds it, its
    interval. Kernels that cost nothing are left out and counted. What a run costs beside its kernels follows them, on a
    row of its own. A counter shows the rates of operations and of bytes.

    Args:
        documents: Estimates as ``annette.report.estimates.estimate_document`` gives them.
    """
    events: list[dict[str, Any]] = []
    for process, document in enumerate(documents, start=1):
        events += _process(process, document)
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "made_by": "annette",
            "estimates": [
                {key: document[key] for key in _STATED}
                | {"free_kernels": sum(kernel["bound"] == "free" for kernel in document["kernels"])}
                for document in documents
            ],
        },
    }


def _process(process: int, document: dict[str, Any]) -> list[dict[str, Any]]:
    events = [
        _name(process, None, "process_name", f"{document['network']} on {document['platform']} (estimated)"),
        _name(process, _DEVICE, "thread_name", "kernels"),
    ]
    at_s = 0.0
    for kernel in document["kernels"]:
        if kernel["bound"] == "free":
            continue
        latency_s = kernel["latency_s"]
        events.append(_complete(process, _DEVICE, kernel["name"], at_s, latency_s, kernel["kind"], _facts(kernel)))
        if latency_s > 0:
            rates = {"Gops/s": kernel["ops"] / latency_s / 1e9, "GB/s": kernel["bytes"] / latency_s / 1e9}
            events.append({"ph": "C", "pid": process, "name": "rates", "ts": _microseconds(at_s), "args": rates})
        at_s += latency_s
    rest_s = document["latency_s"] - at_s
    if rest_s > 0:
        facts = {"what": "what a run, its kernels and their inputs and outputs cost beside the kernels themselves"}
        events.append(_name(process, _HOST, "thread_name", "beside the kernels"))
        events.append(_complete(process, _HOST, "overhead of the run", at_s, rest_s, "overhead", facts))
    return events


def _name(process: int, row: int | None, what: str, name: str) -> dict[str, Any]:
    event = {"ph": "M", "pid": process, "name": what, "args": {"name": name}}
    return event if row is None else event | {"tid": row}


def _complete(
    process: int, row: int, name: str, start_s: float, duration_s: float, category: str, facts: dict[str, Any]
) -> dict[str, Any]:
    start_us = _microseconds(start_s)
    return {
        "ph": "X",
        "pid": process,
        "tid": row,
        "name": name,
        "cat": category,
        "ts": start_us,
        "dur": _microseconds(start_s + duration_s) - start_us,
        "args": facts,
    }


def _microseconds(time_s: float) -> float:
    return round(time_s * 1e6 * _TICKS) / _TICKS


def _facts(kernel: dict[str, Any]) -> dict[str, Any]:
    interval = kernel["interval_s"]
    facts = {key: kernel[key] for key in ("kind", "ops", "bytes", "bound", "utilisation", "method", "in_range")}
    facts |= {"layers": ", ".join(kernel["layers"]), "rules": ", ".join(kernel["rules"])}
    return facts | ({"lower_s": interval[0], "upper_s": interval[1]} if interval else {})
