"""What Vela lays out in the SRAM, and in the memory off chip, for a network.

A feature map is alive from the operation that writes it first to the one that reads it last, rounded up to bricks and
16 bytes; an element-wise operator writes over an IFM that nobody else reads; what lies inside a cascade is a rolling
buffer; weights that are buffered take their buffers, one operation earlier where they are prefetched
(`annette.devices.arm_ethos_u.scheduler`). Vela's allocator finds places with next to no gaps (regor,
``hillclimb_allocator.cpp``), so that what is alive at the peak is what it reports. Where the memory mode keeps feature
maps off chip (Dedicated_Sram), those that are staged count for the SRAM and all others for the arena off chip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.feature_map_staging import IN_PLACE, overwritten_ifm
from annette.devices.arm_ethos_u.stage import EthosUPlacement
from annette.mapping.memory import Lifetime, MemoryPlan, alive_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.schedule import Schedule
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.mapping.precision import Precision
    from annette.network import Network

__all__ = ["plan_memory"]

_OVERWRITING: Final = IN_PLACE | {"batch_norm"}
"""A normalization by itself is a product and a sum with constants to Vela."""


def plan_memory(
    mapping: MappingModel, precision: Precision, network: Network, kernels: Sequence[Kernel]
) -> MemoryPlan | None:
    """Plans the memory of a network as Vela does.

    Args:
        mapping: The platform's, whose context stage schedules for the accelerator.
        precision: Unused: the accelerator computes with 8 bits.
        network: What runs.
        kernels: In order of execution, as the mapping gives them.

    Returns:
        The plan, or None where the mapping has no schedule of an Ethos-U.
    """
    del precision
    stage = mapping.context
    if not isinstance(stage, EthosUPlacement):
        return None
    placed, scheduled, _ = stage.scheduled(replace(mapping, context=None).apply(network), network)
    if len(placed) != len(kernels):
        return None
    steps = max(scheduled.times, default=-1) + 2
    lifetimes = _lifetimes(scheduled, steps)
    held = alive_bytes(_buffers(scheduled), steps)
    on_chip = alive_bytes([life for name, life in lifetimes.items() if name in scheduled.staged], steps)
    off_chip = alive_bytes([life for name, life in lifetimes.items() if name not in scheduled.staged], steps)
    alive = [sum(each) for each in zip(on_chip, off_chip, held, strict=True)]
    by_memory = {"SRAM": max(map(sum, zip(on_chip, held, strict=True)), default=0)}
    if stage.accelerator.staging_bytes:
        by_memory["off chip"] = max(off_chip, default=0)
    by_kernel, last = [], 0
    for _, own in placed:
        times = [scheduled.times[position] for position in own]
        last = max((alive[at] for time in times for at in (time, time + 1)), default=last)
        by_kernel.append(last)
    return MemoryPlan(tuple(by_kernel), "vela", sum(by_memory.values()), by_memory)


def _buffers(scheduled: Schedule) -> Iterator[Lifetime]:
    """Rolling buffers, and buffers of weights.

    What the last slice is read from is needed a step longer than the other; the first is written a step before its
    operation where it is prefetched.
    """
    for position, entry in enumerate(scheduled.entries):
        time = scheduled.times[position]
        if entry.cascade == position:
            yield Lifetime(scheduled.rolling[position], time, time + 1)
        buffering = entry.buffering
        if buffering is None:
            continue
        last = (len(buffering.slices) - 1) % len(buffering.buffers)
        for number, size_bytes in enumerate(buffering.buffers):
            early = buffering.prefetched and number == 0 and time > 0
            yield Lifetime(size_bytes, time - early, time + (number == last))


def _lifetimes(scheduled: Schedule, steps: int) -> Mapping[str, Lifetime]:
    """The feature maps that are stored, those that share a place under the name of the first."""
    maps, entries, times = scheduled.maps, scheduled.entries, scheduled.times
    spans: dict[str, list[int]] = {}
    for name, each in maps.items():
        rolling = any(0 <= entries[at].cascade != at for at in each.writers)
        if rolling or not (each.writers or each.readers):
            continue
        used = [times[at] for at in (*each.writers, *each.readers)]
        given, handed_out = each.network_io and not each.writers, each.network_io and not each.readers
        spans[name] = [0 if given else min(used), steps - 1 if handed_out else max(used) + 1]
    place: dict[str, str] = {}
    for entry in entries:
        ofm = entry.op.ofm
        if ofm not in spans or maps[ofm].network_io or len(maps[ofm].writers) != 1:
            continue
        over = overwritten_ifm(entry, maps, spans.keys() | place.keys(), _OVERWRITING)
        if over is not None and over != ofm and (over in scheduled.staged) == (ofm in scheduled.staged):
            place[ofm] = whole = place.get(over, over)
            spans[whole][1] = max(spans[whole][1], spans.pop(ofm)[1])
    return {name: Lifetime(maps[name].size_bytes, first, last) for name, (first, last) in spans.items()}
