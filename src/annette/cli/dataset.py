"""``annette dataset``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import FILE, json_option, print_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command", "describe_dataset"]


@click.command("dataset", short_help="What a dataset holds, and how two differ.")
@click.argument("path", metavar="DATASET", type=FILE)
@click.argument("other", metavar="[OTHER]", required=False, type=FILE)
@click.option("--html", type=FILE, metavar="FILE", help="Also write a page with plots of sweeps.")
@json_option
def command(path: Path, other: Path | None, html: Path | None, as_json: bool) -> None:
    """Shows what a DATASET holds: environment, sweeps, and the whole networks with how well they repeat.

    With an OTHER one, compares the networks that both have: how far the second measurement is off the first.

    \b
    Examples:
      annette dataset cpu.sqlite --html cpu.html
      annette dataset monday.sqlite tuesday.sqlite
    """
    from annette.bench.dataset import Dataset
    from annette.report.dataset import dataset_comparison_document, print_dataset, print_dataset_comparison

    if other is not None:
        if html is not None:
            raise click.UsageError("--html shows one dataset, not the difference of two")
        with Dataset.open(path) as first, Dataset.open(other) as second:
            document = dataset_comparison_document(first, second)
        print_json(document) if as_json else print_dataset_comparison(document)
        return
    document = describe_dataset(path, html)
    print_json(document) if as_json else print_dataset(document)


def describe_dataset(path: Path, html: Path | None) -> dict[str, Any]:
    """The document of a dataset, written as a page too where ``html`` says where."""
    from annette.bench.dataset import Dataset
    from annette.report.dataset import dataset_document, dataset_page
    from annette.report.html import write_page

    with Dataset.open(path) as dataset:
        document = dataset_document(dataset)
    if html is not None:
        write_page(html, dataset_page(document))
    return document
