"""An evaluation as one HTML page: tables, and plots as inline SVG. Nothing is loaded from anywhere."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from annette.report.units import percent_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["evaluation_page"]

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667;--line:#d5d9e0;--a:#2563eb;--bad:#d9480f;--back:#fff}
@media(prefers-color-scheme:dark){
:root{--ink:#e6e8ec;--soft:#9aa3b2;--line:#3a404c;--a:#7aa7ff;--bad:#ff9463;--back:#14171c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);
max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.25rem 0;color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.87rem}
th,td{padding:.2rem .7rem .2rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1.5rem}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}svg .grid{stroke:var(--line)}
svg .ideal{stroke:var(--soft);stroke-dasharray:4 3}svg .band{fill:var(--a);opacity:.08}
svg .bar{stroke:var(--a);opacity:.5}svg circle{fill:var(--a)}svg circle.out{fill:var(--bad)}
"""
_WIDTH: Final = 460
_HEIGHT: Final = 340
_LEFT: Final = 62
_RIGHT: Final = 12
_TOP: Final = 12
_BOTTOM: Final = 40
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
        f"<p>Model: {escape(document['model'])}. {len(compared)} of {len(document['networks'])} networks compared. "
        f"Re-measurement floor: {_share(document['floor'])}.</p>",
    ]
    if compared:
        parts.append(f'<div class="plots">{_scatter(compared)}{_residuals(compared)}</div>')
        parts.append(_section("Models", _models(document)))
    if document["intervals"]:
        parts.append(_section("Intervals of whole networks", _intervals(document)))
    if document["remaining"]:
        parts.append(_section("Mean absolute error left with one part replaced by its truth", _remaining(document)))
    if document["kinds"]:
        parts.append(_section("Kinds of kernel", _kinds(document)))
    parts.append(_section("Networks", _networks(document)))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _scatter(entries: Sequence[dict[str, Any]]) -> str:
    """Estimated over measured, both on logarithmic axes, with ±10 % around the diagonal."""
    times = [entry[key] for entry in entries for key in ("measured_s", "estimated_s")]
    low, high = math.log10(min(times)) - 0.1, math.log10(max(times)) + 0.1
    x, y = _axis(low, high, _LEFT, _WIDTH - _RIGHT), _axis(low, high, _HEIGHT - _BOTTOM, _TOP)
    ten = math.log10(1.1)
    marks = [
        f'<polygon class="band" points="{x(low):.1f},{y(low + ten):.1f} {x(high):.1f},{y(high + ten):.1f} '
        f'{x(high):.1f},{y(high - ten):.1f} {x(low):.1f},{y(low - ten):.1f}"/>',
        _line("ideal", x(low), y(low), x(high), y(high)),
    ]
    for tick in _decades(low, high):
        marks += [
            _line("grid", x(tick), _TOP, x(tick), _HEIGHT - _BOTTOM),
            _line("grid", _LEFT, y(tick), _WIDTH - _RIGHT, y(tick)),
            _text(x(tick), _HEIGHT - _BOTTOM + 15, seconds_text(10**tick), "middle"),
            _text(_LEFT - 6, y(tick) + 4, seconds_text(10**tick), "end"),
        ]
    for entry in entries:
        across, up = x(math.log10(entry["measured_s"])), y(math.log10(entry["estimated_s"]))
        if entry["interval_s"]:
            ends = [y(math.log10(end)) for end in entry["interval_s"]]
            marks.append(_line("bar", across, ends[0], across, ends[1]))
        marks.append(_dot(across, up, entry))
    return _plot(marks, "measured", "estimated")


