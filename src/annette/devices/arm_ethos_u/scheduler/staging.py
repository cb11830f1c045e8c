"""Which maps are held in the memory on chip, where maps lie outside by default.

The compiler's way, as it publishes it: every map that a kernel writes for another and that no cascade rolls is tried
on chip, from its writing to its last reading. What never fits goes out, what always fits stays, and of the others
those stay that are accessed most, found by trying all choices among maps that live at the same time. Both inputs of
an element-wise kernel lie in the same memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.work import ELEMENTWISE, UNARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.maps import Map
    from annette.devices.arm_ethos_u.scheduler.plan import Plan

__all__ = ["Lifetime", "choose", "staged_maps"]

_MOST_TOGETHER: Final = 20
_MOST_TRIES: Final = 20_000
_MUST: Final = 1 << 40


@dataclass(slots=True)
class Lifetime:
    """A map, or several that follow each other in the same place, while they are held.

    Attributes:
        names: The maps.
        start: When it is first written; two steps a kernel.
        end: When it is last read.
        size_bytes: What it takes.
        accesses: How often its elements are read and written.
    """

    names: tuple[str, ...]
    start: int
    end: int
    size_bytes: int
    accesses: float


def staged_maps(
    plans: Sequence[Plan],
    maps: Mapping[str, Map],
    times: Sequence[int],
    held: Mapping[int, int],
    accesses: Mapping[str, float],
    limit: int,
) -> set[str]:
    """Names of the maps that are held on chip.

    Args:
        plans: The schedule.
        maps: All maps.
        times: When each kernel runs; those of a cascade at the same time.
        held: Memory that rolling buffers and weights take, by time.
        accesses: How often each map's elements are read and written.
        limit: Memory on chip.
    """
    lives = _lifetimes(plans, maps, times, accesses)
    base = [held.get(time, 0) for time in range(max(times, default=0) + 3)]
    kept = choose(lives, base, limit)
    inside = {name for life in kept for name in life.names}
    return _together(plans, inside, lives)


def _lifetimes(
    plans: Sequence[Plan], maps: Mapping[str, Map], times: Sequence[int], accesses: Mapping[str, float]
) -> list[Lifetime]:
    """Maps that may be held, in the order in which they are written; what an element-wise kernel overwrites is one."""
    found: dict[str, Lifetime] = {}
    order: list[Lifetime] = []
    for position, plan in enumerate(plans):
        for name in plan.work.reads:
            if name in found:
                found[name].end = max(found[name].end, times[position] + 1)
        name = plan.work.writes
        link = maps.get(name)
        if link is None or plan.cascade >= 0 or link.ends or not link.readers:
            continue
        if name in found:
            found[name].end = max(found[name].end, times[position] + 1)
            continue
        again = _overwritten(plan, maps, found) if len(link.writers) == 1 else None
        if again is not None:
            life = found[again]
            life.names = (*life.names, name)
            life.accesses += accesses.get(name, 0.0)
        else:
            life = Lifetime((name,), times[position], times[position] + 1, link.size_bytes, accesses.get(name, 0.0))
            order.append(life)
        found[name] = life
        life.end = max(life.end, times[position] + 1)
    _score_cascades(plans, found)
    return order


def _score_cascades(plans: Sequence[Plan], found: Mapping[str, Lifetime]) -> None:
    """What a kernel within a cascade reads besides must be on chip like the rolling buffer."""
    for plan in plans:
        if plan.cascade >= 0 and not plan.first:
            for name in plan.work.reads:
                if name in found:
                    found[name].accesses = _MUST


def _overwritten(plan: Plan, maps: Mapping[str, Map], found: Mapping[str, Lifetime]) -> str | None:
    """The map that an element-wise kernel writes its result over."""
    work = plan.work
    if work.kind not in ELEMENTWISE | UNARY:
        return None
    out = maps[work.writes]
    for name in work.reads:
        link = maps[name]
        same = link.size_bytes == out.size_bytes and link.rows == out.rows
        if same and name in found and len(link.readers) == 1 and not link.ends:
            return name
    return None


def choose(lives: Sequence[Lifetime], base: list[int], limit: int) -> list[Lifetime]:
    """Which are kept.

    Args:
        lives: In the order in which they begin.
        base: Memory that is taken anyway, by time.
        limit: Memory there is.
    """
    full = list(base)
    for life in lives:
        _add(full, life, life.size_bytes)
    if max(full, default=0) <= limit:
        return list(lives)
    possible = []
    for life in lives:
        if max(base[life.start : life.end + 1]) + life.size_bytes > limit:
            _add(full, life, -life.size_bytes)
        else:
            possible.append(life)
    kept, rivals = [], []
    for life in possible:
        if max(full[life.start : life.end + 1]) <= limit:
            _add(base, life, life.size_bytes)
            kept.append(life)
        else:
            rivals.append(life)
    for group in _groups(rivals):
        for life, stays in zip(group, _Search(group, base, full, limit).best(), strict=True):
            if stays:
                _add(base, life, life.size_bytes)
                kept.append(life)
            else:
                _add(full, life, -life.size_bytes)
    return kept


def _groups(rivals: Sequence[Lifetime]) -> Iterator[list[Lifetime]]:
    """Maps that live at the same time, one after another."""
    at = 0
    while at < len(rivals):
        group, end = [rivals[at]], rivals[at].end
        while at + len(group) < len(rivals) and rivals[at + len(group)].start <= end and len(group) <= _MOST_TOGETHER:
            end = max(end, rivals[at + len(group)].end)
            group.append(rivals[at + len(group)])
        at += len(group)
        yield group


def _add(usage: list[int], life: Lifetime, size_bytes: int) -> None:
    for time in range(life.start, life.end + 1):
        usage[time] += size_bytes


class _Search:
    """Tries every choice among maps that live at the same time, and gives up a branch that cannot win any more."""

    def __init__(self, lives: Sequence[Lifetime], base: list[int], full: list[int], limit: int) -> None:
        self._lives, self._base, self._full, self._limit = lives, list(base), list(full), limit
        self._rest = [0.0] * (len(lives) + 1)
        for index in range(len(lives) - 1, -1, -1):
            self._rest[index] = self._rest[index + 1] + lives[index].accesses
        self._now = [False] * len(lives)
        self._found = [False] * len(lives)
        self._score = -1.0
        self._tries = 0

    def best(self) -> list[bool]:
        """Whether each stays."""
        self._try(0, 0.0)
        return self._found

    def _try(self, index: int, score: float) -> None:
        self._tries += 1
        if self._tries > _MOST_TRIES or score + self._rest[index] <= self._score:
            return
        if index == len(self._lives):
            self._score, self._found = score, list(self._now)
            return
        life = self._lives[index]
        always = fits = max(self._base[life.start : life.end + 1]) + life.size_bytes <= self._limit
        if fits:
            always = max(self._full[life.start : life.end + 1]) <= self._limit
            self._now[index] = True
            _add(self._base, life, life.size_bytes)
            self._try(index + 1, score + life.accesses)
            _add(self._base, life, -life.size_bytes)
        if not always:
            self._now[index] = False
            _add(self._full, life, -life.size_bytes)
            self._try(index + 1, score)
            _add(self._full, life, life.size_bytes)


def _together(plans: Sequence[Plan], inside: set[str], lives: Sequence[Lifetime]) -> set[str]:
    """Both inputs of an element-wise kernel in one memory: outside, where one of them is."""
    life_of = {name: life for life in lives for name in life.names}
    for plan in plans:
        work = plan.work
        if work.kind not in ELEMENTWISE or len(work.reads) < 2 or (plan.cascade >= 0 and not plan.first):
            continue
        if not all(name in inside for name in work.reads):
            for name in work.reads:
                if name in inside:
                    inside.difference_update(life_of[name].names)
    return inside
