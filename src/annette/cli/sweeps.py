"""What ``annette estimate`` does where its options stand for several sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.exports import announce
from annette.cli.options import BUDGET_EXCEEDED
from annette.cli.output import complain, print_json, write_columns

if TYPE_CHECKING:
    from annette.cli.exports import Exports
    from annette.platforms import Platform

__all__ = ["is_sweep", "run_sweep"]


def is_sweep(batches: tuple[int, ...] | None, inputs: dict[str, Any]) -> bool:
    """Whether what was given of sizes stands for several."""
    return len(batches or ()) > 1 or any(isinstance(given, str) for given in inputs.values())


def run_sweep(
    network: str, platform: Platform, exports: Exports, refused: dict[str, bool], *, as_json: bool, **how: Any
) -> None:
    """Estimates one network at many sizes, prints and writes what was asked for; exits with 3 above the budget.

    Args:
        network: File or name.
        platform: Where.
        exports: What was asked for beside the output.
        refused: Options that are about one estimate, and whether each was given.
        as_json: Whether to print JSON.
        **how: Further arguments of `annette.sweep`.
    """
    from annette import sweep
    from annette.report.html import write_page
    from annette.report.sweeps import print_sweep, sweep_columns, sweep_document, sweep_page

    for option, given in refused.items():
        if given:
            raise click.UsageError(f"{option} is about estimates at one size: leave it out, or give one size of each")
    document = sweep_document(sweep(network, platform, **how))
    printed = exports.csv is not None and write_columns(exports.csv, sweep_columns(document), as_json=as_json)
    if exports.html is not None:
        write_page(exports.html, sweep_page(document))
    if not printed:
        print_json(document) if as_json else print_sweep(document)
    _judge(document, exports)


def _judge(document: dict[str, Any], exports: Exports) -> None:
    """Holds every size against the budget."""
    from annette.estimation.latency_budget import judge_latency

    exceeded = False
    for point in document["points"] if exports.budget_s is not None else ():
        run = point["run"]
        sizes = ", ".join(f"{name} {value}" for name, value in point["sizes"].items())
        if run is None:
            complain(f"{document['network']} at {sizes} has no estimate to hold against the budget")
            continue
        verdict = judge_latency(
            f"{document['network']} at {sizes} on {document['platform']}",
            run["latency_s"],
            run["interval_s"],
            budget_s=exports.budget_s or 0.0,
            by=exports.budget_by,
            confidence=document["confidence"],
        )
        if not verdict.kept:
            exceeded = True
            announce(verdict.reason)
    if exceeded:
        click.get_current_context().exit(BUDGET_EXCEEDED)
