"""How the hardware engine runs a convolution: which mode, how many descriptors, which tiles.

The engine has 256 multipliers. In mode nb it treats nb input channels and ``256 / nb`` output channels side by side;
one descriptor makes one such set of output channels, and reads the whole input for it. A mode is valid where the
coefficients of a set fit (256) and the input lines it needs fit into the engine's memory (128 KB); the cheapest valid
mode wins. An output that is larger than its share of the on-chip memory (CMX) is cut into tiles.

Networks repeat few sizes, and so do search spaces: tilings are found for one convolution at a time and remembered,
which is faster than searching for rows of them together.

Decisions and numbers as in OpenVINO 2019, ``inference-engine/src/vpu/graph_transformer``, files
``middleend/hw/tiling.cpp`` and ``middleend/hw/conv_tiling/hw_convolution_tiler.cpp`` (Apache-2.0); borders of tiles are
approximated: an output tile needs ``(tile - 1) * stride + kernel`` input lines.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["MODE_COSTS", "OUTPUT_LIMIT_BYTES", "Tiling", "Window", "aligned_bytes", "split_groups", "tile"]

MODE_COSTS: Final = {1: 0, 2: 5, 4: 11, 8: 19, 16: 31}
"""What the plug-in adds to the coefficients of each block of input channels, by mode."""

OUTPUT_LIMIT_BYTES: Final = 4 * 128 * 1024
"""A tile's output may take 4 of the 9 slices of 128 KB that one of the two executors has."""

_MULTIPLIERS: Final = 256
_COEFFICIENTS: Final = 256
_ENGINE_BYTES: Final = 128 * 1024
_MOST_CHANNELS: Final = 2048
_WIDEST: Final = 507
_LINE_BYTES: Final = 16
_ELEMENT_BYTES: Final = 2
_MOST_TILES: Final = 15
_LEAST_WIDTH: Final = 64
"""The input is not cut across into tiles narrower than this."""
_REMEMBERED: Final = 1 << 16


class Window(NamedTuple):
    """What decides how a convolution is cut; sizes in elements."""

    in_channels: int
    in_height: int
    in_width: int
    out_channels: int
    out_height: int
    out_width: int
    kernel_height: int
    kernel_width: int
    stride_height: int

    @property
    def needed_lines(self) -> int:
        """Input lines that the engine's memory must hold."""
        return min(self.kernel_height + self.stride_height + 2 + (self.in_width <= 8), self.in_height)


class Tiling(NamedTuple):
    """How the engine runs a convolution.

    Attributes:
        mode: Input channels treated side by side, nb.
        descriptors: Passes over the input of one tile.
        blocks: Blocks of nb input channels in a pass.
        cost: Of one tile, in the plug-in's unit: descriptors times coefficients and overhead.
        width_tiles: Tiles of the output across.
        height_tiles: Tiles of the output downwards.
        channel_tiles: Parts of the input channels, whose partial sums are added up.
    """

    mode: int
    descriptors: int
    blocks: int
    cost: int
    width_tiles: int = 1
    height_tiles: int = 1
    channel_tiles: int = 1


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _line_bytes(width: int) -> int:
    return _ceil(width * _ELEMENT_BYTES, _LINE_BYTES) * _LINE_BYTES


def aligned_bytes(height: int, width: int, channels: int) -> int:
    """Size of a feature map in half precision as it lies in memory: lines are padded to 16 bytes."""
    return height * _line_bytes(width) * channels


