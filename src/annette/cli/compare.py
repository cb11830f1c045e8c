"""``annette compare``."""

from __future__ import annotations

from typing import Any

import click

from annette.cli.options import json_option, lenient_option, model_options, network_options, print_json

__all__ = ["command"]


@click.command("compare", short_help="One network on several platforms.")
@click.argument("network", metavar="NETWORK")
@click.option(
    "--platform", "platforms", multiple=True, metavar="P", help="A platform; repeat it. Without it, all that are known."
)
@model_options
@network_options
@lenient_option
@json_option
def command(
    network: str,
    platforms: tuple[str, ...],
    batch: int | None,
    inputs: dict[str, tuple[int, ...]],
    lenient: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Estimates one NETWORK on several platforms and ranks them.

    \b
    Examples:
      annette compare mobilenet_v2 --platform zcu102-dnndk --platform ncs2-openvino
      annette compare model.onnx --fallback roofline --json
    """
    from annette import estimate, list_platforms, load_network, load_platform
    from annette.report.estimates import comparison_document, print_comparison

    loaded = load_network(network, batch=batch, inputs=inputs, lenient=lenient)
    targets = [load_platform(name) for name in platforms or (entry.name for entry in list_platforms())]
    estimates = [estimate(loaded, target, **how) for target in targets]
    document = comparison_document(loaded.name, estimates)
    print_json(document) if as_json else print_comparison(document)
