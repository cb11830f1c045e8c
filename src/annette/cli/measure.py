"""``annette measure``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    FILE,
    OPEN_ENDED,
    USAGE_ERROR,
    backend_options,
    board_options,
    chosen_cluster,
    chosen_options,
    csv_option,
    json_option,
    lenient_option,
    network_options,
    parse_share,
    split_words,
)
from annette.cli.output import complain, print_json, write_csv
from annette.errors import AnnetteError, BackendRunError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annette.bench.plan import Case
    from annette.network.inputs import Given

__all__ = ["command"]


@click.command("measure", context_settings=OPEN_ENDED, short_help="Latency and profile of real runs.")
@click.argument("arguments", metavar="NETWORK...", nargs=-1, required=True, type=click.UNPROCESSED)
@backend_options
@network_options
@lenient_option
@click.option(
    "--rounds", type=click.IntRange(min=1), help="Processes, one after another.  [default: 3, of what is estimated 1]"
)
@click.option(
    "--precision", callback=parse_share, metavar="SHARE",
    help="Further rounds of each network until it is known to 2%, say: its standard error; up to 12.",
)  # fmt: skip
@click.option("--out", type=FILE, metavar="DATASET", help="Dataset to record in; made or added to.")
@board_options
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@csv_option("network")
@json_option
def command(
    arguments: tuple[str, ...],
    backend: str,
    options: dict[str, str],
    batch: int | None,
    inputs: dict[str, Given],
    lenient: bool,
    rounds: int | None,
    precision: float | None,
    everything: bool,
    csv: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Runs each NETWORK on a backend: latency, how well it repeats, and a profile per kernel.

    The latency is the mean of the shorter half of the rounds' medians: of three the two shortest, of two the shorter.
    Every round is a process of its own, the networks take turns, and what fails is not tried again. Where one of
    several networks cannot be measured, the others are: a line and, with --json, an entry say why, and the exit code is
    2. Files are measured as they are, on a cluster from the same path; --NAME VALUE go to it.

    \b
    Examples:
      annette measure resnet18 mobilenet_v2 --backend onnxruntime
      annette measure model.onnx --backend onnxruntime --threads 2 --rounds 5 --out truth.sqlite
      annette measure resnet18 --backend onnxruntime --precision 1%
      annette measure speech.onnx --backend onnxruntime --input seq=512 --input rate=16000
    """
    from annette.api import measure
    from annette.bench.session import default_rounds
    from annette.cli.progress import progress_bar
    from annette.report.bench import measurement_document, print_measurement
    from annette.report.estimates import error_document

    networks, further = split_words(arguments)
    if not networks or len(set(networks)) < len(networks):
        raise click.UsageError("a network is named twice" if networks else "Missing argument 'NETWORK...'.")
    chosen = chosen_options(backend, {**options, **further}, ())
    errors: dict[str, AnnetteError] = {}
    cases = _readable(networks, errors, backend=backend, batch=batch, inputs=inputs, lenient=lenient)
    rounds = rounds or default_rounds(backend)
    with progress_bar(cases * rounds) as listen:
        how |= {"backend": backend, "options": chosen, "rounds": rounds, "precision": precision, "progress": listen}
        measured = measure(cases, tell=complain, **chosen_cluster(how), **how) if cases else []
    named = dict(zip([name for name in networks if name not in errors], measured, strict=True))
    failed = {name: network.rounds[-1].reason for name, network in named.items() if not network.usable}
    errors |= {name: BackendRunError(f"{name!r} could not be measured: {why}") for name, why in failed.items()}
    if errors and len(networks) == 1:
        raise errors[networks[0]]
    documents = [
        error_document(name, errors[name]) if name in errors else measurement_document(named[name], backend, precision)
        for name in networks
    ]
    printed = write_csv(csv, documents, as_json=as_json) or as_json
    if as_json:
        print_json(documents[0] if len(networks) == 1 else documents)
    for name, document in zip(networks, documents, strict=True) if not printed else ():
        if name not in errors:
            print_measurement(document, everything=everything)
    _complain(errors)


def _complain(errors: dict[str, AnnetteError]) -> None:
    """Says which networks could not be measured, and why; ends with an exit code where there are any."""
    for name, error in errors.items():
        complain(str(error) if name in str(error) else f"{name!r}: {error}")
    if errors:
        click.get_current_context().exit(USAGE_ERROR)


def _readable(networks: Sequence[str], errors: dict[str, AnnetteError], **how: Any) -> list[Case]:
    """The networks that can be read, as cases; adds why the others cannot.

    Raises:
        AnnetteError: None can.
    """
    from annette.bench.session import case_of

    cases: list[Case] = []
    for name in networks:
        try:
            cases.append(case_of(name, **how))
        except AnnetteError as error:
            if len(networks) == 1:
                raise
            errors[name] = error
    return cases
