"""Cold weights: products so large that every run fetches its matrix from main memory, as whole networks do.

The measurement empties the caches before each run, so that one network can hold several products. They follow each
other: the first kernel of a run finds its input, its code and its page tables cold as well, which takes a product of
some dozen rows a fifth longer than it takes inside a network.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from annette.bench.generate.recipe import Draw, Recipe
from annette.bench.generate.sampler import ALIGNED, ODD, VECTOR
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder
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
        _cold("conv-1x1/one-position", 14, _convolutions_at_one_position),
    ]


def _cold(group: str, count: int, draw: Draw, most_ops: int = 500_000_000) -> Recipe:
    return Recipe(Purpose.COLD_WEIGHTS, group, count, draw, most_ops=most_ops, most_bytes=80_000_000)


def _rows(rows: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    depth = s.channels(128, 9216 if s.chance(0.3) else 4096, s.pick((ALIGNED, ALIGNED, VECTOR, ODD)))
    x = net.input("rows", (s.pick(rows) * net.batch, depth))
    for _ in range(3):
        x = net.fully_connected(x, s.channels(128, 4096, s.pick((ALIGNED, ALIGNED, VECTOR, ODD))))
        if s.chance(0.5):
            x = net.relu(x)
    net.fully_connected(x, s.pick((1000, 10, 100, 512, 1024, 2048, 4096)))


def _tokens(s: Sampler, net: CaseBuilder) -> None:
    width = s.channels(128, 1280, s.pick((ALIGNED, ALIGNED, VECTOR)))
    x = net.feed((s.log_integer(1, 200), width))
    for ratio in (1, s.pick((1, 3, 4, 0.25)), 1):
        x = net.fully_connected(x, round(width * ratio), bias=s.chance(0.5))


def _convolutions(kernels: tuple[int, ...], channels: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.channels(*channels), *(s.pick((4, 5, 6, 7, 7, 8, 10, 14)),) * 2))
    for stride in (1, s.pick((1, 1, 2)), 1):
        x = net.relu(net.conv(x, s.channels(*channels), s.pick(kernels), padding="half", stride=stride))


def _convolutions_at_one_position(s: Sampler, net: CaseBuilder) -> None:
    """Squeeze and excitation's products: a convolution of one position."""
    x = net.feed((s.channels(16, 2048), 1, 1))
    for _ in range(4):
        x = net.relu(net.conv(x, s.channels(8, 1280), 1))
