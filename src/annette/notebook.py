"""What a notebook shows of an object: a caption and a short table, as HTML that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["card"]


def card(caption: str, facts: Iterable[str], header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """HTML of an object; every text is escaped, since names come from strangers' files.

    Args:
        caption: What it is, in a line.
        facts: What else there is to say, a line each.
        header: Names of the columns.
        rows: Texts of the cells; the first column stands on the left, the others on the right.
    """
    lines = "".join(f"<div>{escape(fact)}</div>" for fact in facts)
    body = "".join(_row(row, "td") for row in rows)
    table = f"<table><thead>{_row(header, 'th')}</thead><tbody>{body}</tbody></table>"
    return f"<div><b>{escape(caption)}</b>{lines}{table}</div>"


def _row(cells: Sequence[str], tag: str) -> str:
    sides = ("left", *["right"] * (len(cells) - 1))
    return "<tr>" + "".join(_cell(cell, tag, side) for cell, side in zip(cells, sides, strict=True)) + "</tr>"


def _cell(text: str, tag: str, side: str) -> str:
    return f'<{tag} style="text-align:{side}">{escape(text)}</{tag}>'
