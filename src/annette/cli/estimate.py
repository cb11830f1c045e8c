"""``annette estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    USAGE_ERROR,
    complain,
    html_option,
    json_option,
    lenient_option,
    model_options,
    network_options,
    observe_option,
    observed,
    print_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.inputs import Given

__all__ = ["command"]


@click.command("estimate", short_help="How long networks take on a platform.")
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True)
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@network_options
@observe_option
@lenient_option
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@html_option
@json_option
def command(
    networks: tuple[str, ...],
    platform: str,
    batch: int | None,
    inputs: dict[str, Given],
    observe: bool,
    lenient: bool,
    everything: bool,
    html: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Estimates how long each NETWORK takes on a platform, kernel by kernel.

    With --json and several networks, prints a list of documents. Where one of several cannot be estimated, the others
    are: a line on standard error and, with --json, an entry of the list say why, and the exit code is 2.

    \b
    Examples:
      annette estimate resnet50 --platform zcu102-dnndk
      annette estimate model.onnx --platform ncs2-openvino --batch 4 --json
      annette estimate model.onnx --platform my-platform.json --input ids=1x128 --fallback roofline
      annette estimate detector.onnx --platform my-platform.json --observe
      annette estimate model.tflite --platform ethos-u55-128 --html report.html
    """
    from annette import AnnetteError, estimate, load_platform
    from annette.cli.exports import Exports
    from annette.report.estimates import error_document, estimate_document, print_estimate

    target = load_platform(platform)
    exports = Exports(html=html)
    documents: list[dict[str, Any]] = []
    failed = False
    for network in networks:
        try:
            reading: dict[str, Any] = {"batch": batch, "inputs": inputs, "lenient": lenient}
            reading["inputs"] = observed(network, observe, **reading)
            documents.append(estimate_document(estimate(network, target, **reading, **how)))
        except AnnetteError as error:
            if len(networks) == 1:
                raise
            complain(str(error) if network in str(error) else f"{network!r}: {error}")
            documents.append(error_document(network, error))
            failed = True
            continue
        exports.add(documents[-1])
        if not as_json:
            print_estimate(documents[-1], everything=everything)
    exports.write()
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
    if failed:
        click.get_current_context().exit(USAGE_ERROR)
