"""``annette estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    USAGE_ERROR,
    cluster_options,
    cluster_tls,
    complain,
    json_option,
    lenient_option,
    model_options,
    network_options,
    print_json,
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
@cluster_options
@json_option
def command(networks: tuple[str, ...], platform: str, everything: bool, as_json: bool, **how: Any) -> None:
    """Estimates how long each NETWORK takes on a platform, kernel by kernel.

    With --json and several networks, prints a list of documents. Where one of several cannot be estimated, the others
    are: a line on standard error and, with --json, an entry of the list say why, and the exit code is 2.

    \b
    Examples:
      annette estimate resnet50 --platform zcu102-dnndk
      annette estimate model.onnx --platform ncs2-openvino --batch 4 --json
      annette estimate model.onnx --platform my-platform.json --input ids=1x128 --fallback roofline
      annette estimate /shared/*.onnx --platform my-platform.json --scheduler tcp://lab:8786 --json
    """
    from annette.report.estimates import error_document, print_estimate

    documents: list[dict[str, Any]] = []
    failed = False
    for each in _estimated(networks, platform, how):
        if each.error is not None:
            if len(networks) == 1:
                raise each.error
            complain(str(each.error) if each.network in str(each.error) else f"{each.network!r}: {each.error}")
            documents.append(error_document(each.network, each.error))
            failed = True
            continue
        documents.append(each.get())
        if not as_json:
            print_estimate(documents[-1], everything=everything)
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
    if failed:
        click.get_current_context().exit(USAGE_ERROR)


def _estimated(networks: tuple[str, ...], platform: str, how: dict[str, Any]) -> Iterator[Estimated[dict[str, Any]]]:
    """The documents of networks, made here or on a cluster."""
    from annette import estimate_many, estimate_on_cluster
    from annette.errors import OptionError
    from annette.report.estimates import estimate_document

    scheduler = how.pop("scheduler")
    tls = cluster_tls(*(how.pop(f"tls_{name}") for name in ("ca_file", "cert", "key")))
    if scheduler is not None:
        return estimate_on_cluster(networks, platform, scheduler=scheduler, tls=tls, **how)
    if tls is not None:
        raise OptionError("certificates are those of a cluster, whose address (--scheduler) is missing")
    return estimate_many(networks, platform, keep=estimate_document, **how)
