"""``annette import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from annette.cli.options import FILE, json_option, table_options
from annette.cli.output import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from annette.report.schemas.base import ReportDocument

__all__ = ["command"]

_PRECISIONS = ("fp32", "fp16", "bf16", "int8")


@click.command("import", short_help="A dataset from somebody else's measurements.")
@click.argument("table", type=FILE)
@click.option("--out", type=FILE, required=True, metavar="DATASET", help="Dataset to write.")
@click.option(
    "--layout", default="layers", show_default=True, metavar="NAME",
    help="What the table holds: our two layouts (docs/importing.md), or a published collection.",
)  # fmt: skip
@click.option("--device", metavar="NAME", help="What was measured; which of its devices for --layout tophub.")
@click.option("--runtime", metavar="NAME", help="With which compiler or runtime; our own layouts do not know.")
@click.option("--precision", type=click.Choice(_PRECISIONS), help="Numbers it computed with, likewise.")
@table_options
@json_option
def command(
    table: Path,
    out: Path,
    layout: str,
    columns: dict[str, str],
    ignored: tuple[str, ...],
    as_json: bool,
    **given: str | None,
) -> None:
    """Turns a TABLE of measured layers or networks (CSV) into a dataset, which annette fit reads.

    A dataset of layers becomes a platform with annette fit; whole networks adjust one with annette calibrate. Of a
    published collection TABLE is the folder that holds it, and what was measured where is known. Published parameters
    of layer models (--layout original-dnndk, original-ncs2) become a platform file at once: nothing is fitted.

    \b
    Examples:
      annette import layers.csv --device board --runtime vendor-1.2 --precision int8 --out board.dataset
      annette import vendor.csv --column latency_us=Duration --ignore Notes --device board --runtime vendor-1.2 \\
              --precision int8 --out board.dataset
      annette fit board.dataset --out board.json
      annette import data/zcu102 --layout zcu102 --out zcu102.dataset
      annette import data/tophub --layout tophub --device kirin970 --out kirin970.dataset
    """
    from annette.api import import_table
    from annette.platforms import Platform
    from annette.report.schemas.measurements import ImportDocument
    from annette.report.schemas.platforms import ConversionDocument

    made = import_table(table, out, layout=layout, columns=columns, ignored=ignored, **given)
    document: ReportDocument
    if isinstance(made, Platform):
        document = ConversionDocument(str(out), len(made.models))
        text = f"published models of {len(made.models)} kinds in {out}"
    else:
        runs, kernels = len(made.runs), sum(len(run.kernels) for run in made.runs)
        document = ImportDocument(str(out), runs, kernels)
        text = f"{runs} runs with {kernels} kernels in {out}"
    print_json(document.plain()) if as_json else click.echo(text)
