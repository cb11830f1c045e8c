"""Cold weights: products so large that every run fetches its matrix from main memory, as whole networks do.

The measurement empties the caches before each run, so that one network can hold several products side by side.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from annette.bench.generate.recipe import Draw, Recipe
from annette.bench.generate.sampler import ALIGNED, ODD, VECTOR
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.builder import CaseBuilder
    from annette.bench.generate.sampler import Sampler

__all__ = ["recipes"]


def recipes() -> list[Recipe]:
    """Recipes for cold weights."""
    return [
        _cold("fully-connected/one-row", 34, partial(_rows, (1,))),
        _cold("fully-connected/few-rows", 18, partial(_rows, (2, 3, 4, 8, 16))),
        _cold("fully-connected/many-rows", 12, partial(_rows, (32, 64, 128))),
        _cold("fully-connected/tokens", 30, _tokens),
        _cold("conv-1x1/small-maps", 28, partial(_convolutions, (1,), (64, 1280))),
        _cold("conv-3x3/small-maps", 20, partial(_convolutions, (3,), (32, 512))),
        _cold("conv-3x3/large-weights", 16, partial(_convolutions, (3,), (256, 640)), most_ops=1_000_000_000),
        _cold("conv-1x1/one-position", 14, partial(_convolutions_at_one_position)),
    ]


def _cold(group: str, count: int, draw: Draw, most_ops: int = 500_000_000) -> Recipe:
    return Recipe(Purpose.COLD_WEIGHTS, group, count, draw, most_ops=most_ops, most_bytes=80_000_000)


def _rows(rows: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    for number in range(3):
        depth = s.channels(128, 4096 if number else 9216, s.pick((ALIGNED, ALIGNED, VECTOR, ODD)))
        units = s.pick((1000, 10, 100, 512, 1024, 2048, 4096)) if s.chance(0.6) else s.channels(32, 4096)
        x = net.input(f"rows{number}", (s.pick(rows) * net.batch, depth))
        net.fully_connected(x, units)


def _tokens(s: Sampler, net: CaseBuilder) -> None:
    for _ in range(2):
        width = s.channels(128, 1280, s.pick((ALIGNED, ALIGNED, VECTOR)))
        ratio = s.pick((1, 3, 4, 0.25))
        net.fully_connected(net.feed((s.log_integer(1, 200), width)), round(width * ratio), bias=s.chance(0.5))


def _convolutions(kernels: tuple[int, ...], channels: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    for _ in range(2):
        x = net.feed((s.channels(*channels), *(s.pick((4, 5, 6, 7, 7, 8, 10, 14)),) * 2))
        net.conv(x, s.channels(*channels), s.pick(kernels), padding="half", stride=s.pick((1, 1, 1, 2)))


def _convolutions_at_one_position(s: Sampler, net: CaseBuilder) -> None:
    """Squeeze and excitation's products: a convolution of one position."""
    for _ in range(3):
        net.conv(net.feed((s.channels(16, 2048), 1, 1)), s.channels(8, 1280), 1)
