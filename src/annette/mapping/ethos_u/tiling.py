"""Which part of its output an Ethos-U computes at a time: the tile that moves the least data among those that fit.

From public descriptions of the compiler: a tile's outputs must fit the accumulators and its inputs the input buffer;
inputs are read again for every block of output channels, weights for every block of positions, and the tile with the
least of both is taken; windows beyond 8 x 8 are computed in parts; a convolution goes depth first (many input channels,
one window element at a time) or part-kernel first (8 channels, 4 window elements at a time), whichever wastes less.
Found from reported tiles: the sizes of buffers and micro-tiles (`Engine`). Assumed: which of equally good tiles is
taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

__all__ = ["Engine", "Tile", "Window", "choose_tile"]

_SUB_KERNEL: Final = 8
_BRICK: Final = 8
_CHANNEL_BLOCK: Final = 16
_PART_CHANNELS: Final = 8
_PART_ELEMENTS: Final = 4
_SMALL: Final = 4


class Window(NamedTuple):
    """A convolution or pooling as tiles see it; sizes in elements.

    Attributes:
        role: ``conv``, ``depthwise`` or ``pool``.
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
        accumulators: Elements of output that a tile may have.
        input_bytes: Elements of input that a tile may have.
        joint_bytes: Four bytes for each accumulator and the inputs together, where both share a memory.
        accumulator_grain: Bytes in which accumulators are handed out.
        max_height: Most lines of a tile.
        max_width: Most columns of a tile.
        max_channels: Most output channels of a tile.
        deep_channels: Input channels of one step, depth first.
        least_units: Micro-tiles that a pass takes at least, while weights are fed.
    """

    units: tuple[tuple[int, int, int], ...]
    accumulators: int
    input_bytes: int
    joint_bytes: int
    accumulator_grain: int
    max_height: int
    max_width: int
    max_channels: int
    deep_channels: int
    least_units: int


class Tile(NamedTuple):
    """How a kernel is cut.

    Attributes:
        height: Lines of output of one tile.
        width: Columns.
        channels: Output channels.
        part_kernel: Whether it goes part-kernel first.
        tiles: Tiles side by side in a plane, at least 1.
        reread: How often each input element is read.
        steps: Steps of the multiply-accumulate array for the whole kernel.
    """

    height: int
    width: int
    channels: int
    part_kernel: bool
    tiles: float
    reread: float
    steps: float


@lru_cache(maxsize=65_536)
def choose_tile(engine: Engine, window: Window) -> Tile:
    """Cuts one kernel.

    Args:
        engine: The accelerator.
        window: The kernel.
    """
    unit = min(engine.units, key=lambda u: _padded_outputs(window, u))
    part = window.role == "conv" and _goes_part_kernel(engine, window)
    height, width, channels = _best(engine, window, unit, part)
    tiles = math.ceil(window.out_height / height) * math.ceil(window.out_width / width)
    return Tile(
        height,
        width,
        channels,
        part,
        float(tiles),
        _reread(window, height, width, channels, tiles),
        _steps(engine, window, unit, (height, width), part),
    )


def _up(value: int, size: int) -> int:
    return -(-value // size) * size


def _padded_outputs(window: Window, unit: tuple[int, int, int]) -> int:
    sizes = zip((window.out_height, window.out_width, window.out_channels), unit, strict=True)
    return math.prod(_up(size, step) for size, step in sizes)


def _goes_part_kernel(engine: Engine, window: Window) -> bool:
    """Whichever leaves fewer multipliers idle; few channels always go part-kernel first."""
    elements = window.kernel_height * window.kernel_width
    deep = window.in_channels / _up(window.in_channels, engine.deep_channels)
    part = window.in_channels / _up(window.in_channels, _PART_CHANNELS) * elements / _up(elements, _PART_ELEMENTS)
    return window.in_channels <= _PART_CHANNELS or part > deep


def _best(engine: Engine, window: Window, unit: tuple[int, int, int], part: bool) -> tuple[int, int, int]:
    """The tile that moves least; the smallest where none fits."""
    heights = _sizes(window.out_height, engine.max_height, unit[0])
    widths = _sizes(window.out_width, engine.max_width, unit[1])
    channels = _channel_sizes(window.out_channels, engine.max_channels, unit[2])
    c, h, w = np.meshgrid(channels, heights, widths, indexing="ij")
    rows = _up_all((h - 1) * window.stride_height + _extent(window.kernel_height, window.dilation), unit[0])
    columns = _up_all((w - 1) * window.stride_width + _extent(window.kernel_width, window.dilation), unit[1])
    dense = window.role == "conv"
    depth = c if not dense else np.full_like(c, min(_depth(engine, part), _up(window.in_channels, _BRICK)))
    held = rows * columns * _up_all(depth, _BRICK)
    outputs = h * w * _up_all(c, _BRICK)
    joint = _up_all(4 * outputs, engine.accumulator_grain) + held
    fits = (outputs <= engine.accumulators) & (held <= engine.input_bytes) & (joint <= engine.joint_bytes)
    if not fits.any():
        return int(heights[0]), int(widths[0]), int(channels[0])
    cost = np.where(fits, _moved(window, h, w, c, rows * columns, rows * columns * depth), np.inf)
    ties = np.flatnonzero(cost.ravel() == cost.min())
    small = ties[(h.ravel()[ties] <= _SMALL) & (w.ravel()[ties] <= _SMALL)]
    at = small[-1] if len(small) else ties[0]
    return int(h.ravel()[at]), int(w.ravel()[at]), int(c.ravel()[at])


def _moved(
    window: Window, h: np.ndarray, w: np.ndarray, c: np.ndarray, area: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Elements read for each candidate: halved where the input fits the buffer twice."""
    elements = window.kernel_height * window.kernel_width
    planes = -(-window.out_height // h) * -(-window.out_width // w)
    dense = window.role == "conv"
    weights = (
        0 if window.role == "pool" else elements * window.in_channels * planes * (window.out_channels if dense else 1)
    )
    parts = math.ceil(window.kernel_height / _SUB_KERNEL) * math.ceil(window.kernel_width / _SUB_KERNEL)
    blocks = -(-window.out_channels // c) if dense else 1
    inputs = area * window.in_channels * parts * (window.out_height / h) * (window.out_width / w) * blocks
    cost = inputs + weights
    whole = window.out_height * window.stride_height * window.out_width * window.stride_width * window.in_channels
    return np.where(whole < held * 2, cost / 2, cost)


def _reread(window: Window, height: int, width: int, channels: int, tiles: int) -> float:
    rows = min((height - 1) * window.stride_height + _extent(window.kernel_height, window.dilation), window.in_height)
    columns = min((width - 1) * window.stride_width + _extent(window.kernel_width, window.dilation), window.in_width)
    blocks = math.ceil(window.out_channels / channels) if window.role == "conv" else 1
    return tiles * rows * columns / (window.in_height * window.in_width) * blocks


def _steps(engine: Engine, window: Window, unit: tuple[int, int, int], tile: tuple[int, int], part: bool) -> float:
    """Steps of micro-tiles, window elements and input channels; feeding weights takes some micro-tiles a pass."""
    each = math.ceil(min(tile[0], window.out_height) / unit[0]) * math.ceil(min(tile[1], window.out_width) / unit[1])
    whole = math.ceil(window.out_height / unit[0]) * math.ceil(window.out_width / unit[1])
    least = 1 if window.role == "pool" else engine.least_units
    passes = whole / each * max(least, each) * math.ceil(window.out_channels / unit[2])
    elements = window.kernel_height * window.kernel_width
    if window.role == "pool":
        return passes * max(elements, _PART_ELEMENTS)
    if window.role == "depthwise":
        return passes * math.ceil(elements / _PART_ELEMENTS)
    if part:
        return passes * math.ceil(elements / _PART_ELEMENTS) * math.ceil(window.in_channels / _PART_CHANNELS)
    return passes * elements * math.ceil(window.in_channels / engine.deep_channels) * engine.deep_channels / 32.0


def _extent(kernel: int, dilation: int) -> int:
    return min((kernel - 1) * dilation + 1, _SUB_KERNEL)


def _depth(engine: Engine, part: bool) -> int:
    return _CHANNEL_BLOCK if part else engine.deep_channels


def _sizes(size: int, most: int, unit: int) -> np.ndarray:
    return np.arange(unit, _up(max(min(size, most), unit), unit) + 1, unit)


def _channel_sizes(size: int, most: int, unit: int) -> np.ndarray:
    """Multiples of the micro-tile; what does not cover all channels is a multiple of 16."""
    top = _up(max(min(size, most), unit), unit)
    found, channels = [], max(unit, min(top, _CHANNEL_BLOCK))
    while channels <= top:
        if channels < size:
            channels = _up(channels, _CHANNEL_BLOCK)
        if channels > top:
            break
        found.append(channels)
        channels += unit
    return np.array(found or [unit])


def _up_all(values: np.ndarray, size: int) -> np.ndarray:
    return -(-values // size) * size
