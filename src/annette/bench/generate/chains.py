"""Chains: a few blocks in a row, so that the inner kernels meet the layouts and caches they meet in networks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate import blocks, transformer_blocks
from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import Block, CaseBuilder, Sampler

__all__ = ["in_quick_networks", "recipes"]

_chain = partial(Recipe, Purpose.CHAIN, most_ops=1_200_000_000, most_bytes=16_000_000)

_QUICK_NETWORKS: Final = tuple(
    (size << 20, round(ops * 1e9)) for size, ops in ((4, 0.1), (3, 0.8), (6, 0.3), (2, 0.2), (8, 2.5), (5, 1.5))
)
"""Bytes and operations of networks whose weights a last cache holds, for as long as others leave them there: small
ones, and those of 8 bits, which run from 1 to 20 ms."""
_in_quick_network = partial(
    Recipe, Purpose.COLD_WEIGHTS, most_ops=600_000_000, most_bytes=8_000_000, around=_QUICK_NETWORKS
)

_FAMILIES: Final[dict[str, tuple[int, Block, tuple[int, int], tuple[int, int]]]] = {
    # name: (cases, block, channels of the input, its height)
    "plain": (28, blocks.plain, (16, 512), (7, 112)),
    "basic-residual": (23, blocks.basic_residual, (32, 512), (5, 80)),
    "bottleneck": (28, blocks.bottleneck, (64, 1536), (5, 80)),
    "grouped-bottleneck": (28, blocks.grouped_bottleneck, (32, 1024), (5, 80)),
    "reparameterised": (20, blocks.reparameterised, (16, 384), (5, 64)),
    "dense": (22, blocks.dense, (32, 640), (5, 64)),
    "branches": (24, blocks.branches, (32, 768), (5, 48)),
    "fire": (14, blocks.fire, (32, 512), (7, 80)),
    "cell": (19, blocks.cell, (32, 384), (5, 40)),
    "separable": (22, blocks.separable, (16, 768), (5, 112)),
    "inverted-residual": (36, blocks.inverted_residual, (12, 256), (5, 112)),
    "inverted-residual-excited": (32, blocks.inverted_residual_excited, (12, 256), (5, 112)),
    "shuffle": (25, blocks.shuffle, (16, 512), (4, 56)),
    "depthwise-residual": (24, blocks.depthwise_residual, (16, 384), (5, 64)),
    "gated": (12, blocks.gated, (16, 256), (5, 64)),
    "ghost": (11, blocks.ghost, (16, 256), (5, 64)),
    "cross-stage": (18, blocks.cross_stage, (32, 512), (5, 80)),
    "convnext": (22, transformer_blocks.convnext, (24, 768), (5, 64)),
}


def recipes() -> list[Recipe]:
    """Recipes for chains."""
    return [
        *(
            _chain(name, count, partial(_family, block, channels, sizes))
            for name, (count, block, channels, sizes) in _FAMILIES.items()
        ),
        _chain("stem", 32, _stem),
        _chain("patch-stem", 14, transformer_blocks.patch_stem),
        _chain("mixed", 34, _mixed),
        _chain("encoder", 50, transformer_blocks.encoder),
        _chain("decoder", 22, transformer_blocks.decoder),
        _chain("windowed-attention", 32, transformer_blocks.windowed),
        _chain("mixer", 14, transformer_blocks.mixer),
        _chain("embedding", 11, transformer_blocks.embedding),
        _chain("classifier", 25, blocks.classifier),
        _chain("upsampling", 22, blocks.upsampling),
        _chain("transposed-decoder", 18, blocks.transposed_decoder),
        _chain("sequence-residual", 12, blocks.sequence_residual),
        _chain("pyramid", 14, blocks.pyramid),
        _chain("detection-head", 14, blocks.detection_head),
        _chain("atrous-pyramid", 11, blocks.atrous_pyramid),
    ]


def in_quick_networks() -> list[Recipe]:
    """Recipes for chains as parts of networks with few weights, where time makes cold and not what was touched."""
    families = (("inverted-residual-excited", 13), ("ghost", 11), ("shuffle", 7), ("grouped-bottleneck", 7))
    return [
        *(
            _in_quick_network(f"{name}/quick-network", count, partial(_family, *_FAMILIES[name][1:]))
            for name, count in families
        ),
        _in_quick_network("mixed/quick-network", 13, _mixed),
        _in_quick_network("encoder/quick-network", 11, transformer_blocks.encoder),
    ]


def _family(block: Block, channels: tuple[int, int], sizes: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    """Two to four blocks of one family; half of the chains start behind a convolution."""
    net.keeps_batch_norm = s.chance(0.15)
    shape = s.feature_map(channels, sizes=sizes, most=s.pick((1 << 18, 1 << 19, 1 << 20)), range_=30)
    x = net.host(shape) if s.chance(0.4) else net.feed(shape)
    for number in range(s.pick((2, 3, 3, 4))):
        with net.scope(f"block{number}"):
            x = block(s, net, x)


def _stem(s: Sampler, net: CaseBuilder) -> None:
    """From the image to the first blocks."""
    side = s.resolution()
    x = net.input("image", (net.batch, 3, side, side))
    x = blocks.stem(s, net, x)
    block = s.pick((blocks.plain, blocks.basic_residual, blocks.separable, blocks.inverted_residual))
    for number in range(s.pick((0, 1, 1, 2))):
        with net.scope(f"block{number}"):
            x = block(s, net, x)


def _mixed(s: Sampler, net: CaseBuilder) -> None:
    """Blocks of different families in a row."""
    x = net.feed(s.feature_map((16, 512), sizes=(7, 96), most=1 << 18, range_=30))
    families = [_FAMILIES[name] for name in _FAMILIES if name != "convnext"]
    for number in range(s.pick((2, 3, 3, 4))):
        with net.scope(f"block{number}"):
            x = s.pick(families)[1](s, net, x)
