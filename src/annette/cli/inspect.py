"""``annette inspect``."""

from __future__ import annotations

from typing import Any

import click

from annette.cli.options import json_option, lenient_option, network_options, observe_option, observed, print_json

__all__ = ["command"]


@click.command("inspect", short_help="Layers, operations and bytes of a network.")
@click.argument("network", metavar="NETWORK")
@network_options
@observe_option
@lenient_option
@click.option("--platform", metavar="P", help="Also show which layers run as one kernel there, and by which rule.")
@click.option("--all", "everything", is_flag=True, help="Show all layers, in topological order.")
@json_option
def command(network: str, platform: str | None, observe: bool, everything: bool, as_json: bool, **given: Any) -> None:
    """Shows what a NETWORK consists of: layers, operations, bytes, parameters, unsupported operators.

    \b
    Examples:
      annette inspect model.onnx --input data=1x3x320x320
      annette inspect resnet50 --platform ncs2-openvino
      annette inspect model.onnx --json
    """
    from annette import load_network, load_platform
    from annette.report.estimates import network_document, print_network

    given["inputs"] = observed(network, observe, **given)
    loaded = load_network(network, **given)
    kernels = load_platform(platform).mapping.apply(loaded) if platform else None
    document = network_document(loaded, kernels)
    print_json(document) if as_json else print_network(document, everything=everything)
