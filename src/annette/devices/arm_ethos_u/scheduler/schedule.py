"""The schedule of a network: every kernel's block, cascade and staged weights, and where every map lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.buffering import Context, copy_cycles, stage_weights
from annette.devices.arm_ethos_u.scheduler.cascades import cascades_of
from annette.devices.arm_ethos_u.scheduler.engine import engine_cycles
from annette.devices.arm_ethos_u.scheduler.plan import make_plan, striped
from annette.devices.arm_ethos_u.scheduler.staging import staged_maps
from annette.devices.arm_ethos_u.scheduler.traffic import traffic_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
    from annette.devices.arm_ethos_u.scheduler.maps import Map
    from annette.devices.arm_ethos_u.scheduler.plan import Plan
    from annette.devices.arm_ethos_u.scheduler.work import Work

__all__ = ["Schedule", "schedule"]

_ENDLESS: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Schedule:
    """A network as the compiler runs it.

    Attributes:
        device: The accelerator.
        plans: Operations in order.
        maps: All maps by name.
        inside: Names of the maps that lie on chip.
    """

    device: Device
    plans: tuple[Plan, ...]
    maps: Mapping[str, Map]
    inside: frozenset[str]

    def memories(self, position: int) -> tuple[list[Memory], Memory]:
        """Where a kernel's inputs are, and where its output goes."""
        plan = self.plans[position]
        rolled_in = self.plans[position - 1].work.writes if plan.cascade >= 0 and not plan.first else None
        rolls = plan.cascade >= 0 and plan.cascade != position
        device = self.device
        reads = [
            device.inside if name == rolled_in or name in self.inside else device.outside for name in plan.work.reads
        ]
        return reads, device.inside if rolls or plan.work.writes in self.inside else device.outside

    def busy(self, position: int) -> dict[str, float]:
        """Cycles of the engine and of each memory for one kernel, and what decided them."""
        plan, device = self.plans[position], self.device
        work = plan.work
        reads, written = self.memories(position)
        main = reads[0] if reads else device.outside if work.constant_elements else device.inside
        biases = device.inside if plan.staged else device.outside
        engine = engine_cycles(device, work, plan.tile, memories=(main, written, biases))
        traffic = traffic_of(
            device,
            work,
            plan.tile,
            [self.maps[name] for name in work.reads],
            self.maps.get(work.writes),
            [*reads, written],
        )
        before = plan if work.repeats > 1 else self.plans[position - 1] if position else None
        slack = before.slack_cycles if before else 0.0
        size = work.weight_bytes + work.scale_bytes
        streams: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        if work.chained:  # What is added behind is a stream of its own.
            for memory, amount in zip(reads, traffic.reads, strict=True):
                streams[memory is device.inside].append((amount, memory.read))
        else:
            for memory in (device.inside, device.outside):
                together = sum(amount for each, amount in zip(reads, traffic.reads, strict=True) if each is memory)
                streams[memory is device.inside].append((together, memory.read))
        streams[written is device.inside].append((traffic.write, written.write))
        streams[False].append((traffic.constant, device.outside.read))
        streams[False].append((work.scale_bytes * traffic.refetches, device.outside.scales))
        copied = 0.0
        if plan.staged is None:
            streams[False].append((work.weight_bytes * traffic.refetches, device.outside.weights))
        else:
            first = size * plan.staged.slices[0] / sum(plan.staged.slices)
            copied = max(work.weight_bytes - first, 0.0) if plan.staged.early else work.weight_bytes
            streams[False].append((copied, device.outside.copy))
            streams[True].append((copied, device.inside.write))
            streams[True].append((work.weight_bytes * traffic.refetches, device.inside.weights))
            engine = max(
                copy_cycles(device, size) - slack + plan.staged.last_cycles,
                engine + max(copy_cycles(device, first) - slack, 0.0),
            )
        return {
            "engine_cycles": engine * work.repeats,
            "on_chip_cycles": _moving(device.inside, streams[True]) * work.repeats,
            "off_chip_cycles": _moving(device.outside, streams[False]) * work.repeats,
            "slack_cycles": slack,
            "copied_weights": copied,
            "refetches": float(traffic.refetches),
        }


def _moving(memory: Memory, streams: Sequence[tuple[float, float]]) -> float:
    """All streams share the memory, and each has a limit of its own."""
    total = sum(amount for amount, _ in streams) / memory.bytes_per_cycle
    return max([total, *(amount / rate for amount, rate in streams)])


