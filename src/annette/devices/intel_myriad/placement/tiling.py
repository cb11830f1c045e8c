"""How the hardware engine runs convolutions: which mode, how many descriptors, which tiles; for many at once.

The engine has 256 multipliers. In mode nb it treats nb input channels and ``256 / nb`` output channels side by side;
one descriptor makes one such set of output channels, and reads the whole input for it. A mode is valid where the
coefficients of a set fit (256) and the input lines it needs fit into the engine's memory (128 KB); the cheapest valid
mode wins. An output that is larger than its share of the on-chip memory (CMX) is cut into tiles.

Decisions and numbers as in OpenVINO 2019, ``inference-engine/src/vpu/graph_transformer``, files
``middleend/hw/tiling.cpp`` and ``middleend/hw/conv_tiling/hw_convolution_tiler.cpp`` (Apache-2.0); borders of tiles are
approximated: an output tile needs ``(tile - 1) * stride + kernel`` input lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from annette.network import Dimensions

__all__ = ["MODE_COSTS", "OUTPUT_LIMIT_BYTES", "Tilings", "Windows", "aligned_bytes", "split_groups", "tile"]

MODE_COSTS: Final = {1: 0, 2: 5, 4: 11, 8: 19, 16: 31}
"""What the plug-in adds to the coefficients of each block of input channels, by mode."""

OUTPUT_LIMIT_BYTES: Final = 4 * 128 * 1024
"""A tile's output may take 4 of the 9 slices of 128 KB that one of the two executors has."""

_MODES: Final = np.array(list(MODE_COSTS))
_OVERHEADS: Final = np.array(list(MODE_COSTS.values()))
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
_NO_LINE: Final = 1 << 40
"""A line of so many elements fits nowhere; longer ones would not fit into 64 bits either."""
_NEVER: Final = np.iinfo(np.int64).max


class Windows(NamedTuple):
    """What decides how convolutions are cut: sizes in elements, each an array of shape ``(rows,)`` of int64."""

    in_channels: npt.NDArray[np.int64]
    in_height: npt.NDArray[np.int64]
    in_width: npt.NDArray[np.int64]
    out_channels: npt.NDArray[np.int64]
    out_height: npt.NDArray[np.int64]
    out_width: npt.NDArray[np.int64]
    kernel_height: npt.NDArray[np.int64]
    kernel_width: npt.NDArray[np.int64]
    stride: npt.NDArray[np.int64]

    @classmethod
    def of(cls, convolutions: Iterable[Dimensions]) -> Windows:
        """The windows of convolutions."""
        names = (*cls._fields[:-1], "stride_height")
        rows = [[getattr(dimensions, name) for name in names] for dimensions in convolutions]
        return cls(*np.array(rows, dtype=np.int64).reshape(-1, len(names)).T)

    def select(self, rows: npt.NDArray[np.int64]) -> Windows:
        """Some rows."""
        return Windows(*(column[rows] for column in self))


class Tilings(NamedTuple):
    """How the engine runs convolutions; each an array of shape ``(rows,)``, all 0 where it cannot run one.

    Attributes:
        mode: Input channels treated side by side, nb.
        descriptors: Passes over the input of one tile.
        blocks: Blocks of nb input channels in a pass.
        cost: Of one tile, in the plug-in's unit: descriptors times coefficients and overhead.
        width_tiles: Tiles of the output across.
        height_tiles: Tiles of the output downwards.
        channel_tiles: Parts of the input channels, whose partial sums are added up.
    """

    mode: npt.NDArray[np.int64]
    descriptors: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]
    cost: npt.NDArray[np.int64]
    width_tiles: npt.NDArray[np.int64]
    height_tiles: npt.NDArray[np.int64]
    channel_tiles: npt.NDArray[np.int64]


