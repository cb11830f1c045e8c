"""``annette inspect``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import csv_option, json_option, lenient_option, network_options, observe_option, observed
from annette.cli.output import show

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("inspect", short_help="Layers, operations and bytes of a network.")
@click.argument("network", metavar="NETWORK")
@network_options
@observe_option
@lenient_option
@click.option("--platform", metavar="P", help="Also show which layers run as one kernel there, and by which rule.")
@click.option("--all", "everything", is_flag=True, help="Show all layers, in topological order.")
@csv_option("layer, or for each kernel with --platform")
@json_option
def command(
    network: str,
    platform: str | None,
    observe: bool,
    everything: bool,
    csv: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Shows what a NETWORK consists of: layers, operations, bytes, parameters, unsupported operators.

    \b
    Examples:
      annette inspect model.onnx --input data=1x3x320x320
      annette inspect resnet50 --platform ncs2-openvino
      annette inspect model.onnx --csv layers.csv
    """
    from annette import find_kernels, load_network
    from annette.report.estimates import network_document, print_network

    given["inputs"] = observed(network, observe, **given)
    loaded = load_network(network, **given)
    kernels = find_kernels(loaded, platform) if platform else None
    text = partial(print_network, everything=everything)
    show(network_document(loaded, kernels), as_json=as_json, csv=csv, text=text)
