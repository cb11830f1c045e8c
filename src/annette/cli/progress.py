"""A progress bar with remaining time, on standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from annette.bench.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.bench.campaign import Progress as Listener
    from annette.bench.plan import Case
    from annette.bench.records import Run

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(expected_s: float, count: int) -> Iterator[Listener]:
    """Shows how far a campaign is, weighted by how long its cases are expected to take; only to a terminal.

    Args:
        expected_s: Expected time of what is still to be measured.
        count: Number of cases still to be measured.

    Yields:
        What the campaign tells about its cases.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]}/{task.fields[count]} cases, {task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    done = failed = 0
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=expected_s, done=0, count=count, failed=0)

        def listen(case: Case, run: Run) -> None:
            nonlocal done, failed
            done += 1
            failed += run.status is Status.FAILED
            progress.update(task, advance=case.expected_s, done=done, failed=failed, description=case.group)

        yield listen
