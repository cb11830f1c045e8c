"""Micro-kernels of quantised networks on processors: what is another kernel there than in floating point.

Behind a convolution of integers, maps lie channels last: means, poolings, concatenations and factors a channel then
work on short runs of bytes. First layers, of few channels on large maps, are those in which a runtime that multiplies
unfolded windows is furthest from its peak.

Products are measured again with operands of other signs, which such processors multiply at quite another rate
(`annette.mapping.operands`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Final

from annette.bench.generate import convolutions, products
from annette.bench.generate.recipe import micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.bench.generate.recipe import CaseBuilder, Recipe, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_STATIC: Final = ("static-uint8",)
_BOTH: Final = ("static-uint8", "static-int8")
_ALL: Final = ("static-uint8", "dynamic", "static-int8")
_MOST_ELEMENTS: Final = 400_000

_OTHER_SIGNS: Final = (
    ("conv-1x1/", ("static-unsigned", "dynamic-unsigned", "operators-int8")),
    ("conv-3x3/", ("static-unsigned", "dynamic-unsigned", "operators-int8")),
    ("conv-large/", ("dynamic-unsigned", "static-unsigned", "operators-int8")),
    ("conv-strided/", ("dynamic-unsigned", "static-unsigned", "operators-int8")),
    ("conv-stem/3-channels", ("dynamic-unsigned", "static-unsigned", "operators-int8")),
    ("conv-grouped/", ("static-unsigned", "dynamic-unsigned", "operators-int8")),
    ("conv-1d/", ("dynamic-unsigned", "static-unsigned")),
    ("depthwise", ("static-unsigned", "dynamic-unsigned", "operators-int8")),
    ("fully-connected-matrix/", ("dynamic-unsigned", "static-unsigned", "operators-int8")),
    ("fully-connected-tokens/plain", ("dynamic-unsigned", "static-unsigned", "operators-int8")),
    ("fully-connected/one-row", ("dynamic-unsigned",)),
    ("lstm/", ("dynamic-unsigned",)),
)
"""How the groups of products begin that are measured with other signs as well, and the ways of quantising to these."""

_SHARE: Final = 0.4
"""Of such a group's cases, so many again: the shapes are those of the usual signs, only the rates differ."""


def recipes() -> list[Recipe]:
    """Recipes for quantised networks, beside those that they share with networks in floating point."""
    static = partial(micro, ways=_STATIC)
    return [
        static("quantised/concat", 18, _concat),
        static("quantised/halves", 12, _halves),
        static("quantised/mean", 20, _mean),
        static("quantised/excite", 16, _excite),
        micro("quantised/max-pool", 18, partial(_pool, "max"), ways=_BOTH),
        micro("quantised/average-pool", 18, partial(_pool, "average"), ways=_BOTH),
        static("quantised/resize", 10, _resize),
        static("quantised/embedding", 8, _embedding),
        micro("quantised/few-channels", 33, _few_channels, ways=_ALL),
        micro("quantised/depthwise", 27, _depthwise, ways=_ALL),
        *_with_other_signs(),
    ]


def _with_other_signs() -> Iterator[Recipe]:
    """Recipes of products as they are for real numbers, quantised to operands whose signs are not the usual ones."""
    for recipe in (*convolutions.recipes(), *products.recipes(), *products.cold_weights()):
        ways = next((ways for begin, ways in _OTHER_SIGNS if recipe.group.startswith(begin)), ())
        if ways and not recipe.sweep:
            yield replace(recipe, group=f"other-signs/{recipe.group}", count=ceil(recipe.count * _SHARE), ways=ways)
    for recipe in products.shared_operands():
        count = ceil(recipe.count * _SHARE)
        yield replace(recipe, group=f"other-signs/{recipe.group}", count=count, ways=("dynamic-unsigned",))


def _map(
    s: Sampler, net: CaseBuilder, channels: tuple[int, int] = (8, 512), sizes: tuple[int, int] = (4, 112)
) -> Tensor:
    return net.host(s.feature_map(channels, sizes=sizes, most=_MOST_ELEMENTS))


def _concat(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, (8, 384), (5, 112))
    parts = [x, *(net.conv(x, s.channels(8, 256), 1) for _ in range(s.pick((1, 1, 2, 3))))]
    net.conv(net.concat(parts), 16, 1)


def _halves(s: Sampler, net: CaseBuilder) -> None:
    """A map cut along its channels, one part computed with, and all of it joined again."""
    x = _map(s, net, (16, 256), (6, 96))
    first, second = net.split(x, 2) if x.shape[1] % 2 == 0 else (x, x)
    net.conv(net.concat([first, second, net.conv(second, second.shape[1], 3, padding=1)]), 16, 1)


def _mean(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, (16, 960), (4, 112))
    if s.chance(0.75):
        net.conv(net.reduce("reduce_mean", x, (2, 3)), 16, 1)
    else:
        net.fully_connected(net.reduce("reduce_mean", x, (2, 3), keep=False), 16)


def _excite(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, (16, 672), (4, 112))
    mean = net.reduce("reduce_mean", x, (2, 3)) if s.chance(0.5) else net.global_average_pool(x)
    squeezed = net.relu(net.conv(mean, max(4, x.shape[1] // s.pick((4, 8, 16))), 1))
    gate = net.activation(net.conv(squeezed, x.shape[1], 1), s.pick(("sigmoid", "sigmoid", "hard_sigmoid")))
    net.conv(net.mul(x, gate), 16, 1)


def _pool(kind: str, s: Sampler, net: CaseBuilder) -> None:
    kernel, stride = s.pick(((2, 2), (3, 2), (3, 1), (5, 1), (7, 1), (9, 1)), (30, 25, 15, 15, 8, 7))
    pool = net.max_pool if kind == "max" else net.average_pool
    net.conv(
        pool(_map(s, net, (8, 384), (7, 112)), kernel, stride=stride, padding=0 if kernel == 2 else kernel // 2), 16, 1
    )


def _resize(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, (8, 256), (4, 64))
    net.conv(net.resize(x, scale=2, mode=s.pick(("nearest", "linear"))), 16, 1)


def _embedding(s: Sampler, net: CaseBuilder) -> None:
    width, count = s.channels(64, 768), s.log_integer(4, 256)
    words = net.embedding(net.feed((count,), DType.INT64), s.log_integer(500, 8000), width)
    net.fully_connected(net.add_constant(words, (1, count, width)), width)


def _few_channels(s: Sampler, net: CaseBuilder) -> None:
    kernel, stride = s.pick(((3, 1), (3, 2), (5, 2), (7, 2)), (45, 35, 8, 12))
    depth = s.pick((1, 3, 8, 16, 24, 32), (8, 35, 12, 20, 10, 15))
    side = s.log_integer(48, 256 if depth <= 3 else 128)
    x = net.feed((depth, side, side))
    y = net.conv(x, s.pick((8, 16, 24, 32, 48)), kernel, stride=stride, padding=kernel // 2)
    net.conv(net.relu(y), 8, 1)


def _depthwise(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, (8, 960), (4, 112))
    y = net.depthwise_conv(x, s.pick((3, 5, 7), (60, 33, 7)), stride=s.pick((1, 2), (70, 30)), padding="half")
    net.conv(net.relu(y), 16, 1)
