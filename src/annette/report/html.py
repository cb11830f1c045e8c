"""Pages of HTML that stand on their own, with tables and plots as inline SVG: nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from annette.atomic import write_whole
from annette.errors import OptionError
from annette.plain_text import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Plot", "asset", "decades", "html_data", "html_notes", "html_page", "html_table", "ticks", "write_page"]

_WIDTH: Final = 460
_HEIGHT: Final = 340
_LEFT: Final = 70
_RIGHT: Final = _WIDTH - 30
_TOP: Final = 12
_BOTTOM: Final = _HEIGHT - 40
"""Size of a plot and the sides of its frame, in units of the drawing."""

_LONG: Final = 24
"""Characters of a text from which on a column of a table is broken into lines."""

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667;--line:#d5d9e0;--a:#2563eb;--bad:#d9480f;--back:#fff;
--warn:#7a4a00;--warn-back:#fff4dc}
@media(prefers-color-scheme:dark){
:root{--ink:#e6e8ec;--soft:#9aa3b2;--line:#3a404c;--a:#7aa7ff;--bad:#ff9463;--back:#14171c;
--warn:#ffcf7d;--warn-back:#33270f}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);
max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.25rem 0;color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.87rem}
th,td{padding:.2rem .7rem .2rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child,th.words,td.words{text-align:left}
td.long{white-space:normal;overflow-wrap:anywhere;min-width:13rem}
.notes{list-style:none;margin:.5rem 0;padding:0}
.notes li{background:var(--warn-back);color:var(--warn);border-left:4px solid currentColor;padding:.3rem .7rem;
margin:.25rem 0;border-radius:3px;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--a)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1.5rem}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}svg .grid{stroke:var(--line)}
svg .ideal{stroke:var(--soft);stroke-dasharray:4 3}svg .band{fill:var(--a);opacity:.08}
svg .bar{stroke:var(--a);opacity:.5}svg circle{fill:var(--a)}svg circle.out{fill:var(--bad)}
svg .curve{fill:none;stroke:var(--a);stroke-width:1.2;stroke-linejoin:round}figure{margin:0}
figcaption{color:var(--soft);font-size:.87rem}
"""


def html_page(title: str, parts: Iterable[str], *, style: str = "", scripts: Sequence[str] = ()) -> str:
    """A whole page, which may load nothing and run nothing but what is named here.

    Args:
        title: Of the window.
        parts: What stands on it, as HTML.
        style: CSS beside that of all pages.
        scripts: Programs that run once the page is there, in this order.
    """
    body = "\n".join(parts)
    programs = "\n".join(f"<script>{script}</script>" for script in scripts)
    style = _STYLE + style
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, scripts)}"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>\n'
        f"<body>\n{body}\n{programs}</body></html>\n"
    )


def html_notes(sentences: Iterable[str]) -> str:
    """What the reader of a page must not overlook, one line each; nothing where there are none."""
    items = "".join(f"<li>⚠ {escape(escaped(sentence))}</li>" for sentence in sentences)
    return f'<ul class="notes" aria-label="Warnings">{items}</ul>' if items else ""


def html_data(name: str, data: object) -> str:
    """Data for the scripts of a page, which find it by its name; no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'


def _policy(style: str, scripts: Sequence[str]) -> str:
    """What a browser lets the page do (W3C, Content Security Policy Level 3): nothing but its own style and scripts."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return f"default-src 'none'; style-src {_hash(style)}; script-src {allowed}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    """A file of the folder ``assets``, as text."""
    return (files("annette.report") / "assets" / name).read_text(encoding="utf-8")


def _column_class(header: Sequence[str], rows: Sequence[Sequence[str]], column: int) -> str:
    """The class of a column of words: long ones are broken into lines."""
    longest = max(len(row[column]) for row in (header, *rows))
    return ' class="words long"' if longest > _LONG else ' class="words"'


