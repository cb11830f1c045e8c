"""An evaluation as one HTML page: tables, and plots as inline SVG. Nothing is loaded from anywhere."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from annette.report.evaluation import evaluation_tables, remarks, summary
from annette.report.html import Plot, decades, html_page, html_section, html_table
from annette.report.units import change_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.report.evaluation import Table

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
    plot = Plot((low, high), (low, high))
    ten = math.log10(1.1)
    marks = [plot.band((low, low + ten), (high, high + ten), (high, high - ten), (low, low - ten))]
    marks.append(plot.line("ideal", (low, low), (high, high)))
    for tick in decades(low, high):
        label = seconds_text(10**tick)
        marks += [plot.upright(tick), plot.level(tick), plot.below(tick, label), plot.beside(tick, label)]
    for entry in entries:
        across = math.log10(entry["measured_s"])
        if entry["interval_s"]:
            least, most = (math.log10(end) for end in entry["interval_s"])
            marks.append(plot.line("bar", (across, least), (across, most)))
        marks.append(_dot(plot, across, math.log10(entry["estimated_s"]), entry))
    return plot.svg(marks, "measured", "estimated")


def _residuals(entries: Sequence[dict[str, Any]]) -> str:
    """Relative error over the measured latency."""
    logs = [math.log10(entry["measured_s"]) for entry in entries]
    most = max(_WORST_SHOWN, *(abs(entry["error"]) for entry in entries)) * 1.1
    low, high = min(logs) - 0.1, max(logs) + 0.1
    plot = Plot((low, high), (-most, most))
    marks = [plot.stripe(0.1), plot.level(0, "ideal")]
    step = 0.05 if most < 0.25 else (0.2 if most < 1 else 10 ** math.ceil(math.log10(most)) / 5)
    for index in range(-int(most / step), int(most / step) + 1):
        share = index * step
        marks += [plot.level(share), plot.beside(share, f"{100 * share:+.0f} %")]
    marks += [plot.below(tick, seconds_text(10**tick)) for tick in decades(low, high)]
    marks += [_dot(plot, position, entry["error"], entry) for position, entry in zip(logs, entries, strict=True)]
    return plot.svg(marks, "measured", "error of the estimate")


def _dot(plot: Plot, across: float, up: float, entry: dict[str, Any]) -> str:
    kind = "out" if abs(entry["error"]) > _WORST_SHOWN else ""
    label = f"{entry['network']}: {seconds_text(entry['estimated_s'])} estimated, {change_text(entry['error'])}"
    return plot.dot(across, up, label, radius=4, kind=kind)


def _section(table: Table) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    return html_section(table.title, html_table(table.header, table.rows)) + notes
