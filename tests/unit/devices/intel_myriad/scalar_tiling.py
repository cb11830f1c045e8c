"""The tiler's rules for one convolution at a time, written down plainly: what the rows of the package must equal."""

from __future__ import annotations

from typing import Final, NamedTuple

from annette.devices.intel_myriad.placement.tiling import MODE_COSTS, OUTPUT_LIMIT_BYTES, aligned_bytes

_MULTIPLIERS: Final = 256
_COEFFICIENTS: Final = 256
_ENGINE_BYTES: Final = 128 * 1024
_MOST_CHANNELS: Final = 2048
_WIDEST: Final = 507
_LINE_BYTES: Final = 16
_ELEMENT_BYTES: Final = 2
_MOST_TILES: Final = 15


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
    stride: int


class Tiling(NamedTuple):
    """How the engine runs a convolution.

    Attributes:
        mode: Input channels treated side by side, nb.
        descriptors: Passes over the input of one tile.
        blocks: Blocks of nb input channels in a pass.
        cost: Of one tile, in the plug-in's unit: descriptors times coefficients and overhead.
        width_tiles: Cuts of the output across.
        height_tiles: Cuts of the output downwards.
        channel_tiles: Cuts of the input channels, whose partial sums are added up.
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


def tile(window: Window, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> Tiling | None:
    """Searches the cheapest cut, as the plug-in does.

    Args:
        window: The convolution, of one group.
        limit_bytes: Largest output of one tile, bytes.

    Returns:
        The cut, or None where the engine cannot run the convolution.
    """
    best: tuple[float, int, Tiling] | None = None
    for channel_tiles in range(1, _MOST_TILES + 1):
        if _ceil(window.in_channels, channel_tiles) > _MOST_CHANNELS:
            continue
        for width_tiles in range(1, _MOST_TILES + 1):
            if width_tiles > 1 and _ceil(window.in_width, width_tiles) < 64:
                break
            option = _fewest_rows(window, width_tiles, channel_tiles, limit_bytes)
            if option is not None and (best is None or option[:2] < best[:2]):
                best = option
    return best[2] if best else None


def _fewest_rows(
    window: Window, width_tiles: int, channel_tiles: int, limit_bytes: int
) -> tuple[float, int, Tiling] | None:
    """The fewest cuts downwards that are valid: total cost, number of tiles, and the cut."""
    channels = _ceil(window.in_channels, channel_tiles)
    width, in_width = _extent(window.out_width, window.in_width, width_tiles, window.kernel_width, window.stride)
    for height_tiles in range(1, _MOST_TILES + 1):
        if height_tiles > 1 and _ceil(window.in_height, height_tiles) < window.kernel_height:
            return None
        height, in_height = _extent(
            window.out_height, window.in_height, height_tiles, window.kernel_height, window.stride
        )
        if aligned_bytes(height, width, window.out_channels) > limit_bytes:
            continue
        cut = _cut(in_width, in_height, channels, window)
        if cut is not None:
            tiles = width_tiles * height_tiles * channel_tiles
            cost = cut.cost * tiles + _penalty(window, width, in_width, width_tiles, channel_tiles)
            return (
                cost,
                tiles,
                cut._replace(width_tiles=width_tiles, height_tiles=height_tiles, channel_tiles=channel_tiles),
            )
    return None


def _extent(out: int, read: int, tiles: int, kernel: int, stride: int) -> tuple[int, int]:
    """Output and input of one tile along one side."""
    size = _ceil(out, tiles)
    return size, read if tiles == 1 else min(read, (size - 1) * stride + kernel)


def _penalty(window: Window, width: int, in_width: int, width_tiles: int, channel_tiles: int) -> float:
    """Adding partial sums, and copying where a tile does not begin at a whole word."""
    cost = (channel_tiles - 1) * window.out_width * window.out_height * window.out_channels
    for index in range(1, width_tiles):
        if (index * width * _ELEMENT_BYTES) % _LINE_BYTES:
            cost += width * window.out_height * window.out_channels
        if (index * width * window.stride * _ELEMENT_BYTES) % _LINE_BYTES:
            cost += in_width * window.in_height * _ceil(window.in_channels, channel_tiles)
    return float(cost)


def _cut(in_width: int, in_height: int, in_channels: int, window: Window) -> Tiling | None:
    """The cheapest valid mode for one tile."""
    if in_channels > _MOST_CHANNELS or (in_width > _WIDEST and 1 < in_height < 64 and in_channels != 3):
        return None
    area = window.kernel_width * window.kernel_height
    needed = min(window.kernel_height + window.stride + 2 + (1 if in_width <= 8 else 0), in_height)
    best: Tiling | None = None
    for mode, overhead in MODE_COSTS.items():
        blocks = _ceil(in_channels, mode)
        if blocks * area > _COEFFICIENTS:
            continue
        if min(_ENGINE_BYTES // (blocks * mode * _line_bytes(in_width)), in_height) < needed:
            continue
        at_once = min(_MULTIPLIERS // mode, _ceil(window.out_channels, 8) * 8)
        descriptors = _ceil(window.out_channels, at_once)
        cost = descriptors * (blocks * area + overhead)
        if best is None or (cost, descriptors) < (best.cost, best.descriptors):
            best = Tiling(mode, descriptors, blocks, cost)
    return best


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
    if groups == 1:
        return 1, window
    if groups != window.in_channels:
        stage = window._replace(in_channels=window.in_channels // groups, out_channels=window.out_channels // groups)
        return groups, stage
    block = _cheapest_block(window)
    outputs = _ceil(window.out_channels, _ceil(window.in_channels, block))
    return _ceil(window.in_channels, block), window._replace(in_channels=block, out_channels=outputs)


def _cheapest_block(window: Window) -> int:
    best: tuple[int, int] | None = None
    for block in range(1, window.in_channels):
        stage = window._replace(in_channels=block, out_channels=block)
        cut = _cut(window.in_width, window.in_height, block, stage)
        if cut is not None:
            cost = cut.cost * _ceil(window.in_channels, block)
            if best is None or cost < best[0]:
                best = (cost, block)
    return best[1] if best else window.in_channels
