"""Feature map staging: which feature maps are held in the SRAM, where the arena lies off chip.

As Vela's ``FastStorageAllocator`` (regor, ``fast_storage_allocator.cpp``): every feature map that one operation writes
for another and that is no rolling buffer of a cascade is tried in the SRAM, from its writing to its last reading. What
never fits is evicted, what always fits stays, and of the others those stay that are accessed most, found by trying all
choices among feature maps that live at the same time. Both IFMs of an element-wise operator lie in the same memory.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from annette.budget import spend
from annette.devices.arm_ethos_u.scheduler.feature_maps import ELEMENTWISE
from annette.devices.arm_ethos_u.scheduler.operations import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap
    from annette.devices.arm_ethos_u.scheduler.weight_buffering import ScheduledOp

__all__ = ["IN_PLACE", "LiveRange", "choose_staged", "overwritten_ifm", "staged_feature_maps"]

_MOST_RIVALS: Final = 20
_MOST_TRIES: Final = 20_000
_MUST_STAY: Final = 1 << 40
_STEPS_PER_TRY: Final = 5
IN_PLACE: Final = ELEMENTWISE | ACTIVATIONS
"""Kinds of operation that may write their OFM over an IFM."""


_Usage: TypeAlias = "npt.NDArray[np.int64]"


@dataclass(slots=True)
class LiveRange:
    """A feature map, or several that follow each other in the same place, while they are held.

    Attributes:
        names: The feature maps.
        start: When the first is written; operations are two steps apart.
        end: When the last is read.
        size_bytes: What it takes.
        accesses: How often its elements are read and written.
    """

    names: tuple[str, ...]
    start: int
    end: int
    size_bytes: int
    accesses: float


def staged_feature_maps(
    entries: Sequence[ScheduledOp],
    maps: Mapping[str, FeatureMap],
    times: Sequence[int],
    held: Mapping[int, int],
    accesses: Callable[[], Mapping[str, float]],
    limit: int,
) -> set[str]:
    """Names of the feature maps that are held in the SRAM.

    Args:
        entries: The schedule.
        maps: All feature maps.
        times: When each operation runs; those of a cascade at the same time.
        held: SRAM that rolling buffers and weights take, by time.
        accesses: Counts how often each feature map's elements are read and written; asked where not all fit.
        limit: Bytes of SRAM.
    """
    ranges = _live_ranges(entries, maps, times)
    base = [held.get(time, 0) for time in range(max(times, default=0) + 3)]
    kept: Sequence[LiveRange] = ranges
    if not _all_fit(ranges, base, limit):
        _count_accesses(ranges, entries, accesses())
        kept = choose_staged(ranges, base, limit)
    return _both_ifms_alike(entries, {name for each in kept for name in each.names}, ranges)


def _live_ranges(
    entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], times: Sequence[int]
) -> list[LiveRange]:
    """Feature maps that may be held, as they are written; one that overwrites another shares its live range."""
    by_name: dict[str, LiveRange] = {}
    ordered: list[LiveRange] = []
    for position, entry in enumerate(entries):
        op, end = entry.op, times[position] + 1
        for name in op.ifms:
            each = by_name.get(name)
            if each is not None and each.end < end:
                each.end = end
        name = op.ofm
        written = maps.get(name)
        if written is None or entry.cascade >= 0 or written.network_io or not written.readers:
            continue
        each = by_name.get(name)
        if each is None:
            overwritten = overwritten_ifm(entry, maps, by_name) if len(written.writers) == 1 else None
            if overwritten is None:
                each = LiveRange((name,), times[position], end, written.size_bytes, 0.0)
                ordered.append(each)
            else:
                each = by_name[overwritten]
                each.names = (*each.names, name)
            by_name[name] = each
        each.end = max(each.end, end)
    return ordered


def _all_fit(ranges: Sequence[LiveRange], held: Sequence[int], limit: int) -> bool:
    """Whether everything is held at once, as is the case in small networks."""
    more = [0] * (len(held) + 1)
    for each in ranges:
        more[each.start] += each.size_bytes
        more[each.end + 1] -= each.size_bytes
    return max(map(add, held, itertools.accumulate(more)), default=0) <= limit


def _count_accesses(ranges: Sequence[LiveRange], entries: Sequence[ScheduledOp], accesses: Mapping[str, float]) -> None:
    """Notes how often live ranges are read and written; what a cascade reads beside its rolling buffers must stay."""
    for each in ranges:
        for name in each.names:
            each.accesses += accesses.get(name, 0.0)
    by_name = {name: each for each in ranges for name in each.names}
    for entry in entries:
        if entry.within_cascade:
            for name in entry.op.ifms:
                if name in by_name:
                    by_name[name].accesses = _MUST_STAY


def overwritten_ifm(
    entry: ScheduledOp,
    maps: Mapping[str, FeatureMap],
    candidates: Collection[str],
    kinds: Collection[str] = IN_PLACE,
) -> str | None:
    """The IFM that an operator writes its OFM over, or None.

    Args:
        entry: The operator, with an OFM.
        maps: All feature maps.
        candidates: Names of those that may be written over.
        kinds: Kinds of operation that do so.
    """
    if entry.op.kind not in kinds:
        return None
    ofm = maps[entry.op.ofm]
    for name in entry.op.ifms:
        ifm = maps[name]
        alike = ifm.size_bytes == ofm.size_bytes and ifm.nhwc == ofm.nhwc
        if alike and name in candidates and len(ifm.readers) == 1 and not ifm.network_io:
            return name
    return None


def choose_staged(ranges: Sequence[LiveRange], held: Sequence[int], limit: int) -> list[LiveRange]:
    """Which are kept in the SRAM.

    Args:
        ranges: In the order in which they begin.
        held: Bytes that are taken anyway, by time.
        limit: Bytes of SRAM.
    """
    sizes = {id(each): min(each.size_bytes, limit + 1) for each in ranges}  # More fits no better, and may overflow.
    base = np.array([min(taken, limit + 1) for taken in held], dtype=np.int64)
    full = base.copy()

    def put(usage: _Usage, live: LiveRange, sign: int) -> None:
        usage[live.start : live.end + 1] += sign * sizes[id(live)]

    def most(usage: _Usage, live: LiveRange) -> int:
        return int(usage[live.start : live.end + 1].max())

    for each in ranges:
        put(full, each, 1)
    possible = []
    for each in ranges:
        if most(base, each) + sizes[id(each)] > limit:
            put(full, each, -1)
        else:
            possible.append(each)
    kept, rivals = [], []
    for each in possible:
        if most(full, each) <= limit:
            put(base, each, 1)
            kept.append(each)
        else:
            rivals.append(each)
    for group in _groups(rivals):
        for each, stays in zip(group, _best_choice(group, base, full, limit), strict=True):
            if stays:
                put(base, each, 1)
                kept.append(each)
            else:
                put(full, each, -1)
    return kept


def _groups(rivals: Sequence[LiveRange]) -> Iterator[list[LiveRange]]:
    """Rivals that live at the same time, one group after another."""
    at = 0
    while at < len(rivals):
        group, end = [rivals[at]], rivals[at].end
        while at + len(group) < len(rivals) and rivals[at + len(group)].start <= end and len(group) <= _MOST_RIVALS:
            end = max(end, rivals[at + len(group)].end)
            group.append(rivals[at + len(group)])
        at += len(group)
        yield group


def _compressed(usage: _Usage, borders: Sequence[int]) -> list[int]:
    """The most that is used between each two times at which a rival begins or ends."""
    most: list[int] = np.maximum.reduceat(usage[: borders[-1]], borders[:-1]).tolist()
    return most


def _best_choice(rivals: Sequence[LiveRange], base_by_time: _Usage, full_by_time: _Usage, limit: int) -> list[bool]:
    """Which of the rivals stay: tries every choice, and cuts a branch that cannot win any more."""
    borders = sorted({time for live in rivals for time in (live.start, live.end + 1)})
    between = {time: index for index, time in enumerate(borders)}
    base, full = (_compressed(usage, borders) for usage in (base_by_time, full_by_time))
    lives = [(between[live.start], between[live.end + 1], live.size_bytes, live.accesses) for live in rivals]
    what = f"the choice of feature maps to hold in the SRAM, {rivals[0].names[0]!r} among them,"
    rest = [*itertools.accumulate((live.accesses for live in reversed(rivals)), initial=0.0)][::-1]
    now, best, most, tries = [False] * len(rivals), [False] * len(rivals), -1.0, 0

    def attempt(index: int, score: float) -> None:
        nonlocal best, most, tries
        tries += 1
        spend(what, steps=_STEPS_PER_TRY)
        if tries > _MOST_TRIES or score + rest[index] <= most:
            return
        if index == len(rivals):
            most, best = score, list(now)
            return
        start, end, size_bytes, accesses = lives[index]
        before = base[start:end]
        always = fits = max(before) + size_bytes <= limit
        if fits:
            always = max(full[start:end]) <= limit
            now[index] = True
            base[start:end] = [used + size_bytes for used in before]
            attempt(index + 1, score + accesses)
            base[start:end] = before
        if not always:
            now[index] = False
            before = full[start:end]
            full[start:end] = [used - size_bytes for used in before]
            attempt(index + 1, score)
            full[start:end] = before

    attempt(0, 0.0)
    return best


def _both_ifms_alike(entries: Sequence[ScheduledOp], staged: set[str], ranges: Sequence[LiveRange]) -> set[str]:
    """Evicts the second IFM of an element-wise operator whose other one is not staged."""
    range_of = {name: each for each in ranges for name in each.names}
    for entry in entries:
        op = entry.op
        if op.kind not in ELEMENTWISE or len(op.ifms) < 2 or entry.within_cascade:
            continue
        if not staged.issuperset(op.ifms):
            for name in staged.intersection(op.ifms):
                staged.difference_update(range_of[name].names)
    return staged
