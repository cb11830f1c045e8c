"""``annette estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    USAGE_ERROR,
    chosen_cluster,
    cluster_options,
    complain,
    json_option,
    lenient_option,
    model_options,
    network_options,
    print_json,
    print_json_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.estimation.many import Estimated

__all__ = ["command"]


@click.command("estimate", short_help="How long networks take on a platform.")
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True)
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@model_options
@network_options
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
@json_option
@click.option("--json-lines", "as_lines", is_flag=True, help="Print a JSON document a line, each when it is known.")
def command(
    networks: tuple[str, ...],
    platform: str,
    everything: bool,
    table: bool,
    jobs: int,
    as_json: bool,
    as_lines: bool,
    **how: Any,
) -> None:
    """Estimates how long each NETWORK takes on a platform, kernel by kernel.

    NETWORK may also be a folder, of which all network files are taken, or a pattern, quoted. With --json and several
    networks, prints a list of documents. Where one of several cannot be estimated, the others are: a line on standard
    error and, as JSON, an entry say why, and the exit code is 2.

    \b
    Examples:
      annette estimate resnet50 --platform zcu102-dnndk
      annette estimate model.onnx --platform ncs2-openvino --batch 4 --json
      annette estimate model.onnx --platform my-platform.json --input ids=1x128 --fallback roofline
      annette estimate models 'more/**/*.tflite' --platform ethos-u55-128 --jobs 4 --json-lines
      annette estimate /shared/models --platform ethos-u55-128 --scheduler tcp://lab:8786
    """
    from annette import estimate, load_platform
    from annette.network.finding import is_collection
    from annette.report.estimates import estimate_document, print_estimate, print_estimate_row

    cluster, target = chosen_cluster(how), load_platform(platform)
    table = table or any(map(is_collection, networks))
    documents: list[dict[str, Any]] = []
    if len(networks) == 1 and not is_collection(networks[0]) and cluster["scheduler"] is None:
        found = iter([(networks[0], estimate_document(estimate(networks[0], target, **how)), True)])
    else:
        shared = {**cluster, "jobs": jobs, "briefly": table and not (as_json or as_lines)}
        found = _of_many(networks, platform if jobs > 1 else target, shared, how)
    failed = False
    for name, document, known in found:
        failed |= not known
        if as_lines:
            print_json_line(document)
        elif as_json:
            documents.append(document)
        elif known and table:
            print_estimate_row(name, document)
        elif known:
            print_estimate(document, everything=everything)
    if as_json:
        print_json(documents[0] if len(documents) == 1 and not table else documents)
    if failed:
        click.get_current_context().exit(USAGE_ERROR)


def _of_many(
    places: tuple[str, ...], platform: Any, shared: dict[str, Any], how: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name of each network, its document, and whether it has an estimate, as they become known."""
    from annette import AnnetteError, find_networks
    from annette.cli.many import counted
    from annette.report.estimates import error_document

    sources: list[str] = []
    for place in places:
        try:
            sources += find_networks(place)
        except AnnetteError as error:
            complain(str(error))
            yield place, error_document(place, error), False
    for each in counted(_estimated(sources, platform, how, **shared), len(sources)):
        if each.error is None:
            yield each.network, each.get(), True
        else:
            message = str(each.error)
            complain(message if each.network in message else f"{each.network!r}: {message}")
            yield each.network, error_document(each.network, each.error), False


def _estimated(
    sources: list[str], platform: Any, how: dict[str, Any], *, scheduler: str | None, tls: Any, jobs: int, briefly: bool
) -> Iterator[Estimated[dict[str, Any]]]:
    """What becomes of networks, in processes of this machine or on a cluster."""
    from annette import estimate_many, estimate_on_cluster
    from annette.report.estimates import BRIEFLY, brief_document, estimate_document

    if scheduler is None:
        return estimate_many(sources, platform, keep=brief_document if briefly else estimate_document, jobs=jobs, **how)
    if jobs > 1:
        raise click.UsageError("--jobs are processes of this machine, and --scheduler has workers: take one of the two")
    fields = BRIEFLY if briefly else ()
    return estimate_on_cluster(sources, platform, scheduler=scheduler, tls=tls, fields=fields, **how)
