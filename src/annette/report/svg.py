"""Plots as inline SVG: a frame with two axes, and what is drawn in it."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "axis",
    "decades",
    "line",
    "plot",
    "text",
    "ticks",
]

WIDTH: Final = 460
HEIGHT: Final = 340
LEFT: Final = 70
RIGHT: Final = 12
TOP: Final = 12
BOTTOM: Final = 40
"""Size of a plot and its margins, in units of the drawing."""


def plot(marks: Iterable[str], across: str, up: str) -> str:
    """A plot with titles at its axes.

    Args:
        marks: What is drawn.
        across: Title of the horizontal axis.
        up: Title of the vertical axis.
    """
    middle = (HEIGHT - BOTTOM + TOP) / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(up)} over {escape(across)}">'
        f"{''.join(marks)}{text((WIDTH + LEFT) / 2, HEIGHT - 6, across, 'middle')}"
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(up)}</text></svg>'
    )


def axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Maps values from ``low`` to ``high`` onto places from ``start`` to ``end``."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def decades(low: float, high: float) -> list[float]:
    """Ticks at 1, 2 and 5 times powers of ten, as logarithms; only powers of ten where those are many."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    found = [power + math.log10(step) for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [tick for tick in found if low <= tick <= high]


def ticks(high: float, *, base: int = 10, most: int = 8) -> list[float]:
    """Ticks from 0 to ``high`` at multiples of a round number.

    Args:
        high: More than 0.
        base: What is round: 10 stands for 1, 2 and 5 times its powers, 2 for its powers.
        most: So many at the most, besides 0.
    """
    step = float(base) ** math.floor(math.log(high / most, base))
    factors = (1.0, 2.0, 5.0, 10.0, 20.0) if base == 10 else (1.0, 2.0, 4.0)
    step *= next(factor for factor in factors if high / (step * factor) <= most)
    return [step * index for index in range(int(high / step + 1e-9) + 1)]


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line of a class of the page's style."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x: float, y: float, content: str, anchor: str) -> str:
    """A text whose ``start``, ``middle`` or ``end`` is at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'
