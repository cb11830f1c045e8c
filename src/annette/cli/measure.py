"""``annette measure``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from annette.cli.backend_options import OPEN_ENDED, backend_options, chosen_options, settings_for
from annette.cli.options import json_option, network_options, print_json
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from annette.bench.plan import Case
    from annette.bench.session import MeasuredNetwork

__all__ = ["command"]

_TARGET_S = 0.5


@click.command("measure", context_settings=OPEN_ENDED, short_help="Latency and profile of real runs.")
@click.argument("arguments", metavar="NETWORK...", nargs=-1, required=True, type=click.UNPROCESSED)
@backend_options
@network_options
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Processes, one after another."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DATASET", help="Dataset to record in; made or added to."
)
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@json_option
def command(
    arguments: tuple[str, ...],
    backend: str,
    options: dict[str, str],
    cpus: tuple[int, ...] | None,
    batch: int | None,
    input_shapes: dict[str, tuple[int, ...]],
    rounds: int,
    out: Path | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Runs each NETWORK on a backend: latency, how well it repeats, and a profile per kernel.

    The latency is the median over the rounds of each round's median; every round is a process of its own, and the
    networks take turns. Files of a format that the backend takes are measured as they are. Further --NAME VALUE go
    to the backend. With --json and several networks, prints a list of documents.

    \b
    Examples:
      annette measure resnet18 mobilenet_v2 --backend onnxruntime
      annette measure model.onnx --backend onnxruntime --threads 2 --rounds 5 --out truth.sqlite
    """
    from annette.report.bench import measurement_document, print_measurement

    networks, extra = _sort(arguments)
    chosen = chosen_options(backend, options, extra)
    cases = [_case(name, backend, batch, input_shapes) for name in networks]
    measured = _measure(cases, out, backend, chosen, cpus, rounds)
    documents = [measurement_document(network, backend) for network in measured if network.usable]
    if as_json and documents:
        print_json(documents[0] if len(measured) == 1 else documents)
    elif not as_json:
        for document in documents:
            print_measurement(document, everything=everything)
    failed = [network for network in measured if not network.usable]
    if failed:
        raise BackendRunError(f"{failed[0].case!r} could not be measured: {failed[0].rounds[-1].reason}")


def _sort(arguments: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Networks, and unknown options with their values: a value is what follows ``--name``."""
    networks: list[str] = []
    extra: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            networks.append(word)
            continue
        extra.append(word)
        if "=" not in word and words and not words[0].startswith("--"):
            extra.append(words.pop(0))
    if not networks:
        raise click.UsageError("Missing argument 'NETWORK...'.")
    if len(set(networks)) < len(networks):
        raise click.UsageError("a network is named twice")
    return networks, extra


def _case(name: str, backend: str, batch: int | None, inputs: dict[str, tuple[int, ...]]) -> Case:
    from annette.bench.session import network_case
    from annette.network.load import load_network

    path = Path(name)
    network = load_network(name, batch=batch, inputs=inputs)
    return network_case(name, network, backend=backend, path=path if path.is_file() else None)


def _measure(
    cases: list[Case],
    out: Path | None,
    backend: str,
    options: dict[str, Any],
    cpus: tuple[int, ...] | None,
    rounds: int,
) -> list[MeasuredNetwork]:
    from annette.bench.dataset import Dataset
    from annette.bench.session import measure_networks
    from annette.cli.progress import progress_bar

    expected_s = rounds * sum(case.expected_s for case in cases)
    with (
        tempfile.TemporaryDirectory(prefix="annette-measure-") as folder,
        _open(Dataset, out if out is not None else Path(folder) / "measured.sqlite") as dataset,
        progress_bar(expected_s, rounds * len(cases)) as listen,
    ):
        return measure_networks(
            cases,
            dataset,
            backend=backend,
            options=options,
            settings=settings_for(cpus, options, target_s=_TARGET_S),
            rounds=rounds,
            progress=listen,
        )


def _open(kind: Any, path: Path) -> Any:
    return kind.open(path, write=True) if path.exists() else kind.create(path)
