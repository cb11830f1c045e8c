"""On-chip memory while a network runs: does everything fit that was put there?

Tensors are taken from a stack of chunks with best-fit reuse of the holes (``allocator/allocator.cpp``); where the bytes
are there, but in pieces, the holes are closed once. How high the stack is decides how many processors (SHAVEs) a
software stage gets, since each needs a slice of that memory.

The compiler tries many placements one after the other, and most of them change little. `Schedule` therefore remembers
the state before every stage: a trial is run from the first stage that it changes until the state is again the one that
was remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.budget import spend

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from annette.devices.intel_myriad.placement.graph import Data, Stage

__all__ = ["Chip", "Schedule"]

_NEEDS: Final = ("none", "limited", "most")
"""Processors that stages need, from the fewest."""

_WORK: Final = "the placement of tensors on chip"
_STEPS_PER_STAGE: Final = 4
_STAGES_AT_ONCE: Final = 64
_BYTES_PER_STATE: Final = 200
_BYTES_PER_TENSOR: Final = 120
"""What running a stage and remembering the memory before it take (`annette.budget`)."""


@dataclass(frozen=True, slots=True)
class Chip:
    """What one of the two executors has of the chip.

    Attributes:
        slice_bytes: Size of a slice of on-chip memory.
        slices: Number of slices.
        output_slices: Slices that the output of one hardware stage may take.
        shaves: Processors.
        shaves_beside_hardware: Processors that a software stage next to a hardware stage gets at most.
    """

    slice_bytes: int = 128 * 1024
    slices: int = 9
    output_slices: int = 4
    shaves: int = 8
    shaves_beside_hardware: int = 2

    @property
    def output_limit_bytes(self) -> int:
        """Largest output of one hardware stage."""
        return self.output_slices * self.slice_bytes


@dataclass(slots=True)
class _State:
    """Occupied memory: height of the stack, holes as (offset, size), and where each tensor lies."""

    top: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)
    live: dict[Data, int] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State(self.top, self.holes.copy(), self.live.copy())

    def put(self, data: Data, capacity: int) -> bool:
        """Places a tensor, after closing the holes if need be; says whether there was room."""
        size = data.size_bytes
        offset = self._take_hole(size) if self.holes else None
        if offset is None:
            if self.top + size > capacity and self.holes:
                self._close_holes()
            if self.top + size > capacity:
                return False
            offset = self.top
            self.top += size
        self.live[data] = offset
        return True

    def _take_hole(self, size: int) -> int | None:
        """The end of the smallest hole that fits, for ``size`` bytes."""
        fitting = [(hole, index) for index, (_, hole) in enumerate(self.holes) if hole >= size]
        if not fitting:
            return None
        hole, index = min(fitting)
        offset, _ = self.holes[index]
        self.holes[index : index + 1] = [(offset, hole - size)] if hole > size else []
        return offset + hole - size

    def give(self, data: Data) -> None:
        """Frees a tensor's place; neighbouring holes become one."""
        offset, size = self.live.pop(data), data.size_bytes
        if self.holes:
            neighbours = [hole for hole in self.holes if offset + size == hole[0] or sum(hole) == offset]
            for hole in neighbours:
                offset, size = min(offset, hole[0]), size + hole[1]
                self.holes.remove(hole)
        if offset + size == self.top:
            self.top = offset
        else:
            self.holes.append((offset, size))

    def _close_holes(self) -> None:
        self.holes, self.top = [], 0
        for data in self.live:
            self.live[data] = self.top
            self.top += data.size_bytes


def _spend_on(count: int, held: int) -> None:
    """Draws on the budget for states that hold so many tensors and holes in all."""
    spend(_WORK, steps=_STEPS_PER_STAGE * count, size_bytes=_BYTES_PER_STATE * count + _BYTES_PER_TENSOR * held)


