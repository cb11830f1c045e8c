"""How long the engine of an Ethos-U is busy with one operation, as its compiler reckons.

The compiler's published performance estimate, with its own simplifications: an engine computes block after block,
each as long as its multiply-accumulates or its outputs take, and never faster than a quarter of what computing,
writing and the slower of its transfers take together (commands are issued no faster); it begins when the first block
of input has come and ends when the last one of output is written.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.tiling import SUB_KERNEL, Tile
from annette.devices.arm_ethos_u.scheduler.traffic import read_run, stretch, write_run
from annette.devices.arm_ethos_u.scheduler.work import ELEMENTWISE

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine, Window
    from annette.devices.arm_ethos_u.scheduler.work import Work

__all__ = ["engine_cycles"]

_WEIGHT_FEED: Final = 32
_DELAY: Final = 2
_BIAS_BYTES: Final = 10
_BIAS_SHARE: Final = 256
_POOL_CYCLES: Final = 16
_IN_FLIGHT: Final = 4


def engine_cycles(
    device: Device,
    work: Work,
    tile: Tile | None,
    *,
    memories: tuple[Memory, Memory, Memory],
    channels: int = 0,
) -> float:
    """How long the engine is busy.

    Args:
        device: The accelerator.
        work: The operation.
        tile: How it is cut; None where it is not.
        memories: Where its first input, its output and its scales and biases are.
        channels: Output channels to compute, if not all.
    """
    window = work.window
    read, written, biases = memories
    each = _cycles_per_output(device, work)
    if window is None or tile is None:
        return _moving_cycles(device, work, each)
    if work.turned and device.engine.banks:  # Estimated by its transfers alone.
        reading = work.elements * stretch(read, read_run(tile, window, rows=work.rows_in))
        writing = work.elements * stretch(written, write_run(device.engine, tile, window, rows=work.rows_out))
        return max(
            read.read_latency + reading / read.bytes_per_cycle,
            written.write_latency + writing / written.bytes_per_cycle,
        )
    if channels:
        window = window._replace(out_channels=channels)
    flowing = 0
    if window.role in ("resize", "elementwise"):
        flowing = work.elements if work.rows_out else max(work.written_bytes, work.elements)
    return _windowed_cycles(
        device.engine,
        window,
        tile,
        each,
        biases.read_latency if work.weight_bytes else 0.0,
        flowing,
        read,
        written,
        rows_in=work.rows_in,
        rows_out=work.rows_out,
    )


@lru_cache(maxsize=65_536)  # Schedulers ask again and again, and networks repeat their blocks.
def _windowed_cycles(
    engine: Engine,
    window: Window,
    tile: Tile,
    each: float,
    bias_latency: float,
    flowing: int,
    read: Memory,
    written: Memory,
    *,
    rows_in: bool,
    rows_out: bool,
) -> float:
    """Cycles of what is cut by windows.

    Args:
        engine: Sizes of blocks.
        window: How it goes over its input.
        tile: How it is cut.
        each: Cycles of writing one output.
        bias_latency: Cycles until scales and biases come; 0 without.
        flowing: Outputs of what computes no sums; 0 for all others.
        read: Where its first input is.
        written: Where its output is.
        rows_in: Whether its first input is stored in rows.
        rows_out: Whether its output is.
    """
    height, width, deep = (
        min(tile.height, window.out_height),
        min(tile.width, window.out_width),
        min(tile.channels, window.out_channels),
    )
    outputs = height * width * deep
    inputs = (
        min(tile.in_height, window.in_height)
        * min(tile.in_width, window.in_width)
        * min(tile.in_channels, window.in_channels)
    )
    reading = inputs * stretch(read, read_run(tile, window, rows=rows_in))
    writing_out = outputs * stretch(written, write_run(engine, tile, window, rows=rows_out))
    fetch = read.read_latency + int(reading / read.bytes_per_cycle)
    drain = written.write_latency + int(writing_out / written.bytes_per_cycle)
    if flowing:
        return _flowing_cycles(each, flowing, tile.height * tile.width * tile.channels, max(fetch, drain))
    unit = _unit(engine, window, tile)
    blocks = (
        -(-window.out_height // unit[0]) * -(-window.out_width // unit[1]) * -(-window.out_channels // unit[2])
    ) / (-(-height // unit[0]) * -(-width // unit[1]) * -(-deep // unit[2]))
    computing = _block_cycles(engine, window, tile, unit)
    writing = max(math.ceil(each * outputs), _BIAS_BYTES * deep * bias_latency / _BIAS_SHARE)
    issuing = ((abs(drain - fetch) if blocks > 1 else 0.0) + computing + writing) / _IN_FLIGHT
    computing, writing = max(computing, issuing), max(writing, issuing)
    return max(computing * blocks + writing, writing * blocks + computing) + fetch + drain


def _cycles_per_output(device: Device, work: Work) -> float:
    each = device.cycles_per_output
    if work.kind == "max_pool":
        each = device.cycles_per_maximum
    elif work.kind in ("add", "sub", "max", "min"):
        each = device.cycles_per_sum
    elif work.kind == "mul":
        each = device.cycles_per_product
    if work.table:
        each = max(each, device.cycles_per_table)
    if work.slow:
        each *= 2
    return each + device.cycles_per_sum if work.chained else each


def _moving_cycles(device: Device, work: Work, each: float) -> float:
    """What is not cut by windows: element by element, or moved by a pooling of one element."""
    if work.kind not in ELEMENTWISE:
        engine = device.engine
        each = max(each, _POOL_CYCLES / math.prod(engine.units[0]) / (engine.cores if engine.banks else 1))
        return math.ceil(each * work.elements)
    return math.ceil(each * work.elements)


def _flowing_cycles(each: float, elements: int, block: int, transfer: float) -> float:
    """Outputs of what computes no sums, limited by the issue of commands like all blocks."""
    return max(math.ceil(each * elements), math.ceil((transfer / block + each) / _IN_FLIGHT * elements))


def _unit(engine: Engine, window: Window, tile: Tile) -> tuple[int, int, int]:
    """The micro-tile, which lies down where there is one line of outputs."""
    lies = (
        engine.banks and tile.unit[0] == 2 and window.out_height == 1 and window.out_width % 2 == 0
        and window.kernel_height == 1 and window.role in ("conv", "vector")
    )  # fmt: skip
    return (1, 4, tile.unit[2]) if lies else tile.unit


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
            if window.role in ("pool", "copy"):
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