@lru_cache(maxsize=_REMEMBERED)
def tile(window: Window, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> Tiling | None:
    """Searches the cheapest tiling, as the plug-in does: by total cost, then by number of tiles.

    Args:
        window: The convolution, of one group.
        limit_bytes: Largest output of one tile, bytes.

    Returns:
        The tiling, or None where the engine cannot run the convolution.
    """
    best: tuple[int, int, Tiling] | None = None
    for channel_tiles in range(1, _MOST_TILES + 1):
        # Adding partial sums alone costs this much: where that is no less than the best tiling so far, none is better.
        if best and (channel_tiles - 1) * window.out_width * window.out_height * window.out_channels >= best[0]:
            break
        for width_tiles in range(1, _MOST_TILES + 1):
            if width_tiles > 1 and _ceil(window.in_width, width_tiles) < _LEAST_WIDTH:
                break
            option = _fewest_rows(window, width_tiles, channel_tiles, limit_bytes)
            if option and (best is None or option[:2] < best[:2]):
                best = option
    return best[2] if best else None


def _fewest_rows(
    window: Window, width_tiles: int, channel_tiles: int, limit_bytes: int
) -> tuple[int, int, Tiling] | None:
    """The fewest tiles downwards that are valid: total cost, number of tiles, and the tiling."""
    stride = window.stride_height
    width, in_width = _extent(window.out_width, window.in_width, width_tiles, window.kernel_width, stride)
    part = window._replace(in_channels=_ceil(window.in_channels, channel_tiles), in_width=in_width)
    for height_tiles in range(1, _MOST_TILES + 1):
        if height_tiles > 1 and _ceil(window.in_height, height_tiles) < window.kernel_height:
            return None
        height, in_height = _extent(window.out_height, window.in_height, height_tiles, window.kernel_height, stride)
        if aligned_bytes(height, width, window.out_channels) > limit_bytes:
            continue
        tiling = _cheapest_mode(part._replace(in_height=in_height))
        if tiling:
            tiles = width_tiles * height_tiles * channel_tiles
            cost = tiling.cost * tiles + _penalty(window, width, part, width_tiles, channel_tiles)
            return cost, tiles, Tiling(*tiling[:4], width_tiles, height_tiles, channel_tiles)
    return None


def _extent(out: int, read: int, tiles: int, kernel: int, stride: int) -> tuple[int, int]:
    """Output and input of one tile along one side."""
    size = _ceil(out, tiles)
    return size, read if tiles == 1 else min(read, (size - 1) * stride + kernel)


def _penalty(window: Window, width: int, part: Window, width_tiles: int, channel_tiles: int) -> int:
    """Adding partial sums, and copying where a tile does not begin at a whole word."""
    lines = window.out_height * window.out_channels
    cost = (channel_tiles - 1) * window.out_width * lines
    for begins in range(width * _ELEMENT_BYTES, width_tiles * width * _ELEMENT_BYTES, width * _ELEMENT_BYTES):
        if begins % _LINE_BYTES:
            cost += width * lines
        if begins * window.stride_height % _LINE_BYTES:
            cost += part.in_width * window.in_height * part.in_channels
    return cost


def _cheapest_mode(window: Window) -> Tiling | None:
    """The cheapest valid mode for one tile; of equals the one of fewest descriptors."""
    channels, height, width = window.in_channels, window.in_height, window.in_width
    if channels > _MOST_CHANNELS or (width > _WIDEST and 1 < height < 64 and channels != 3):
        return None
    area, needed, line_bytes = window.kernel_width * window.kernel_height, window.needed_lines, _line_bytes(width)
    best: Tiling | None = None
    for mode, overhead in MODE_COSTS.items():
        blocks = _ceil(channels, mode)
        if blocks * area > _COEFFICIENTS or _ENGINE_BYTES // (blocks * mode * line_bytes) < needed:
            continue
        descriptors = _ceil(window.out_channels, min(_MULTIPLIERS // mode, _ceil(window.out_channels, 8) * 8))
        cost = descriptors * (blocks * area + overhead)
        if best is None or (cost, descriptors) < (best.cost, best.descriptors):
            best = Tiling(mode, descriptors, blocks, cost)
    return best


@lru_cache(maxsize=_REMEMBERED)
def split_groups(window: Window, groups: int) -> tuple[int, Window]:
    """How a grouped convolution becomes dense ones.

    A depthwise convolution becomes dense convolutions over small blocks of channels, of the size that costs least
    (``split_hw_depth_convolution``); any other runs group by group (``split_grouped_conv``).

    Args:
        window: The whole convolution.
        groups: Its groups, which divide its channels.

    Returns:
        Number of stages that run one after the other, and one of them.
    """
    if groups == 1 or groups != window.in_channels:
        inputs, outputs = window.in_channels // groups, window.out_channels // groups
        return groups, window._replace(in_channels=inputs, out_channels=outputs)
    block = _cheapest_block(window)
    stages = _ceil(window.in_channels, block)
    return stages, window._replace(in_channels=block, out_channels=_ceil(window.out_channels, stages))


def _cheapest_block(window: Window) -> int:
    """Channels of the blocks that make a depthwise convolution cheapest, the fewest of equals; all if none runs."""
    most = _COEFFICIENTS // (window.kernel_width * window.kernel_height) * max(MODE_COSTS)
    most = min(most, _ENGINE_BYTES // (_line_bytes(window.in_width) * window.needed_lines))  # no mode takes more
    costs = {}
    for block in range(1, min(window.in_channels, most + 1)):
        tiling = _cheapest_mode(window._replace(in_channels=block, out_channels=block))
        if tiling:
            costs[block] = tiling.cost * _ceil(window.in_channels, block)
    return min(costs, key=costs.__getitem__, default=window.in_channels)
