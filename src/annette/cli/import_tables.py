"""``annette import``."""

from __future__ import annotations

from pathlib import Path

import click

from annette.cli.options import json_option, print_json

__all__ = ["command", "split_columns"]

_PRECISIONS = ("fp32", "fp16", "bf16", "int8")


@click.command("import", short_help="A dataset from somebody else's measurements.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DATASET", help="Dataset to write.")
@click.option(
    "--layout",
    default="layers",
    show_default=True,
    metavar="NAME",
    help="What the table holds: our two layouts (docs/importing.md), or a published collection of layers.",
)
@click.option(
    "--device", required=True, metavar="NAME", help="What was measured; TopHub's name of it for --layout tophub."
)
@click.option("--runtime", required=True, metavar="NAME", help="With which compiler or runtime.")
@click.option("--precision", type=click.Choice(_PRECISIONS), required=True, help="Numbers it computed with.")
@click.option(
    "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="A column has another name. Repeatable."
)
@click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="A column to pass over. Repeatable.")
@json_option
def command(
    table: Path,
    out: Path,
    layout: str,
    device: str,
    runtime: str,
    precision: str,
    columns: tuple[str, ...],
    ignored: tuple[str, ...],
    as_json: bool,
) -> None:
    """Turns a TABLE of measured layers or networks (CSV) into a dataset, which annette fit reads.

    A dataset of layers becomes a platform with annette fit; whole networks adjust one with annette calibrate.

    \b
    Examples:
      annette import layers.csv --device board --runtime vendor-1.2 --precision int8 --out board.dataset
      annette import vendor.csv --column latency_us=Duration --ignore Notes --device board --runtime vendor-1.2 \\
              --precision int8 --out board.dataset
      annette fit board.dataset --out board.json
    """
    from annette.bench.dataset import Dataset
    from annette.bench.importing.collection import read_runs
    from annette.bench.importing.table import TableOptions
    from annette.report.schemas.measurements import ImportDocument

    options = TableOptions(split_columns(columns), frozenset(ignored))
    environment = {"device": device, "runtime": runtime, "precision": precision}
    runs = read_runs(table, layout, environment, options)
    with Dataset.create(out) as dataset:
        for run in runs:
            dataset.add(run)
    document = ImportDocument(str(out), len(runs), sum(len(run.kernels) for run in runs))
    if as_json:
        print_json(document.plain())
    else:
        click.echo(f"{document.runs} runs with {document.kernels} kernels in {out}")


def split_columns(texts: tuple[str, ...]) -> dict[str, str]:
    """Our columns to the table's own names, from ``OURS=THEIRS``."""
    found = {}
    for text in texts:
        ours, separator, theirs = text.partition("=")
        if not (separator and ours and theirs):
            raise click.BadParameter(f"{text!r} is not OURS=THEIRS, for example latency_ms=Time", param_hint="--column")
        found[ours] = theirs
    return found
