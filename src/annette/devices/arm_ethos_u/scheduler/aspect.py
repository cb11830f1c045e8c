"""Blocks of pooling and depthwise operators where inputs and accumulators have memories of their own (Ethos-U85).

From the compiler's published description of itself: for every depth of a block, its area takes the shape of the map,
shrunk until inputs and accumulators fit; the depth is taken whose block covers the map best, wastes least of the
input memory and is nearest to the map's depth. Then the block gives way until one more row of input can be fetched
ahead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.tiling import Tile, extent, grains, up

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine, Window

__all__ = ["fit_by_aspect"]

_GRANULE: Final = 16
_ACCUMULATOR_BYTES: Final = 4
_TRIES: Final = 200
_PATIENCE: Final = 25
_MOST_DEPTH: Final = 512


class _Block(NamedTuple):
    height: int
    width: int
    depth: int


def fit_by_aspect(engine: Engine, window: Window, unit: tuple[int, int, int]) -> Tile:
    """Cuts one kernel.

    Args:
        engine: The accelerator.
        window: The kernel.
        unit: Its micro-tile.
    """
    whole = _Block(up(window.out_height, unit[0]), up(window.out_width, unit[1]), up(window.out_channels, _GRANULE))
    block = _with_room(engine, window, unit, whole, _best(engine, window, unit, whole))
    rows, columns, depth = _needed(window, block, unit)
    return Tile(*block, rows, columns, depth, False, unit)


def _needed(window: Window, block: _Block, unit: tuple[int, int, int]) -> tuple[int, int, int]:
    lines, columns, channels = grains(block.depth, unit)
    return (
        up((block.height - 1) * window.stride_height + extent(window, "height"), lines),
        up((block.width - 1) * window.stride_width + extent(window, "width"), columns),
        up(block.depth, channels),
    )


def _best(engine: Engine, window: Window, unit: tuple[int, int, int], whole: _Block) -> _Block:
    limit = _Block(
        min(whole.height, engine.max_height), min(whole.width, engine.max_width), min(whole.depth, engine.max_channels)
    )
    by_depth = window.kernel_height == window.kernel_width == 1
    found, least = _Block(unit[0], unit[1], _GRANULE), math.inf
    for depth in range(_GRANULE, min(_MOST_DEPTH, limit.depth) + 1, _GRANULE):
        block = _shrunk(engine, window, unit, whole, limit, depth)
        if block is None:
            break
        granule = grains(depth, unit)[2]
        waste = 1 + (granule - (depth % granule or granule)) / granule / 10
        nearness = 1 + abs(1 - limit.depth / depth) / 10
        area = whole.width * (whole.depth if by_depth else whole.height)
        coverage = 1 + abs(1 - area / (block.width * (depth if by_depth else block.height)))
        if coverage * nearness * waste < least:
            found, least = block, coverage * nearness * waste
            if depth >= whole.depth and block.width >= whole.width and block.height >= whole.height:
                return whole
    return found


def _shrunk(
    engine: Engine, window: Window, unit: tuple[int, int, int], whole: _Block, limit: _Block, depth: int
) -> _Block | None:
    """The largest block of a depth in the map's aspect that fits; None where none does."""
    accumulators = engine.accumulator_bytes // _ACCUMULATOR_BYTES
    least = unit[0] * unit[1] * _GRANULE
    lines, columns, channels = grains(depth, unit)
    volume = up(window.in_height, lines) * up(window.in_width, columns) * up(window.in_channels, channels)
    room, before, patience = accumulators, -1, _PATIENCE
    for _ in range(_TRIES):
        height, width = _by_aspect(whole.height / whole.width, room // depth, unit)
        height, width = min(height, limit.height), min(width, limit.width)
        area = height * width
        if width < whole.width:
            width = _even(whole.width, unit[1], width)
        height = max(area // width // unit[0] * unit[0], unit[0])
        block = _Block(height, width, depth)
        outputs = height * width * depth
        held = min(math.prod(_needed(window, block, unit)), volume)
        outputs_fit, inputs_fit = accumulators / outputs, engine.input_bytes / held
        if min(outputs_fit, inputs_fit) >= 1:
            return block
        if outputs == before:
            patience -= 1
            inputs_fit = 0.9 if patience <= 0 else inputs_fit
        before = outputs
        if inputs_fit < 1 < outputs_fit:
            room = min(room, outputs)
        smaller = max(int(room // least * min(inputs_fit, outputs_fit)), 0) * least
        room = room - least if smaller == room else smaller
        if room <= least:
            return None
    return None


def _by_aspect(aspect: float, area: int, unit: tuple[int, int, int]) -> tuple[int, int]:
    width = math.sqrt(area / aspect)
    height = width * aspect
    if height < 1:
        width, height = width * height, 1.0
    elif width < 1:
        width, height = 1.0, height * width
    return max(int(height), unit[0]) // unit[0] * unit[0], max(int(width), unit[1]) // unit[1] * unit[1]


def _even(size: int, granule: int, tile: int) -> int:
    """A width that divides a map without leaving a small rest."""
    if size % tile == 0:
        return tile
    other = max(up(size // (size // tile + 1), granule), granule)
    first = max(other - 2 * granule, (other + 1) // 2, granule)
    best, most = tile, size % tile
    for candidate in range(tile, first - 1, -granule):
        rest = size % candidate or candidate
        if rest > most:
            best, most = candidate, rest
    return best


def _with_room(engine: Engine, window: Window, unit: tuple[int, int, int], whole: _Block, block: _Block) -> _Block:
    """Gives way until one more row of inputs fits, where there is more than one block."""
    height, width, depth = block
    forced = 0
    for _ in range(_TRIES):
        block = _Block(height, width, depth)
        if block == whole or (width >= whole.width and height >= whole.height and depth >= whole.depth):
            break
        row = math.prod(_needed(window, _Block(unit[0], width, depth), unit))
        if engine.input_bytes - math.prod(_needed(window, block, unit)) >= row:
            break
        if (height != whole.height or forced & 2) and height > unit[0]:
            height -= unit[0]
        elif (depth > width or forced & 1) and depth > grains(depth, unit)[2]:
            depth -= _GRANULE
        elif (width != whole.width or forced & 4) and width > unit[1]:
            width -= unit[1]
        elif forced != 7:
            forced = forced << 1 | 1
        elif depth > _GRANULE:
            depth = max(depth // 2, _GRANULE)
        else:
            break
    return _Block(height, width, depth)
