"""``annette measure``."""

from __future__ import annotations

from typing import Any

import click

from annette.cli.options import (
    FILE,
    OPEN_ENDED,
    backend_options,
    chosen_options,
    json_option,
    network_options,
    print_json,
    split_words,
)
from annette.errors import BackendRunError

__all__ = ["command"]


@click.command("measure", context_settings=OPEN_ENDED, short_help="Latency and profile of real runs.")
@click.argument("arguments", metavar="NETWORK...", nargs=-1, required=True, type=click.UNPROCESSED)
@backend_options
@network_options
@click.option(
    "--rounds", type=click.IntRange(min=1), help="Processes, one after another.  [default: 3, of what is estimated 1]"
)
@click.option("--out", type=FILE, metavar="DATASET", help="Dataset to record in; made or added to.")
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@json_option
def command(
    arguments: tuple[str, ...],
    backend: str,
    options: dict[str, str],
    batch: int | None,
    inputs: dict[str, tuple[int, ...]],
    rounds: int | None,
    everything: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Runs each NETWORK on a backend: latency, how well it repeats, and a profile per kernel.

    The latency is the shortest of the rounds' medians (of more than four, the one a quarter of the way up): what the
    network takes when nobody disturbs it. Every round is a process of its own, and the networks take turns. A network
    that fails is not tried again. Files of a format that the backend takes are measured as they are. Further --NAME
    VALUE go to the backend. With --json and several networks, prints a list of documents.

    \b
    Examples:
      annette measure resnet18 mobilenet_v2 --backend onnxruntime
      annette measure model.onnx --backend onnxruntime --threads 2 --rounds 5 --out truth.sqlite
    """
    from annette.api import measure
    from annette.bench.session import case_of, default_rounds
    from annette.cli.progress import progress_bar
    from annette.report.bench import measurement_document, print_measurement

    networks, further = split_words(arguments)
    if not networks:
        raise click.UsageError("Missing argument 'NETWORK...'.")
    if len(set(networks)) < len(networks):
        raise click.UsageError("a network is named twice")
    chosen = chosen_options(backend, {**options, **further}, ())
    cases = [case_of(name, backend, batch=batch, inputs=inputs) for name in networks]
    rounds = rounds or default_rounds(backend)
    with progress_bar(cases * rounds) as listen:
        measured = measure(cases, backend=backend, options=chosen, rounds=rounds, progress=listen, **how)
    documents = [measurement_document(network, backend) for network in measured if network.usable]
    if as_json and documents:
        print_json(documents[0] if len(measured) == 1 else documents)
    elif not as_json:
        for document in documents:
            print_measurement(document, everything=everything)
    failed = [network for network in measured if not network.usable]
    if failed:
        raise BackendRunError(f"{failed[0].case!r} could not be measured: {failed[0].rounds[-1].reason}")
