"""Searches as documents, tables and plots."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from annette.number_text import bytes_text, count_text, interval_text, seconds_text
from annette.report.html import Plot, asset, decades, html_notes, html_page, html_table, ticks, write_page
from annette.report.page import Page
from annette.report.schemas import searches as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from pathlib import Path

    from annette.spaces.search import SearchResult

__all__ = ["print_search", "search_document", "write_search_html"]

_ROOM: Final = 0.05
_STYLE: Final = ".front{max-width:44rem}"
_FEW: Final = 3
"""With fewer marks than these on a logarithmic axis, it has those of a linear one."""


def search_document(result: SearchResult) -> dict[str, Any]:
    """A search as plain data, schema ``annette/search/1``."""
    return part(
        schemas.SearchDocument,
        result,
        platforms=[part(schemas.SearchedPlatform, each) for each in result.platforms],
        front=[
            part(
                schemas.FoundPart,
                each,
                intervals_s={name: None if ends is None else list(ends) for name, ends in each.intervals_s.items()},
            )
            for each in result.front
        ],
    ).plain()


def print_search(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints the front of a search and how fast it was found.

    Args:
        document: What `search_document` made.
        page: Where it is printed.
    """
    page = page or Page()
    page.line(bold=document["space"], plain=f" on {_said(document)}")
    page.table(_header(document), _rows(document), left=(0,))
    page.notes(_notes(document))


def write_search_html(document: dict[str, Any], path: Path) -> None:
    """Writes the front as a page with a plot of score over latency.

    Args:
        document: What `search_document` made.
        path: The file.
    """
    title = f"{document['space']} on {', '.join(each['platform'] for each in document['platforms'])}"
    parts = [f"<h1>{escape(document['space'])}</h1>", f"<p>{escape(_said(document))}</p>"]
    parts.append(html_notes(_notes(document)))
    parts += [f'<figure class="front">{_plot(document)}</figure>'] if document["front"] else []
    front = document["front"]
    parts.append(html_table("Front", _header(document), _rows(document), map(_keys, front)))
    parts.append("<footer><p>Estimated by annette, not measured.</p></footer>")
    write_page(path, html_page(title, parts, style=_STYLE, scripts=[asset("sort.js")]))


def _said(document: dict[str, Any]) -> str:
    """Where was searched, how much, and how fast."""
    names = ", ".join(each["platform"] for each in document["platforms"])
    return (
        f"{names}: {document['candidates']} candidates, compiled in {seconds_text(document['compile_s'])}, "
        f"looked at in {seconds_text(document['search_s'])} ({count_text(document['candidates_per_s'])}/s)"
    )


def _header(document: dict[str, Any]) -> tuple[str, ...]:
    return ("candidate", document["objective"], "latency", "interval", "activations", "platform")


def _platform_of(found: dict[str, Any]) -> str:
    """The platform whose figures are shown: that of the front, or the slowest."""
    name: str = found["platform"] or max(found["by_platform_s"], key=found["by_platform_s"].__getitem__)
    return name


def _score_text(document: dict[str, Any], score: float) -> str:
    """A score in the unit of the objective."""
    if document["objective"] == "operations":
        return count_text(score)
    return bytes_text(score) if document["objective"] == "weights" else f"{score:.6g}"


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in document["front"]:
        name = _platform_of(each)
        peak_bytes = each["peak_activation_bytes"][name]
        rows.append(
            (
                each["candidate"],
                _score_text(document, each["score"]),
                seconds_text(each["latency_s"]),
                interval_text(each["intervals_s"][name]),
                "-" if peak_bytes is None else bytes_text(peak_bytes),
                name,
            )
        )
    return rows


def _keys(found: dict[str, Any]) -> tuple[str | float | None, ...]:
    """What the cells of a row sort by."""
    name = _platform_of(found)
    ends_s = found["intervals_s"][name]
    upper_s = None if ends_s is None else ends_s[1]
    peak_bytes = found["peak_activation_bytes"][name]
    return (found["candidate"], found["score"], found["latency_s"], upper_s, peak_bytes, name)


def _notes(document: dict[str, Any]) -> list[str]:
    notes = [f"{each['platform']}: not compiled, {each['reason']}" for each in document["platforms"] if each["reason"]]
    if len(document["front"]) < document["front_size"]:
        few, all_ = len(document["front"]), document["front_size"]
        notes.append(f"{few} of the {all_} candidates of the front, spread evenly (--all keeps them all)")
    if document["unscored"]:
        notes.append(f"{document['unscored']} candidates have no score")
    if document["too_slow"]:
        notes.append(f"{document['too_slow']} candidates take longer than {seconds_text(document['max_latency_s'])}")
    if document["objective"] in ("operations", "weights"):
        notes.append(f"{document['objective']} are a proxy: more of them is not always better")
    return notes


def _plot(document: dict[str, Any]) -> str:
    front = document["front"]
    across = [math.log10(each["latency_s"]) for each in front]
    scores = [each["score"] for each in front]
    low, high = min(scores), max(scores)
    room = _ROOM * (high - low or abs(high) or 1.0)
    side = _ROOM * (max(across) - min(across)) or _ROOM
    plot = Plot((min(across) - side, max(across) + side), (low - room, high + room))
    marks: list[str] = []
    for tick in _latency_ticks(*plot.across):
        marks += [plot.upright(tick), plot.below(tick, seconds_text(10**tick))]
    for level in _score_ticks(*plot.up):
        marks += [plot.level(level), plot.beside(level, _score_text(document, level))]
    for place, each in zip(across, front, strict=True):
        ends_s = each["intervals_s"][_platform_of(each)]
        if ends_s is not None:
            ends = [min(max(math.log10(end_s), plot.across[0]), plot.across[1]) for end_s in ends_s]
            marks.append(plot.line("bar", (ends[0], each["score"]), (ends[1], each["score"])))
        marks.append(
            plot.dot(place, each["score"], f"{each['candidate']}: {seconds_text(each['latency_s'])}", radius=3.5)
        )
    return plot.svg(marks, "latency", document["objective"])


def _latency_ticks(low: float, high: float) -> list[float]:
    """Where the axis of latencies has marks, as common logarithms."""
    found = decades(low, high)
    if len(found) >= _FEW:
        return found
    return [math.log10(time_s) for time_s in ticks(10**high) if 10**low <= time_s <= 10**high]


def _score_ticks(low: float, high: float) -> list[float]:
    """Where the axis of scores has marks: at multiples of a round number."""
    step = ticks(high - low, most=5)[1]
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
