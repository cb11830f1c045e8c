"""Which kernels run in turns, stripe by stripe, so that what lies between them is never stored as a whole.

The compiler's way, as it publishes it: beginning with the smallest stripes, a cascade takes in one kernel after
another as long as the next one would not fit the memory on chip by itself and the rolling buffers do. Then its
stripes are made as high as memory allows without breaking it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.buffering import Context, stage_weights
from annette.devices.arm_ethos_u.scheduler.maps import BRICK
from annette.devices.arm_ethos_u.scheduler.plan import in_lines, striped
from annette.devices.arm_ethos_u.scheduler.tiling import up
from annette.devices.arm_ethos_u.scheduler.work import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.device import Device
    from annette.devices.arm_ethos_u.scheduler.maps import Map
    from annette.devices.arm_ethos_u.scheduler.plan import Plan

__all__ = ["Cascade", "cascades_of", "find_cascades"]

_KINDS: Final = frozenset({"conv", "depthwise_conv", "max_pool", "average_pool"}) | ELEMENTWISE


@dataclass(frozen=True, slots=True)
class Cascade:
    """Kernels that run in turns.

    Attributes:
        start: Position of the first.
        stripes: Lines of output of each.
        buffers: Bytes of the rolling buffer before each but the first.
        weight_bytes: Of the weights that are kept on chip meanwhile.
    """

    start: int
    stripes: tuple[int, ...]
    buffers: tuple[int, ...]
    weight_bytes: int

    @property
    def size_bytes(self) -> int:
        """Memory on chip that it takes."""
        return sum(self.buffers) + self.weight_bytes


def _cascadable(plan: Plan, stripe: int) -> bool:
    work = plan.work
    return not work.chained and stripe < work.lines and work.kind in _KINDS and work.repeats == 1


def _follows(plans: Sequence[Plan], maps: Mapping[str, Map], position: int) -> bool:
    """Whether a kernel reads from the one before alone, line by line."""
    written = plans[position - 1].work.writes
    link = maps.get(written)
    return (
        link is not None
        and not (link.rows or link.whole or link.ends)
        and written in plans[position].work.reads
        and link.readers == [position]
    )


def _rolling_bytes(plans: Sequence[Plan], maps: Mapping[str, Map], position: int, stripes: Sequence[int]) -> int:
    """Room between a kernel and the one before: what one writes and the other needs at once, in whole stripes."""
    producer, needed = plans[position - 1].work, in_lines(plans[position].work, stripes[1])
    size = maps[producer.writes].size_bytes
    return up(size // max(producer.lines, 1) * up(stripes[0] + needed, needed), BRICK)


def _alone_bytes(plans: Sequence[Plan], maps: Mapping[str, Map], position: int) -> int:
    """Room that a kernel takes with its whole input and output; an element-wise one may write over its input."""
    work = plans[position].work
    read = maps[plans[position - 1].work.writes].size_bytes
    written = maps[work.writes].size_bytes if work.writes else 0
    return read if work.kind in ELEMENTWISE and read == written else read + written


def find_cascades(
    plans: Sequence[Plan],
    maps: Mapping[str, Map],
    stripes: Mapping[int, int],
    weights: Mapping[int, int],
    limit: int,
) -> list[Cascade]:
    """Cascades for given stripes.

    Args:
        plans: The whole schedule.
        maps: All maps.
        stripes: Lines of output for each position to look at.
        weights: Bytes of weights kept on chip, by position.
        limit: Memory on chip.
    """
    found = []
    positions = sorted(stripes)
    at = 0
    while at < len(positions):
        start = positions[at]
        at += 1
        if not _cascadable(plans[start], stripes[start]):
            continue
        buffers: list[int] = []
        held = weights.get(start, 0)
        end = start
        while end + 1 in stripes and _cascadable(plans[end + 1], stripes[end + 1]) and _follows(plans, maps, end + 1):
            rolling = _rolling_bytes(plans, maps, end + 1, (stripes[end], stripes[end + 1]))
            more = held + weights.get(end + 1, 0)
            reused = plans[end].work.kind in ELEMENTWISE and bool(buffers) and buffers[-1] == rolling
            if _alone_bytes(plans, maps, end + 1) < limit or sum(buffers) + rolling * (not reused) + more > limit:
                break
            buffers.append(0 if reused else rolling)
            held = more
            end += 1
        if end > start:
            found.append(Cascade(start, tuple(stripes[p] for p in range(start, end + 1)), tuple(buffers), held))
            at = positions.index(end) + 1
    return found


def cascades_of(device: Device, plans: Sequence[Plan], maps: Mapping[str, Map]) -> list[Cascade]:
    """All cascades of a schedule, with the highest stripes.

    Args:
        device: The accelerator.
        plans: The whole schedule, nothing striped yet.
        maps: All maps.
    """
    limit = device.staging_bytes
    least = {}
    for position, plan in enumerate(plans):
        behind = plans[position + 1].work.window if position + 1 < len(plans) else None
        least[position] = min(behind.stride_height if behind else 1, plan.work.lines)
    found = []
    for cascade in find_cascades(plans, maps, least, {}, limit):
        found += _higher(device, plans, maps, cascade, limit)
    return found


def _higher(
    device: Device, plans: Sequence[Plan], maps: Mapping[str, Map], cascade: Cascade, limit: int
) -> list[Cascade]:
    """A cascade with stripes as high as memory allows."""
    positions = range(cascade.start, cascade.start + len(cascade.stripes))
    weights = _kept_weights(device, plans, cascade, limit)
    best, most = [cascade], 0
    for height in range(cascade.stripes[-1] + 1, (plans[positions[-1]].work.lines + 1) // 2 + 1):
        stripes = {}
        stripe = height
        for position in reversed(positions):
            stripes[position] = stripe
            window = plans[position].work.window
            stripe *= window.stride_height if window else 1
        proposed = find_cascades(plans, maps, stripes, weights, limit)
        most = most or len(proposed)
        inside = {p for each in proposed for p in range(each.start, each.start + len(each.stripes))}
        alone = (_whole_bytes(plans[p], maps) + weights.get(p, 0) for p in positions if p not in inside)
        if len(proposed) > most or any(size > limit for size in alone):
            break
        best = proposed
        if not proposed:
            break
    return best


def _whole_bytes(plan: Plan, maps: Mapping[str, Map]) -> int:
    return sum(maps[name].size_bytes for name in (*plan.work.reads, plan.work.writes) if name)


def _kept_weights(device: Device, plans: Sequence[Plan], cascade: Cascade, limit: int) -> dict[int, int]:
    """Weights that are worth keeping on chip while the smallest stripes run."""
    used = cascade.size_bytes
    kept = {}
    before = plans[cascade.start - 1] if cascade.start else None
    for offset, stripe in enumerate(cascade.stripes):
        position = cascade.start + offset
        plan = striped(device, plans[position], stripe, device.outside)
        plan.cascade, plan.first = cascade.start + len(cascade.stripes) - 1, not offset
        context = Context(device, before, limit - used, limit - used, position == 0, device.outside)
        plan.staged = stage_weights(context, plan)
        if plan.staged is not None:
            used += plan.staged.size_bytes
            if len(plan.staged.buffers) == 1:
                kept[position] = plan.work.weight_bytes + plan.work.scale_bytes
        before = plan
    return kept
