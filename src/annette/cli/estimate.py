"""``annette estimate``."""

from __future__ import annotations

from typing import Any

import click

from annette.cli.options import json_option, lenient_option, model_options, network_options, print_json

__all__ = ["command"]


@click.command("estimate", short_help="How long networks take on a platform.")
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True)
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@network_options
@lenient_option
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@json_option
def command(networks: tuple[str, ...], platform: str, everything: bool, as_json: bool, **how: Any) -> None:
    """Estimates how long each NETWORK takes on a platform, kernel by kernel.

    With --json and several networks, prints a list of documents.

    \b
    Examples:
      annette estimate resnet50 --platform zcu102-dnndk
      annette estimate model.onnx --platform ncs2-openvino --batch 4 --json
      annette estimate model.onnx --platform my-platform.json --input ids=1x128 --fallback roofline
    """
    from annette import estimate, load_platform
    from annette.report.estimates import estimate_document, print_estimate

    target = load_platform(platform)
    documents = [estimate_document(estimate(network, target, **how)) for network in networks]
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for document in documents:
        print_estimate(document, everything=everything)
