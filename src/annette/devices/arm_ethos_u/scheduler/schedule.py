"""The schedule of a network: every operation's blocks, cascade and weight buffering, and where feature maps lie."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.cascades import cascades_of
from annette.devices.arm_ethos_u.scheduler.feature_map_staging import staged_feature_maps
from annette.devices.arm_ethos_u.scheduler.performance import engine_cycles, memory_traffic_of
from annette.devices.arm_ethos_u.scheduler.repetition import Known, places_of
from annette.devices.arm_ethos_u.scheduler.weight_buffering import (
    BufferingSituation,
    ScheduledOp,
    buffer_weights,
    copy_cycles,
    schedule_op,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, Memory
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp
    from annette.devices.arm_ethos_u.scheduler.performance import MemoryTraffic
    from annette.devices.arm_ethos_u.scheduler.weight_buffering import WeightBuffering

__all__ = ["Schedule", "schedule"]

_UNLIMITED: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Schedule:
    """A network as the compiler runs it.

    Attributes:
        accelerator: The accelerator.
        entries: Operations in order.
        maps: All feature maps by name.
        staged: Names of the feature maps that lie on chip.
        times: When each operation runs, two steps apart; those of a cascade run at the same time.
        rolling: Bytes of the rolling buffers of each cascade, by the position of its last operation.
    """

    accelerator: Accelerator
    entries: tuple[ScheduledOp, ...]
    maps: Mapping[str, FeatureMap]
    staged: frozenset[str]
    times: tuple[int, ...] = ()
    rolling: Mapping[int, int] = field(default_factory=dict)

    def memories(self, position: int) -> tuple[list[Memory], Memory]:
        """Where an operation's IFMs are, and where its OFM goes."""
        on_chip, off_chip = self.accelerator.on_chip, self.accelerator.off_chip
        *ifms, ofm = [on_chip if there else off_chip for there in self.on_chip(position)]
        return ifms, ofm

    def on_chip(self, position: int) -> tuple[bool, ...]:
        """Whether each of an operation's IFMs is on chip, and whether its OFM goes there."""
        entry, staged = self.entries[position], self.staged
        op = entry.op
        if entry.cascade < 0:
            return *[name in staged for name in op.ifms], op.ofm in staged
        rolling_ifm = self.entries[position - 1].op.ofm if entry.within_cascade else None
        rolling_ofm = entry.cascade != position
        return *[name == rolling_ifm or name in staged for name in op.ifms], rolling_ofm or op.ofm in staged

    def busy(self, position: int) -> dict[str, float]:
        """Cycles of the accelerator and of each memory for one operation, and what decided them."""
        entry, accelerator = self.entries[position], self.accelerator
        op, buffering = entry.op, entry.buffering
        ifms, ofm = self.memories(position)
        first = ifms[0] if ifms else accelerator.off_chip if op.constant_elements else accelerator.on_chip
        scales = accelerator.on_chip if buffering else accelerator.off_chip
        drained = accelerator.arena if op.chained else ofm  # What is chained has no place of its own.
        engine = engine_cycles(accelerator, op, entry.block, memories=(first, drained, scales))
        traffic = memory_traffic_of(accelerator, op, entry.block, self.maps, [*ifms, ofm])
        before = entry if op.repeats > 1 else self.entries[position - 1] if position else None
        slack = before.slack_cycles if before else 0.0
        copied = 0.0
        if buffering:
            first_bytes = op.constant_bytes * buffering.slices[0] / sum(buffering.slices)
            copied = max(op.weight_bytes - first_bytes, 0.0) if buffering.prefetched else op.weight_bytes
            engine = max(
                copy_cycles(accelerator, op.constant_bytes) - slack + buffering.last_cycles,
                engine + max(copy_cycles(accelerator, first_bytes) - slack, 0.0),
            )
        on_chip, off_chip = self._channels(entry, traffic, ifms, ofm, copied)
        return {
            "engine_cycles": engine * op.repeats,
            "on_chip_cycles": _transfer_cycles(accelerator.on_chip, on_chip) * op.repeats,
            "off_chip_cycles": _transfer_cycles(accelerator.off_chip, off_chip) * op.repeats,
            "slack_cycles": slack,
            "copied_weights": copied,
            "refetches": float(traffic.weight_reads),
        }

    def _channels(
        self, entry: ScheduledOp, traffic: MemoryTraffic, ifms: Sequence[Memory], ofm: Memory, copied: float
    ) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Bytes, and bytes per cycle, of each channel of the memory on chip and of that off chip."""
        on_chip, off_chip = self.accelerator.on_chip, self.accelerator.off_chip
        one_memory = on_chip == off_chip  # Weights lie in the SRAM as well.
        channels: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        streamed = entry.op.shape is not None and entry.op.shape.block_type in ("resize", "elementwise")

        def rate(memory: Memory) -> float:
            return memory.stream if streamed and memory.stream else memory.read

        if entry.op.chained:  # The operand of what is chained is read by a channel of its own.
            for memory, size in zip(ifms, traffic.ifm_bytes, strict=True):
                channels[memory == on_chip].append((size, rate(memory)))
        else:
            for memory in (on_chip, off_chip):
                together = sum(size for each, size in zip(ifms, traffic.ifm_bytes, strict=True) if each is memory)
                channels[memory == on_chip].append((together, rate(memory)))
        channels[ofm == on_chip].append((traffic.ofm_bytes, ofm.write))
        channels[one_memory].append((traffic.constant_bytes, rate(off_chip)))
        channels[one_memory].append((entry.op.scale_bytes * traffic.weight_reads, off_chip.scales))
        weights = entry.op.weight_bytes * traffic.weight_reads
        if entry.buffering:
            channels[one_memory].append((copied, off_chip.copy))
            channels[True] += [(copied, on_chip.write), (weights, on_chip.weights)]
        else:
            channels[one_memory].append((weights, off_chip.weights))
        return channels[True], channels[False]


def _transfer_cycles(memory: Memory, channels: Sequence[tuple[float, float]]) -> float:
    """Channels share the memory's bandwidth, and each has a limit of its own."""
    total = sum(size for size, _ in channels) / memory.bytes_per_cycle
    return max([total, *(size / rate for size, rate in channels)])


