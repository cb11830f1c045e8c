"""``annette platforms``."""

from __future__ import annotations

import click

from annette.cli.options import json_option, print_json

__all__ = ["command"]


@click.group("platforms", invoke_without_command=True, short_help="Shipped and user platforms.")
@click.pass_context
def command(context: click.Context) -> None:
    """Lists platforms, or shows one: provenance, accuracy, fitted ranges.

    \b
    Examples:
      annette platforms
      annette platforms list --json
      annette platforms show ncs2-openvino
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command.command("list", short_help="All platforms that can be named.")
@json_option
def list_command(as_json: bool) -> None:
    """Lists the shipped platforms and the user's own.

    \b
    Example:
      annette platforms list --json
    """
    from annette import list_platforms
    from annette.report.platforms import platform_list_document, print_platform_list

    document = platform_list_document(list_platforms())
    print_json(document) if as_json else print_platform_list(document)


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
