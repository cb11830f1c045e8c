"""``annette estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.exports import Exports
from annette.cli.options import (
    BUDGET_EXCEEDED,
    USAGE_ERROR,
    budget_options,
    chosen_cluster,
    cluster_options,
    csv_option,
    export_options,
    html_option,
    json_option,
    lenient_option,
    model_options,
    observe_option,
    observed,
)
from annette.cli.output import complain, print_json, print_json_line
from annette.cli.sizes import swept_options
from annette.cli.sweeps import is_sweep, run_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.errors import AnnetteError
    from annette.estimation.many import Estimated
    from annette.network.inputs import Given
    from annette.platforms import Platform

__all__ = ["command"]


@click.command("estimate", short_help="How long networks take on a platform.")
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True)
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@swept_options
@observe_option
@lenient_option
@click.option("--all", "everything", is_flag=True, help="Show all kernels, in order of execution.")
@click.option("--table", is_flag=True, help="Show one line a network, as for folders and patterns.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that read and estimate several networks.",
)
@cluster_options
@export_options
@html_option
@csv_option("network or size")
@budget_options
@json_option
@click.option("--json-lines", "as_lines", is_flag=True, help="Print a JSON document a line, each when it is known.")
def command(
    networks: tuple[str, ...],
    platform: str,
    batches: tuple[int, ...] | None,
    inputs: dict[str, Given],
    observe: bool,
    lenient: bool,
    everything: bool,
    table: bool,
    jobs: int,
    as_json: bool,
    as_lines: bool,
    **how: Any,
) -> None:
    """Estimates how long each NETWORK takes on a platform, kernel by kernel.

    Where --batch or sizes of an --input are several, prints a line for each: latency, memory, what is out of range.

    NETWORK may also be a folder, of which all network files are taken, or a pattern, quoted. With --json and several
    networks, prints a list of documents. Where one of several cannot be estimated, the others are: a line on standard
    error and, as JSON, an entry say why, and the exit code is 2. It is 3 where an estimate is above --budget.

    \b
    Examples:
      annette estimate resnet50 --platform zcu102-dnndk
      annette estimate model.onnx --platform ncs2-openvino --batch 4 --json
      annette estimate model.onnx --platform my-platform.json --input ids=1x128 --fallback roofline
      annette estimate detector.onnx --platform my-platform.json --observe
      annette estimate model.onnx --platform ncs2-openvino --budget 20ms --trace model.trace.json
      annette estimate model.tflite --platform ethos-u55-128 --html report.html
      annette estimate model.onnx --platform ncs2-openvino --batch 1,2,4 --input 'data=1x3x{s=128..512:64}x{s}'
      annette estimate models 'more/**/*.tflite' --platform ethos-u55-128 --jobs 4 --csv table.csv
    """
    from annette import load_platform
    from annette.network.finding import is_collection

    cluster, exports = chosen_cluster(how), Exports.chosen(how)
    if observe and (jobs > 1 or cluster):
        raise click.UsageError("--observe looks up the sizes of each network here: leave out --jobs and --scheduler")
    target = load_platform(platform)
    single = len(networks) == 1 and not is_collection(networks[0])
    exports.check(one=single and not cluster, as_json=as_json or as_lines)
    batch = batches[0] if batches and len(batches) == 1 else batches
    reading: dict[str, Any] = {"batch": batch, "inputs": inputs, "lenient": lenient}
    if is_sweep(batches, inputs):
        of_one = _about_one(single, cluster, jobs, observe, everything, table, as_lines) | exports.of_kernels
        run_sweep(networks[0], target, exports, of_one, as_json=as_json, **reading, **how)
        return
    table = table or any(map(is_collection, networks))
    if observe or (single and not cluster):
        found = _one_by_one(networks, target, exports, observe=observe, single=single, reading=reading, how=how)
    else:
        shared = {"jobs": jobs, "cluster": cluster, "briefly": table and not (as_json or as_lines or exports.whole)}
        found = _together(networks, platform if jobs > 1 else target, shared, {**reading, **how})
    forms = {"single": single, "everything": everything, "table": table, "as_json": as_json, "as_lines": as_lines}
    failed = _print_all(found, exports, **forms)
    if not single:
        exports.write()
    if failed or exports.exceeded:
        click.get_current_context().exit(USAGE_ERROR if failed else BUDGET_EXCEEDED)


def _about_one(
    single: bool, cluster: dict[str, Any], jobs: int, observe: bool, everything: bool, table: bool, as_lines: bool
) -> dict[str, bool]:
    """Options that are about networks at one size, and whether each was given."""
    return {
        "a folder or a second NETWORK": not single, "--scheduler": bool(cluster), "--jobs": jobs > 1,
        "--observe": observe, "--all": everything, "--table": table, "--json-lines": as_lines,
    }  # fmt: skip


def _print_all(
    found: Iterator[tuple[str, dict[str, Any], bool]], exports: Exports, *, single: bool, everything: bool, table: bool,
    as_json: bool, as_lines: bool,
) -> bool:  # fmt: skip
    """Prints what becomes of each network when it is known; whether any has no estimate."""
    from annette.report.estimates import print_estimate, print_estimate_row

    documents: list[dict[str, Any]] = []
    failed = False
    for name, document, known in found:
        failed |= not known
        exports.add(document) if known else exports.refuse(document)
        if single:
            exports.write()  # Before it is printed: whoever reads that may stop early.
        if exports.printed:
            continue
        if as_lines:
            print_json_line(document)
        elif as_json:
            documents.append(document)
        elif known and table:
            print_estimate_row(name, document)
        elif known:
            print_estimate(document, everything=everything)
    if as_json:
        print_json(documents[0] if single else documents)
    return failed


def _listed(places: tuple[str, ...]) -> Iterator[tuple[str, AnnetteError | None]]:
    """Files and names that places stand for, and places that hold none."""
    from annette import AnnetteError, find_networks

    for place in places:
        try:
            yield from ((source, None) for source in find_networks(place))
        except AnnetteError as error:
            yield place, error


def _refused(network: str, error: AnnetteError) -> tuple[str, dict[str, Any], bool]:
    """Says what is wrong with one of several networks."""
    from annette.report.estimates import error_document

    message = str(error)
    complain(message if network in message else f"{network!r}: {message}")
    return network, error_document(network, error), False


def _one_by_one(
    places: tuple[str, ...], platform: Platform, exports: Exports, *, observe: bool, single: bool,
    reading: dict[str, Any], how: dict[str, Any],
) -> Iterator[tuple[str, dict[str, Any], bool]]:  # fmt: skip
    """As `_together`, each network with the sizes that a run of its own tells."""
    from annette import AnnetteError, estimate
    from annette.report.estimates import estimate_document

    for network, error in _listed(places):
        try:
            if error is not None:
                raise error
            inputs = observed(network, observe, **reading)
            made = estimate(network, platform, **{**reading, "inputs": inputs}, **how)
            exports.lay_over(made, network)
            yield network, estimate_document(made), True
        except AnnetteError as refusal:
            if single:
                raise
            yield _refused(network, refusal)


def _together(
    places: tuple[str, ...], platform: Platform | str, shared: dict[str, Any], how: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name of each network, its document, and whether it has an estimate, as they become known."""
    from annette.cli.many import counted

    sources: list[str] = []
    for source, error in _listed(places):
        if error is None:
            sources.append(source)
        else:
            yield _refused(source, error)
    for each in counted(_estimated(sources, platform, how, **shared), len(sources)):
        yield (each.network, each.get(), True) if each.error is None else _refused(each.network, each.error)


def _estimated(
    sources: list[str], platform: Platform | str, how: dict[str, Any], *, jobs: int, cluster: dict[str, Any],
    briefly: bool,
) -> Iterator[Estimated[dict[str, Any]]]:  # fmt: skip
    """What becomes of networks, in processes of this machine or on a cluster."""
    from annette import estimate_many, estimate_on_cluster
    from annette.report.estimates import BRIEFLY, brief_document, estimate_document

    if not cluster:
        return estimate_many(sources, platform, keep=brief_document if briefly else estimate_document, jobs=jobs, **how)
    if jobs > 1:
        raise click.UsageError("--jobs are processes of this machine, and --scheduler has workers: take one of the two")
    return estimate_on_cluster(sources, platform, fields=BRIEFLY if briefly else (), **cluster, **how)
