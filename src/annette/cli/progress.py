"""Progress on standard error: a bar with the remaining time, and a line that says what is being fitted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from annette.bench.records import Status
from annette.plain_text import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from annette.bench.campaign import Progress as Listener
    from annette.bench.plan import Case
    from annette.bench.records import Run

__all__ = ["fit_status", "progress_bar"]


@contextmanager
def progress_bar(waiting: Sequence[Case]) -> Iterator[Listener]:
    """Shows how far a campaign is, weighted by how long its cases are expected to take; only to a terminal.

    Args:
        waiting: What is still to be measured.

    Yields:
        What the campaign tells about its cases.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]}/{task.fields[count]} cases, {task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    done = failed = 0
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(
            "measuring", total=sum(case.expected_s for case in waiting), done=0, count=len(waiting), failed=0
        )

        def listen(case: Case, run: Run) -> None:
            nonlocal done, failed
            done += 1
            failed += run.status is Status.FAILED
            progress.update(task, advance=case.expected_s, done=done, failed=failed, description=escaped(case.group))

        yield listen


@contextmanager
def fit_status() -> Iterator[Callable[[str, int], None]]:
    """Shows what is being fitted: one line that changes on a terminal, one line each elsewhere.

    Yields:
        What the fit tells about each kind of kernel and its number of rows.
    """
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("reading the measurements")

        def tell(kind: str, rows: int) -> None:
            what = escaped(f"fitting {kind} ({rows} kernels)")
            progress.update(task, description=what)
            if not console.is_terminal:
                click.echo(what, err=True)

        yield tell
