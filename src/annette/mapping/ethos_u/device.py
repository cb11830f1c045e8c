"""Memories and engine of an Ethos-U as its compiler reckons with them: cycles of the engine, bytes of each memory.

The compiler's published performance estimate, with its own simplifications: an engine computes block after block,
each as long as its multiply-accumulates or its outputs take; it begins when the first block of input has come and
ends when the last one of output is written. A memory moves bursts: a shorter run of bytes takes as long as a full
one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.mapping.ethos_u.maps import BRICK
from annette.mapping.ethos_u.tiling import SUB_KERNEL, Tile, up
from annette.mapping.ethos_u.work import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.ethos_u.maps import Map
    from annette.mapping.ethos_u.tiling import Engine, Window
    from annette.mapping.ethos_u.work import Work

__all__ = ["Device", "Memory", "Traffic", "blocks_of", "engine_cycles", "traffic_of"]

_WEIGHT_FEED: Final = 32
_DELAY: Final = 2
_BIAS_BYTES: Final = 10
_BIAS_SHARE: Final = 256
_PIXEL_BURST: Final = 64
_POOL_CYCLES: Final = 16
_RUN: Final = 64


class Memory(NamedTuple):
    """A memory.

    Attributes:
        bytes_per_cycle: Of all streams together.
        read: Bytes per cycle of a stream of inputs.
        write: Of outputs.
        weights: Of weights.
        scales: Of scales and biases.
        copy: Of weights that are copied from it.
        burst_bytes: Bytes that are moved at once.
        read_latency: Cycles until a read begins.
        write_latency: Cycles until a write begins.
    """

    bytes_per_cycle: float
    read: float
    write: float
    weights: float
    scales: float
    copy: float
    burst_bytes: float
    read_latency: float
    write_latency: float


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator with its memories.

    Attributes:
        engine: Sizes of blocks.
        inside: The memory on chip.
        outside: The memory outside, where weights are.
        staging_bytes: How much of the memory on chip is for what would lie outside; 0 where maps lie on chip anyway.
        cycles_per_output: Of what computes multiply-accumulates, per element written.
        cycles_per_table: Where an activation is looked up in a table.
        cycles_per_maximum: Of a maximum pooling.
        cycles_per_sum: Of an element-wise sum.
        cycles_per_product: Of an element-wise product.
    """

    engine: Engine
    inside: Memory
    outside: Memory
    staging_bytes: int
    cycles_per_output: float
    cycles_per_table: float
    cycles_per_maximum: float
    cycles_per_sum: float
    cycles_per_product: float


class Traffic(NamedTuple):
    """What a kernel moves, in bytes of full bursts.

    Attributes:
        reads: For each map that it reads.
        write: What it writes.
        elements: The same two in elements, whatever the bursts.
        refetches: How often it reads its weights.
        constant: What it reads of a constant operand, from outside.
    """

    reads: tuple[float, ...]
    write: float
    elements: tuple[float, ...]
    refetches: int
    constant: float = 0.0


def blocks_of(tile: Tile, window: Window) -> tuple[int, int, int]:
    """Blocks along height, width and channels."""
    return (
        math.ceil(window.out_height / tile.height),
        math.ceil(window.out_width / tile.width),
        math.ceil(window.out_channels / tile.channels),
    )


