"""Progress of many estimates on standard error: a bar with rate and remaining time, and a line at the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from annette.estimation.many import Estimated

__all__ = ["counted"]


def counted(found: Iterable[Estimated[Any]], total: int) -> Iterator[Estimated[Any]]:
    """Passes results on and shows how many there are: a bar where only standard error is a terminal, a line at the end.

    Args:
        found: What became of each network.
        total: How many there will be.
    """
    columns = (
        TextColumn("estimating", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f}/s, {task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal or sys.stdout.isatty()  # Where results are seen, they are the progress.
    start_s, failed = time.monotonic(), 0
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=total, rate=0.0, failed=0)
        for each in found:
            failed += each.error is not None
            rate = (each.number + 1) / max(time.monotonic() - start_s, 1e-9)
            progress.update(task, completed=each.number + 1, rate=rate, failed=failed)
            yield each
    if console.is_terminal and total:
        spent_s = max(time.monotonic() - start_s, 1e-9)
        click.echo(f"{total} networks in {spent_s:.1f} s, {total / spent_s:.0f}/s; {failed} failed", err=True)
