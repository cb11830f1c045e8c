"""``annette compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    csv_option,
    html_option,
    json_option,
    lenient_option,
    model_options,
    network_options,
    observe_option,
    observed,
)
from annette.cli.output import show

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.inputs import Given

__all__ = ["command"]


@click.command("compare", short_help="One network on several platforms.")
@click.argument("network", metavar="NETWORK")
@click.option(
    "--platform", "platforms", multiple=True, metavar="P", help="A platform; repeat it. Without it, all that fit."
)
@model_options
@network_options
@observe_option
@lenient_option
@html_option
@csv_option("platform")
@json_option
def command(
    network: str,
    platforms: tuple[str, ...],
    batch: int | None,
    inputs: dict[str, Given],
    observe: bool,
    lenient: bool,
    html: Path | None,
    csv: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Estimates one NETWORK on several platforms and ranks them, device times and end-to-end times apart.

    Without --platform, platforms that have no estimate of the NETWORK are skipped with the reason, and reproductions of
    the original program (-original) are left out.

    \b
    Examples:
      annette compare mobilenet_v2 --platform zcu102-dnndk --platform ncs2-openvino
      annette compare model.onnx --fallback roofline --json
      annette compare mobilenet_v2 --html platforms.html --csv platforms.csv
    """
    from annette import compare_platforms
    from annette.report.estimates import comparison_document, print_comparison

    inputs = observed(network, observe, batch=batch, inputs=inputs, lenient=lenient)
    comparison = compare_platforms(network, platforms, batch=batch, inputs=inputs, lenient=lenient, **how)
    document = comparison_document(comparison)
    if html is not None:
        from annette.report.estimate_page import estimate_page
        from annette.report.estimates import estimate_document
        from annette.report.html import write_page

        write_page(html, estimate_page([*map(estimate_document, comparison.ranked)], document["skipped"]))
    show(document, as_json=as_json, csv=csv, text=print_comparison)
