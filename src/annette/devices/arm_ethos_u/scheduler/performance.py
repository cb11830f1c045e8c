"""How long the accelerator is busy with one operation, and what that moves, as Vela's performance model estimates it.

From ``EstimateConvCycles``, ``EstimateOutputCyclesPerElement``, ``EstimateMinimumMemoryCycles``,
``MeasureElementAccess`` and ``ElementTransferToBytes`` (regor, ``ethos_u55_performance.cpp`` and
``ethos_u85_performance.cpp``), with their own simplifications: blocks follow one another, each as long as its
multiply-accumulates or its outputs take, and never faster than a quarter of what both and the transfers of its IFM and
OFM take together (commands are issued no faster); the first block of the IFM comes before, the last one of the OFM is
written behind. A memory moves bursts: a shorter run of bytes takes as long as a full one. The IFM is read again for
every block in depth, weights for every block in height and width.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.block_config import (
    EQUAL_DEPTH,
    SUB_KERNEL,
    BlockConfig,
    round_up,
)
from annette.devices.arm_ethos_u.scheduler.elementwise_block import elementwise_block
from annette.devices.arm_ethos_u.scheduler.feature_maps import BRICK, ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, AcceleratorConfig, Memory, UBlock
    from annette.devices.arm_ethos_u.scheduler.block_config import OpShape
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

__all__ = ["MemoryTraffic", "blocks_of", "engine_cycles", "memory_traffic_of", "plain_cycles"]

_MOST_NHWC_WRITE: Final = 64
_DELAY_CYCLES: Final = 2
"""Between two steps that add to the same accumulators; 3 on the smallest accelerator."""

_SMALLEST_MACS: Final = 32
"""The U55-32, of which Vela assumes another delay, and poolings four times as fast as its others."""

_SCALE_BYTES: Final = 10
_SCALES_AT_ONCE: Final = 256
_NOP_POOL_CYCLES: Final = 16
_COMMANDS_IN_FLIGHT: Final = 4
_PAIR: Final = 2
"""IFM depth up to which an Ethos-U85 computes part-kernel first at twice the speed (found from Vela's reports)."""


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
    maps: Mapping[str, FeatureMap],
    memories: Sequence[Memory],
) -> MemoryTraffic:
    """What an operation moves.

    Args:
        accelerator: The accelerator.
        op: The operation.
        block: Its block configuration; None where it has none.
        maps: All feature maps.
        memories: The memory of each IFM, then that of the OFM.
    """
    shape, ifms, ofm = op.shape, [maps[name] for name in op.ifms], maps.get(op.ofm)
    if shape is None or block is None:
        return _unblocked_traffic(accelerator, op, ifms, ofm)
    config = accelerator.config
    sizes = [_first_ifm_elements(config, op, shape, block, ifms[0])] if ifms else []
    sizes += [float(min(each.size_bytes, amount)) for each, amount in zip(ifms[1:], op.ifm_bytes[1:], strict=True)]
    moved = [sizes[0] * _burst_overhead(memories[0], _read_run(block, shape, nhwc=op.ifm_nhwc))] if ifms else []
    for each, size, memory in zip(ifms[1:], sizes[1:], memories[1:], strict=False):
        whole = shape.block_type != "elementwise"
        moved.append(size if whole else size * _burst_overhead(memory, _read_run(block, shape, nhwc=each.nhwc)))
    depth = shape.ofm_depth if op.ofm_nhwc else round_up(shape.ofm_depth, BRICK)
    outputs = shape.ofm_height * shape.ofm_width * depth
    run = _write_run(config, block, shape, nhwc=op.ofm_nhwc)
    written = outputs * _burst_overhead(memories[-1], run) if ofm else 0.0
    constant = op.constant_elements * _burst_overhead(accelerator.off_chip, _read_run(block, shape, nhwc=True))
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
    least = float(_stored_elements(op)) if op.kind in ELEMENTWISE and accelerator.config.shram_banks else 0.0
    sizes = tuple(
        max(float(min(each.size_bytes, amount)), least) for each, amount in zip(ifms, op.ifm_bytes, strict=True)
    )
    written = float(min(ofm.size_bytes, op.ofm_bytes)) if ofm else 0.0
    constant = 0.0
    if op.constant_elements > 1:
        run = float(op.ofm_depth)
        if op.block_shape is not None:
            run = _read_run(elementwise_block(accelerator.config, op.block_shape), op.block_shape, nhwc=True)
        constant = op.ofm_elements * _burst_overhead(accelerator.off_chip, run)
    return MemoryTraffic(sizes, written, (*sizes, written), 1, constant)