def schedule(
    accelerator: Accelerator, operations: Sequence[NpuOp], maps: Mapping[str, FeatureMap], known: Known | None = None
) -> Schedule:
    """Schedules a network.

    Args:
        accelerator: The accelerator.
        operations: In order.
        maps: All feature maps; writers and readers are filled in.
        known: What was found of operations on this accelerator before; is added to.
    """
    known = known or Known()
    entries = [_entry_of(accelerator, op, known) for op in operations]
    _connect(entries, maps)
    rolling = {}
    if accelerator.staging_bytes:
        for cascade in cascades_of(accelerator, entries, maps):
            end = cascade.positions[-1]
            for position, stripe_height in zip(cascade.positions, cascade.stripe_heights, strict=True):
                entry = schedule_op(accelerator, operations[position], stripe_height)
                entry.cascade, entry.first = end, position == cascade.start
                entries[position] = entry
            rolling[end] = sum(cascade.rolling_buffers)
    begun = itertools.accumulate(int(not entry.within_cascade) for entry in entries)
    times = [2 * (count - 1) for count in begun]  # Two steps apart, those of a cascade at the same time.
    _buffer_all_weights(accelerator, entries, maps, times, rolling, known)
    staged = set(maps)
    if accelerator.staging_bytes:
        held, accesses = _held_bytes(entries, times, rolling), partial(_accesses, accelerator, entries, maps, known)
        staged = staged_feature_maps(entries, maps, times, held, accesses, accelerator.staging_bytes)
    return Schedule(accelerator, tuple(entries), maps, frozenset(staged), tuple(times), rolling)


def _entry_of(accelerator: Accelerator, op: NpuOp, known: Known) -> ScheduledOp:
    """An operation scheduled by itself."""
    found = known.scheduled.get(op.alike) if op.alike is not None else None
    if found is not None:
        return ScheduledOp(op, *found)
    entry = schedule_op(accelerator, op)
    if op.alike is not None:
        known.scheduled.put(op.alike, (entry.block, entry.cycles, entry.weight_reads))
    return entry


