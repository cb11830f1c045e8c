"""Pages of HTML that stand on their own: nothing is loaded from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["html_page", "html_section", "html_table", "write_page"]

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
svg .curve{fill:none;stroke:var(--a);stroke-width:1.2;stroke-linejoin:round}figure{margin:0}
figcaption{color:var(--soft);font-size:.87rem}
"""


def html_page(title: str, parts: Iterable[str]) -> str:
    """A whole page.

    Args:
        title: Of the window.
        parts: What stands on it, as HTML.
    """
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def html_section(title: str, content: str) -> str:
    """A titled part of a page; what is too wide for it scrolls."""
    return f'<h2>{escape(title)}</h2>\n<div class="wide">{content}</div>'


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def write_page(path: Path, text: str) -> None:
    """Writes a page.

    Raises:
        OptionError: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--html {str(path)!r} cannot be written: {error.strerror or error}") from error