def _residuals(entries: Sequence[dict[str, Any]]) -> str:
    """Relative error over the measured latency."""
    logs = [math.log10(entry["measured_s"]) for entry in entries]
    most = max(_WORST_SHOWN, *(abs(entry["error"]) for entry in entries)) * 1.1
    low, high = min(logs) - 0.1, max(logs) + 0.1
    x, y = _axis(low, high, _LEFT, _WIDTH - _RIGHT), _axis(-most, most, _HEIGHT - _BOTTOM, _TOP)
    marks = [
        f'<rect class="band" x="{_LEFT}" y="{y(0.1):.1f}" width="{_WIDTH - _RIGHT - _LEFT}" '
        f'height="{y(-0.1) - y(0.1):.1f}"/>',
        _line("ideal", _LEFT, y(0), _WIDTH - _RIGHT, y(0)),
    ]
    step = 0.05 if most < 0.25 else (0.2 if most < 1 else 10 ** math.ceil(math.log10(most)) / 5)
    for index in range(-int(most / step), int(most / step) + 1):
        share = index * step
        marks += [
            _line("grid", _LEFT, y(share), _WIDTH - _RIGHT, y(share)),
            _text(_LEFT - 6, y(share) + 4, f"{100 * share:+.0f} %", "end"),
        ]
    marks += [_text(x(tick), _HEIGHT - _BOTTOM + 15, seconds_text(10**tick), "middle") for tick in _decades(low, high)]
    marks += [_dot(x(position), y(entry["error"]), entry) for position, entry in zip(logs, entries, strict=True)]
    return _plot(marks, "measured", "error of the estimate")


def _plot(marks: Iterable[str], across: str, up: str) -> str:
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(up)} over {escape(across)}">'
        f"{''.join(marks)}{_text((_WIDTH + _LEFT) / 2, _HEIGHT - 6, across, 'middle')}"
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(up)}</text></svg>'
    )


def _axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _decades(low: float, high: float) -> list[float]:
    """Ticks at 1, 2 and 5 times powers of ten, as logarithms; only powers of ten where those are many."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    ticks = [power + math.log10(step) for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _dot(x: float, y: float, entry: dict[str, Any]) -> str:
    kind = ' class="out"' if abs(entry["error"]) > _WORST_SHOWN else ""
    label = f"{entry['network']}: {seconds_text(entry['estimated_s'])} estimated, {_signed(entry['error'])}"
    return f'<circle{kind} cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(label)}</title></circle>'


def _section(title: str, table: str) -> str:
    return f'<h2>{escape(title)}</h2>\n<div class="wide">{table}</div>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _models(document: dict[str, Any]) -> str:
    shares = ("mape", "rmspe", "median", "worst", "bias", "within_5", "within_10")
    rows = [
        (
            entry["model"],
            *(percent_text(entry[key]) for key in shares),
            *("-" if entry[key] is None else f"{entry[key]:.3f}" for key in ("spearman", "kendall")),
        )
        for entry in document["models"]
    ]
    header = ("model", "MAPE", "RMSPE", "median", "worst", "bias", "≤ 5 %", "≤ 10 %", "Spearman's rho", "Kendall's tau")
    return _table(header, rows)


def _intervals(document: dict[str, Any]) -> str:
    keys = ("confidence", "covered", "width", "global_width")
    rows = [[percent_text(entry[key]) for key in keys] for entry in document["intervals"]]
    return _table(("stated", "reached", "mean width", "one width for all"), rows)


def _remaining(document: dict[str, Any]) -> str:
    return _table(tuple(document["remaining"]), [[percent_text(share) for share in document["remaining"].values()]])


def _kinds(document: dict[str, Any]) -> str:
    shares = ("share", "mape", "median", "bias", "within_10", "floor", "covered")
    rows = [
        (entry["kind"], str(entry["count"]), *(_share(entry[key]) for key in shares)) for entry in document["kinds"]
    ]
    return _table(("kind", "kernels", "time", "MAPE", "median", "bias", "≤ 10 %", "floor", "in 90 %"), rows)


def _networks(document: dict[str, Any]) -> str:
    rows = [
        (
            entry["network"],
            *("-" if entry[key] is None else seconds_text(entry[key]) for key in ("measured_s", "estimated_s")),
            _signed(entry["error"]),
            _share(entry["floor"]),
            entry["problem"],
        )
        for entry in document["networks"]
    ]
    return _table(("network", "measured", "estimated", "error", "floor", ""), rows)


def _share(value: float | None) -> str:
    return "-" if value is None else percent_text(value)


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"
