"""``annette dataset``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import FILE, csv_option, json_option
from annette.cli.output import print_json, show, write_columns

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command", "write_dataset_page"]


@click.command("dataset", short_help="What a dataset holds, and how two differ.")
@click.argument("path", metavar="DATASET", type=FILE)
@click.argument("other", metavar="[OTHER]", required=False, type=FILE)
@click.option("--html", type=FILE, metavar="FILE", help="Also write a page with plots of sweeps.")
@csv_option("run, or for each network of two datasets")
@json_option
def command(path: Path, other: Path | None, html: Path | None, csv: Path | None, as_json: bool) -> None:
    """Shows what a DATASET holds: environment, sweeps, and the whole networks with how well they repeat.

    With an OTHER one, compares the networks that both have: how far the second measurement is off the first.

    \b
    Examples:
      annette dataset cpu.sqlite --html cpu.html
      annette dataset cpu.sqlite --csv runs.csv
      annette dataset monday.sqlite tuesday.sqlite
    """
    from annette.report.dataset import (
        dataset_comparison_document,
        print_dataset,
        print_dataset_comparison,
        run_columns,
    )

    if other is not None:
        if html is not None:
            raise click.UsageError("--html shows one dataset, not the difference of two")
        document = dataset_comparison_document(path, other)
        show(document, as_json=as_json, csv=csv, text=print_dataset_comparison)
        return
    document = write_dataset_page(path, html)
    if csv is not None and write_columns(csv, run_columns(path), as_json=as_json):
        return
    print_json(document) if as_json else print_dataset(document)


def write_dataset_page(path: Path, html: Path | None) -> dict[str, Any]:
    """The document of a dataset, written as a page too where ``html`` says where."""
    from annette.report.dataset import dataset_document, dataset_page
    from annette.report.html import write_page

    document = dataset_document(path)
    if html is not None:
        write_page(html, dataset_page(document))
    return document
