"""The compiler's passes over the stages: spill, pack, eliminate copies, inject.

After ``adjust_data_location``, ``eliminate_copy`` and ``inject_sw``. Two details come from the counters instead: a
concat is tried without the copies into it already while packing, and only whole convolutions host another layer's copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.devices.intel_myriad.placement.graph import Data, Stage, order_stages
from annette.devices.intel_myriad.placement.independence import IndependentStages, independent
from annette.devices.intel_myriad.placement.memory import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from annette.devices.intel_myriad.placement.memory import Chip

__all__ = ["place"]

_INJECTABLE: Final = ("copy", "sum", "activation")
_MOST_STEPS: Final = 400_000
"""Stages that may be put in order while spilling; networks of thousands of layers may reach it."""

_MOST_TRIALS: Final = 20_000

_WORK: Final = "the placement of tensors on chip"
_STEPS_PER_TRIAL: Final = 10
_USERS_PER_STEP: Final = 10
"""What a trial takes besides the stages that it runs (`annette.budget`)."""


def place(stages: list[Stage], chip: Chip) -> Schedule:
    """Decides where every tensor lies, which copies remain, and what runs beside hardware.

    Args:
        stages: As `annette.devices.intel_myriad.placement.graph.build_stages` gives them; copies that are made are
            added.
        chip: How much memory there is.

    Returns:
        The stages that remain, in their order, with the processors they get.
    """
    schedule, fits = _spill(stages, chip)
    if fits:
        placement = _Placement(schedule)
        placement.pack()
        placement.eliminate_copies()
        placement.inject()
    schedule.count_shaves()
    return schedule


def _spill(stages: list[Stage], chip: Chip) -> tuple[Schedule, bool]:
    """Hardware writes to on-chip memory only: what no longer fits is copied out right after it was made."""
    schedule = Schedule(stages, chip)
    for _ in range(max(1, _MOST_STEPS // max(1, len(stages)))):
        failure = schedule.fill()
        if failure is None:
            return schedule, True
        failed, resident = failure
        leaving = [data for data in resident if not data.spilled]
        if not leaving:
            break
        stages.extend([_spill_copy(data, schedule, failed) for data in leaving])
        stages[:] = order_stages(stages)
        schedule = schedule.reordered(stages)
    return schedule, False


def _spill_copy(data: Data, schedule: Schedule, failed: Stage) -> Stage:
    """A copy to external memory, charged to the stage that found no room; all readers read the copy."""
    data.spilled = True
    copy = Data(data.size_bytes)
    for stage in schedule.users.get(data, ()):
        stage.inputs = [copy if read is data else read for read in stage.inputs]
    return Stage(failed.node, "copy", [data], copy, spill=True)


class _Placement:
    """A schedule while tensors are being moved; every change that finds no room is taken back."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._trials = 0
        self._readers: dict[Data, list[Stage]] = {}
        self._writers: dict[Data, list[Stage]] = {}
        for stage in schedule.stages:
            self._writers.setdefault(stage.output.top, []).append(stage)
            for data in stage.inputs:
                self._readers.setdefault(data, []).append(stage)

    def pack(self) -> None:
        """Inputs of hardware stages that lie in external memory are tried on chip, one after the other.

        A concat that does not fit beside the copies into it is tried once more without them.
        """
        hardware = [stage for stage in self._schedule.stages if stage.hardware]
        wanted = dict.fromkeys(data.top for stage in hardware for data in stage.inputs if self._may_move(data))
        if self._move(list(wanted)):
            return
        tried: set[Data] = set()
        for stage in hardware:
            for data in tuple(stage.inputs):
                top = data.top
                if top in tried or not self._may_move(data):
                    continue
                tried.add(top)
                if not self._move([top]):
                    copies = [writer for writer in self._writers[top] if writer.kind == "copy"]
                    if copies and all(copy.optional and copy.tile < 0 for copy in copies):
                        self._without(copies)

    def eliminate_copies(self) -> None:
        """A hardware stage writes straight into the joined tensor where that still fits on chip.

        All copies into one tensor are tried together first, then one by one, the largest first.
        """
        groups: dict[Data, list[Stage]] = {}
        for stage in self._schedule.stages:
            if stage.kind == "copy" and stage.optional:
                groups.setdefault(stage.output.top, []).append(stage)
        for group in groups.values():
            if not self._without(group):
                for copy in sorted(group, key=lambda stage: -stage.output.size_bytes):
                    self._without([copy])

    def inject(self) -> None:
        """Software stages that may run beside a hardware stage are put there."""
        stages = self._schedule.stages
        injectable = [stage for stage in stages if stage.kind in _INJECTABLE and stage.shaves == "limited"]
        left = IndependentStages(injectable, stages)
        of_node: dict[int, dict[Stage, None]] = {}
        for stage in injectable:
            of_node.setdefault(stage.node, {})[stage] = None
        for hardware in [stage for stage in stages if stage.hardware]:
            whole = hardware.kind == "convolution" and hardware.tile < 0
            for candidate in left.of(hardware) if whole else self._of_its_node(hardware, of_node):
                slots = (candidate, candidate.slot), (hardware, hardware.slot)
                if self._beside(candidate, hardware):
                    del of_node[candidate.node][candidate]
                    left.take(candidate, *slots)
                    break
                if self._trials > _MOST_TRIALS:
                    return

    def _of_its_node(self, hardware: Stage, of_node: Mapping[int, Mapping[Stage, None]]) -> Iterator[Stage]:
        """The software stages of a hardware stage's own layer that are independent of it."""
        candidates = of_node.get(hardware.node, {})
        spend(_WORK, steps=len(candidates) / _USERS_PER_STEP)
        return (candidate for candidate in candidates if independent(candidate, hardware))

    def _may_move(self, data: Data) -> bool:
        maker = data.maker
        return not data.top.in_cmx and maker is not None and not maker.spill and maker.shaves != "most"

    def _move(self, tops: Sequence[Data]) -> bool:
        """Puts tensors into on-chip memory if there is room for all."""
        if not tops:
            return True

        def put(*, in_cmx: bool) -> None:
            for top in tops:
                top.in_cmx = in_cmx

        put(in_cmx=True)
        first = min(writer.slot for top in tops for writer in self._writers[top])
        return self._try({}, tops, first, lambda: put(in_cmx=False))

    def _without(self, copies: Sequence[Stage]) -> bool:
        """Takes copies out if there is room for what they wrote to; else changes nothing."""
        top = copies[0].output.top
        if self._schedule.never_fits(top):
            self._trials += any(_writes_apart(copy.inputs[0]) for copy in copies)
            return False
        before = top.in_cmx
        undo: list[Callable[[], None]] = []
        changed: dict[int, Stage | None] = {}
        affected = [top]
        first = len(self._schedule.slots)
        for copy in copies:
            source = copy.inputs[0]
            if source.maker is None or not _writes_apart(source):
                continue
            changed[copy.slot] = None
            affected.append(source)
            first = min(first, source.maker.slot)
            undo.append(self._redirect(source, copy))
        if not changed:
            return False
        top.in_cmx = True
        undo.append(lambda: setattr(top, "in_cmx", before))
        spend(_WORK, steps=len(self._writers[top]) / _USERS_PER_STEP)
        first = min(first, *(writer.slot for writer in self._writers[top]))
        if not self._try(changed, affected, first, *reversed(undo)):
            return False
        kept = [writer for writer in self._writers[top] if writer.slot not in changed]
        makers = [copy.output.maker for copy in copies if copy.slot in changed and copy.output.maker is not None]
        self._writers[top] = list(dict.fromkeys([*kept, *makers]))
        return True

    def _redirect(self, source: Data, copy: Stage) -> Callable[[], None]:
        """Lets the maker of ``source`` write where ``copy`` writes, and all others read there; returns the way back."""
        target, maker, users = copy.output, source.maker, self._schedule.users
        others = [stage for stage in self._readers[source] if stage is not copy]
        inputs = [stage.inputs for stage in others]
        kept = {data: users.get(data, []) for data in (source, target.top)}
        spend(_WORK, steps=(len(others) + sum(map(len, kept.values()))) / _USERS_PER_STEP)
        if maker is not None:
            maker.output = target
        for stage in others:
            stage.inputs = [target if data is source else data for data in stage.inputs]
        target.maker = maker
        users[target.top] = [*kept[target.top], *(stage for stage in kept[source] if stage is not copy)]
        users[source] = []
        old_readers = self._readers.get(target, [])
        self._readers[target] = [*old_readers, *others]

        def take_back() -> None:
            if maker is not None:
                maker.output = source
            for stage, read in zip(others, inputs, strict=True):
                stage.inputs = read
            target.maker = copy
            self._readers[target] = old_readers
            users.update(kept)

        return take_back

    def _beside(self, software: Stage, hardware: Stage) -> bool:
        """Lets a software stage run beside a hardware stage if there is room."""
        at, own = software.slot, hardware.slot
        tops = list(dict.fromkeys(data.top for stage in (software, hardware) for data in stage.inputs))
        hardware.injected = software
        first = min(at, own)
        hardware.slot = software.slot = first

        def take_back() -> None:
            hardware.injected = None
            software.slot, hardware.slot = at, own

        return self._try({at: None, own: None} | {first: hardware}, tops, first, take_back, moved=False)

    def _try(
        self,
        changed: dict[int, Stage | None],
        tops: Sequence[Data],
        first: int,
        *undo: Callable[[], None],
        moved: bool = True,
    ) -> bool:
        """Whether there is room after a change; if not, it is taken back."""
        self._trials += 1
        users = sum(len(self._schedule.users.get(top, ())) for top in tops) if moved else 0
        spend(_WORK, steps=_STEPS_PER_TRIAL + users / _USERS_PER_STEP)
        last = self._schedule.last_reads(tops)
        if self._schedule.try_slots(changed, tops, first, moved=moved):
            return True
        for take_back in undo:
            take_back()
        self._schedule.restore_last_reads(last)
        return False


def _writes_apart(data: Data) -> bool:
    """Whether a stage makes a tensor that is no part of another."""
    return data.maker is not None and data.top is data
