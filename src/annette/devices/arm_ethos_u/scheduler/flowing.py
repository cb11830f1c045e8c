"""Blocks of what sums nothing up, on the Ethos-U85: resizes and element-wise operators.

From the compiler's published source, sizes of buffers from its reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.tiling import Tile, up

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine, Window

__all__ = ["flowing_tile"]

_BRICK: Final = 16
_CHAINED_POSITIONS: Final = 32
_OUTPUT_POSITIONS: Final = 256
_MOST_WIDTH: Final = 128


def flowing_tile(engine: Engine, window: Window, unit: tuple[int, int, int]) -> Tile:
    """Cuts one operation.

    Args:
        engine: The accelerator.
        window: The operation, with the role ``resize`` or ``elementwise``.
        unit: Its micro-tile.
    """
    return _line(window, unit) if window.role == "resize" else _by_buffer(engine, window, unit)


def _line(window: Window, unit: tuple[int, int, int]) -> Tile:
    """A resize computes a line at a time, as wide as its inputs fit a buffer of 32 positions."""
    scale = max(window.out_width // max(window.in_width, 1), 1)
    width = min((_CHAINED_POSITIONS - 2) * scale // unit[1] * unit[1] or unit[1], _MOST_WIDTH)
    return Tile(1, width, _BRICK, unit[0], width, _BRICK, False, unit)


def _by_buffer(engine: Engine, window: Window, unit: tuple[int, int, int]) -> Tile:
    """Element-wise operators fill a buffer of outputs line by line, with as many channels as the width leaves room for.

    Where an operand is broadcast over lines, columns are fewer.
    """
    height, width, channels = (
        min(up(size, step), most)
        for size, step, most in zip(
            (window.out_height, window.out_width, window.out_channels),
            (*unit[:2], _BRICK),
            (engine.max_height, engine.max_width, engine.max_channels),
            strict=True,
        )
    )
    room = _CHAINED_POSITIONS // unit[0] if window.in_height < window.out_height else _OUTPUT_POSITIONS
    needed = min(up(window.out_width, unit[1]), room, engine.max_width)
    if window.out_width % needed:
        needed = up(up(window.out_width, unit[1]) // (window.out_width // needed + 1), unit[1])
    share = max(min(room // max(needed, unit[1]), channels // _BRICK), 1)
    width = up(room // share, unit[1])
    return Tile(height, width, share * _BRICK, height, width, share * _BRICK, False, unit)
