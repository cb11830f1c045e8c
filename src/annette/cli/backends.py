"""``annette backends``."""

from __future__ import annotations

import click

from annette.cli.options import json_option, print_json

__all__ = ["command"]


@click.command("backends", short_help="Which runtimes are usable here.")
@json_option
def command(as_json: bool) -> None:
    """Lists the backends: usable here or how to install them, and their options.

    \b
    Examples:
      annette backends
      annette backends --json
    """
    from annette.report.bench import backends_document, print_backends

    document = backends_document()
    print_json(document) if as_json else print_backends(document)