def _accesses(
    accelerator: Accelerator, entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], known: Known
) -> dict[str, float]:
    """How often elements of each feature map are read and written.

    On the Ethos-U85 the compiler does not count what is written together with an activation.
    """
    counts: dict[str, float] = defaultdict(float)
    for entry in entries:
        op = entry.op
        key = None if op.alike is None or entry.stripe_height else (op.alike, places_of(op, maps))
        found = None if key is None else known.accesses.get(key)
        if found is None:
            memories = [accelerator.arena] * (len(op.ifms) + 1)
            found = memory_traffic_of(accelerator, op, entry.block, maps, memories).accesses
            if key is not None:
                known.accesses.put(key, found)
        accesses = [*found]
        if op.activated and not accelerator.config.shram_banks:
            accesses[-1] = 0.0
        for name, count in zip((*op.ifms, op.ofm), accesses, strict=True):
            counts[name] += count * op.repeats
    return counts


def _connect(entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap]) -> None:
    for position, entry in enumerate(entries):
        for name in entry.op.ifms:
            maps[name].readers.append(position)
        if entry.op.ofm:
            maps[entry.op.ofm].writers.append(position)


def _held_bytes(entries: Sequence[ScheduledOp], times: Sequence[int], rolling: Mapping[int, int]) -> dict[int, int]:
    """SRAM that rolling buffers and weights take, by time; a prefetched buffer overlaps with the operation before."""
    held: Counter[int] = Counter()
    for position, entry in enumerate(entries):
        time = times[position]
        if entry.cascade == position:
            for at in (time, time + 1):
                held[at] += rolling[position]
        if entry.buffering is not None:
            for at in range(time - 1 if entry.buffering.prefetched else time, time + 2):
                held[at] += entry.buffering.size_bytes
    return held


def _buffer_all_weights(
    accelerator: Accelerator,
    entries: Sequence[ScheduledOp],
    maps: Mapping[str, FeatureMap],
    times: Sequence[int],
    rolling: Mapping[int, int],
    known: Known,
) -> None:
    """Decides about the weights of every operation."""
    limit = accelerator.staging_bytes or _UNLIMITED
    held = {times[position]: rolling[entry.cascade] for position, entry in enumerate(entries) if entry.cascade >= 0}
    free_before, before = limit, None
    for position, entry in enumerate(entries):
        op, time = entry.op, times[position]
        free = max(limit - held.get(time, 0), 0)
        if op.weight_bytes:
            ifm = maps[op.ifms[0]] if op.ifms else None
            stageable = accelerator.staging_bytes and ifm is not None and ifm.writers and entry.cascade < 0
            readers = maps[op.ofm].readers if op.ofm else []
            after = entries[readers[0]] if readers else None
            situation = BufferingSituation(
                accelerator=accelerator,
                before=before if op.repeats == 1 else entry,  # One of several equal operations follows another of them.
                free_bytes=free,
                free_before_bytes=free_before if before else free,
                stageable_ifm_bytes=ifm.size_bytes if stageable and ifm else 0,
                after=after,
                after_ifm_bytes=maps[after.op.ifms[0]].size_bytes if after and after.op.ifms else 0,
            )
            entry.buffering = _buffering_of(situation, entry, known)
        if entry.buffering is not None:
            buffers = entry.buffering.buffers
            held[time] = held.get(time, 0) + sum(buffers)
            free -= buffers[(len(entry.buffering.slices) - 1) % len(buffers)]
        free_before, before = free, entry


def _buffering_of(situation: BufferingSituation, entry: ScheduledOp, known: Known) -> WeightBuffering | None:
    """Decides for one operation; one that is alike in the same situation has been decided about."""
    after, token = situation.after, entry.op.alike
    if token is None or entry.cascade >= 0 or (after is not None and (after.op.alike is None or after.stripe_height)):
        return buffer_weights(situation, entry)
    key = (
        token,
        None if after is None else after.op.alike,
        None if situation.before is None else situation.before.slack_cycles,
        situation.free_bytes,
        situation.free_before_bytes,
        situation.stageable_ifm_bytes,
        situation.after_ifm_bytes,
    )
    found = known.buffering.get(key)
    if found is None:
        found = (buffer_weights(situation, entry),)
        known.buffering.put(key, found)
    return found[0]
