"""Which software stages may run beside which hardware stages: those where neither needs what the other makes.

Asked of every pair, that takes time with the square of a network's length. A software stage that runs later than a
hardware stage may take its place if all that it needs is made before: the hardware stages for which that holds lie in a
row, and going through them in their order a list of what may be taken is kept up to date.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette.devices.intel_myriad.placement.graph import Stage

__all__ = ["IndependentStages", "independent"]


def independent(software: Stage, hardware: Stage) -> bool:
    """Whether neither needs what the other makes, so that they can run at the time of the earlier one."""
    early, late = (hardware, software) if software.slot > hardware.slot else (software, hardware)
    return _needed_slot(late) < early.slot


def _needed_slot(stage: Stage) -> int:
    """The slot of the last stage that makes what a stage reads, or a part of it where that is joined; -1 for none."""
    needed, last = list(stage.inputs), -1
    while needed:
        maker = needed.pop().maker
        if maker is not None:
            last = max(last, maker.slot)
            if maker.kind == "join":
                needed.extend(maker.inputs)
    return last


class IndependentStages:
    """The software stages that are left to be put beside hardware, found by the hardware stage.

    Args:
        software: The stages that may be put there, in their order.
        stages: All stages.
    """

    def __init__(self, software: Sequence[Stage], stages: Sequence[Stage]) -> None:
        self._software = tuple(software)
        self._slots = [stage.slot for stage in software]
        self._number = {stage: number for number, stage in enumerate(software)}
        self._readers: dict[Stage, list[Stage]] = {}
        for stage in stages:
            for data in stage.inputs:
                if data.maker is not None:
                    self._readers.setdefault(data.maker, []).append(stage)
        self._needs = [_needed_slot(stage) for stage in software]
        self._waiting = [(need, number) for number, need in enumerate(self._needs)]
        heapify(self._waiting)
        self._open: list[int] = []
        self._next = list(range(len(software) + 1))

    def of(self, hardware: Stage) -> Iterator[Stage]:
        """Those that are independent of a hardware stage, in their order; it must run later than the one asked before.

        Args:
            hardware: A stage whose slot is its first one.
        """
        slot = hardware.slot
        number = self._left_from(bisect_right(self._slots, _needed_slot(hardware)))
        end = bisect_left(self._slots, slot)
        while number < end:
            yield self._software[number]
            number = self._left_from(number + 1)
        while self._waiting and self._waiting[0][0] < slot:
            need, number = heappop(self._waiting)
            if need == self._needs[number] and self._is_left(number):
                insort(self._open, number)
        # Those that ran before cannot become later ones again.
        self._open = [number for number in self._open if self._slots[number] > slot and self._is_left(number)]
        for number in self._open:
            yield self._software[number]

    def take(self, software: Stage, *moved: tuple[Stage, int]) -> None:
        """A stage is put beside hardware, which brings it, or the hardware, into an earlier slot.

        Args:
            software: The stage.
            moved: The stages whose slots changed, with the slots that they had.
        """
        number = self._number[software]
        self._next[number] = number + 1
        for maker, before in moved:
            for reader in self._readers_of(maker):
                place = self._number.get(reader)
                if place is None or self._needs[place] != before or not self._is_left(place):
                    continue
                self._needs[place] = need = _needed_slot(reader)
                if need < before and place not in self._open:
                    heappush(self._waiting, (need, place))

    def _readers_of(self, maker: Stage) -> Iterator[Stage]:
        """The stages that read what a stage makes, alone or joined with other parts."""
        makers = [maker]
        while makers:
            for reader in self._readers.get(makers.pop(), ()):
                yield reader
                if reader.kind == "join":
                    makers.append(reader)

    def _is_left(self, number: int) -> bool:
        return self._next[number] == number

    def _left_from(self, number: int) -> int:
        """The first stage from a number on that is left; the number of stages where none is."""
        root = number
        while self._next[root] != root:
            root = self._next[root]
        while self._next[number] != root:  # All on the way lead there at once from now on.
            self._next[number], number = root, self._next[number]
        return root
