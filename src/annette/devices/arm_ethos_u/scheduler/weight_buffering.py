"""What is settled for one operation, above all weight buffering: whether weights are copied to the SRAM and how.

As Vela's ``ProposeWeightBuffering`` (regor, ``scheduler.cpp``): copying pays where weights are read more than once, or
where the operation before hides the DMA. What does not fit at once is copied in slices of the OFM's depth, one being
copied while the accelerator computes on the other. It is kept where the operation then takes no longer than without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.block_config import choose_block_config, round_up
from annette.devices.arm_ethos_u.scheduler.performance import blocks_of, engine_cycles

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, Memory
    from annette.devices.arm_ethos_u.scheduler.block_config import BlockConfig, OpShape
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

__all__ = [
    "BufferingSituation", "ScheduledOp", "WeightBuffering", "buffer_weights", "copy_cycles", "ifm_stripe_height",
    "schedule_op",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeightBuffering:
    """Weights that a DMA copies to the SRAM before they are read.

    Attributes:
        buffers: Bytes of one or two buffers; with two, one is filled while the other is read.
        slices: OFM depth of each copy.
        prefetched: Whether the first copy runs under the operation before.
        last_cycles: Cycles that the accelerator computes on the last copy.
    """

    buffers: tuple[int, ...]
    slices: tuple[int, ...]
    prefetched: bool
    last_cycles: float

    @property
    def size_bytes(self) -> int:
        """SRAM that the buffers take."""
        return sum(self.buffers)


@dataclass(slots=True)
class ScheduledOp:
    """One operation in a schedule.

    Attributes:
        op: The operation.
        block: Its block configuration; None where it has none.
        cycles: Cycles of the accelerator, with all feature maps where they are before anything is staged.
        weight_reads: How often it reads its weights.
        stripe_height: Height of the OFM computed at a time, in a cascade; 0 is all.
        cascade: Position of the cascade's last operation; -1 outside of cascades.
        first: Whether it is the first of its cascade.
        buffering: Where its weights are copied to; None where they are read from off chip.
    """

    op: NpuOp
    block: BlockConfig | None
    cycles: float
    weight_reads: int
    stripe_height: int = 0
    cascade: int = -1
    first: bool = False
    buffering: WeightBuffering | None = None

    @property
    def stripes(self) -> int:
        """Stripes of the whole OFM."""
        return -(-self.op.ofm_height // self.stripe_height) if self.stripe_height else 1

    @property
    def within_cascade(self) -> bool:
        """Whether it reads from a rolling buffer of its cascade."""
        return self.cascade >= 0 and not self.first

    @property
    def slack_cycles(self) -> float:
        """Cycles that a DMA for the next operation can run under this one."""
        return self.buffering.last_cycles if self.buffering else self.cycles


def ifm_stripe_height(op: NpuOp, stripe_height: int) -> int:
    """Height of the IFM that a stripe of the OFM takes."""
    shape = op.shape
    if shape is None:
        return stripe_height
    size = (shape.kernel_height - 1) * shape.dilation + 1
    return min((stripe_height - 1) * shape.stride_height + size, shape.ifm_height)


def schedule_op(accelerator: Accelerator, op: NpuOp, stripe_height: int = 0) -> ScheduledOp:
    """Schedules an operation on its own, or in stripes.

    Args:
        accelerator: The accelerator.
        op: The operation.
        stripe_height: Height of the OFM computed at a time; 0 is all.
    """
    shape, block, weight_reads = op.shape, None, 1
    if shape is not None:
        cut = op.block_shape or shape
        if stripe_height:
            cut = shape._replace(ofm_height=stripe_height, ifm_height=ifm_stripe_height(op, stripe_height))
        block = choose_block_config(accelerator.config, cut)
        rows, columns, _ = blocks_of(block, shape)
        weight_reads = rows * columns
    memories = (accelerator.arena, accelerator.arena, accelerator.off_chip)
    cycles = engine_cycles(accelerator, op, block, memories=memories)
    return ScheduledOp(op, block, cycles, weight_reads, stripe_height)


_LEAST_DEPTH: Final = 16
_STARTUP_CYCLES: Final = 1000
_LEAST_UTILISATION: Final = 0.3
_MUCH: Final = 2.0
_HALF: Final = 0.5
_TRIES: Final = 64
_FEW_BLOCKS: Final = 2
_FIRST_AND_LAST: Final = 2


@dataclass(frozen=True, slots=True)
class BufferingSituation:
    """What surrounds the operation whose weights may be buffered.

    Attributes:
        accelerator: The accelerator.
        before: The operation before; None at the beginning of the network.
        free_bytes: SRAM that is free meanwhile.
        free_before_bytes: SRAM that is free under the operation before.
        stageable_ifm_bytes: Size of its first IFM, where that could be staged instead; else 0.
        after: The first operation that reads its OFM; None where there is none.
        after_ifm_bytes: Size of the first IFM of that operation.
    """

    accelerator: Accelerator
    before: ScheduledOp | None
    free_bytes: int
    free_before_bytes: int
    stageable_ifm_bytes: int = 0
    after: ScheduledOp | None = None
    after_ifm_bytes: int = 0


def copy_cycles(accelerator: Accelerator, size_bytes: float) -> float:
    """Cycles of a DMA from off chip to the SRAM (Vela: ``MemToMemCycles``)."""
    source, target = accelerator.off_chip, accelerator.on_chip
    return max(size_bytes / source.copy + source.read_latency, size_bytes / target.write + target.write_latency)


class _Costs(NamedTuple):
    """What speaks for and against buffering the weights of an operation.

    Attributes:
        size_bytes: Weights with scales.
        weight_reads: How often they are read.
        off_chip: Cycles of reading them from off chip.
        on_chip: Cycles of reading them from the SRAM.
        copy: Cycles of copying them all.
        slack: Cycles of the operation before, under which a DMA can run.
        prefetch: Whether the first copy may run under the operation before.
        force: Whether buffering is tried although nothing hides the DMA.
        compute_bound: Whether the accelerator is busy for longer than the weights take.
    """

    size_bytes: int
    weight_reads: int
    off_chip: float
    on_chip: float
    copy: float
    slack: float
    prefetch: bool
    force: bool
    compute_bound: bool


def buffer_weights(situation: BufferingSituation, entry: ScheduledOp) -> WeightBuffering | None:
    """Decides for one operation; None where its weights are read from off chip."""
    shape, block = entry.op.shape, entry.block
    if not entry.op.weight_bytes or shape is None or block is None:
        return None
    costs = _costs(situation, entry, shape)
    if costs.on_chip >= costs.off_chip or not _worth_trying(situation, entry, costs, shape, block):
        return None
    slices = _slices(situation, entry, costs, shape, block) if entry.cascade < 0 else (shape.ofm_depth,)
    buffers = _buffers(slices, costs.size_bytes, shape.ofm_depth, situation.free_bytes) if slices else ()
    if not buffers or not _pays(situation, entry, costs, slices, buffers):
        return None
    prefetched = costs.prefetch and buffers[0] < situation.free_before_bytes
    _, last, _ = _sliced(situation, entry, slices, len(buffers), 0.0)
    return WeightBuffering(buffers, slices, prefetched, last)


def _costs(situation: BufferingSituation, entry: ScheduledOp, shape: OpShape) -> _Costs:
    accelerator, before = situation.accelerator, situation.before
    size = entry.op.constant_bytes
    reads = entry.weight_reads * entry.stripes
    off_chip = (size / accelerator.off_chip.weights + accelerator.off_chip.read_latency) * reads
    copy = copy_cycles(accelerator, size)
    least = copy * min(shape.ofm_depth, _LEAST_DEPTH) / shape.ofm_depth
    return _Costs(
        size_bytes=size,
        weight_reads=reads,
        off_chip=off_chip,
        on_chip=(size / accelerator.on_chip.weights + accelerator.on_chip.read_latency) * reads,
        copy=copy,
        slack=before.slack_cycles if before else 0.0,
        prefetch=before is not None and (entry.cascade < 0 or entry.first),
        force=before is None and reads > 1 and (least < off_chip / 10 or least <= _STARTUP_CYCLES),
        compute_bound=entry.cycles > off_chip,
    )


def _worth_trying(
    situation: BufferingSituation, entry: ScheduledOp, costs: _Costs, shape: OpShape, block: BlockConfig
) -> bool:
    visible = max(costs.copy - costs.slack, 0.0)
    gains = costs.on_chip + visible < costs.off_chip
    if entry.cascade < 0:
        least = costs.copy * min(shape.ofm_depth, _LEAST_DEPTH) / shape.ofm_depth
        several = shape.ofm_depth // block.ofm_depth > _FEW_BLOCKS
        return costs.force or gains or several or (costs.prefetch and least < costs.slack and costs.weight_reads > 1)
    hidden = visible < costs.copy / 20 or math.ceil(visible / entry.stripes) < _STARTUP_CYCLES
    fits = costs.size_bytes <= situation.free_bytes
    return fits and (hidden or costs.force) and (gains or not costs.compute_bound)


def _slices(
    situation: BufferingSituation, entry: ScheduledOp, costs: _Costs, shape: OpShape, block: BlockConfig
) -> tuple[int, ...]:
    """OFM depth of each copy; none where slices would be too thin."""
    depth, block_depth, granule = shape.ofm_depth, block.ofm_depth, block.ofm_ublock[2]
    half = situation.free_bytes // 2
    first = max(int(depth * _first_share(costs, depth, half)) // granule * granule, _LEAST_DEPTH)
    if (costs.size_bytes <= half and _first_share(costs, depth, half) >= 1) or first >= depth:
        return (depth,)
    memories = (situation.accelerator.arena, situation.accelerator.arena, situation.accelerator.on_chip)
    under = engine_cycles(situation.accelerator, entry.op, block, memories=memories, ofm_depth=first)
    each = round_up(max(int(depth * under / costs.copy), _LEAST_DEPTH), block_depth)
    if each / depth * costs.size_bytes > half:
        each = int(half / costs.size_bytes * depth)
    for _ in range(_TRIES):
        step = block_depth if each > block_depth else granule
        each = max(each // step * step, granule)
        largest = max(first, min(each, depth - first))
        if largest / depth * costs.size_bytes <= half or (first == _LEAST_DEPTH and each == granule):
            break
        if each > first:
            each = round_up(each // 2, granule)
        else:
            first = round_up(first // 2, _LEAST_DEPTH)
    rest = depth - first
    slices = (first, *(min(each, rest - done) for done in range(0, rest, each)))
    thin = len(slices) > _FIRST_AND_LAST and each / round_up(each, block_depth) < _LEAST_UTILISATION
    return () if thin and costs.compute_bound else slices


def _first_share(costs: _Costs, depth: int, half: int) -> float:
    """Share of the weights in the first copy: what the operation before hides, up to half of the free SRAM."""
    least = min(_LEAST_DEPTH / depth, 1.0)
    share = min(costs.slack / costs.copy, 1.0)
    if 1 - math.floor(share / least) * least < least / 2:
        share = 1.0
    if costs.compute_bound and _HALF < share < 1:
        share = min(max(round_up(math.floor(depth * _HALF), _LEAST_DEPTH) / depth, _HALF), 1.0)
    return min(max(share, least), half / costs.size_bytes)


def _buffers(slices: tuple[int, ...], size_bytes: int, depth: int, free_bytes: int) -> tuple[int, ...]:
    """One buffer or two; none where not even the largest slice fits."""
    sizes = [round_up(math.ceil(size_bytes * part / depth), _LEAST_DEPTH) for part in slices]
    even, odd = max(sizes[::2]), max(sizes[1::2], default=0)
    if odd and even + odd <= free_bytes:
        return even, odd
    return (max(sizes),) if max(sizes) <= free_bytes else ()


def _sliced(
    situation: BufferingSituation, entry: ScheduledOp, slices: tuple[int, ...], buffers: int, slack: float
) -> tuple[float, float, float]:
    """Cycles of all slices, of the last one, and of the copies that nothing hides."""
    op, accelerator, depth = entry.op, situation.accelerator, sum(slices)
    memories = (situation.accelerator.arena, situation.accelerator.arena, accelerator.on_chip)
    total = visible = cycles = 0.0
    known: dict[int, float] = {}
    for part in slices:
        if part not in known:
            known[part] = engine_cycles(accelerator, op, entry.block, memories=memories, ofm_depth=part)
        cycles = known[part]
        visible += max(copy_cycles(accelerator, op.constant_bytes * part / depth) - slack, 0.0)
        total += cycles
        slack = cycles if buffers > 1 else 0.0
    return total, cycles, visible


def _ifm_cycles(entry: ScheduledOp, memory: Memory) -> float:
    """Cycles that the first IFM takes from a memory."""
    shape, block = entry.op.shape, entry.block
    assert shape is not None and block is not None  # noqa: S101, PT018 - only called for operations with weights
    depth = round_up(shape.ifm_depth, _LEAST_DEPTH)
    area = min(block.ifm_height, shape.ifm_height) * min(block.ifm_width, shape.ifm_width) * depth
    deep = 1 if shape.block_type in ("depthwise", "pool") else math.ceil(shape.ofm_depth / block.ofm_depth)
    return area * entry.weight_reads * deep / memory.read + memory.read_latency


def _pays(
    situation: BufferingSituation, entry: ScheduledOp, costs: _Costs, slices: tuple[int, ...], buffers: tuple[int, ...]
) -> bool:
    """Whether the operation takes no longer than with its weights off chip."""
    accelerator = situation.accelerator
    room = sum(buffers)
    usable = _STARTUP_CYCLES if costs.force else 0.0
    if costs.prefetch and buffers[0] < situation.free_before_bytes:
        usable = costs.slack
    run, _, visible = _sliced(situation, entry, slices, len(buffers), usable)
    fits = situation.stageable_ifm_bytes + room <= situation.free_bytes
    if situation.stageable_ifm_bytes and entry.cascade < 0:
        from_arena = _ifm_cycles(entry, situation.accelerator.arena)
        staged = max(entry.cycles, costs.off_chip, _ifm_cycles(entry, accelerator.on_chip))
        stageable = situation.stageable_ifm_bytes < situation.free_before_bytes
        if not fits and stageable and staged < min(max(run + visible, costs.on_chip, from_arena), from_arena):
            return False
        if _next_needs_more(situation, entry, costs, room):
            return False
    reading = _ifm_cycles(entry, accelerator.on_chip if fits or entry.cascade >= 0 else situation.accelerator.arena)
    old, new = max(entry.cycles, costs.off_chip, reading), max(run + visible, costs.on_chip, reading)
    if costs.compute_bound:
        dominated = run + visible >= new
        if visible / len(slices) < _STARTUP_CYCLES:
            new -= visible
        if len(slices) > 1 and dominated and costs.force:
            new -= len(slices) * _STARTUP_CYCLES / 2
    return old >= new and not (costs.weight_reads == 1 and costs.copy + costs.on_chip > old)


def _next_needs_more(situation: BufferingSituation, entry: ScheduledOp, costs: _Costs, room: int) -> bool:
    """Whether the operation that reads the OFM gains more from a staged IFM than this one from buffered weights."""
    after = situation.after
    if after is None or not after.op.weight_bytes or after.op.shape is None:
        return False
    off_chip = situation.accelerator.off_chip
    weights = (after.op.constant_bytes / off_chip.weights + off_chip.read_latency) * after.weight_reads
    reading = _ifm_cycles(after, situation.accelerator.arena)
    if after.cycles > max(weights, reading) or reading <= _MUCH * weights:
        return False
    if situation.after_ifm_bytes >= situation.free_bytes:
        return False
    if situation.after_ifm_bytes + situation.stageable_ifm_bytes + room <= situation.free_before_bytes:
        return False
    own = _ifm_cycles(entry, situation.accelerator.arena)
    return reading > own or entry.cycles > max(own, costs.off_chip)
