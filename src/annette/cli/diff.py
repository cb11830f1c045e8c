"""``annette diff``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import csv_option, json_option, lenient_option, model_options, network_options
from annette.cli.output import show

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("diff", short_help="What one network takes more than another.")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@network_options
@lenient_option
@click.option("--all", "everything", is_flag=True, help="Show all kernels that differ, in order of execution.")
@csv_option("kernel that differs")
@json_option
def command(
    before: str,
    after: str,
    platform: str,
    everything: bool,
    csv: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Says what the network AFTER takes more or less than BEFORE, and which kernels came, went and changed.

    The interval of the difference is narrower than those of the two networks: errors of the kernels that both have
    cancel.

    \b
    Examples:
      annette diff resnet18 resnet34 --platform epyc-onnxruntime
      annette diff old.onnx new.onnx --platform ncs2-openvino --batch 1 --json
    """
    from annette import compare_networks
    from annette.report.differences import difference_document, print_difference

    document = difference_document(compare_networks(before, after, platform, **how))
    show(document, as_json=as_json, csv=csv, text=partial(print_difference, everything=everything))
