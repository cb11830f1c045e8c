"""Which board of a cluster takes which visit next.

Cases are handed out as boards become free, but all visits of a case belong to one board: two boards of a model differ
by more than the visits of one. Where a board is lost, what is left of its cases goes to the others.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.bench.measurement import CaseResult
from annette.bench.records import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from annette.bench.places import Visit

__all__ = ["Schedule"]

_MOST_LOSSES: Final = 3
"""A case over which boards were lost so often may be what ends them, and has failed; twice may be chance."""

_Waiting: TypeAlias = tuple[int, int]
"""Number of a visit and position of its case in the plan: all cases once, then all again."""


class Schedule:
    """The visits of a campaign that are still to be made.

    Every visit that `next` hands out is given back by one of `succeeded`, `failed` and `put_back`.

    Args:
        waiting: All cases once, then all again.
        boards: The board of each case that boards have run before.
    """

    def __init__(self, waiting: Sequence[Visit], boards: Mapping[str, str]) -> None:
        self._visits: dict[str, list[Visit]] = defaultdict(list)
        for visit in waiting:
            self._visits[visit.case.id].append(visit)
        self._positions = {case: position for position, case in enumerate(self._visits)}
        self._cases = list(self._visits)
        self._board_of = {case: boards[case] for case in self._cases if case in boards}
        self._free: list[_Waiting] = []
        self._own: dict[str, list[_Waiting]] = defaultdict(list)
        self._refused: dict[str, dict[str, CaseResult]] = {}
        self._losses: Counter[str] = Counter()
        for case in self._cases:
            self._queue(case)

    @property
    def finished(self) -> bool:
        """Whether no visit is left, handed out ones included."""
        return not self._visits

    def boards(self) -> set[str]:
        """The boards that cases belong to, whether or not there are such boards now."""
        return set(self._board_of.values())

    def next(self, board: str) -> Visit | None:
        """Hands out the visit that a board is to make next; None where there is nothing for it.

        What failed on another board comes first, so that it is soon known who is at fault.
        """
        for case, refused in self._refused.items():
            if board not in refused and self._waits_freely(case):
                return self._take(self._free, case)
        own, free = self._own[board], [each for each in self._free[:1] if not self._has_refused(board, each)]
        if not free and self._free:
            free = sorted(each for each in self._free if not self._has_refused(board, each))[:1]
        heap = min((each for each in (own[:1], free) if each), default=None)
        if heap is None:
            return None
        return self._take(own if own and heap[0] == own[0] else self._free, self._cases[heap[0][1]])

    def succeeded(self, board: str, visit: Visit) -> set[str]:
        """Notes that a board has made a visit; the case's further visits are its own.

        Returns:
            Boards on which the same visit failed: they are at fault, not the case.
        """
        case = visit.case.id
        at_fault = set(self._refused.pop(case, ()))
        self._board_of[case] = board
        self._visits[case].pop(0)
        if self._visits[case]:
            self._queue(case)
        else:
            del self._visits[case]
        return at_fault

    def failed(self, board: str, visit: Visit, result: CaseResult) -> None:
        """Notes that a visit failed on a board: it is made once more, on another one (or `given_up`)."""
        case = visit.case.id
        self._refused.setdefault(case, {})[board] = result
        self._board_of.pop(case, None)
        self._queue(case)

    def put_back(self, visit: Visit) -> None:
        """Takes a visit back that was not made."""
        self._queue(visit.case.id)

    def lost(self, visit: Visit) -> None:
        """Takes a visit back whose board was lost over it: it is made again, but not for ever (`given_up`)."""
        case = visit.case.id
        self._losses[case] += 1
        if self._losses[case] >= _MOST_LOSSES:
            self._board_of.pop(case, None)
        self._queue(case)

    def release(self, board: str) -> None:
        """Lets others have the cases of a board that is lost."""
        for case in [case for case, owner in self._board_of.items() if owner == board]:
            del self._board_of[case]
        for each in self._own.pop(board, []):
            heapq.heappush(self._free, each)

    def given_up(self, boards: Collection[str]) -> Iterator[tuple[str, Visit, CaseResult]]:
        """Takes out the cases that failed on two boards, or on all there are, or over which boards were lost.

        Args:
            boards: Those that there are.

        Yields:
            Where it failed first, which visit it was, and what came of it there.
        """
        for case in [
            case for case, count in self._losses.items() if count >= _MOST_LOSSES and self._waits_freely(case)
        ]:
            self._refused.pop(case, None)
            visit = self._drop(case)
            reason = f"boards were lost {self._losses.pop(case)} times while they measured it"
            yield "", visit, CaseResult(case, Status.FAILED, reason)
        for case, refused in list(self._refused.items()):
            if self._waits_freely(case) and (len(refused) > 1 or refused.keys() >= set(boards)):
                del self._refused[case]
                board, result = next(iter(refused.items()))
                yield board, self._drop(case), result

    def _drop(self, case: str) -> Visit:
        """Takes a case out that waits, with all its further visits."""
        visit = self._take(self._free, case)
        del self._visits[case]
        return visit

    def _queue(self, case: str) -> None:
        """Has the next visit of a case wait for its board, or for any."""
        board = self._board_of.get(case)
        heap = self._free if board is None else self._own[board]
        heapq.heappush(heap, self._key(case))

    def _key(self, case: str) -> _Waiting:
        return self._visits[case][0].number, self._positions[case]

    def _take(self, heap: list[_Waiting], case: str) -> Visit:
        visit = self._visits[case][0]
        if heap[0] == self._key(case):
            heapq.heappop(heap)
        else:
            heap.remove(self._key(case))
            heapq.heapify(heap)
        return visit

    def _has_refused(self, board: str, waiting: _Waiting) -> bool:
        return board in self._refused.get(self._cases[waiting[1]], ())

    def _waits_freely(self, case: str) -> bool:
        return case in self._visits and self._key(case) in self._free