def _stored_elements(op: NpuOp) -> int:
    """Elements of an OFM with those that fill up its bricks."""
    return op.ofm_elements if op.ofm_nhwc else max(op.ofm_bytes, op.ofm_elements)


def _burst_overhead(memory: Memory, run: float) -> float:
    """How much longer runs of some bytes take than full bursts."""
    return memory.burst_bytes / max(min(memory.burst_bytes, run), 1.0)


def _read_run(block: BlockConfig, shape: OpShape, *, nhwc: bool) -> float:
    """Bytes of the IFM block that lie side by side in memory."""
    if nhwc:
        return block.ifm_depth * (block.ifm_width if shape.ifm_depth == block.ifm_depth else 1)
    return BRICK * block.ifm_width


def _write_run(config: AcceleratorConfig, block: BlockConfig, shape: OpShape, *, nhwc: bool) -> float:
    """Bytes of the OFM block that lie side by side in memory."""
    if not nhwc:
        return BRICK * config.cores * block.ofm_width
    if block.ofm_depth <= BRICK and shape.ofm_depth == block.ofm_depth:
        return block.ofm_width * block.ofm_depth
    return min(_MOST_NHWC_WRITE, BRICK * config.cores, block.ofm_depth)


def engine_cycles(
    accelerator: Accelerator,
    op: NpuOp,
    block: BlockConfig | None,
    *,
    memories: tuple[Memory, Memory, Memory],
    ofm_depth: int = 0,
    first: bool = True,
    last: bool = True,
) -> float:
    """Cycles that the accelerator is busy.

    Args:
        accelerator: The accelerator.
        op: The operation.
        block: Its block configuration; None where it has none.
        memories: Where its first IFM, its OFM, and its scales and biases are.
        ofm_depth: Depth of the OFM to compute, if not all.
        first: Whether nothing of the operation ran before, so that its IFM has yet to be fetched.
        last: Whether nothing of it runs behind, so that its OFM has yet to be written.
    """
    shape, config = op.shape, accelerator.config
    ifm_memory, ofm_memory, scale_memory = memories
    if op.own_cycles:
        return op.own_cycles
    per_output = _cycles_per_output(accelerator, op)
    if shape is None or block is None:
        if op.kind not in ELEMENTWISE:  # Copied by a pooling of single elements.
            cores = config.cores if config.shram_banks else 1
            per_output = max(per_output, _NOP_POOL_CYCLES / math.prod(config.ofm_ublocks[0]) / cores)
            return math.ceil(per_output * op.ofm_elements)
        return math.ceil(per_output * _stored_elements(op))
    if op.transposes and config.shram_banks:  # Estimated by its transfers alone.
        reading = op.ofm_elements * _burst_overhead(ifm_memory, _read_run(block, shape, nhwc=op.ifm_nhwc))
        writing = op.ofm_elements * _burst_overhead(ofm_memory, _write_run(config, block, shape, nhwc=op.ofm_nhwc))
        return max(
            ifm_memory.read_latency + reading / ifm_memory.bytes_per_cycle,
            ofm_memory.write_latency + writing / ofm_memory.bytes_per_cycle,
        )
    if ofm_depth:
        shape = shape._replace(ofm_depth=ofm_depth)
    macless = 0
    if shape.block_type in ("resize", "elementwise"):
        macless = _stored_elements(op)
    scale_latency = scale_memory.read_latency if op.weight_bytes else 0.0
    return _blocked_cycles(
        config, shape, block, per_output, scale_latency, macless, ifm_memory, ofm_memory,
        ifm_nhwc=op.ifm_nhwc, ofm_nhwc=op.ofm_nhwc, first=first, last=last,
    )  # fmt: skip


