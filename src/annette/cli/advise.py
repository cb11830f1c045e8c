"""``annette advise``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    FILE,
    csv_option,
    json_option,
    lenient_option,
    model_options,
    network_options,
    parse_numbers,
    parse_share,
)
from annette.cli.output import show

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.inputs import Given

__all__ = ["command"]


def _parse_hints(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int]:
    """Turns 1,3 into numbers."""
    if value is None:
        return []
    numbers = list(parse_numbers(value))
    if not numbers:
        raise click.BadParameter(f"{value!r} is not a list of numbers of hints such as 1,3", ctx, param)
    return numbers


@click.command("advise", short_help="What would make a network faster on a platform.")
@click.argument("network", metavar="NETWORK")
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@network_options
@lenient_option
@click.option(
    "--least",
    callback=parse_share,
    metavar="SHARE",
    help="Share of the latency that a change has to save.  [default: 0.5%, more where whole networks are less certain]",
)
@click.option(
    "--apply", "numbers", callback=_parse_hints, metavar="N,…", help="Apply these hints, one after the other."
)
@click.option("--out", type=FILE, metavar="FILE", help="Write the changed network as ONNX, with random weights.")
@click.option("--all", "everything", is_flag=True, help="Show all hints, and what the network does not allow.")
@click.option("--html", type=FILE, metavar="FILE", help="Also write a page with all hints.")
@csv_option("hint")
@json_option
def command(
    network: str,
    platform: str,
    batch: int | None,
    inputs: dict[str, Given],
    lenient: bool,
    least: float | None,
    numbers: list[int],
    out: Path | None,
    everything: bool,
    html: Path | None,
    csv: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Tries changes of NETWORK that may make it faster on a platform, and says what each is worth.

    Every change is applied to the network, with all sizes that follow from it, and the changed network is estimated:
    channels that fill vectors and multipliers, other windows, fewer groups, branches and convolutions computed as one,
    activations and normalizations that the platform computes on the way, transpositions that undo each other, integers.
    Shown are those whose gain is certain at --confidence, and what they ask of the weights.

    \b
    Examples:
      annette advise efficientnet_b0 --platform ethos-u55-128
      annette advise model.onnx --platform epyc-onnxruntime --all
      annette advise model.onnx --platform ethos-u55-128 --apply 1,3 --out changed.onnx
    """
    from annette import advise, load_network, load_platform
    from annette.report.advice import advice_document, print_advice, write_advice_html

    if out is not None and not numbers:
        raise click.UsageError("--out writes the network with the hints that --apply names: name some")
    target = load_platform(platform)
    loaded = load_network(network, batch=batch, inputs=inputs, lenient=lenient)
    advice = advise(loaded, target, least=least, **how)
    applied = None
    if numbers:
        changed = advice.apply(numbers) if out is None else advice.write(numbers, out)
        applied = numbers, advice.difference(changed)
    document = advice_document(advice, applied=applied, file=out)
    if html is not None:
        write_advice_html(document, html)
    show(document, as_json=as_json, csv=csv, text=partial(print_advice, everything=everything))
