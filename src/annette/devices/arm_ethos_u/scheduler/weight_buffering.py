"""What is settled for one operation, above all weight buffering: whether weights are copied to the SRAM and how.

As Vela's ``ProposeWeightBuffering`` (regor, ``scheduler.cpp``): copying pays where weights are read more than once, or
where the operation before hides the DMA. What does not fit at once is copied in slices of the OFM's depth, one being
copied while the accelerator computes on the other. It is kept where the operation then takes no longer than without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.devices.arm_ethos_u.scheduler.block_config import choose_block_config, round_up
from annette.devices.arm_ethos_u.scheduler.performance import blocks_of, engine_cycles
from annette.frozen import quick

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
    if op.own_cycles:  # Which are those on chip.
        cycles += accelerator.arena.read_latency + accelerator.arena.write_latency
    return ScheduledOp(op, block, cycles, weight_reads, stripe_height)


_LEAST_DEPTH: Final = 16
_STARTUP_CYCLES: Final = 1000
_LEAST_UTILISATION: Final = 0.3
_MUCH: Final = 2.0
_HALF: Final = 0.5
_STEPS_PER_SLICE: Final = 5
"""What buffering one slice of weights takes to decide (`annette.budget`)."""

_TRIES: Final = 64
_FEW_BLOCKS: Final = 2
_FIRST_AND_LAST: Final = 2


@quick
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


def _ifm_cycles(entry: ScheduledOp, memory: Memory) -> float:
    """Cycles that the first IFM takes from a memory."""
    shape, block = entry.op.shape, entry.block
    assert shape is not None and block is not None  # noqa: S101, PT018 - only called for operations with weights
    depth = round_up(shape.ifm_depth, _LEAST_DEPTH)
    area = min(block.ifm_height, shape.ifm_height) * min(block.ifm_width, shape.ifm_width) * depth
    deep = 1 if shape.block_type in ("depthwise", "pool") else math.ceil(shape.ofm_depth / block.ofm_depth)
    return area * entry.weight_reads * deep / memory.read + memory.read_latency


def buffer_weights(situation: BufferingSituation, entry: ScheduledOp) -> WeightBuffering | None:
    """Decides for one operation; None where its weights are read from off chip."""
    shape, block = entry.op.shape, entry.block
    if not entry.op.weight_bytes or shape is None or block is None:
        return None
    proposal = _Proposal(situation, entry, shape, block)
    if proposal.on_chip >= proposal.off_chip or not proposal.worth_trying():
        return None
    slices = proposal.slices() if entry.cascade < 0 else (shape.ofm_depth,)
    buffers = proposal.buffers(slices) if slices else ()
    if not buffers or not proposal.pays(slices, buffers):
        return None
    prefetched = proposal.prefetch and buffers[0] < situation.free_before_bytes
    _, last, _ = proposal.sliced(slices, len(buffers), 0.0)
    return WeightBuffering(buffers, slices, prefetched, last)


class _Proposal:
    """To buffer the weights of an operation: what speaks for and against it.

    Attributes:
        size_bytes: Weights with scales.
        weight_reads: How often they are read.
        off_chip: Cycles of reading them from off chip.
        on_chip: Cycles of reading them from the SRAM.
        copy: Cycles of copying them all.
        least: Cycles of copying those of the thinnest slice.
        slack: Cycles of the operation before, under which a DMA can run.
        prefetch: Whether the first copy may run under the operation before.
        force: Whether buffering is tried although nothing hides the DMA.
        compute_bound: Whether the accelerator is busy for longer than the weights take.
    """

    def __init__(self, situation: BufferingSituation, entry: ScheduledOp, shape: OpShape, block: BlockConfig) -> None:
        accelerator, before = situation.accelerator, situation.before
        self.situation, self.accelerator, self.entry, self.block = situation, accelerator, entry, block
        self.depth = shape.ofm_depth
        self.size_bytes = size = entry.op.constant_bytes
        self.weight_reads = reads = entry.weight_reads * entry.stripes
        self.off_chip = (size / accelerator.off_chip.weights + accelerator.off_chip.read_latency) * reads
        self.on_chip = (size / accelerator.on_chip.weights + accelerator.on_chip.read_latency) * reads
        self.copy = copy_cycles(accelerator, size)
        self.least = self.copy * min(self.depth, _LEAST_DEPTH) / self.depth
        self.slack = before.slack_cycles if before else 0.0
        self.prefetch = before is not None and (entry.cascade < 0 or entry.first)
        self.force = before is None and reads > 1 and (self.least < self.off_chip / 10 or self.least <= _STARTUP_CYCLES)
        self.compute_bound = entry.cycles > self.off_chip

    def worth_trying(self) -> bool:
        """Whether buffering may gain something, so that slices are looked for."""
        visible = max(self.copy - self.slack, 0.0)
        gains = self.on_chip + visible < self.off_chip
        if self.entry.cascade < 0:
            several = self.depth // self.block.ofm_depth > _FEW_BLOCKS
            hides = self.prefetch and self.least < self.slack and self.weight_reads > 1
            return self.force or gains or several or hides
        hidden = visible < self.copy / 20 or math.ceil(visible / self.entry.stripes) < _STARTUP_CYCLES
        fits = self.size_bytes <= self.situation.free_bytes
        return fits and (hidden or self.force) and (gains or not self.compute_bound)

    def slices(self) -> tuple[int, ...]:
        """OFM depth of each copy; none where slices would be too thin."""
        depth, block_depth, granule = self.depth, self.block.ofm_depth, self.block.ofm_ublock[2]
        half = self.situation.free_bytes // 2
        first = max(int(depth * self._first_share(half)) // granule * granule, _LEAST_DEPTH)
        if (self.size_bytes <= half and self._first_share(half) >= 1) or first >= depth:
            return (depth,)
        each = round_up(max(int(depth * self._slice_cycles(first, last=False) / self.copy), _LEAST_DEPTH), block_depth)
        if each / depth * self.size_bytes > half:
            each = int(half / self.size_bytes * depth)
        for _ in range(_TRIES):
            step = block_depth if each > block_depth else granule
            each = max(each // step * step, granule)
            largest = max(first, min(each, depth - first))
            if largest / depth * self.size_bytes <= half or (first == _LEAST_DEPTH and each == granule):
                break
            if each > first:
                each = round_up(each // 2, granule)
            else:
                first = round_up(first // 2, _LEAST_DEPTH)
        rest = depth - first
        count = rest // each + 1
        spend(f"{self.entry.op.ofm!r}, whose weights are copied in {count} slices,", steps=_STEPS_PER_SLICE * count)
        slices = (first, *(min(each, rest - done) for done in range(0, rest, each)))
        thin = len(slices) > _FIRST_AND_LAST and each / round_up(each, block_depth) < _LEAST_UTILISATION
        return () if thin and self.compute_bound else slices

    def _slice_cycles(self, ofm_depth: int, *, first: bool = True, last: bool = True) -> float:
        """Cycles of the accelerator for a part of the OFM's depth, with weights in the SRAM."""
        accelerator = self.accelerator
        memories = (accelerator.arena, accelerator.arena, accelerator.on_chip)
        op, block = self.entry.op, self.block
        return engine_cycles(
            accelerator, op, block, memories=memories, ofm_depth=ofm_depth, first=first, last=last
        )  # fmt: skip

    def _first_share(self, half: int) -> float:
        """Share of the weights in the first copy: what the operation before hides, up to half of the free SRAM."""
        depth = self.depth
        least = min(_LEAST_DEPTH / depth, 1.0)
        share = min(self.slack / self.copy, 1.0)
        if 1 - math.floor(share / least) * least < least / 2:
            share = 1.0
        if self.compute_bound and _HALF < share < 1:
            share = min(max(round_up(math.floor(depth * _HALF), _LEAST_DEPTH) / depth, _HALF), 1.0)
        return min(max(share, least), half / self.size_bytes)

    def buffers(self, slices: tuple[int, ...]) -> tuple[int, ...]:
        """One buffer or two; none where not even the largest slice fits."""
        sizes = [round_up(math.ceil(self.size_bytes * part / self.depth), _LEAST_DEPTH) for part in slices]
        even, odd = max(sizes[::2]), max(sizes[1::2], default=0)
        if odd and even + odd <= self.situation.free_bytes:
            return even, odd
        return (max(sizes),) if max(sizes) <= self.situation.free_bytes else ()

    def sliced(self, slices: tuple[int, ...], buffers: int, slack: float) -> tuple[float, float, float]:
        """Cycles of all slices, of the last one, and of the copies that nothing hides."""
        depth = sum(slices)
        total = visible = cycles = 0.0
        known: dict[tuple[int, bool, bool], float] = {}
        end = len(slices) - 1
        for position, part in enumerate(slices):
            key = (part, position == 0, position == end)
            if key not in known:
                known[key] = self._slice_cycles(part, first=key[1], last=key[2])
            cycles = known[key]
            visible += max(copy_cycles(self.accelerator, self.size_bytes * part / depth) - slack, 0.0)
            total += cycles
            slack = cycles if buffers > 1 else 0.0
        return total, cycles, visible

    def pays(self, slices: tuple[int, ...], buffers: tuple[int, ...]) -> bool:
        """Whether the operation takes no longer than with its weights off chip."""
        room, arena, on_chip = sum(buffers), self.accelerator.arena, self.accelerator.on_chip
        usable = _STARTUP_CYCLES if self.force else 0.0
        if self.prefetch and buffers[0] < self.situation.free_before_bytes:
            usable = self.slack
        run, _, visible = self.sliced(slices, len(buffers), usable)
        fits = self.situation.stageable_ifm_bytes + room <= self.situation.free_bytes
        if self.situation.stageable_ifm_bytes and self.entry.cascade < 0:
            from_arena = _ifm_cycles(self.entry, arena)
            staged = max(self.entry.cycles, self.off_chip, _ifm_cycles(self.entry, on_chip))
            stageable = self.situation.stageable_ifm_bytes < self.situation.free_before_bytes
            if not fits and stageable and staged < min(max(run + visible, self.on_chip, from_arena), from_arena):
                return False
            if self._next_needs_more(room):
                return False
        reading = _ifm_cycles(self.entry, on_chip if fits or self.entry.cascade >= 0 else arena)
        old, new = max(self.entry.cycles, self.off_chip, reading), max(run + visible, self.on_chip, reading)
        if self.compute_bound:
            dominated = run + visible >= new
            if visible / len(slices) < _STARTUP_CYCLES:
                new -= visible
            if len(slices) > 1 and dominated and self.force:
                new -= len(slices) * _STARTUP_CYCLES / 2
        return old >= new and not (self.weight_reads == 1 and self.copy + self.on_chip > old)

    def _next_needs_more(self, room: int) -> bool:
        """Whether the operation that reads the OFM gains more from a staged IFM than this one from buffered weights."""
        situation, after = self.situation, self.situation.after
        if after is None or not after.op.weight_bytes or after.op.shape is None:
            return False
        off_chip = self.accelerator.off_chip
        weights = (after.op.constant_bytes / off_chip.weights + off_chip.read_latency) * after.weight_reads
        reading = _ifm_cycles(after, self.accelerator.arena)
        if after.cycles > max(weights, reading) or reading <= _MUCH * weights:
            return False
        ifm_bytes, both = situation.after_ifm_bytes, situation.after_ifm_bytes + situation.stageable_ifm_bytes
        if ifm_bytes >= situation.free_bytes or both + room <= situation.free_before_bytes:
            return False
        own = _ifm_cycles(self.entry, self.accelerator.arena)
        return reading > own or self.entry.cycles > max(own, self.off_chip)
