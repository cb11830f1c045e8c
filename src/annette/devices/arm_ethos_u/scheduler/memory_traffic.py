"""What an operation moves, as Vela's ``MeasureElementAccess`` and ``ElementTransferToBytes`` count it (regor).

A memory moves bursts: a shorter run of bytes takes as long as a full one. The IFM is read again for every block in
depth, weights for every block in height and width.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.feature_maps import BRICK
from annette.devices.arm_ethos_u.scheduler.op_shape import EQUAL_DEPTH, SUB_KERNEL, BlockConfig, round_up
from annette.devices.arm_ethos_u.scheduler.operations import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, AcceleratorConfig, Memory
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap
    from annette.devices.arm_ethos_u.scheduler.op_shape import OpShape
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

__all__ = ["MemoryTraffic", "blocks_of", "burst_overhead", "memory_traffic_of", "read_run", "write_run"]

_MOST_NHWC_WRITE: Final = 64
_BROADCAST_RUN: Final = 64


class MemoryTraffic(NamedTuple):
    """What an operation moves.

    Attributes:
        ifm_bytes: For each IFM, bytes of full bursts.
        ofm_bytes: Of the OFM, the same.
        accesses: Elements of each IFM and then of the OFM, whatever the bursts.
        weight_reads: How often the weights are read.
        constant_bytes: What is read of a constant operand from off chip, bytes of full bursts.
    """

    ifm_bytes: tuple[float, ...]
    ofm_bytes: float
    accesses: tuple[float, ...]
    weight_reads: int
    constant_bytes: float = 0.0


def blocks_of(block: BlockConfig, shape: OpShape) -> tuple[int, int, int]:
    """Number of OFM blocks in height, width and depth."""
    return (
        math.ceil(shape.ofm_height / block.ofm_height),
        math.ceil(shape.ofm_width / block.ofm_width),
        math.ceil(shape.ofm_depth / block.ofm_depth),
    )


def memory_traffic_of(
    accelerator: Accelerator,
    op: NpuOp,
    block: BlockConfig | None,
    ifms: Sequence[FeatureMap],
    ofm: FeatureMap | None,
    memories: Sequence[Memory],
) -> MemoryTraffic:
    """What an operation moves.

    Args:
        accelerator: The accelerator.
        op: The operation.
        block: Its block configuration; None where it has none.
        ifms: What it reads.
        ofm: What it writes.
        memories: The memory of each IFM, then that of the OFM.
    """
    shape = op.shape
    if shape is None or block is None:
        return _unblocked_traffic(accelerator, op, ifms, ofm)
    config = accelerator.config
    sizes = [_first_ifm_elements(config, op, shape, block, ifms[0])] if ifms else []
    sizes += [float(min(each.size_bytes, amount)) for each, amount in zip(ifms[1:], op.ifm_bytes[1:], strict=True)]
    moved = [sizes[0] * burst_overhead(memories[0], read_run(block, shape, nhwc=op.ifm_nhwc))] if ifms else []
    for each, size, memory in zip(ifms[1:], sizes[1:], memories[1:], strict=False):
        whole = shape.block_type != "elementwise"
        moved.append(size if whole else size * burst_overhead(memory, read_run(block, shape, nhwc=each.nhwc)))
    depth = shape.ofm_depth if op.ofm_nhwc else round_up(shape.ofm_depth, BRICK)
    outputs = shape.ofm_height * shape.ofm_width * depth
    written = outputs * burst_overhead(memories[-1], write_run(config, block, shape, nhwc=op.ofm_nhwc)) if ofm else 0.0
    constant = op.constant_elements * burst_overhead(accelerator.off_chip, read_run(block, shape, nhwc=True))
    rows, columns, _ = blocks_of(block, shape)
    accesses = (*sizes, float(outputs) if ofm else 0.0)
    return MemoryTraffic(tuple(moved), written, accesses, rows * columns, constant)


def _first_ifm_elements(
    config: AcceleratorConfig, op: NpuOp, shape: OpShape, block: BlockConfig, ifm: FeatureMap
) -> float:
    depth = shape.ifm_depth if op.ifm_nhwc else round_up(shape.ifm_depth, BRICK)
    if shape.block_type == "elementwise":
        return float(min(ifm.size_bytes, op.ifm_bytes[0]))
    if shape.block_type == "resize" or (op.transposes and config.shram_banks):
        return float(shape.ifm_height * shape.ifm_width * depth)
    rows, columns, deep = blocks_of(block, shape)
    area = min(block.ifm_height, shape.ifm_height) * min(block.ifm_width, shape.ifm_width)
    sub_kernels = math.ceil(shape.kernel_height / SUB_KERNEL) * math.ceil(shape.kernel_width / SUB_KERNEL)
    return float(area * depth * sub_kernels * rows * columns * (1 if shape.block_type in EQUAL_DEPTH else deep))


def _unblocked_traffic(
    accelerator: Accelerator, op: NpuOp, ifms: Sequence[FeatureMap], ofm: FeatureMap | None
) -> MemoryTraffic:
    """Traffic of an operation without a block configuration: every feature map once.

    Where an element-wise operator broadcasts, the Ethos-U55 and U65 read the operand for every output.
    """
    least = float(op.ofm_elements) if op.kind in ELEMENTWISE and accelerator.config.shram_banks else 0.0
    sizes = tuple(
        max(float(min(each.size_bytes, amount)), least) for each, amount in zip(ifms, op.ifm_bytes, strict=True)
    )
    written = float(min(ofm.size_bytes, op.ofm_bytes)) if ofm else 0.0
    constant = 0.0
    if op.constant_elements > 1:
        run = min(_BROADCAST_RUN if op.ofm_height == 1 else BRICK, op.ofm_depth)
        constant = op.ofm_elements * burst_overhead(accelerator.off_chip, run)
    return MemoryTraffic(sizes, written, (*sizes, written), 1, constant)


def burst_overhead(memory: Memory, run: float) -> float:
    """How much longer runs of some bytes take than full bursts."""
    return memory.burst_bytes / max(min(memory.burst_bytes, run), 1.0)


def read_run(block: BlockConfig, shape: OpShape, *, nhwc: bool) -> float:
    """Bytes of the IFM block that lie side by side in memory."""
    if nhwc:
        return block.ifm_depth * (block.ifm_width if shape.ifm_depth == block.ifm_depth else 1)
    return BRICK * block.ifm_width


def write_run(config: AcceleratorConfig, block: BlockConfig, shape: OpShape, *, nhwc: bool) -> float:
    """Bytes of the OFM block that lie side by side in memory."""
    if not nhwc:
        return BRICK * config.cores * block.ofm_width
    if block.ofm_depth <= BRICK and shape.ofm_depth == block.ofm_depth:
        return block.ofm_width * block.ofm_depth
    return min(_MOST_NHWC_WRITE, BRICK * config.cores, block.ofm_depth)
