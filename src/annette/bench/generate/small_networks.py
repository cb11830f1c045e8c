"""Small whole networks in the styles of real ones: from the image or the tokens to the result.

Their totals are sums like those that estimates are asked for: the same layers, in the same proportions and company. No
network is one of the zoo, for every width, depth and resolution is drawn.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate import blocks, transformer_blocks
from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import Block, CaseBuilder, Draw, Sampler
    from annette.network import Tensor

__all__ = ["small_networks"]

_MOST_OPS: Final = 5_000_000_000
_MOST_BYTES: Final = 26_000_000
_LEAST_SIDE: Final = 4
_SHARE_WITH_HEAVY: Final = 2 / 3
"""Where heavy layers are measured by themselves (`annette.bench.generate.heavy`), fewer networks do."""


def small_networks(target: str) -> list[Recipe]:
    """Recipes for small whole networks.

    Args:
        target: ``cpu`` or ``npu``, as for whole plans.
    """
    share, transformers = (1.0, 36) if target == "cpu" else (_SHARE_WITH_HEAVY, 12)
    return [
        *(
            _recipe(name, round(share * count), partial(_network, families))
            for name, (count, families) in _STYLES.items()
        ),
        _recipe("straight", round(share * 24), _straight),
        _recipe("pyramid", round(share * 12), _with_pyramid),
        _recipe("transformer", transformers, _transformer),
    ]


def _recipe(name: str, count: int, draw: Draw) -> Recipe:
    return Recipe(Purpose.CHAIN, f"network/{name}", count, draw, most_ops=_MOST_OPS, most_bytes=_MOST_BYTES)


_STYLES: Final[dict[str, tuple[int, tuple[Block, ...]]]] = {
    "residual": (16, (blocks.basic_residual,)),
    "bottleneck": (16, (blocks.bottleneck,)),
    "grouped": (14, (blocks.grouped_bottleneck,)),
    "branches": (16, (blocks.branches,)),
    "fire": (10, (blocks.fire,)),
    "dense": (12, (blocks.dense,)),
    "separable": (14, (blocks.separable,)),
    "inverted": (18, (blocks.inverted_residual,)),
    "excited": (18, (blocks.inverted_residual_excited, blocks.inverted_residual)),
    "shuffle": (12, (blocks.shuffle,)),
    "cross-stage": (12, (blocks.cross_stage,)),
    "cells": (10, (blocks.cell,)),
    "convnext": (12, (transformer_blocks.convnext,)),
    "mixed": (24, (blocks.plain, blocks.basic_residual, blocks.bottleneck, blocks.branches, blocks.inverted_residual)),
}


def _network(families: tuple[Block, ...], s: Sampler, net: CaseBuilder) -> None:
    """A stem on an image, four to ten blocks that grow smaller and deeper, and a classifier."""
    x = _stem(s, net)
    for number in range(s.integer(4, 10)):
        if min(x.shape[2:]) < _LEAST_SIDE:
            break
        with net.scope(f"block{number}"):
            x = s.pick(families)(s, net, x)
    _classifier(s, net, x)


def _stem(s: Sampler, net: CaseBuilder) -> Tensor:
    """The first layers, until the map is small enough for many blocks."""
    x = blocks.stem(s, net, net.image(s.resolution()))
    while x.shape[2] > 80:
        x = net.max_pool(x, 3, stride=2, padding=1) if s.chance(0.4) else _halved(s, net, x)
    return x


def _halved(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    return net.conv_norm(x, s.channels(16, 128), 3, stride=2, activation="relu")


def _classifier(s: Sampler, net: CaseBuilder, x: Tensor) -> None:
    if s.chance(0.5):
        x = net.conv_norm(x, s.channels(128, 1280), activation=s.pick(("relu", "relu6", "hard_swish")))
    y = net.flatten(net.global_average_pool(x))
    net.fully_connected(y, s.pick((10, 100, 1000, 1000)))


def _straight(s: Sampler, net: CaseBuilder) -> None:
    """Convolutions and pools in a row, and large products of one row behind them."""
    x = net.image(s.pick((64, 96, 112, 128, 160, 192, 224)))
    filters = s.pick((16, 24, 32, 48, 64))
    first = s.pick((3, 3, 5, 7, 11))
    x = net.conv_norm(x, filters, first, stride=s.pick((1, 2, 4)) if first > 3 else 1, activation="relu")
    for number in range(s.integer(3, 6)):
        if min(x.shape[2:]) < 2 * _LEAST_SIDE:
            break
        with net.scope(f"stage{number}"):
            for _ in range(s.integer(1, 3)):
                x = net.conv_norm(x, filters, s.pick((3, 3, 3, 5)), activation="relu")
            x = net.max_pool(x, 2, stride=2) if s.chance(0.7) else net.max_pool(x, 3, stride=2)
        filters = min(512, round(filters * s.pick((1, 1.5, 2, 2)) / 8) * 8)
    y = net.flatten(x)
    for width in (s.pick((512, 1024, 2048, 4096)), s.pick((256, 1024, 4096))):
        if s.chance(0.8):
            y = net.relu(net.fully_connected(y, width))
    net.fully_connected(y, s.pick((10, 100, 1000)))


def _transformer(s: Sampler, net: CaseBuilder) -> None:
    """Two to six layers over tokens or the patches of an image, and a classifier of the first token."""
    heads, width = heads_and_width(s, 64, 1024)
    act, joint, before = s.pick(("gelu", "gelu", "gelu_tanh", "relu")), s.chance(0.5), s.chance(0.7)
    if s.chance(0.5):
        patch = s.pick((8, 14, 16, 16, 32))
        side = patch * max(3, min(16, s.resolution() // patch))
        x = net.conv(net.image(side), width, patch, stride=patch)
        x = net.transpose(net.reshape(x, (net.batch, width, x.shape[2] * x.shape[3])), (0, 2, 1))
    else:
        x = net.feed((tokens(s, 16, 384), width))
    x = net.add_constant(x, (1, *x.shape[1:]))
    for number in range(s.integer(2, 6)):
        with net.scope(f"layer{number}"):
            y = net.layer_norm(x) if before else x
            if joint:
                query, key, value = net.split(net.fully_connected(y, 3 * width), 3, axis=-1)
            else:
                query, key, value = (net.fully_connected(y, width) for _ in range(3))
            x = net.add(x, net.fully_connected(net.attention(query, key, value, heads), width))
            x = x if before else net.layer_norm(x)
            y = net.activation(net.fully_connected(net.layer_norm(x) if before else x, 4 * width), act)
            x = net.add(x, net.fully_connected(y, width))
            x = x if before else net.layer_norm(x)
    first = net.slice(x, [0], [1], [1])
    net.fully_connected(first, s.pick((2, 10, 1000)))


def _with_pyramid(s: Sampler, net: CaseBuilder) -> None:
    """A residual body whose maps are brought together again: segmentation and detection."""
    block = s.pick((blocks.basic_residual, blocks.inverted_residual, blocks.cross_stage))
    x = _halved(s, net, blocks.stem(s, net, net.image(s.pick((128, 160, 192, 224, 256)))))
    levels = []
    for number in range(3):
        with net.scope(f"level{number}"):
            if number:
                x = _halved(s, net, x)
            x = net.conv_norm(x, s.channels(32, 320), 3, activation="relu")
            x = x if min(x.shape[2:]) < 2 * _LEAST_SIDE else block(s, net, x)
            levels.append(x)
    width = s.pick((32, 64, 96, 128))
    y = net.conv_norm(levels[-1], width)
    for level in reversed(levels[:-1]):
        y = net.resize(y, (level.shape[2], level.shape[3]))
        lateral = net.conv_norm(level, width)
        y = net.conv_norm(net.add(lateral, y), width, 3, activation="relu")
    net.conv(y, s.pick((1, 21, 75, 255)), 1)
