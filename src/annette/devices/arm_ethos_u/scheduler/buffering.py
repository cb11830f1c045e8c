"""Whether the weights of a kernel are copied to the memory on chip before they are read, and in how many pieces.

The compiler's way, as it publishes it: copying pays where weights are read more than once, or where the copy is
hidden under the kernel before. What does not fit at once is copied in slices of output channels, one being filled
while the engine computes on the other. A choice is kept where the kernel then takes no longer than without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.engine import engine_cycles
from annette.devices.arm_ethos_u.scheduler.plan import Staged
from annette.devices.arm_ethos_u.scheduler.tiling import up

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
    from annette.devices.arm_ethos_u.scheduler.plan import Plan
    from annette.devices.arm_ethos_u.scheduler.tiling import Tile, Window

__all__ = ["Context", "copy_cycles", "stage_weights"]

_SLICE: Final = 16
_STARTUP_CYCLES: Final = 1000
_LEAST_USE: Final = 0.3
_MUCH: Final = 2.0
_HALF: Final = 0.5
_TRIES: Final = 64
_MANY_BLOCKS: Final = 2
_BOTH_ENDS: Final = 2


@dataclass(frozen=True, slots=True)
class Context:
    """What a kernel finds when its turn comes.

    Attributes:
        device: The accelerator.
        before: The kernel before; None at the beginning.
        free_bytes: Memory on chip that nobody holds meanwhile.
        free_before_bytes: The same under the kernel before.
        begins: Whether it is the first kernel.
        maps_in: Memory in which maps are.
        first_map_bytes: Size of the map that it reads first, where that map could be staged instead; else 0.
        after: The first kernel that reads its result; None where nobody does.
        after_map_bytes: Size of the map that this kernel reads first.
    """

    device: Device
    before: Plan | None
    free_bytes: int
    free_before_bytes: int
    begins: bool
    maps_in: Memory
    first_map_bytes: int = 0
    after: Plan | None = None
    after_map_bytes: int = 0


def copy_cycles(device: Device, size_bytes: float) -> float:
    """How long a copy from outside to the memory on chip takes."""
    source, target = device.outside, device.inside
    return max(size_bytes / source.copy + source.read_latency, size_bytes / target.write + target.write_latency)


class _Case(NamedTuple):
    """What speaks for and against copying the weights of a kernel.

    Attributes:
        size_bytes: Weights with scales.
        refetches: How often they are read.
        unmoved: Cycles of reading them from outside.
        staged: Cycles of reading them on chip.
        copy: Cycles of copying them all.
        slack: Cycles of the kernel before, under which a copy can run.
        early: Whether the first copy may run under the kernel before.
        force: Whether copying is tried although no kernel hides it.
        busy: Whether the engine takes longer than the weights do.
    """

    size_bytes: int
    refetches: int
    unmoved: float
    staged: float
    copy: float
    slack: float
    early: bool
    force: bool
    busy: bool


def stage_weights(context: Context, plan: Plan) -> Staged | None:
    """Decides for one kernel.

    Args:
        context: What it finds.
        plan: The kernel.
    """
    window, tile = plan.work.window, plan.tile
    if not plan.work.weight_bytes or window is None or tile is None:
        return None
    case = _case(context, plan, window)
    alone = plan.cascade < 0
    if case.staged >= case.unmoved or not _worth(context, plan, case, window, tile):
        return None
    slices = _slices(context, plan, case, window, tile) if alone else (window.out_channels,)
    buffers = _buffers(slices, case.size_bytes, window.out_channels, context.free_bytes) if slices else ()
    if not buffers or not _pays(context, plan, case, slices, buffers):
        return None
    early = case.early and buffers[0] < context.free_before_bytes
    _, last, _ = _sliced(context, plan, slices, len(buffers), 0.0)
    return Staged(buffers, slices, early, last)


def _case(context: Context, plan: Plan, window: Window) -> _Case:
    device = context.device
    size = plan.work.weight_bytes + plan.work.scale_bytes
    refetches = plan.refetches * plan.repeats
    unmoved = (size / device.outside.weights + device.outside.read_latency) * refetches
    copy = copy_cycles(device, size)
    least = copy * min(window.out_channels, _SLICE) / window.out_channels
    return _Case(
        size_bytes=size,
        refetches=refetches,
        unmoved=unmoved,
        staged=(size / device.inside.weights + device.inside.read_latency) * refetches,
        copy=copy,
        slack=context.before.slack_cycles if context.before else 0.0,
        early=not context.begins and (plan.cascade < 0 or plan.first),
        force=context.before is None and refetches > 1 and (least < unmoved / 10 or least <= _STARTUP_CYCLES),
        busy=plan.cycles > unmoved,
    )


def _worth(context: Context, plan: Plan, case: _Case, window: Window, tile: Tile) -> bool:
    """Whether copying is tried at all."""
    visible = max(case.copy - case.slack, 0.0)
    gains = case.staged + visible < case.unmoved
    if plan.cascade < 0:
        least = case.copy * min(window.out_channels, _SLICE) / window.out_channels
        several = window.out_channels // tile.channels > _MANY_BLOCKS
        return case.force or gains or several or (case.early and least < case.slack and case.refetches > 1)
    hidden = visible < case.copy / 20 or math.ceil(visible / plan.repeats) < _STARTUP_CYCLES
    fits = case.size_bytes <= context.free_bytes
    return fits and (hidden or case.force) and (gains or not case.busy)


def _slices(context: Context, plan: Plan, case: _Case, window: Window, tile: Tile) -> tuple[int, ...]:
    """Output channels of each copy; none where slices would be too thin."""
    depth, block, grain = window.out_channels, tile.channels, tile.unit[2]
    half = context.free_bytes // 2
    ahead = max(int(depth * _first_share(case, depth, half)) // grain * grain, _SLICE)
    if (case.size_bytes <= half and _first_share(case, depth, half) >= 1) or ahead >= depth:
        return (depth,)
    memories = (context.maps_in, context.maps_in, context.device.inside)
    under = engine_cycles(context.device, plan.work, tile, memories=memories, channels=ahead)
    each = up(max(int(depth * under / case.copy), _SLICE), block)
    if each / depth * case.size_bytes > half:
        each = int(half / case.size_bytes * depth)
    for _ in range(_TRIES):
        step = block if each > block else grain
        each = max(each // step * step, grain)
        largest = max(ahead, min(each, depth - ahead))
        if largest / depth * case.size_bytes <= half or (ahead == _SLICE and each == grain):
            break
        if each > ahead:
            each = up(each // 2, grain)
        else:
            ahead = up(ahead // 2, _SLICE)
    rest = depth - ahead
    slices = (ahead, *(min(each, rest - done) for done in range(0, rest, each)))
    thin = len(slices) > _BOTH_ENDS and each / up(each, block) < _LEAST_USE
    return () if thin and case.busy else slices


def _first_share(case: _Case, depth: int, half: int) -> float:
    """How much of the weights the first copy takes: what the kernel before hides, and what half of the room holds."""
    least = min(_SLICE / depth, 1.0)
    share = min(case.slack / case.copy, 1.0)
    if 1 - math.floor(share / least) * least < least / 2:
        share = 1.0
    if case.busy and _HALF < share < 1:
        share = min(max(up(math.floor(depth * _HALF), _SLICE) / depth, _HALF), 1.0)
    return min(max(share, least), half / case.size_bytes)


def _buffers(slices: tuple[int, ...], size: int, depth: int, free_bytes: int) -> tuple[int, ...]:
    """One buffer or two; none where not even the largest slice fits."""
    sizes = [up(math.ceil(size * part / depth), _SLICE) for part in slices]
    even, odd = max(sizes[::2]), max(sizes[1::2], default=0)
    if odd and even + odd <= free_bytes:
        return even, odd
    return (max(sizes),) if max(sizes) <= free_bytes else ()


def _sliced(
    context: Context, plan: Plan, slices: tuple[int, ...], buffers: int, slack: float
) -> tuple[float, float, float]:
    """Cycles of all slices, of the last one, and of the copies that nothing hides."""
    work = plan.work
    assert work.window is not None  # noqa: S101 - the caller has looked
    size = work.weight_bytes + work.scale_bytes
    memories = (context.maps_in, context.maps_in, context.device.inside)
    run = seen = cycles = 0.0
    known: dict[int, float] = {}
    for part in slices:
        if part not in known:
            known[part] = engine_cycles(context.device, work, plan.tile, memories=memories, channels=part)
        cycles = known[part]
        seen += max(copy_cycles(context.device, size * part / work.window.out_channels) - slack, 0.0)
        run += cycles
        slack = cycles if buffers > 1 else 0.0
    return run, cycles, seen


def _map_cycles(plan: Plan, memory: Memory) -> float:
    """How long the map that it reads first takes from a memory."""
    window, tile = plan.work.window, plan.tile
    assert window is not None and tile is not None  # noqa: S101, PT018 - the caller has looked
    area = min(tile.in_height, window.in_height) * min(tile.in_width, window.in_width) * up(window.in_channels, _SLICE)
    deep = 1 if window.role in ("depthwise", "pool") else math.ceil(window.out_channels / tile.channels)
    return area * plan.refetches * deep / memory.read + memory.read_latency


def _pays(context: Context, plan: Plan, case: _Case, slices: tuple[int, ...], buffers: tuple[int, ...]) -> bool:
    """Whether the kernel takes no longer than with its weights outside."""
    device = context.device
    room = sum(buffers)
    usable = _STARTUP_CYCLES if case.force else 0.0
    if case.early and buffers[0] < context.free_before_bytes:
        usable = case.slack
    run, _, seen = _sliced(context, plan, slices, len(buffers), usable)
    fits = context.first_map_bytes + room <= context.free_bytes
    if context.first_map_bytes and plan.cascade < 0:
        outside = _map_cycles(plan, context.maps_in)
        instead = max(plan.cycles, case.unmoved, _map_cycles(plan, device.inside))
        movable = context.first_map_bytes < context.free_before_bytes
        if not fits and movable and instead < min(max(run + seen, case.staged, outside), outside):
            return False
        if _next_needs_more(context, plan, case, room):
            return False
    reading = _map_cycles(plan, device.inside if fits or plan.cascade >= 0 else context.maps_in)
    old, new = max(plan.cycles, case.unmoved, reading), max(run + seen, case.staged, reading)
    if case.busy:
        dominated = run + seen >= new
        if seen / len(slices) < _STARTUP_CYCLES:
            new -= seen
        if len(slices) > 1 and dominated and case.force:
            new -= len(slices) * _STARTUP_CYCLES / 2
    return old >= new and not (case.refetches == 1 and case.copy + case.staged > old)


def _next_needs_more(context: Context, plan: Plan, case: _Case, room: int) -> bool:
    """Whether the kernel that reads the result gains more from finding it on chip than this one from its weights."""
    after = context.after
    if after is None or not after.work.weight_bytes or after.work.window is None:
        return False
    size = after.work.weight_bytes + after.work.scale_bytes
    weights = (size / context.device.outside.weights + context.device.outside.read_latency) * after.refetches
    reading = _map_cycles(after, context.maps_in)
    if after.cycles > max(weights, reading) or reading <= _MUCH * weights:
        return False
    if context.after_map_bytes >= context.free_bytes:
        return False
    if context.after_map_bytes + context.first_map_bytes + room <= context.free_before_bytes:
        return False
    mine = _map_cycles(plan, context.maps_in)
    return reading > mine or plan.cycles > max(mine, case.unmoved)
