"""A page with one plot of times over a size, intervals shaded, and a table with the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from annette.plain_text import escaped
from annette.report.html import html_data, html_notes, html_page, html_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Curve", "curves_page"]


@dataclass(frozen=True, slots=True)
class Curve:
    """Times at some sizes.

    Attributes:
        name: What tells it from other curves; empty where it is the only one.
        sizes: Where it has points.
        times_s: The time at each.
        intervals_s: Lower and upper end at each, or None.
        outside: Share of the time that lies outside fitted ranges, at each.
    """

    name: str
    sizes: tuple[int, ...]
    times_s: tuple[float, ...]
    intervals_s: tuple[Sequence[float] | None, ...]
    outside: tuple[float, ...]

    @classmethod
    def of_runs(cls, name: str, runs: Iterable[tuple[int, Mapping[str, Any]]]) -> Curve:
        """A curve of runs as documents have them, each at a size."""
        placed = sorted(runs, key=lambda pair: pair[0])
        return cls(
            name,
            tuple(size for size, _ in placed),
            tuple(run["latency_s"] for _, run in placed),
            tuple(run["interval_s"] for _, run in placed),
            tuple(run["outside_share"] for _, run in placed),
        )


def curves_page(
    title: str,
    *,
    notes: Sequence[str],
    across: str,
    up: str,
    curves: Sequence[Curve],
    table: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> str:
    """The text of a page.

    Args:
        title: What it is about.
        notes: What its reader must not overlook, one sentence each.
        across: What the sizes are.
        up: What the times are.
        curves: What is drawn.
        table: Title of the table.
        header: Titles of the table's columns.
        rows: Its rows.
    """
    parts = [
        f"<h1>{escape(escaped(title))}</h1>",
        html_notes(notes),
        _asset("curves.html"),
        html_table(table, header, rows),
        "<noscript><p>The plot needs JavaScript; the table has its numbers.</p></noscript>",
        "<footer><p>Estimated by annette, not measured. Plot drawn with uPlot (MIT licence).</p></footer>",
        html_data("data", {"estimates": [], "strings": [], "fields": [], **_data(across, up, curves)}),
    ]
    licence = "\n".join(f" * {line}".rstrip() for line in _asset("uPlot.LICENSE").strip().splitlines())
    own = _asset("base.js") + "\n" + _asset("curves.js")
    return html_page(
        title,
        parts,
        style=_asset("uPlot.min.css") + _asset("estimate.css"),
        scripts=[f"/*! uPlot\n{licence}\n */\n{_asset('uPlot.iife.min.js')}", f'(() => {{\n"use strict";\n{own}}})();'],
    )


@cache
def _asset(name: str) -> str:
    return (files("annette.report") / "assets" / name).read_text(encoding="utf-8")


def _data(across: str, up: str, curves: Sequence[Curve]) -> dict[str, Any]:
    """What the program of the page draws."""
    return {
        "across": escaped(across),
        "up": escaped(up),
        "curves": [
            {
                "name": escaped(curve.name),
                "sizes": curve.sizes,
                "times": curve.times_s,
                "intervals": curve.intervals_s,
                "outside": curve.outside,
            }
            for curve in curves
        ],
    }