def _ceil(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64] | int) -> npt.NDArray[np.int64]:
    quotient: npt.NDArray[np.int64] = -(-a // b)
    return quotient


def _line_bytes(width: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return _ceil(np.minimum(width, _NO_LINE) * _ELEMENT_BYTES, _LINE_BYTES) * _LINE_BYTES


def aligned_bytes(height: int, width: int, channels: int) -> int:
    """Size of a feature map in half precision as it lies in memory: lines are padded to 16 bytes."""
    return height * (-(-width * _ELEMENT_BYTES // _LINE_BYTES) * _LINE_BYTES) * channels


def tile(windows: Windows, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> Tilings:
    """Searches the cheapest tiling of each convolution, as the plug-in does: by total cost, then by number of tiles.

    Args:
        windows: The convolutions, of one group each.
        limit_bytes: Largest output of one tile, bytes.
    """
    rows = len(windows.in_channels)
    best = np.zeros((rows, len(Tilings._fields)), dtype=np.int64)
    best_cost, best_tiles = np.full(rows, np.inf), np.full(rows, _NEVER)
    outputs = windows.out_width.astype(np.float64) * windows.out_height * windows.out_channels
    area = windows.kernel_width.astype(np.float64) * windows.kernel_height
    for channel_tiles in range(1, _MOST_TILES + 1):
        # Adding partial sums alone costs this much: where that is no less than the best tiling so far, none is better.
        cheaper = (channel_tiles - 1) * outputs < best_cost
        channels = _ceil(windows.in_channels, channel_tiles)
        few = _ceil(channels, _MODES[-1]) * area <= _COEFFICIENTS  # else no mode is valid
        open_rows = np.flatnonzero(cheaper & few & (channels <= _MOST_CHANNELS))
        for width_tiles in range(1, _MOST_TILES + 1):
            if width_tiles > 1:
                open_rows = open_rows[_ceil(windows.in_width[open_rows], width_tiles) >= _LEAST_WIDTH]
            if not len(open_rows):
                break
            options = _fewest_rows(windows.select(open_rows), width_tiles, channel_tiles, limit_bytes)
            tiles = width_tiles * options[:, 5] * channel_tiles
            cost = options[:, 3] * tiles + _penalty(windows.select(open_rows), width_tiles, channel_tiles)
            lower = (cost < best_cost[open_rows]) | ((cost == best_cost[open_rows]) & (tiles < best_tiles[open_rows]))
            better = (options[:, 0] > 0) & lower
            changed = open_rows[better]
            best[changed], best_cost[changed], best_tiles[changed] = options[better], cost[better], tiles[better]
    return Tilings(*best.T)


def _fewest_rows(windows: Windows, width_tiles: int, channel_tiles: int, limit_bytes: int) -> npt.NDArray[np.int64]:
    """The fewest tiles downwards that are valid, shape ``(rows, 7)`` in the order of `Tilings`; 0 where none is."""
    tilings = np.zeros((len(windows.in_channels), len(Tilings._fields)), dtype=np.int64)
    rows = np.arange(len(tilings))
    for height_tiles in range(1, _MOST_TILES + 1):
        if height_tiles > 1:
            enough = _ceil(windows.in_height[rows], height_tiles) >= windows.kernel_height[rows]
            rows = rows[enough]
        if not len(rows):
            break
        part = windows.select(rows)
        width, in_width = _extent(part.out_width, part.in_width, width_tiles, part.kernel_width, part.stride)
        height, in_height = _extent(part.out_height, part.in_height, height_tiles, part.kernel_height, part.stride)
        fits = height.astype(np.float64) * _line_bytes(width) * part.out_channels <= limit_bytes
        modes = _cheapest_mode(
            part._replace(in_channels=_ceil(part.in_channels, channel_tiles), in_height=in_height, in_width=in_width)
        )
        valid = fits & (modes[:, 0] > 0)
        tilings[rows[valid], :4] = modes[valid]
        tilings[rows[valid], 4:] = width_tiles, height_tiles, channel_tiles
        rows = rows[~valid]
    return tilings


def _extent(
    out: npt.NDArray[np.int64],
    read: npt.NDArray[np.int64],
    tiles: int,
    kernel: npt.NDArray[np.int64],
    stride: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Output and input of one tile along one side."""
    size = _ceil(out, tiles)
    return size, read if tiles == 1 else np.minimum(read, (size - 1) * stride + kernel)


def _penalty(windows: Windows, width_tiles: int, channel_tiles: int) -> npt.NDArray[np.float64]:
    """Adding partial sums, and copying where a tile does not begin at a whole word."""
    width, in_width = _extent(windows.out_width, windows.in_width, width_tiles, windows.kernel_width, windows.stride)
    lines = windows.out_height.astype(np.float64) * windows.out_channels
    read = in_width.astype(np.float64) * windows.in_height * _ceil(windows.in_channels, channel_tiles)
    cost = (channel_tiles - 1) * windows.out_width * lines
    for index in range(1, width_tiles):
        begins = index * width * _ELEMENT_BYTES
        cost += np.where(begins % _LINE_BYTES != 0, width * lines, 0.0)
        cost += np.where(begins * windows.stride % _LINE_BYTES != 0, read, 0.0)
    return cost


def _cheapest_mode(windows: Windows) -> npt.NDArray[np.int64]:
    """The cheapest valid mode for one tile of each row: mode, descriptors, blocks and cost; all 0 where none is valid.

    Candidate modes are the second axis.
    """
    channels = np.minimum(windows.in_channels, _MOST_CHANNELS + 1)[:, None]
    area = windows.kernel_width.astype(np.float64) * windows.kernel_height
    needed = _needed_lines(windows)[:, None]
    blocks = _ceil(channels, _MODES)
    lines = _ENGINE_BYTES // (blocks * _MODES * _line_bytes(windows.in_width)[:, None])
    strip = (windows.in_width > _WIDEST) & (windows.in_height > 1) & (windows.in_height < 64)
    runs = (windows.in_channels <= _MOST_CHANNELS) & ~(strip & (windows.in_channels != 3))
    coefficients = blocks * area[:, None]
    valid = runs[:, None] & (coefficients <= _COEFFICIENTS)
    valid &= np.minimum(lines, windows.in_height[:, None]) >= needed
    at_once = np.minimum(_MULTIPLIERS // _MODES, _ceil(windows.out_channels, 8)[:, None] * 8)
    descriptors = _ceil(windows.out_channels[:, None], at_once)
    per_descriptor = np.where(valid, coefficients, 0.0).astype(np.int64) + _OVERHEADS
    cost = np.where(valid, descriptors * per_descriptor, _NEVER)
    cheapest = cost == cost.min(axis=1, keepdims=True)
    chosen = np.where(cheapest, descriptors, _NEVER).argmin(axis=1)
    rows = np.arange(len(chosen))
    columns = np.stack([_MODES[chosen], descriptors[rows, chosen], blocks[rows, chosen], cost[rows, chosen]], axis=1)
    return np.where(valid[rows, chosen][:, None], columns, 0)


def _needed_lines(windows: Windows) -> npt.NDArray[np.int64]:
    """Input lines that the engine's memory must hold."""
    needed = windows.kernel_height + windows.stride + 2 + (windows.in_width <= 8)
    lines: npt.NDArray[np.int64] = np.minimum(needed, windows.in_height)
    return lines


def split_groups(windows: Windows, groups: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Windows]:
    """How grouped convolutions become dense ones.

    A depthwise convolution becomes dense convolutions over small blocks of channels, of the size that costs least
    (``split_hw_depth_convolution``); any other runs group by group (``split_grouped_conv``).

    Args:
        windows: The whole convolutions.
        groups: The groups of each, which divide its channels.

    Returns:
        Number of stages that run one after the other, and one of them, for each row.
    """
    stages, inputs, outputs = groups.copy(), windows.in_channels // groups, windows.out_channels // groups
    depthwise = np.flatnonzero((groups > 1) & (groups == windows.in_channels))
    if len(depthwise):
        part = windows.select(depthwise)
        block = _cheapest_blocks(part)
        stages[depthwise] = _ceil(part.in_channels, block)
        inputs[depthwise], outputs[depthwise] = block, _ceil(part.out_channels, stages[depthwise])
    return stages, windows._replace(in_channels=inputs, out_channels=outputs)


def _cheapest_blocks(windows: Windows) -> npt.NDArray[np.int64]:
    """Channels of the blocks that make each depthwise convolution cheapest, the fewest of equals; all if none runs."""
    area = windows.kernel_width.astype(np.float64) * windows.kernel_height
    most = np.minimum(_MOST_CHANNELS, _COEFFICIENTS // area * _MODES[-1]).astype(np.int64)
    most = np.minimum(most, _ENGINE_BYTES // (_line_bytes(windows.in_width) * _needed_lines(windows)))
    counts = np.minimum(windows.in_channels - 1, most)  # a larger block has no valid mode
    rows = np.repeat(np.arange(len(counts)), counts)
    sizes = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    modes = _cheapest_mode(windows.select(rows)._replace(in_channels=sizes, out_channels=sizes))
    cost = np.where(modes[:, 0] > 0, modes[:, 3] * _ceil(windows.in_channels[rows], sizes), _NEVER)
    order = np.lexsort((sizes, cost, rows))
    firsts = order[np.unique(rows[order], return_index=True)[1]]
    blocks = windows.in_channels.copy()
    usable = firsts[cost[firsts] < _NEVER]
    blocks[rows[usable]] = sizes[usable]
    return blocks
