"""What the runs of a dataset say of each board that made them: boards of one model are machines of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.bench.calm import calmness
from annette.bench.records import calm, calm_reference_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.calm import Calmness
    from annette.bench.records import Run

__all__ = ["BoardState", "board_states"]


@dataclass(frozen=True, slots=True)
class BoardState:
    """One board, as its runs show it.

    Attributes:
        board: Its name; empty for the machine of a campaign without a cluster.
        runs: Its runs.
        cases: Cases that it has visited.
        reference_s: Time of the reference workload at its calm moments, seconds; None where it was not timed.
        calm: How calm it was; None where no visits tell.
    """

    board: str
    runs: int
    cases: int
    reference_s: float | None
    calm: Calmness | None


def board_states(runs: Iterable[Run]) -> list[BoardState]:
    """The boards of a dataset, by name; none where no run was made on one.

    Args:
        runs: Runs of one dataset, before visits are joined.
    """
    runs_of: dict[str, list[Run]] = {}
    for run in runs:
        runs_of.setdefault(run.board, []).append(run)
    return [_state(board, runs_of[board]) for board in sorted(runs_of)] if any(runs_of) else []


def _state(board: str, runs: list[Run]) -> BoardState:
    times_s = [time_s for run in runs if (time_s := calm_reference_s(run.reference_s)) is not None]
    return BoardState(
        board=board,
        runs=len(runs),
        cases=len({run.case for run in runs}),
        reference_s=calm(times_s) if times_s else None,
        calm=calmness(runs),
    )
