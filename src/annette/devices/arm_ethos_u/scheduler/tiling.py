"""Which part of its output an Ethos-U computes at a time: the block that moves the least data among those that fit.

From the compiler's published description of itself: a block's outputs must fit the accumulators and its inputs the
input buffer, twice each; inputs are read again for every block of output channels, weights for every block of
positions, and the block with the least of both is taken; windows beyond 8 x 8 are computed in parts; a convolution
goes depth first (many input channels, one window element at a time) or part-kernel first (few channels, several
window elements at a time), whichever wastes less. Either both buffers share banks of 1 KB (`Engine.banks`), or each
has a memory of its own; with memories of their own, pooling and depthwise blocks are fitted to the map's aspect
(`annette.devices.arm_ethos_u.scheduler.aspect`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

__all__ = [
    "EQUAL_DEPTH", "SUB_KERNEL", "Engine", "Tile", "Window",
    "choose_tile", "extent", "goes_part_kernel", "grains", "up",
]  # fmt: skip

SUB_KERNEL: Final = 8
"""Window elements on a side that are computed in one go."""

EQUAL_DEPTH: Final = frozenset({"depthwise", "pool", "copy", "resize", "elementwise"})
"""Roles whose blocks read as many channels as they write."""

_BANK_BYTES: Final = 1024
_OUTPUT_BANKS: Final = 2
_TABLE_BANKS: Final = 2
_SMALL: Final = 4
_CHANNEL_BLOCK: Final = 16
_PART_DEPTH: Final = 16
_FEW_CHANNELS: Final = 8


class Window(NamedTuple):
    """A convolution or pooling as tiles see it; sizes in elements.

    Attributes:
        role: ``conv``, ``vector`` (a matrix product), ``depthwise``, ``pool``, ``copy``, ``resize`` or
            ``elementwise``.
    """

    role: str
    out_height: int
    out_width: int
    out_channels: int
    in_channels: int
    in_height: int
    in_width: int
    kernel_height: int
    kernel_width: int
    stride_height: int
    stride_width: int
    dilation: int


@dataclass(frozen=True, slots=True)
class Engine:
    """Sizes of one accelerator.

    Attributes:
        units: Micro-tiles that it can be set to, each height, width, channels; the one that wastes least is taken.
        banks: Banks of 1 KB that inputs, accumulators and outputs share; 0 where each has a memory of its own.
        input_grain: Banks in which inputs are handed out.
        accumulator_grain: Banks in which accumulators are handed out.
        input_bytes: Memory for inputs, where it is a memory of its own.
        accumulator_bytes: Memory for accumulators of 4 bytes, where it is a memory of its own.
        max_height: Most lines of a tile.
        max_width: Most columns of a tile.
        max_channels: Most output channels of a tile.
        deep_channels: Input channels of one step, depth first.
        cores: Cores that share a tile's channels.
    """

    units: tuple[tuple[int, int, int], ...]
    banks: int
    input_grain: int
    accumulator_grain: int
    input_bytes: int
    accumulator_bytes: int
    max_height: int
    max_width: int
    max_channels: int
    deep_channels: int
    cores: int


class Tile(NamedTuple):
    """How a kernel is cut.

    Attributes:
        height: Lines of output of one tile.
        width: Columns.
        channels: Output channels.
        in_height: Lines of input that it takes.
        in_width: Columns.
        in_channels: Input channels of one step.
        part_kernel: Whether it goes part-kernel first.
        unit: The micro-tile: height, width, channels.
    """

    height: int
    width: int
    channels: int
    in_height: int
    in_width: int
    in_channels: int
    part_kernel: bool
    unit: tuple[int, int, int]


@lru_cache(maxsize=65_536)
def choose_tile(engine: Engine, window: Window) -> Tile:
    """Cuts one kernel.

    Args:
        engine: The accelerator.
        window: The kernel.
    """
    unit = min(engine.units, key=lambda u: _padded_outputs(window, u))
    part = goes_part_kernel(engine, window)
    if window.role in ("resize", "elementwise"):
        from annette.devices.arm_ethos_u.scheduler.flowing import flowing_tile  # noqa: PLC0415 - as below

        return flowing_tile(engine, window, unit)
    if not engine.banks and window.role in ("depthwise", "pool"):
        from annette.devices.arm_ethos_u.scheduler.aspect import fit_by_aspect  # noqa: PLC0415 - it is built of this module's classes

        return fit_by_aspect(engine, window, unit)
    return _cheapest(engine, window, unit, part)


def up(value: int, size: int) -> int:
    """A number rounded up to a multiple of another."""
    return -(-value // size) * size


def extent(window: Window, axis: str) -> int:
    """Input elements that one output takes along an axis, as far as they are computed in one go."""
    size = window.kernel_height if axis == "height" else window.kernel_width
    return min((size - 1) * window.dilation + 1, SUB_KERNEL)


def _padded_outputs(window: Window, unit: tuple[int, int, int]) -> int:
    sizes = zip((window.out_height, window.out_width, window.out_channels), unit, strict=True)
    return math.prod(up(size, step) for size, step in sizes)


def goes_part_kernel(engine: Engine, window: Window) -> bool:
    """Whether a convolution goes part-kernel first: whichever leaves fewer multipliers idle.

    Args:
        engine: The accelerator; where banks are shared, few channels always go part-kernel first.
        window: The kernel.
    """
    if window.role != "conv":
        return False
    elements = window.kernel_height * window.kernel_width
    deep = window.in_channels / up(window.in_channels, engine.deep_channels)
    if engine.banks:
        part = window.in_channels / up(window.in_channels, 8) * elements / up(elements, 4)
        return window.in_channels <= _FEW_CHANNELS or part >= deep
    rounded = elements // 5 * 5 + max(elements % 5, 2)
    return window.in_channels / up(window.in_channels, 16) * elements / rounded >= deep


def _step_channels(engine: Engine, window: Window, unit: tuple[int, int, int], *, part: bool) -> int:
    if not engine.banks:
        return _PART_DEPTH if part else engine.deep_channels
    return up(min(window.in_channels, _PART_DEPTH if part else engine.deep_channels), unit[2])


def _cheapest(engine: Engine, window: Window, unit: tuple[int, int, int], part: bool) -> Tile:
    """The tile that moves least; the smallest where none fits."""
    grain = unit if engine.banks else (*unit[:2], _CHANNEL_BLOCK)
    heights = _sizes(window.out_height, engine.max_height, grain[0])
    widths = _sizes(window.out_width, engine.max_width, grain[1])
    channels = _channel_sizes(window.out_channels, engine.max_channels, unit[2])
    c, h, w = np.meshgrid(channels, heights, widths, indexing="ij")
    deep = _step_channels(engine, window, unit, part=part)
    equal = window.role in EQUAL_DEPTH
    depth = c if equal else np.full_like(c, deep)
    lines, across, grain_depth = (np.full_like(c, size) for size in unit)
    if not engine.banks:
        steps = np.array([grains(int(size), unit) for size in (channels if equal else np.full_like(channels, deep))])
        lines, across, grain_depth = (steps[:, axis, np.newaxis, np.newaxis] for axis in range(3))
    rows = _up_all((h - 1) * window.stride_height + extent(window, "height"), lines)
    columns = _up_all((w - 1) * window.stride_width + extent(window, "width"), across)
    held = depth if equal else np.minimum(depth, window.in_channels)
    fits = _fits(engine, window, (h, w, c), (rows, columns, _up_all(held, grain_depth)), depth, unit)
    if not fits.any():
        at = 0
    else:
        cost = np.where(fits, _moved(window, (h, w, c), rows * columns, rows * columns * depth), np.inf).ravel()
        ties = np.flatnonzero(cost == cost.min())
        small = ties[1:][(h.ravel()[ties[1:]] <= _SMALL) & (w.ravel()[ties[1:]] <= _SMALL)]
        at = int(_widest(window, small, rows.ravel(), columns.ravel()) if len(small) else ties[0])
    height, width, deep_out, in_height, in_width, in_depth = (
        int(size.ravel()[at]) for size in (h, w, c, rows, columns, depth)
    )
    return Tile(height, width, deep_out, in_height, in_width, in_depth, part, unit)


def grains(depth: int, unit: tuple[int, int, int]) -> tuple[int, int, int]:
    """Lines, columns and channels in which a memory for inputs is handed out: the deeper, the narrower."""
    if depth <= _CHANNEL_BLOCK:
        return unit[0], unit[1], _CHANNEL_BLOCK
    return (1, 2, 2 * _CHANNEL_BLOCK) if depth <= 2 * _CHANNEL_BLOCK else (1, 1, 4 * _CHANNEL_BLOCK)


def _widest(window: Window, candidates: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> int:
    """Of equally good small tiles the last that covers most of the input."""
    area = np.minimum(rows[candidates], window.in_height) * np.minimum(columns[candidates], window.in_width)
    best = candidates[0]
    most = 0
    for candidate, covered in zip(candidates, area, strict=True):
        if covered >= most:
            best, most = candidate, covered
    return int(best)


def _fits(
    engine: Engine,
    window: Window,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    read: tuple[np.ndarray, np.ndarray, np.ndarray],
    depth: np.ndarray,
    unit: tuple[int, int, int],
) -> np.ndarray:
    h, w, c = out
    rows, columns, deep = read
    if engine.banks:
        held = _up_all(2 * -(-rows * columns * _up_all(depth, 8) // _BANK_BYTES), engine.input_grain)
        if unit[0] == 2 and window.out_height == 1 and window.kernel_height == 1:
            h = np.minimum(h, window.out_height)
        sums = _up_all(2 * -(-h * w * _up_all(c, 8) * 4 // _BANK_BYTES), engine.accumulator_grain)
        shared: np.ndarray = _OUTPUT_BANKS + held + sums <= engine.banks - _TABLE_BANKS
        return shared
    apart: np.ndarray = (2 * rows * columns * deep <= engine.input_bytes) & (
        2 * 4 * h * w * _up_all(c, _CHANNEL_BLOCK) <= engine.accumulator_bytes
    )
    return apart


def _moved(
    window: Window,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    area: np.ndarray,
    held: np.ndarray,
) -> np.ndarray:
    """Elements read per output for each candidate: halved where the input fits the buffer twice.

    In single precision, as the compiler reckons: rounding decides between blocks that move the same.
    """
    h, w, c = out
    single = np.float32
    equal = window.role in EQUAL_DEPTH
    parts = math.ceil(window.kernel_height / SUB_KERNEL) * math.ceil(window.kernel_width / SUB_KERNEL)
    inputs = area.astype(single) * single(window.in_channels) * single(parts)
    inputs = inputs * ((single(window.out_height) / h.astype(single)) * (single(window.out_width) / w.astype(single)))
    cost = inputs
    if not equal:
        cost = cost * (-(-window.out_channels // c)).astype(single)
    if window.role not in ("pool", "copy"):
        planes = (-(-window.out_height // h) * -(-window.out_width // w)).astype(single)
        weights = single(window.kernel_height * window.kernel_width) * single(window.in_channels) * planes
        if not equal:
            weights = weights * (single(window.out_channels) / c.astype(single) * c.astype(single))
        cost = cost + weights
    cost = cost / single(window.out_height * window.out_width * window.out_channels)
    whole = window.in_height * window.in_width * window.in_channels
    return np.where(whole < held * 2, cost / 2, cost)


def _sizes(size: int, most: int, unit: int) -> np.ndarray:
    return np.arange(unit, up(max(min(size, most), unit), unit) + 1, unit)


def _channel_sizes(size: int, most: int, unit: int) -> np.ndarray:
    """Multiples of the micro-tile; what does not cover all channels is a multiple of 16."""
    top = up(max(min(size, most), unit), unit)
    found, channels = [], max(unit, min(top, _CHANNEL_BLOCK))
    while channels <= top:
        if channels < size:
            channels = up(channels, _CHANNEL_BLOCK)
        if channels > top:
            break
        found.append(channels)
        channels += unit
    return np.array(found or [unit])


def _up_all(values: np.ndarray, size: int | np.ndarray) -> np.ndarray:
    return -(-values // size) * size