def plain_cycles(
    accelerator: Accelerator,
    shape: OpShape,
    block: BlockConfig,
    per_output: float,
    ifm: Memory,
    ofm: Memory,
    *,
    nhwc: bool = True,
) -> float:
    """Cycles of an operation without weights that writes NHCWB16.

    Args:
        accelerator: The accelerator.
        shape: Shape of the operation.
        block: Its block configuration.
        per_output: Cycles of writing one element.
        ifm: Where its IFM is.
        ofm: Where its OFM is.
        nhwc: Whether its IFM is stored as NHWC.
    """
    return _blocked_cycles(
        accelerator.config, shape, block, per_output, 0.0, 0, ifm, ofm,
        ifm_nhwc=nhwc, ofm_nhwc=False, first=True, last=True,
    )  # fmt: skip


@lru_cache(maxsize=65_536)  # The scheduler asks again and again, and networks repeat their blocks.
def _blocked_cycles(
    config: AcceleratorConfig,
    shape: OpShape,
    block: BlockConfig,
    per_output: float,
    scale_latency: float,
    macless: int,
    ifm_memory: Memory,
    ofm_memory: Memory,
    *,
    ifm_nhwc: bool,
    ofm_nhwc: bool,
    first: bool,
    last: bool,
) -> float:
    """Cycles of an operation that runs block by block.

    Args:
        config: The accelerator.
        shape: Shape of the operation.
        block: Its block configuration.
        per_output: Cycles of writing one element.
        scale_latency: Cycles until scales and biases come; 0 without.
        macless: Elements that are written without multiply-accumulates; 0 where there are some.
        ifm_memory: Where its first IFM is.
        ofm_memory: Where its OFM is.
        ifm_nhwc: Whether its first IFM is stored as NHWC.
        ofm_nhwc: Whether its OFM is.
        first: Whether its IFM has yet to be fetched.
        last: Whether its OFM has yet to be written.
    """
    height, width, depth = (
        min(block.ofm_height, shape.ofm_height),
        min(block.ofm_width, shape.ofm_width),
        min(block.ofm_depth, shape.ofm_depth),
    )
    outputs = height * width * depth
    inputs = (
        min(block.ifm_height, shape.ifm_height)
        * min(block.ifm_width, shape.ifm_width)
        * min(block.ifm_depth, shape.ifm_depth)
    )
    reading = inputs * _burst_overhead(ifm_memory, _read_run(block, shape, nhwc=ifm_nhwc))
    writing = outputs * _burst_overhead(ofm_memory, _write_run(config, block, shape, nhwc=ofm_nhwc))
    fetch = ifm_memory.read_latency + int(reading / ifm_memory.bytes_per_cycle)
    drain = ofm_memory.write_latency + int(writing / ofm_memory.bytes_per_cycle)
    if macless:
        transfer = max(fetch, drain) / (block.ofm_height * block.ofm_width * block.ofm_depth)
        issue = (transfer + per_output) / _COMMANDS_IN_FLIGHT
        return max(math.ceil(per_output * macless), math.ceil(issue * macless))
    ublock = _computed_ublock(config, shape, block)
    blocks = (
        -(-shape.ofm_height // ublock[0]) * -(-shape.ofm_width // ublock[1]) * -(-shape.ofm_depth // ublock[2])
    ) / (-(-height // ublock[0]) * -(-width // ublock[1]) * -(-depth // ublock[2]))
    mac_cycles = _mac_cycles(config, shape, block, ublock)
    output_cycles = max(math.ceil(per_output * outputs), _SCALE_BYTES * depth * scale_latency / _SCALES_AT_ONCE)
    transfer = abs(drain - fetch) if blocks > 1 else 0.0
    issue = (transfer + mac_cycles + output_cycles) / _COMMANDS_IN_FLIGHT
    mac_cycles, output_cycles = max(mac_cycles, issue), max(output_cycles, issue)
    return _in_turn(mac_cycles, output_cycles, blocks, last=last) + fetch * first + drain * last


def _in_turn(mac_cycles: float, output_cycles: float, blocks: float, *, last: bool) -> float:
    """Cycles of blocks whose multiply-accumulates and outputs overlap."""
    if mac_cycles > output_cycles:
        return mac_cycles * blocks + output_cycles * last
    return output_cycles * blocks + mac_cycles


def _cycles_per_output(accelerator: Accelerator, op: NpuOp) -> float:
    cycles = accelerator.cycles_per_output
    if op.kind == "max_pool":
        cycles = accelerator.cycles_per_max_pool
    elif op.kind in ("add", "sub", "max", "min"):
        cycles = accelerator.cycles_per_add
    elif op.kind == "mul":
        cycles = accelerator.cycles_per_mul
    if op.lut:
        cycles = max(cycles, accelerator.cycles_per_lut)
    if op.half_speed:
        cycles *= 2
    return cycles + op.chained * accelerator.cycles_per_add


def _computed_ublock(config: AcceleratorConfig, shape: OpShape, block: BlockConfig) -> UBlock:
    """The micro-block; one of height 2 is laid flat for an OFM of one row (Ethos-U55 and U65)."""
    flat = (
        config.shram_banks and block.ofm_ublock[0] == 2 and shape.ofm_height == 1 and shape.ofm_width % 2 == 0
        and shape.kernel_height == 1 and shape.block_type in ("conv", "vector")
    )  # fmt: skip
    return (1, 4, block.ofm_ublock[2]) if flat else block.ofm_ublock


def _sub_kernels(shape: OpShape) -> list[tuple[int, int]]:
    """Sizes of the parts that a kernel is computed in, and how many there are of each, however large the kernel is."""
    sides = []
    for size in (shape.kernel_height, shape.kernel_width):
        whole, rest = divmod(size, SUB_KERNEL)
        sides.append([(side, count) for side, count in ((SUB_KERNEL, whole), (rest, 1)) if side and count])
    return [(height * width, rows * columns) for height, rows in sides[0] for width, columns in sides[1]]


def _mac_cycles(config: AcceleratorConfig, shape: OpShape, block: BlockConfig, ublock: UBlock) -> float:
    """Cycles of the multiply-accumulates of one block, with decoding weights and waiting for accumulators."""
    rows, columns, deep = (
        math.ceil(min(size, most) / step)
        for size, most, step in zip(
            block[:3], (shape.ofm_height, shape.ofm_width, shape.ofm_depth), ublock, strict=True
        )
    )
    area = rows * columns
    ifm_depth = min(block.ifm_depth, shape.ifm_depth)
    eighths = math.ceil(ifm_depth / 8)
    smallest = config.macs == _SMALLEST_MACS
    cycles, weight_cycles, delay = 0.0, config.weight_cycles(ublock), _DELAY_CYCLES + smallest
    for elements, count in _sub_kernels(shape):
        steps, repeats = elements, 1
        if shape.block_type in ("pool", "copy"):
            steps, computing = 1, max(4, elements) * area * deep * (1.0 if smallest else 4.0)
        elif shape.block_type == "depthwise":
            steps = math.ceil(elements / 4)
            computing = float(max(weight_cycles, 4 * area) * steps * deep)
        elif block.part_kernel:
            steps, repeats = math.ceil(elements / 4), eighths
            each = 2 if ifm_depth <= _PAIR and not config.shram_banks else 4  # Two channels take half of eight's time.
            computing = float(max(weight_cycles, each * area) * steps * deep * eighths)
        else:
            per_ublock = 4 if config.shram_banks else ifm_depth // 8
            computing = float(max(weight_cycles, per_ublock * area) * steps * deep)
        waiting = 0
        if area == 1:
            waiting = delay * (steps if deep == 1 else (steps - 1) * deep) * repeats
        cycles += count * (computing + waiting)
    if shape.block_type in ("conv", "vector"):
        cycles *= math.ceil(shape.ifm_depth / ifm_depth)
    return cycles / (config.cores if config.shram_banks else 1)
