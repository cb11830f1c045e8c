"""``annette backends``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from annette.cli.options import csv_option, json_option
from annette.cli.output import show

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("backends", short_help="Which runtimes are usable here.")
@csv_option("backend")
@json_option
def command(csv: Path | None, as_json: bool) -> None:
    """Lists the backends: usable here or how to install them, and their options.

    \b
    Examples:
      annette backends
      annette backends --json
    """
    from annette.report.bench import backends_document, print_backends

    show(backends_document(), as_json=as_json, csv=csv, text=print_backends)