def _block_cycles(engine: Engine, window: Window, tile: Tile, unit: tuple[int, int, int]) -> float:
    """Multiply-accumulates of one block, with feeding weights and waiting for sums."""
    lines, columns, deep = (
        math.ceil(min(size, most) / step)
        for size, most, step in zip(
            tile[:3], (window.out_height, window.out_width, window.out_channels), unit, strict=True
        )
    )
    area = lines * columns
    depth = min(tile.in_channels, window.in_channels)
    bricks = math.ceil(depth / SUB_KERNEL)
    cycles = 0.0
    for x in range(0, window.kernel_width, SUB_KERNEL):
        for y in range(0, window.kernel_height, SUB_KERNEL):
            elements = min(window.kernel_height - y, SUB_KERNEL) * min(window.kernel_width - x, SUB_KERNEL)
            steps, repeats = elements, 1
            if window.role == "pool":
                steps, each = 1, max(4, elements) * area * deep * 4.0
            elif window.role == "depthwise":
                steps = math.ceil(elements / 4)
                each = float(max(_WEIGHT_FEED, 4 * area) * steps * deep)
            elif tile.part_kernel:
                steps, repeats = math.ceil(elements / 4), bricks
                each = float(max(_WEIGHT_FEED, 4 * area) * steps * deep * bricks)
            else:
                each = float(max(_WEIGHT_FEED, (4 if engine.banks else depth // SUB_KERNEL) * area) * steps * deep)
            waits = 0
            if area == 1:
                waits = _DELAY * (steps if deep == 1 else (steps - 1) * deep) * repeats
            cycles += each + waits
    if window.role in ("conv", "vector"):
        cycles *= math.ceil(window.in_channels / depth)
    return cycles / (engine.cores if engine.banks else 1)


def engine_cycles(
    device: Device,
    work: Work,
    tile: Tile | None,
    *,
    table: bool,
    memories: tuple[Memory, Memory, Memory],
    channels: int = 0,
) -> float:
    """How long the engine is busy.

    Args:
        device: The accelerator.
        work: The kernel.
        tile: How it is cut; None where it is not.
        table: Whether an activation is looked up.
        memories: Where its first input, its output and its scales and biases are.
        channels: Output channels to compute, if not all.
    """
    window = work.window
    read, written, biases = memories
    each = device.cycles_per_output
    if work.kind == "max_pool":
        each = device.cycles_per_maximum
    elif work.kind in ("add", "sub", "max", "min"):
        each = device.cycles_per_sum
    elif work.kind == "mul":
        each = device.cycles_per_product
    if table:
        each = max(each, device.cycles_per_table)
    if work.chained:
        each += device.cycles_per_sum
    if window is None or tile is None:
        if work.kind not in ELEMENTWISE:  # Moved by a pooling of one element.
            engine = device.engine
            each = max(each, _POOL_CYCLES / math.prod(engine.units[0]) / (engine.cores if engine.banks else 1))
        return math.ceil(each * work.elements)
    if channels:
        window = window._replace(out_channels=channels)
    unit = tile.unit
    if (
        device.engine.banks and unit[0] == 2 and window.out_height == 1 and window.out_width % 2 == 0
        and window.kernel_height == 1 and window.role in ("conv", "vector")
    ):  # fmt: skip
        unit = (1, 4, unit[2])
    out = (window.out_height, window.out_width, window.out_channels)
    block = [min(size, most) for size, most in zip(tile[:3], out, strict=True)]
    blocks = math.prod(math.ceil(most / step) for most, step in zip(out, unit, strict=True)) / math.prod(
        math.ceil(size / step) for size, step in zip(block, unit, strict=True)
    )
    computing = _block_cycles(device.engine, window, tile, unit)
    bias = _BIAS_BYTES * block[2] * biases.read_latency / _BIAS_SHARE if work.weight_bytes else 0.0
    writing = max(math.ceil(each * math.prod(block)), bias)
    inputs = min(tile.in_height, window.in_height) * min(tile.in_width, window.in_width)
    fetch = read.read_latency + inputs * min(tile.in_channels, window.in_channels) / read.bytes_per_cycle
    drain = written.write_latency + math.prod(block) / written.bytes_per_cycle
    return max(computing * blocks + writing, writing * blocks + computing) + fetch + drain


def traffic_of(
    device: Device, work: Work, tile: Tile | None, maps: Sequence[Map], written: Map | None, where: Sequence[Memory]
) -> Traffic:
    """What a kernel moves.

    Args:
        device: The accelerator.
        work: The kernel.
        tile: How it is cut; None where it is not.
        maps: What it reads.
        written: What it writes.
        where: The memory of each map that it reads, then that of the one that it writes.
    """
    window = work.window
    if window is None or tile is None:
        whole = float(work.elements) if work.kind in ELEMENTWISE and device.engine.banks else 0.0
        read = tuple(
            max(float(min(each.size_bytes, amount)), whole) for each, amount in zip(maps, work.amounts, strict=True)
        )
        write = float(min(written.size_bytes, work.written_bytes)) if written else 0.0
        return Traffic(read, write, (*read, write), 1, _constant_bytes(device, work))
    lines, columns, deep = blocks_of(tile, window)
    equal = window.role in ("depthwise", "pool")
    rows = bool(maps) and maps[0].rows
    area = min(tile.in_height, window.in_height) * min(tile.in_width, window.in_width)
    parts = math.ceil(window.kernel_height / SUB_KERNEL) * math.ceil(window.kernel_width / SUB_KERNEL)
    channels = window.in_channels if rows else up(window.in_channels, BRICK)
    first = area * channels * parts * lines * columns * (1 if equal else deep)
    reads = [first * _stretch(where[0], _read_run(tile, window, rows=rows))] if maps else []
    reads += [float(min(each.size_bytes, amount)) for each, amount in zip(maps[1:], work.amounts[1:], strict=True)]
    into_rows = written is not None and written.rows
    out_channels = window.out_channels if into_rows else up(window.out_channels, BRICK)
    outputs = window.out_height * window.out_width * out_channels
    run = _write_run(device, tile, window, rows=into_rows)
    write = outputs * _stretch(where[-1], run) if written else 0.0
    moved = ([first] if maps else []) + reads[1:]
    return Traffic(tuple(reads), write, (*moved, float(outputs) if written else 0.0), lines * columns)


def _constant_bytes(device: Device, work: Work) -> float:
    """What a constant operand takes to read: rows, again for every output where the engine broadcasts by reading."""
    if work.constant_elements <= 1:
        return 0.0
    run = _RUN if device.engine.banks and work.lines == 1 else BRICK
    amount = work.elements if device.engine.banks else work.constant_elements
    return amount * _stretch(device.outside, min(run, work.channels))


def _stretch(memory: Memory, run: float) -> float:
    return memory.burst_bytes / max(min(memory.burst_bytes, run), 1.0)


def _read_run(tile: Tile, window: Window, *, rows: bool) -> float:
    """Bytes of input that lie side by side."""
    if rows:
        whole = window.in_channels == tile.in_channels
        return tile.in_width * tile.in_channels if whole else tile.in_channels
    return BRICK * tile.in_width


def _write_run(device: Device, tile: Tile, window: Window, *, rows: bool) -> float:
    """Bytes of output that lie side by side."""
    cores = device.engine.cores
    if rows:
        if tile.channels <= BRICK and window.out_channels == tile.channels:
            return tile.width * tile.channels
        return min(_PIXEL_BURST, BRICK * cores, tile.channels)
    return BRICK * cores * tile.width
