"""What the scheduler settles for one operation: block configuration, stripe, cascade, weight buffering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.block_config import choose_block_config
from annette.devices.arm_ethos_u.scheduler.memory_traffic import blocks_of
from annette.devices.arm_ethos_u.scheduler.performance import engine_cycles

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, Memory
    from annette.devices.arm_ethos_u.scheduler.op_shape import BlockConfig
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

__all__ = ["ScheduledOp", "WeightBuffering", "ifm_stripe_height", "schedule_op"]


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


def schedule_op(accelerator: Accelerator, op: NpuOp, *, arena: Memory, stripe_height: int = 0) -> ScheduledOp:
    """Schedules an operation on its own, or in stripes.

    Args:
        accelerator: The accelerator.
        op: The operation.
        arena: Memory that feature maps lie in, until they are staged.
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
    cycles = engine_cycles(accelerator, op, block, memories=(arena, arena, accelerator.off_chip))
    return ScheduledOp(op, block, cycles, weight_reads, stripe_height)
