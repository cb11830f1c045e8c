"""What ``annette estimate`` does where its options stand for several sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.exports import announce
from annette.cli.options import BUDGET_EXCEEDED, complain, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from annette.cli.exports import Exports
    from annette.platforms import Platform

__all__ = ["is_sweep", "run_sweep"]


def is_sweep(batches: tuple[int, ...] | None, inputs: dict[str, Any], table: Path | None) -> bool:
    """Whether what was given of sizes stands for several; a table of one is refused."""
    several = len(batches or ()) > 1 or any(isinstance(given, str) for given in inputs.values())
    if table is not None and not several:
        raise click.UsageError("--csv writes the table of several sizes; --kernels writes the kernels of one estimate")
    return several


def run_sweep(
    network: str, platform: Platform, exports: Exports, refused: dict[str, bool], *, table: Path | None, as_json: bool,
    **how: Any,
) -> None:  # fmt: skip
    """Estimates one network at many sizes, prints and writes what was asked for; exits with 3 above the budget.

    Args:
        network: File or name.
        platform: Where.
        exports: What was asked for beside the output.
        refused: Options that are about one estimate, and whether each was given.
        table: Where a table is to be written.
        as_json: Whether to print JSON.
        **how: Further arguments of `annette.sweep`.
    """
    from annette import sweep
    from annette.estimation.frame import write_table
    from annette.report.html import write_page
    from annette.report.sweeps import print_sweep, sweep_columns, sweep_document, sweep_page

    for option, given in refused.items():
        if given:
            raise click.UsageError(f"{option} is about estimates at one size: leave it out, or give one size of each")
    document = sweep_document(sweep(network, platform, **how))
    if table is not None:
        write_table(table, sweep_columns(document))
    if exports.html is not None:
        write_page(exports.html, sweep_page(document))
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
