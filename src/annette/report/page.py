"""Lines and tables for the terminal.

Small on purpose: a library for terminals takes longer to import than a whole estimate does.
"""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from annette.plain_text import escaped, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Page", "name_text", "texts"]

_WIDTH_OF_A_PIPE: Final = 200
_LEAST_COLUMN: Final = 12
_GAP: Final = "  "
_LONGEST_NAME: Final = 60
"""Characters of a name in a table; JSON has all of them."""
_QUOTED_NAME: Final = re.compile(rf"'([^'\s]{{{_LONGEST_NAME + 1},}})'")


class Page:
    """Where a report is printed to.

    Args:
        width: Characters a line; None takes the terminal's width, or a width for whole rows where the output goes to a
            file or a pipe.
        write: What prints one line; by default standard output, without colours where that is no terminal.
    """

    def __init__(self, width: int | None = None, write: Callable[[str], object] = click.echo) -> None:
        self.width = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_A_PIPE)
        self._write = write

    def line(self, *, bold: str = "", plain: str = "", red: str = "", yellow: str = "") -> None:
        """Prints one line of up to four parts, in this order."""
        parts = (_styled(bold, bold=True), escaped(plain), _styled(red, fg="red"), _styled(yellow, fg="yellow"))
        self._write("".join(parts))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = (0,)) -> None:
        """Prints a table; where it is too wide, its widest texts go on over several lines.

        Args:
            header: Titles of the columns; no line is printed for empty ones.
            rows: One text per column.
            left: Columns that are aligned to the left; the others hold numbers, are aligned to the right and never
                broken.
        """
        cells = [[escaped(cell) for cell in row] for row in rows]
        widths = self._widths([header, *cells], left)
        if any(header):
            self._write(_styled(_joined(header, widths, left), bold=True))
        for row in cells:
            for part in _broken(row, widths):
                self._write(_joined(part, widths, left))

    def notes(self, notes: Iterable[str]) -> None:
        """Prints one line a note; names that it quotes are cut like those of a table."""
        for note in notes:
            self.line(yellow=f"note: {_QUOTED_NAME.sub(lambda match: repr(name_text(match[1])), note)}")

    def _widths(self, rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[int]:
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - self.width
        while excess > 0:
            widest = max((column for column in left if column < len(widths)), key=widths.__getitem__)
            if widths[widest] <= _LEAST_COLUMN:
                break
            widths[widest] -= 1
            excess -= 1
        return widths


def name_text(name: str) -> str:
    """A name as it fits into a table: converters of TensorFlow join those of all layers that they merged."""
    return shortened(name, _LONGEST_NAME)


def texts(entries: Iterable[Mapping[str, Any]], **columns: Callable[[Any], str]) -> list[tuple[str, ...]]:
    """Entries of a document as rows of a table.

    Args:
        entries: Objects with the same fields.
        columns: The fields that are shown, in order, and what makes a text of each.
    """
    return [tuple(text(entry[name]) for name, text in columns.items()) for entry in entries]


def _joined(row: Sequence[str], widths: Sequence[int], left: Sequence[int]) -> str:
    cells = (
        cell.ljust(width) if index in left else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return _GAP.join(cells).rstrip()


def _broken(row: Sequence[str], widths: Sequence[int]) -> Iterable[list[str]]:
    """The lines that a row takes when each cell is broken at its column's width."""
    lines = (-(-len(cell) // width) if width else 1 for cell, width in zip(row, widths, strict=True))
    for at in range(max((1, *lines))):
        yield [cell[at * width : (at + 1) * width] for cell, width in zip(row, widths, strict=True)]


def _styled(text: str, *, bold: bool | None = None, fg: str | None = None) -> str:
    return click.style(escaped(text), bold=bold, fg=fg) if text else ""
