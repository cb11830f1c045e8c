"""An evaluation as one HTML page: tables, and plots as inline SVG. Nothing is loaded from anywhere."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from annette.report.evaluation_tables import evaluation_tables, remarks, summary
from annette.report.html import html_page, html_section, html_table
from annette.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axis, decades, line, plot, text
from annette.report.units import seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.report.evaluation_tables import Table

__all__ = ["evaluation_page"]

_WORST_SHOWN: Final = 0.1


def evaluation_page(document: dict[str, Any]) -> str:
    """The page as text.

    Args:
        document: What `annette.report.evaluation.evaluation_document` gives.
    """
    title = f"{document['platform']} on {document['suite']}"
    compared = [entry for entry in document["networks"] if entry["error"] is not None]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Model: {escape(document['model'])}. {len(compared)} of {len(document['networks'])} networks compared.</p>",
    ]
    if compared:
        parts.append(f'<div class="plots">{_scatter(compared)}{_residuals(compared)}</div>')
        parts.append("<p>Each dot is a network; bars are 90 % intervals, the band is ±10 %.</p>")
    else:
        parts += [f"<p>{escape(line)}</p>" for line in summary(document)]
    parts += [_section(table) for table in evaluation_tables(document)]
    parts += [f"<p>{escape(remark)}</p>" for remark in remarks(document)]
    return html_page(title, parts)


def _scatter(entries: Sequence[dict[str, Any]]) -> str:
    """Estimated over measured, both on logarithmic axes, with ±10 % around the diagonal."""
    times = [entry[key] for entry in entries for key in ("measured_s", "estimated_s")]
    low, high = math.log10(min(times)) - 0.1, math.log10(max(times)) + 0.1
    x, y = axis(low, high, LEFT, WIDTH - RIGHT), axis(low, high, HEIGHT - BOTTOM, TOP)
    ten = math.log10(1.1)
    marks = [
        f'<polygon class="band" points="{x(low):.1f},{y(low + ten):.1f} {x(high):.1f},{y(high + ten):.1f} '
        f'{x(high):.1f},{y(high - ten):.1f} {x(low):.1f},{y(low - ten):.1f}"/>',
        line("ideal", x(low), y(low), x(high), y(high)),
    ]
    for tick in decades(low, high):
        marks += [
            line("grid", x(tick), TOP, x(tick), HEIGHT - BOTTOM),
            line("grid", LEFT, y(tick), WIDTH - RIGHT, y(tick)),
            text(x(tick), HEIGHT - BOTTOM + 15, seconds_text(10**tick), "middle"),
            text(LEFT - 6, y(tick) + 4, seconds_text(10**tick), "end"),
        ]
    for entry in entries:
        across, up = x(math.log10(entry["measured_s"])), y(math.log10(entry["estimated_s"]))
        if entry["interval_s"]:
            ends = [y(math.log10(end)) for end in entry["interval_s"]]
            marks.append(line("bar", across, ends[0], across, ends[1]))
        marks.append(_dot(across, up, entry))
    return plot(marks, "measured", "estimated")


def _residuals(entries: Sequence[dict[str, Any]]) -> str:
    """Relative error over the measured latency."""
    logs = [math.log10(entry["measured_s"]) for entry in entries]
    most = max(_WORST_SHOWN, *(abs(entry["error"]) for entry in entries)) * 1.1
    low, high = min(logs) - 0.1, max(logs) + 0.1
    x, y = axis(low, high, LEFT, WIDTH - RIGHT), axis(-most, most, HEIGHT - BOTTOM, TOP)
    marks = [
        f'<rect class="band" x="{LEFT}" y="{y(0.1):.1f}" width="{WIDTH - RIGHT - LEFT}" '
        f'height="{y(-0.1) - y(0.1):.1f}"/>',
        line("ideal", LEFT, y(0), WIDTH - RIGHT, y(0)),
    ]
    step = 0.05 if most < 0.25 else (0.2 if most < 1 else 10 ** math.ceil(math.log10(most)) / 5)
    for index in range(-int(most / step), int(most / step) + 1):
        share = index * step
        marks += [
            line("grid", LEFT, y(share), WIDTH - RIGHT, y(share)),
            text(LEFT - 6, y(share) + 4, f"{100 * share:+.0f} %", "end"),
        ]
    marks += [text(x(tick), HEIGHT - BOTTOM + 15, seconds_text(10**tick), "middle") for tick in decades(low, high)]
    marks += [_dot(x(position), y(entry["error"]), entry) for position, entry in zip(logs, entries, strict=True)]
    return plot(marks, "measured", "error of the estimate")


def _dot(x: float, y: float, entry: dict[str, Any]) -> str:
    kind = ' class="out"' if abs(entry["error"]) > _WORST_SHOWN else ""
    label = f"{entry['network']}: {seconds_text(entry['estimated_s'])} estimated, {_signed(entry['error'])}"
    return f'<circle{kind} cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(label)}</title></circle>'


def _section(table: Table) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    return html_section(table.title, html_table(table.header, table.rows)) + notes


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"
