"""Micro-kernels: what moves elements and computes nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from annette.bench.generate.pointwise import data
from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import ALIGNED, ODD, VECTOR, Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]


def recipes() -> list[Recipe]:
    """Recipes for data movement."""
    return [
        *(
            micro(f"concat/blocked/{alignment}", count, partial(_blocked_concat, alignment))
            for alignment, count in ((ALIGNED, 9), (VECTOR, 3), (ODD, 2))
        ),
        micro("concat/plain", 10, _concat),
        micro("concat/tokens", 4, _class_token),
        micro("split/channels", 6, _split_channels),
        micro("split/tokens", 4, lambda s, net: net.split(net.feed((tokens(s), 3 * s.channels(32, 512))), 3, axis=-1)),
        micro("slice/plain", 8, _slice),
        micro("slice/patches", 4, _merge_patches),
        micro("pad/plain", 12, _pad),
        micro("transpose/heads", 10, _heads),
        micro("transpose/keys", 10, _keys),
        micro("transpose/channels", 18, _channels_last),
        micro("transpose/tokens", 14, _tokens_last),
        micro("transpose/windows", 10, _windows),
        micro("transpose/query-key-value", 6, _query_key_value),
        micro("transpose/shuffle", 7, _shuffle),
        micro("resize-nearest/plain", 7, partial(_resize, "nearest", "plain")),
        micro("resize-nearest/blocked", 5, partial(_resize, "nearest", "blocked")),
        micro("resize-linear/plain", 8, partial(_resize, "linear", "plain")),
        micro("resize-cubic/plain", 8, partial(_resize, "cubic", "plain")),
        micro("gather/embedding", 20, _embedding, alternates=True),
        micro("gather/position", 18, _position),
        micro("depth-to-space/plain", 12, _depth_to_space),
        micro("space-to-depth/plain", 12, _space_to_depth),
        micro("expand/plain", 12, _expand),
        micro("expand/last", 10, _expand_last),
        micro("reorder/blocked", 8, _reorder),
    ]


def _blocked_concat(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    channels, height, width = s.feature_map((16, 384), alignment=alignment, sizes=(4, 80), most=1 << 18)
    parts = [net.host((channels, height, width))]
    parts += [net.host((s.channels(16, 384, alignment), height, width)) for _ in range(s.pick((1, 1, 2, 3)))]
    net.conv(net.concat(parts), 16, 1)


def _concat(s: Sampler, net: CaseBuilder) -> None:
    channels, height, width = s.feature_map((8, 512), sizes=(4, 112), most=1 << 19)
    parts = [net.feed((channels, height, width))]
    parts += [net.feed((s.channels(8, 512), height, width)) for _ in range(s.pick((1, 1, 2, 3)))]
    net.concat(parts)


def _class_token(s: Sampler, net: CaseBuilder) -> None:
    width = s.channels(64, 1024)
    net.concat([net.feed((1, width)), net.feed((tokens(s), width))], axis=1)


def _split_channels(s: Sampler, net: CaseBuilder) -> None:
    parts = s.pick((2, 2, 3, 4))
    channels, height, width = s.feature_map((8, 256), sizes=(4, 80), most=1 << 18)
    net.split(net.feed((parts * channels, height, width)), parts)


def _slice(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((8, 512), sizes=(6, 112)))
    axis = s.pick((1, 1, 2, 3))
    start = s.integer(0, max(0, x.shape[axis] // 2 - 1))
    net.slice(x, [start], [start + max(1, x.shape[axis] // 2)], [axis])


def _merge_patches(s: Sampler, net: CaseBuilder) -> None:
    side = 2 * s.log_integer(4, 40)
    x = net.feed((side, side, s.channels(32, 384)))
    net.slice(x, [s.integer(0, 1), s.integer(0, 1)], [side, side], [1, 2], steps=[2, 2])


def _pad(s: Sampler, net: CaseBuilder) -> None:
    top, left, bottom, right = (s.integer(0, 3) for _ in range(4))
    x = net.feed(s.feature_map((3, 384), sizes=(6, 112)))
    mode = s.pick(("constant", "constant", "constant", "reflect"))
    net.pad(x, (0, 0, top + 1, left, 0, 0, bottom, right), mode=mode)


def _heads(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s)
    shape = (tokens(s), heads, width // heads)
    net.transpose(net.feed(shape if s.chance(0.5) else (shape[1], shape[0], shape[2])), (0, 2, 1, 3))


def _keys(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s)
    count = tokens(s)
    shape, order = ((count, heads), (0, 2, 3, 1)) if s.chance(0.5) else ((heads, count), (0, 1, 3, 2))
    net.transpose(net.feed((*shape, width // heads)), order)


def _channels_last(s: Sampler, net: CaseBuilder) -> None:
    channels, *sides = s.feature_map((3, 1024), sizes=(4, 160))
    shape, order = ((channels, *sides), (0, 2, 3, 1)) if s.chance(0.5) else ((*sides, channels), (0, 3, 1, 2))
    net.transpose(net.feed(shape), order)


def _tokens_last(s: Sampler, net: CaseBuilder) -> None:
    channels = s.channels(16, 1024)
    shape = (tokens(s, 16, 4096 if channels < 300 else 1024), channels)
    net.transpose(net.feed(shape if s.chance(0.6) else shape[::-1]), (0, 2, 1))


def _windows(s: Sampler, net: CaseBuilder) -> None:
    rows, window, channels = s.log_integer(1, 8), s.pick((7, 7, 7, 8, 6, 12)), s.channels(24, 512)
    shape = (rows, window, rows, window) if s.chance(0.5) else (rows, rows, window, window)
    net.transpose(net.feed((*shape, channels)), (0, 1, 3, 2, 4, 5))


def _query_key_value(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s, 32, 768)
    net.transpose(net.feed((tokens(s, 16, 577), 3, heads, width // heads)), (2, 0, 3, 1, 4))


def _shuffle(s: Sampler, net: CaseBuilder) -> None:
    groups = s.pick((2, 2, 2, 3, 4, 8))
    channels, height, width = s.feature_map((12, 300), sizes=(4, 80), most=1 << 18)
    net.transpose(net.feed((groups, channels, height, width)), (0, 2, 1, 3, 4))


def _resize(mode: str, layout: str, s: Sampler, net: CaseBuilder) -> None:
    shape = s.feature_map((8, 512), sizes=(4, 80), most=1 << 17)
    x = net.host(shape) if layout == "blocked" else net.feed(shape)
    scale = s.pick((2, 2, 2, 4, 8)) if mode != "cubic" else 2
    coordinates = s.pick(("half_pixel", "align_corners")) if mode == "linear" else None
    y = net.resize(x, scale=scale, mode=mode, coordinates=coordinates)  # type: ignore[arg-type]
    if layout == "blocked":
        net.conv(y, 16, 1)


def _embedding(s: Sampler, net: CaseBuilder) -> None:
    ids = net.feed((s.log_integer(4, 512),), DType.INT64)
    net.embedding(ids, s.log_integer(100, 8000), s.channels(32, 768))


def _position(s: Sampler, net: CaseBuilder) -> None:
    if s.chance(0.5):
        net.gather(net.feed((tokens(s), s.channels(32, 1024))), 0, axis=1)
    else:
        heads, width = heads_and_width(s, 32, 768)
        x = net.input("stacked", (3, net.batch, heads, tokens(s, 16, 577), width // heads))
        net.gather(x, s.integer(0, 2), axis=0)


def _depth_to_space(s: Sampler, net: CaseBuilder) -> None:
    block = s.pick((2, 2, 3, 4))
    channels, height, width = s.feature_map((3, 64), sizes=(8, 80), most=1 << 17)
    net.depth_to_space(net.feed((channels * block**2, height, width)), block)


def _space_to_depth(s: Sampler, net: CaseBuilder) -> None:
    channels, height, width = s.feature_map((3, 128), sizes=(8, 160), most=1 << 18)
    net.space_to_depth(net.feed((channels, 2 * height, 2 * width)), 2)


def _expand(s: Sampler, net: CaseBuilder) -> None:
    x = data(s, net, most=1 << 16)
    net.expand(net.reshape(x, (1, *x.shape)), (s.integer(2, 6), *x.shape))


def _expand_last(s: Sampler, net: CaseBuilder) -> None:
    """A norm or a scale of each row repeated over the row."""
    heads, width = heads_and_width(s, 32, 768)
    shape = (heads, tokens(s, 16, 784), 1)
    net.expand(net.feed(shape), (net.batch, *shape[:2], width // heads))


def _reorder(s: Sampler, net: CaseBuilder) -> None:
    """From the convolutions' layout to the plain one and back, around what runs plain only."""
    x = net.host(s.feature_map((16, 768), sizes=(4, 112), most=1 << 19))
    y = net.transpose(x, (0, 1, 3, 2)) if s.chance(0.7) else net.unary("abs", x)
    net.conv(y, 16, 1)
