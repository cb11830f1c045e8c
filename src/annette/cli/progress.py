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

    from annette.bench.plan import Case
    from annette.bench.records import Run

__all__ = ["CaseBar", "fit_status", "progress_bar"]


@contextmanager
def progress_bar(waiting: Sequence[Case]) -> Iterator[CaseBar]:
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
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield CaseBar(progress, waiting)


class CaseBar:
    """A bar that follows a campaign: is told about every case."""

    def __init__(self, progress: Progress, waiting: Sequence[Case]) -> None:
        self._progress = progress
        self._done = self._failed = 0
        self._spent_s = 0.0
        self._task = progress.add_task(
            "measuring", total=sum(case.expected_s for case in waiting), done=0, count=len(waiting), failed=0
        )

    def __call__(self, case: Case, run: Run) -> None:
        """Moves the bar by what the case was expected to take."""
        self._done += 1
        self._failed += run.status is Status.FAILED
        self._spent_s += case.expected_s
        self._progress.update(
            self._task,
            advance=case.expected_s,
            done=self._done,
            failed=self._failed,
            description=escaped(case.group),
        )

    def expect(self, further: Sequence[Case]) -> None:
        """Other cases take the place of those that are left."""
        total_s = self._spent_s + sum(case.expected_s for case in further)
        self._progress.update(self._task, total=total_s, count=self._done + len(further))


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
