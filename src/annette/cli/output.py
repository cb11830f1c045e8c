"""What commands print and write of their documents: text, JSON, a table as a file, and what is wrong in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from annette.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["STANDARD_OUTPUT", "complain", "print_json", "print_json_line", "show", "write_columns", "write_csv"]

STANDARD_OUTPUT: Final = "-"
"""Stands for standard output where a file could be named."""


def complain(message: str) -> None:
    """Says on standard error, in one line, what the user can mend."""
    click.echo(f"annette: {one_line(' '.join(message.split()))}", err=True)


def print_json(document: object) -> None:
    """Prints a document; NaN and infinity are not JSON and would be a bug.

    Letters of all languages stand as they are; what a terminal would obey, or cannot be encoded, is escaped as in JSON.
    """
    lines = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).split("\n")
    click.echo("\n".join(line if line.isprintable() else _escaped_json(line) for line in lines))


def print_json_line(document: object) -> None:
    """Prints a document on one line, otherwise as `print_json`."""
    line = json.dumps(document, ensure_ascii=False, allow_nan=False)
    click.echo(line if line.isprintable() else _escaped_json(line))


def show(
    document: dict[str, Any], *, as_json: bool, csv: Path | None, text: Callable[[dict[str, Any]], object]
) -> None:
    """Writes a document's table where ``--csv`` says, then prints the document.

    Args:
        document: What a command made.
        as_json: Whether it is printed as JSON.
        csv: Where the rows go, if anywhere; `STANDARD_OUTPUT` prints them in place of the text.
        text: Prints the document for people.

    Raises:
        OptionError: The table cannot be written.
        UsageError: JSON and comma-separated values are both to be printed.
    """
    if write_csv(csv, [document], as_json=as_json):
        return
    print_json(document) if as_json else text(document)


def write_csv(csv: Path | None, documents: Sequence[dict[str, Any]], *, as_json: bool = False) -> bool:
    """Writes the rows of documents as one table.

    Args:
        csv: A file, `STANDARD_OUTPUT`, or None for nowhere.
        documents: Documents that have rows, and errors (``annette/error/1``).
        as_json: Whether JSON is printed as well.

    Returns:
        Whether the rows were printed: nothing else is, then.

    Raises:
        OptionError: The table cannot be written.
        UsageError: JSON and comma-separated values are both to be printed.
    """
    if csv is None:
        return False
    from annette.report.rows import table_of

    return write_columns(csv, table_of(documents), as_json=as_json)


def write_columns(csv: Path, columns: dict[str, list[Any]], *, as_json: bool = False) -> bool:
    """As `write_csv`, for columns."""
    from annette.estimation.frame import comma_separated, write_table

    if str(csv) != STANDARD_OUTPUT:
        write_table(csv, columns)
        return False
    if as_json:
        raise click.UsageError("--json and --csv - would both be printed: give --csv a file")
    click.echo(comma_separated(columns).decode(), nl=False)
    return True


def _escaped_json(line: str) -> str:
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)
