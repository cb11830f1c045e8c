"""``annette platforms``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from annette.cli.options import csv_option, json_option
from annette.cli.output import print_json, show

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.group("platforms", invoke_without_command=True, short_help="Shipped and user platforms.")
@csv_option("platform")
@json_option
@click.pass_context
def command(context: click.Context, csv: Path | None, as_json: bool) -> None:
    """Lists platforms, or shows one: provenance, accuracy, fitted ranges.

    \b
    Examples:
      annette platforms
      annette platforms --csv platforms.csv
      annette platforms show ncs2-openvino
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command, csv=csv, as_json=as_json)
    elif csv is not None or as_json:
        raise click.UsageError(f"options of {context.invoked_subcommand!r} stand behind it")


@command.command("list", short_help="All platforms that can be named.")
@csv_option("platform")
@json_option
def list_command(csv: Path | None, as_json: bool) -> None:
    """Lists the shipped platforms and the user's own.

    \b
    Example:
      annette platforms list --json
    """
    from annette import list_platforms
    from annette.report.platforms import platform_list_document, print_platform_list

    show(platform_list_document(list_platforms()), as_json=as_json, csv=csv, text=print_platform_list)


@command.command("show", short_help="One platform in full.")
@click.argument("platform", metavar="P")
@json_option
def show_command(platform: str, as_json: bool) -> None:
    """Shows where a platform comes from, what it was fitted on and how accurate it is.

    \b
    Example:
      annette platforms show zcu102-dnndk
    """
    from annette import load_platform
    from annette.report.platforms import platform_document, print_platform

    document = platform_document(load_platform(platform))
    print_json(document) if as_json else print_platform(document)