def schedule(device: Device, works: Sequence[Work], maps: Mapping[str, Map]) -> Schedule:
    """Schedules a network.

    Args:
        device: The accelerator.
        works: Its operations in order.
        maps: All maps; writers and readers are filled in.
    """
    staging = device.staging_bytes > 0
    maps_in = device.outside if staging else device.inside
    plans = [make_plan(device, work, maps_in=maps_in) for work in works]
    _connect(plans, maps)
    rolling = {}
    if staging:
        for cascade in cascades_of(device, plans, maps):
            end = cascade.start + len(cascade.stripes) - 1
            for offset, stripe in enumerate(cascade.stripes):
                plan = striped(device, plans[cascade.start + offset], stripe, maps_in)
                plan.cascade, plan.first = end, not offset
                plans[cascade.start + offset] = plan
            rolling[end] = sum(cascade.buffers)
    times = _times(plans)
    _stage_all(device, plans, maps, times, rolling)
    if not staging:
        return Schedule(device, tuple(plans), maps, frozenset(maps))
    accesses = _accesses(device, plans, maps, maps_in)
    inside = staged_maps(plans, maps, times, _taken(plans, times, rolling), accesses, device.staging_bytes)
    return Schedule(device, tuple(plans), maps, frozenset(inside))


def _accesses(device: Device, plans: Sequence[Plan], maps: Mapping[str, Map], maps_in: Memory) -> dict[str, float]:
    """How often elements of each map are read and written.

    On the Ethos-U85 the compiler does not count what is written together with an activation.
    """
    found: dict[str, float] = {}
    for plan in plans:
        work = plan.work
        where = [maps_in] * (len(work.reads) + 1)
        traffic = traffic_of(device, work, plan.tile, [maps[name] for name in work.reads], maps.get(work.writes), where)
        amounts = [*traffic.elements]
        if work.activated and not device.engine.banks:
            amounts[-1] = 0.0
        for name, amount in zip((*work.reads, work.writes), amounts, strict=True):
            found[name] = found.get(name, 0.0) + amount * work.repeats
    return found


def _connect(plans: Sequence[Plan], maps: Mapping[str, Map]) -> None:
    for position, plan in enumerate(plans):
        for name in plan.work.reads:
            maps[name].readers.append(position)
        if plan.work.writes:
            maps[plan.work.writes].writers.append(position)
    for link in maps.values():
        link.whole = link.whole or link.ends or len(link.writers) != 1 or len(link.readers) != 1


def _times(plans: Sequence[Plan]) -> list[int]:
    """When each kernel runs: two steps apart, those of a cascade at the same time."""
    times: list[int] = []
    now = 0
    for plan in plans:
        if plan.cascade >= 0 and not plan.first:
            times.append(times[-1])
            continue
        times.append(now)
        now += 2
    return times


def _taken(plans: Sequence[Plan], times: Sequence[int], rolling: Mapping[int, int]) -> dict[int, int]:
    """Memory that rolling buffers and weights take, by time; what is filled early overlaps with the kernel before."""
    taken: dict[int, int] = {}
    for position, plan in enumerate(plans):
        time = times[position]
        if plan.cascade == position:
            for at in (time, time + 1):
                taken[at] = taken.get(at, 0) + rolling[position]
        if plan.staged is not None:
            for at in range(time - 1 if plan.staged.early else time, time + 2):
                taken[at] = taken.get(at, 0) + plan.staged.size_bytes
    return taken


def _stage_all(
    device: Device, plans: Sequence[Plan], maps: Mapping[str, Map], times: Sequence[int], rolling: Mapping[int, int]
) -> None:
    """Decides about the weights of every kernel."""
    limit = device.staging_bytes or _ENDLESS
    held: dict[int, int] = {}
    for position, plan in enumerate(plans):
        if plan.cascade >= 0:
            held[times[position]] = rolling[plan.cascade]
    maps_in = device.outside if device.staging_bytes else device.inside
    free_before, before = limit, None
    for position, plan in enumerate(plans):
        free = max(limit - held.get(times[position], 0), 0)
        first = maps[plan.work.reads[0]] if plan.work.reads else None
        movable = device.staging_bytes and first is not None and first.writers and plan.cascade < 0
        readers = maps[plan.work.writes].readers if plan.work.writes else []
        after = plans[readers[0]] if readers else None
        context = Context(
            device=device,
            before=before if plan.work.repeats == 1 else plan,  # Behind another of the same.
            free_bytes=free,
            free_before_bytes=free_before if before else free,
            begins=position == 0 and plan.work.repeats == 1,
            maps_in=maps_in,
            first_map_bytes=first.size_bytes if movable and first else 0,
            after=after,
            after_map_bytes=maps[after.work.reads[0]].size_bytes if after and after.work.reads else 0,
        )
        plan.staged = stage_weights(context, plan)
        if plan.staged is not None:
            held[times[position]] = held.get(times[position], 0) + plan.staged.size_bytes
            last = plan.staged.buffers[(len(plan.staged.slices) - 1) % len(plan.staged.buffers)]
            free -= last
        free_before, before = free, plan
