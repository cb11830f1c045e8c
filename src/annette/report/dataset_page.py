"""A dataset as one HTML page: its sweeps as plots, and its networks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from annette.report.dataset import size_name
from annette.report.html import html_page, html_section, html_table
from annette.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axis, line, plot, text, ticks
from annette.report.units import percent_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dataset_page"]


def dataset_page(document: dict[str, Any]) -> str:
    """The page as text.

    Args:
        document: What `annette.report.dataset.dataset_document` gives.
    """
    environment = document["environment"]
    title = " ".join(filter(None, (environment.get("runtime", ""), environment.get("device", "")))) or "Dataset"
    times = "estimated by the compiler" if "estimated" in environment.get("times", "") else "measured"
    statuses = ", ".join(f"{count} {name}" for name, count in document["statuses"].items() if count)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(document['dataset'])}: {document['rows']} rows ({escape(statuses)}); digest "
        f"{escape(document['digest'])}</p>",
    ]
    if document["sweeps"]:
        plots = "\n".join(_sweep(sweep, times) for sweep in document["sweeps"])
        parts.append(f'<h2>Sweeps: one size of a layer, everything else fixed</h2>\n<div class="plots">{plots}</div>')
    if document["networks"]:
        parts.append(html_section("Networks", _networks(document["networks"])))
    rows = [(key, value) for key, value in environment.items() if value]
    parts.append(html_section("Environment", html_table(("", ""), rows)))
    return html_page(title, parts)


def _sweep(sweep: dict[str, Any], times: str) -> str:
    sizes, latencies = sweep["sizes"], sweep["latency_s"]
    top = max(latencies) * 1.05 or 1.0
    x, y = axis(0, sizes[-1] * 1.02, LEFT, WIDTH - RIGHT), axis(0, top, HEIGHT - BOTTOM, TOP)
    marks = []
    for tick in ticks(sizes[-1], base=2):
        marks += [
            line("grid", x(tick), TOP, x(tick), HEIGHT - BOTTOM),
            text(x(tick), HEIGHT - BOTTOM + 15, f"{tick:g}", "middle"),
        ]
    for tick in ticks(top):
        marks += [
            line("grid", LEFT, y(tick), WIDTH - RIGHT, y(tick)),
            text(LEFT - 6, y(tick) + 4, seconds_text(tick), "end"),
        ]
    places = [(x(size), y(latency_s)) for size, latency_s in zip(sizes, latencies, strict=True)]
    marks.append(f'<polyline class="curve" points="{" ".join(f"{across:.1f},{up:.1f}" for across, up in places)}"/>')
    marks += [
        f'<circle cx="{across:.1f}" cy="{up:.1f}" r="2.2"><title>{size}: {seconds_text(latency_s)}</title></circle>'
        for (across, up), size, latency_s in zip(places, sizes, latencies, strict=True)
    ]
    what = "kernel" if sweep["of_kernels"] else "whole network"
    drawn = plot(marks, f"{size_name(sweep['dimension'])} of {sweep['kind']}", f"{what}, {times}")
    return f"<figure>{drawn}<figcaption>{escape(_caption(sweep))}</figcaption></figure>"


def _caption(sweep: dict[str, Any]) -> str:
    fixed = ", ".join(f"{size_name(name)} {size}" for name, size in sweep["fixed"].items())
    left_out = f"; {sweep['left_out']} points left out" if sweep["left_out"] else ""
    return f"{sweep['name']}: {fixed}{left_out}"


def _networks(entries: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            entry["network"],
            seconds_text(entry["latency_s"]),
            str(len(entry["rounds_s"])),
            "-" if entry["remeasurement_spread"] is None else percent_text(entry["remeasurement_spread"]),
            "-" if entry["matched_share"] is None else percent_text(entry["matched_share"]),
        )
        for entry in entries
    ]
    return html_table(("network", "latency", "rounds", "they differ by", "matched"), rows)
