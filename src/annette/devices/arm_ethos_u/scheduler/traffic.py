"""What an operation of an Ethos-U moves, as its compiler reckons.

A memory moves bursts: a shorter run of bytes takes as long as a full one. Inputs are read again for every block of
output channels, weights for every block of positions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.maps import BRICK
from annette.devices.arm_ethos_u.scheduler.tiling import EQUAL_DEPTH, SUB_KERNEL, Tile, up
from annette.devices.arm_ethos_u.scheduler.work import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
    from annette.devices.arm_ethos_u.scheduler.maps import Map
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine, Window
    from annette.devices.arm_ethos_u.scheduler.work import Work

__all__ = ["Traffic", "blocks_of", "read_run", "stretch", "traffic_of", "write_run"]

_PIXEL_BURST: Final = 64
_RUN: Final = 64


class Traffic(NamedTuple):
    """What an operation moves, in bytes of full bursts.

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


def traffic_of(
    device: Device, work: Work, tile: Tile | None, maps: Sequence[Map], written: Map | None, where: Sequence[Memory]
) -> Traffic:
    """What an operation moves.

    Args:
        device: The accelerator.
        work: The operation.
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
    equal = window.role in EQUAL_DEPTH
    area = min(tile.in_height, window.in_height) * min(tile.in_width, window.in_width)
    parts = math.ceil(window.kernel_height / SUB_KERNEL) * math.ceil(window.kernel_width / SUB_KERNEL)
    channels = window.in_channels if work.rows_in else up(window.in_channels, BRICK)
    first = float(area * channels * parts * lines * columns * (1 if equal else deep))
    if window.role == "elementwise":
        first = float(min(maps[0].size_bytes, work.amounts[0])) if maps else 0.0
    elif window.role == "resize" or (work.turned and device.engine.banks):
        first = float(window.in_height * window.in_width * channels)
    sizes = [first] if maps else []
    sizes += [float(min(each.size_bytes, amount)) for each, amount in zip(maps[1:], work.amounts[1:], strict=True)]
    reads = [first * stretch(where[0], read_run(tile, window, rows=work.rows_in))] if maps else []
    for each, size, memory in zip(maps[1:], sizes[1:], where[1:], strict=False):
        stretched = window.role == "elementwise"
        reads.append(size * stretch(memory, read_run(tile, window, rows=each.rows)) if stretched else size)
    out_channels = window.out_channels if work.rows_out else up(window.out_channels, BRICK)
    outputs = window.out_height * window.out_width * out_channels
    run = write_run(device.engine, tile, window, rows=work.rows_out)
    write = outputs * stretch(where[-1], run) if written else 0.0
    constant = work.constant_elements * stretch(device.outside, read_run(tile, window, rows=True))
    return Traffic(tuple(reads), write, (*sizes, float(outputs) if written else 0.0), lines * columns, constant)


def _constant_bytes(device: Device, work: Work) -> float:
    """What a constant operand takes to read where the engine broadcasts it by reading it for every output."""
    if work.constant_elements <= 1:
        return 0.0
    return work.elements * stretch(device.outside, min(_RUN if work.lines == 1 else BRICK, work.channels))


def stretch(memory: Memory, run: float) -> float:
    """How much longer runs of some bytes take than full bursts."""
    return memory.burst_bytes / max(min(memory.burst_bytes, run), 1.0)


def read_run(tile: Tile, window: Window, *, rows: bool) -> float:
    """Bytes of input that lie side by side."""
    if rows:
        whole = window.in_channels == tile.in_channels
        return tile.in_width * tile.in_channels if whole else tile.in_channels
    return BRICK * tile.in_width


def write_run(engine: Engine, tile: Tile, window: Window, *, rows: bool) -> float:
    """Bytes of output that lie side by side."""
    if rows:
        if tile.channels <= BRICK and window.out_channels == tile.channels:
            return tile.width * tile.channels
        return min(_PIXEL_BURST, BRICK * engine.cores, tile.channels)
    return BRICK * engine.cores * tile.width