class Schedule:
    """Stages in their order, with the memory before each of them.

    A stage keeps its slot for good; a stage that is taken out leaves its slot empty.

    Args:
        stages: In the order of execution.
        chip: How much memory there is.
    """

    def __init__(self, stages: Sequence[Stage], chip: Chip) -> None:
        self.chip = chip
        self.slots: list[Stage | None] = list(stages)
        self.users: dict[Data, list[Stage]] = {}
        for slot, stage in enumerate(stages):
            stage.slot = slot
            for part in stage.parts:
                for data in part.inputs:
                    self.users.setdefault(data.top, []).append(stage)
        self._last = {top: max(stage.slot for stage in stages) for top, stages in self.users.items()}
        self._before: list[_State] = [_State()]
        self._capacity = chip.slices * chip.slice_bytes

    @property
    def stages(self) -> list[Stage]:
        """The stages that are left, in order."""
        return [stage for stage in self.slots if stage is not None]

    def reordered(self, stages: Sequence[Stage]) -> Schedule:
        """A schedule of other stages, which keeps what is known of the memory before the first that differs."""
        same = 0
        limit = min(len(self._before) - 1, len(stages))
        while same < limit and self.slots[same] is stages[same]:
            same += 1
        other = Schedule(stages, self.chip)
        other._before = self._before[: same + 1]
        return other

    def fill(self) -> tuple[Stage, tuple[Data, ...]] | None:
        """Runs all stages whose memory is not known and remembers the memory before each.

        Returns:
            None, or the first stage that found no room, and what was in on-chip memory then.
        """
        state = self._before[-1].copy()
        count = held = 0
        for stage in self.slots[len(self._before) - 1 :]:
            if stage is not None and not self._step(stage, state):
                _spend_on(count, held)
                return stage, tuple(state.live)
            count, held = count + 1, held + len(state.live) + len(state.holes)
            if count == _STAGES_AT_ONCE:
                _spend_on(count, held)
                count = held = 0
            self._before.append(state.copy())
        _spend_on(count, held)
        return None

    def try_slots(
        self, changed: Mapping[int, Stage | None], tops: Iterable[Data], first: int, *, moved: bool = True
    ) -> bool:
        """Tries other stages in some slots, everything else about the stages being changed already.

        Args:
            changed: What shall stand in which slot.
            tops: Tensors whose place or readers were changed; their users must be known (`users`).
            first: The first slot that is affected.
            moved: Whether ``tops`` may lie elsewhere now; else stages that read them came from slots in ``changed``
                into the first one, and nothing else was changed about them.

        Returns:
            Whether everything has room; then the change is kept, else the slots are as before, and the caller must
            take back its own changes and restore `last_reads`.
        """
        settled = max(self._find_last(tops, None if moved else changed), max(changed, default=first))
        state = self._before[first].copy()
        passed: list[_State] = []
        known = self._before
        for slot in range(first, len(self.slots)):
            stage = changed[slot] if slot in changed else self.slots[slot]
            if stage is not None and not self._step(stage, state):
                spend(_WORK, steps=_STEPS_PER_STAGE * len(passed))
                return False
            if slot >= settled and state == known[slot + 1]:
                break
            passed.append(state.copy())
        spend(_WORK, steps=_STEPS_PER_STAGE * len(passed))
        known[first + 1 : first + 1 + len(passed)] = passed
        for slot, stage in changed.items():
            self.slots[slot] = stage
        return True

    def last_reads(self, tops: Iterable[Data]) -> dict[Data, int | None]:
        """The slot in which each of some tensors is read last; None where it is not read."""
        return {top: self._last.get(top) for top in tops}

    def restore_last_reads(self, last: Mapping[Data, int | None]) -> None:
        """Undoes what `try_slots` has noted of when tensors are read last."""
        for top, slot in last.items():
            if slot is None:
                self._last.pop(top, None)
            else:
                self._last[top] = slot

    def _find_last(self, tops: Iterable[Data], left: Collection[int] | None) -> int:
        """Looks anew when tensors are read last; returns the last slot in which one of them was read, or is now.

        Args:
            tops: The tensors; their users must be known.
            left: Slots that some of their readers have left for an earlier one, all else about the tensors being as it
                was; those count only that are read last in another slot. None where they may lie elsewhere now.
        """
        latest, moved = 0, left is None
        for top in tops:
            if left is not None and self._last.get(top, -1) not in left and top in self._last:
                continue  # Whoever reads it last is where it was.
            before = now = self._last.pop(top, 0)
            users = self.users.get(top)
            if users:
                self._last[top] = now = max([stage.slot for stage in users])
            if moved or now != before or not users:
                latest = max(latest, before, now)
        return latest

    def never_fits(self, top: Data) -> bool:
        """Whether a tensor that stages read is larger than the whole memory, so that no trial can find room for it."""
        return top.size_bytes > self._capacity and bool(self.users.get(top))

    def count_shaves(self) -> None:
        """Tells every software stage how many processors it gets; one where the memory is not known."""
        beside = _beside_hardware(self.stages)
        for slot, stage in enumerate(self.slots):
            if stage is None:
                continue
            if slot >= len(self._before):
                stage.shave_count = 1
                continue
            for part in stage.parts:
                if part.shaves == "most":
                    part.shave_count = self.chip.shaves
                elif part.shaves == "limited":
                    state = self._before[slot]
                    if stage.injected is not None or stage.output.top.in_cmx:
                        state = state.copy()
                        self._place_outputs(stage, state)
                    count = self._shaves_left(state)
                    limit = self.chip.shaves_beside_hardware
                    part.shave_count = min(count, limit) if stage in beside or stage.hardware else count

    def _step(self, stage: Stage, state: _State) -> bool:
        """Runs one stage; says whether there was room for its outputs and its processors."""
        injected, needs, slot = stage.injected, stage.shaves, stage.slot
        parts = (stage,) if injected is None else (stage, injected)
        if injected is not None:
            needs = max(needs, injected.shaves, key=_NEEDS.index)
        if needs == "most" and self._shaves_left(state) < self.chip.shaves:
            return False
        live, last = state.live, self._last
        for part in parts:
            top = part.output.top
            wanted = top.in_cmx and top not in live and last.get(top, -1) >= slot
            if wanted and not state.put(top, self._capacity):
                return False
        if needs == "limited" and self._shaves_left(state) <= 0:
            return False
        for part in parts:
            for data in part.inputs:
                top = data.top
                if top in live and last[top] == slot:
                    state.give(top)
        return True

    def _place_outputs(self, stage: Stage, state: _State) -> None:
        """Places what a stage writes, as `_step` has done before it frees what is read for the last time."""
        for part in stage.parts:
            top = part.output.top
            if top.in_cmx and top not in state.live and self._last.get(top, -1) >= stage.slot:
                state.put(top, self._capacity)

    def _shaves_left(self, state: _State) -> int:
        return min(self.chip.slices - -(-state.top // self.chip.slice_bytes), self.chip.shaves)


def _beside_hardware(stages: Sequence[Stage]) -> set[Stage]:
    """Stages that read what a hardware stage wrote, or write what one reads."""
    makers = {stage.output: stage for stage in stages}
    near: set[Stage] = set()
    for stage in stages:
        for data in stage.inputs:
            before = makers.get(data)
            if before is not None and before.hardware:
                near.add(stage)
            if before is not None and stage.hardware:
                near.add(before)
    return near