def html_table(
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    keys: Iterable[Sequence[str | float | None]] = (),
    *,
    words: Sequence[int] = (),
) -> str:
    """A table of texts below its title; what is too wide for the page scrolls.

    Args:
        title: What stands above it.
        header: Texts of the columns.
        rows: Texts of the cells.
        keys: What the script ``sort.js`` sorts by, for each cell of each row; none leave the table as it is.
        words: Columns of sentences, which are aligned to the left and broken; the others behind the first hold numbers.
    """
    texts = list(rows)
    kinds = [_column_class(header, texts, column) if column in words else "" for column in range(len(header))]
    head = "".join(f"<th{kind}>{escape(escaped(cell))}</th>" for kind, cell in zip(kinds, header, strict=True))
    known = [[f' data-key="{escape(json.dumps(key))}"' for key in row] for row in keys]
    lines = [
        "".join(f"<td{kind}{key}>{escape(escaped(cell))}</td>" for kind, cell, key in zip(kinds, row, own, strict=True))
        for row, own in zip(texts, known or [[""] * len(row) for row in texts], strict=True)
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    sorts = ' class="sorts"' if known else ""
    table = f"<table{sorts}><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<h2>{escape(escaped(title))}</h2>\n<div class="wide">{table}</div>'


def write_page(path: Path, text: str) -> None:
    """Writes a page.

    Raises:
        OptionError: The file cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise OptionError(f"--html {str(path)!r} cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class Plot:
    """A frame with two axes, and what is drawn in it at values of these.

    Attributes:
        across: Values at the left and at the right side.
        up: Values at the bottom and at the top.
    """

    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        """The place of a value across."""
        low, high = self.across
        return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        """The place of a value up."""
        low, high = self.up
        return _BOTTOM + (value - low) / (high - low) * (_TOP - _BOTTOM)

    def line(self, kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
        """A straight line of a class of the page's style."""
        x1, y1, x2, y2 = self.x(start[0]), self.y(start[1]), self.x(end[0]), self.y(end[1])
        return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'

    def upright(self, value: float) -> str:
        """A line of the grid at a value across."""
        return self.line("grid", (value, self.up[1]), (value, self.up[0]))

    def level(self, value: float, kind: str = "grid") -> str:
        """A line from side to side at a value up."""
        return self.line(kind, (self.across[0], value), (self.across[1], value))

    def below(self, value: float, label: str) -> str:
        """A label of the axis across."""
        return _text(self.x(value), _BOTTOM + 15, label, "middle")

    def beside(self, value: float, label: str) -> str:
        """A label of the axis up."""
        return _text(_LEFT - 6, self.y(value) + 4, label, "end")

    def band(self, *corners: tuple[float, float]) -> str:
        """A shaded area."""
        points = " ".join(f"{self.x(across):.1f},{self.y(up):.1f}" for across, up in corners)
        return f'<polygon class="band" points="{points}"/>'

    def stripe(self, half: float) -> str:
        """A shaded area from side to side, so far below and above 0."""
        top, height = self.y(half), self.y(-half) - self.y(half)
        return f'<rect class="band" x="{_LEFT}" y="{top:.1f}" width="{_RIGHT - _LEFT}" height="{height:.1f}"/>'

    def dot(self, across: float, up: float, label: str, *, radius: float, kind: str = "") -> str:
        """A dot that says what it is, perhaps of a class of the page's style."""
        drawn = f' class="{kind}"' if kind else ""
        place = f'cx="{self.x(across):.1f}" cy="{self.y(up):.1f}"'
        return f'<circle{drawn} {place} r="{radius}"><title>{escape(label)}</title></circle>'

    def svg(self, marks: Iterable[str], across: str, up: str) -> str:
        """The drawing.

        Args:
            marks: What is drawn.
            across: Title of the horizontal axis.
            up: Title of the vertical axis.
        """
        middle = (_BOTTOM + _TOP) / 2
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(up)} over {escape(across)}">'
            f"{''.join(marks)}{_text((_WIDTH + _LEFT) / 2, _HEIGHT - 6, across, 'middle')}"
            f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
            f"{escape(up)}</text></svg>"
        )


def decades(low: float, high: float) -> list[float]:
    """Ticks at 1, 2 and 5 times powers of ten, as logarithms; only powers of ten where those are many."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    ticks = [power + math.log10(step) for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def ticks(high: float, *, base: int = 10, most: int = 8) -> list[float]:
    """Ticks from 0 to ``high`` at multiples of a round number.

    Args:
        high: More than 0.
        base: What is round: 10 stands for 1, 2 and 5 times its powers, 2 for its powers.
        most: So many at the most, besides 0.
    """
    step = float(base) ** math.floor(math.log(high / most, base))
    factors = (1.0, 2.0, 5.0, 10.0, 20.0) if base == 10 else (1.0, 2.0, 4.0)
    step *= next(factor for factor in factors if high / (step * factor) <= most)
    return [step * index for index in range(int(high / step + 1e-9) + 1)]


def _text(x: float, y: float, content: str, anchor: str) -> str:
    """A text whose ``start``, ``middle`` or ``end`` is at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'
