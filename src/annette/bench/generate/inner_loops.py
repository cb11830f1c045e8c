"""Micro-kernels whose time follows from their innermost loop: few elements in a row, strides, short rows, signs.

What an operator does once for each piece that it copies, each row that it normalizes or each number that it repeats
decides where pieces, rows and repetitions are many and short (`annette.models.quantities`, ``copied_runs`` and others).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]

_MOST: Final = 1 << 19
_STRIDED: Final = (
    ("reduce_max", 5), ("reduce_min", 4), ("reduce_norm", 5), ("reduce_sum", 3), ("reduce_mean", 3), ("arg_max", 3),
)  # fmt: skip
_SMOOTHNESS: Final = ((False, 1), (False, 3), (False, 3), (True, 1), (False, 5), (False, 9))
"""Whether a map has no negative elements, and over which window it was averaged: what a convolution makes of it changes
its sign from one element to the next with a probability of 0.5, 0.27, 0.27, 0.27, 0.2 and 0.15. The first PReLU of a
trained face detector sees 0.44 for random pixels and 0.29 for those as smooth as photographs, others 0.06 to 0.22."""


_TOKENS_FIRST: Final = (
    ("lbe", (1, 0, 2)), ("lbe", (1, 0, 2)), ("lbe", (1, 2, 0)), ("lbe", (2, 1, 0)), ("lbe", (2, 0, 1)),
    ("lbhd", (1, 2, 0, 3)), ("bhld", (2, 0, 1, 3)), ("bhld", (2, 0, 1, 3)), ("1lb3e", (3, 1, 2, 0, 4)),
)  # fmt: skip
"""Orders of tokens, samples, heads and channels, of which the first dimension moves, and what is made of them."""

_SAMPLED: Final = (
    ("border", 10, ("linear", "border", False)),
    ("corners", 8, ("linear", "zeros", True)),
    ("reflection", 10, ("linear", "reflection", True)),
    ("cubic", 8, ("cubic", "zeros", False)),
)
"""Forms of sampling at given positions: interpolation, what lies outside, whether corners are aligned."""


def recipes() -> list[Recipe]:
    """Recipes for kernels whose inner loops are short, or go in unusual strides."""
    return [
        micro("prelu/convolved", 24, _convolved_prelu),
        micro("prelu/noise", 6, _prelu_of_noise),
        micro("softmax/short-rows", 6, _short_rows),
        micro("softmax/middle", 6, _middle),
        *(micro(f"{kind.replace('_', '-')}/strides", count, partial(_strided, kind)) for kind, count in _STRIDED),
        micro("reduce-sum/many", 3, partial(_many_reductions, "reduce_sum")),
        micro("reduce-mean/many", 3, partial(_many_reductions, "reduce_mean")),
        micro("top-k/boxes", 8, _best_boxes),
        micro("top-k/scores", 5, _best_scores),
        micro("top-k/channels", 5, _best_channels),
        micro("expand/maps", 9, _expanded_maps),
        micro("expand/rows", 3, _expanded_rows),
        micro("concat/columns", 6, _joined_columns),
        micro("split/columns", 6, _cut_columns),
        micro("where/masks", 7, _masked),
        micro("pad/channels", 4, _padded_channels),
        micro("pad/borders", 6, _padded_borders),
        micro("resize-cubic/factors", 7, partial(_resized, "cubic")),
        micro("resize-nearest/factors", 5, partial(_resized, "nearest")),
        micro("lp-norm/channels", 4, _norm_of_channels),
        micro("transpose/tokens-first", 20, _tokens_first),
        *(micro(f"grid-sample/{name}", count, partial(_sampled, *form)) for name, count, form in _SAMPLED),
        micro("pow/exponents", 12, _power),
        micro("split/rows", 12, _rows_apart),
    ]


def _convolved_prelu(s: Sampler, net: CaseBuilder) -> None:
    """Behind a convolution, whose results have signs as those of trained networks have.

    ONNX Runtime asks each element for its sign (``core/providers/cpu/math/element_wise_ops.cc``), and a processor
    guesses the answer: an element takes 0.5 ns where signs never change, 4.6 ns where they change by chance.
    """
    channels, height, width = s.feature_map((8, 256), sizes=(6, 240), most=1 << 19)
    positive, window = s.pick(_SMOOTHNESS)
    x = net.feed((8, height, width))
    if positive:
        x = net.unary("abs", x)
    if window > 1:
        x = net.average_pool(x, window, stride=1, padding=window // 2)
    net.prelu(net.conv(x, channels, s.pick((1, 3)), padding="half"))


def _prelu_of_noise(s: Sampler, net: CaseBuilder) -> None:
    """Two layers deep in what noise becomes: signs change as often as in networks that are measured on random numbers.

    Of five networks with random weights, a PReLU took 3.2 to 4.4 ns an element, in all depths.
    """
    channels, height, width = s.feature_map((16, 256), sizes=(6, 160), most=1 << 19)
    window = s.pick((1, 3, 3))
    x = net.prelu(net.conv(net.feed((8, height, width)), channels, window, padding="half"))
    net.prelu(net.conv(x, channels, s.pick((1, 3)), padding="half"))


def _short_rows(s: Sampler, net: CaseBuilder) -> None:
    """Two classes of each anchor, few bins, few points."""
    net.layer("softmax", [net.feed((s.log_integer(100, 20_000), s.log_integer(2, 16)))], attributes={"axis": 2})


def _middle(s: Sampler, net: CaseBuilder) -> None:
    """Along the last dimension but one, with few or many elements behind it."""
    size, behind = s.log_integer(4, 64), s.log_integer(2, 8400)
    shape = (s.log_integer(1, max(2, min(4000, _MOST // (size * behind)))), size, behind)
    net.layer("softmax", [net.feed(shape)], attributes={"axis": 2})


def _strided(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """What is behind the axis is a power of two or three times one, as channels are: rows fall into few cache sets."""
    behind = s.pick((1, 1, 1, 3)) << s.integer(4, 10)
    length = s.log_integer(8, max(16, min(512, _MOST // behind)))
    outer = s.log_integer(1, max(2, min(256, _MOST // (behind * length))))
    x = net.feed((outer, length, behind))
    if kind == "arg_max":
        net.layer(kind, [x], attributes={"axis": 2, "keepdims": 1}, dtype=DType.INT64)
    else:
        net.reduce(kind, x, (2,))


def _many_reductions(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Of few elements each: neighbours of points, heads of tokens."""
    net.reduce(kind, net.feed((s.log_integer(64, 4000), s.log_integer(2, 16), s.log_integer(2, 32))), (2,))


def _best_boxes(s: Sampler, net: CaseBuilder) -> None:
    """Of all the boxes of an image."""
    length = s.log_integer(900, 60_000)
    net.top_k(net.feed((length,)), min(length, s.pick((100, 200, 300, 300, 1000, 2000))))


def _best_scores(s: Sampler, net: CaseBuilder) -> None:
    """Of the classes or neighbours of each of many."""
    net.top_k(net.feed((s.log_integer(50, 1000), s.log_integer(24, 300))), s.integer(2, 20))


def _best_channels(s: Sampler, net: CaseBuilder) -> None:
    shape = (s.log_integer(8, 96), s.log_integer(4, 40), s.log_integer(4, 40))
    net.top_k(net.feed(shape), s.integer(1, 6), axis=1)


def _expanded_maps(s: Sampler, net: CaseBuilder) -> None:
    """One number for a whole map: pooled features, states, conditions."""
    channels, height, width = s.feature_map((8, 1280), sizes=(4, 160), most=_MOST)
    net.expand(net.feed((channels, 1, 1)), (net.batch, channels, height, width))


def _expanded_rows(s: Sampler, net: CaseBuilder) -> None:
    rows, width = s.log_integer(4, 400), s.log_integer(4, 1024)
    net.expand(net.feed((1, width)), (net.batch, rows, width))


def _columns(s: Sampler) -> tuple[int, int]:
    """Rows of a table and how many columns one part of it has; single ones in every third case."""
    width = 1 if s.index % 3 == 0 else s.log_integer(2, 48)
    return s.log_integer(50, min(20_000, _MOST // (4 * width))), width


def _joined_columns(s: Sampler, net: CaseBuilder) -> None:
    """Corners of boxes, coordinates of points, features of records."""
    rows, width = _columns(s)
    net.concat([net.feed((rows, width)) for _ in range(s.pick((2, 2, 3, 4, 6)))], axis=2)


def _cut_columns(s: Sampler, net: CaseBuilder) -> None:
    rows, width = _columns(s)
    parts = s.pick((2, 2, 3, 4, 6))
    net.split(net.feed((rows, parts * width)), parts, axis=2)


def _masked(s: Sampler, net: CaseBuilder) -> None:
    """A mask of pairs for all heads, or of tokens, over scores."""
    heads, count = s.pick((2, 4, 8, 12)), s.log_integer(32, 300)
    shape = (heads, count, count)
    masks = ((1, count, count), (heads, count, 1), (1, 1, count), (1, count, 1))
    mask = net.feed(masks[s.index % len(masks)], DType.BOOL)
    number = s.pick(("scalar_true", "scalar_false"))
    net.layer("where", [mask, net.feed(shape)], attributes={number: -1e4}, dtype=DType.FLOAT32)


def _padded_channels(s: Sampler, net: CaseBuilder) -> None:
    """Shortcuts of residual networks without parameters."""
    x = net.feed(s.feature_map((8, 256), sizes=(4, 64), most=1 << 18))
    more = max(1, x.shape[1] // 2)
    net.pad(x, (0, s.pick((0, more)), 0, 0, 0, more, 0, 0))


def _padded_borders(s: Sampler, net: CaseBuilder) -> None:
    """By repeated or mirrored elements, as generators pad."""
    border = s.pick((1, 1, 2, 3))
    x = net.feed(s.feature_map((3, 256), sizes=(8, 160), most=_MOST))
    net.pad(x, (0, 0, border, border, 0, 0, border, border), mode=s.pick(("edge", "reflect")))


def _resized(mode: str, s: Sampler, net: CaseBuilder) -> None:
    """Down, and by factors that are no powers of two."""
    shape = s.feature_map((1, 128), sizes=(8, 160), most=1 << (15 if mode == "cubic" else 18))
    factor = s.pick((0.5, 0.5, 0.25, 1.5, 3.0, 0.75))
    height, width = (max(1, round(side * factor)) for side in shape[1:])
    net.resize(net.feed(shape), (height, width), mode=mode)  # type: ignore[arg-type]


def _norm_of_channels(s: Sampler, net: CaseBuilder) -> None:
    """Descriptors of all positions, brought to length 1."""
    net.apply("lp_norm", net.feed(s.feature_map((16, 512), sizes=(4, 80), most=_MOST)), attributes={"axis": 1})


def _tokens_first(s: Sampler, net: CaseBuilder) -> None:
    """What PyTorch's recurrent layers and attention module move: tokens are the first dimension, samples the second."""
    dimensions, order = s.pick(_TOKENS_FIRST)
    sizes = {"1": 1, "3": 3, "h": s.pick((2, 4, 8, 12)), "d": s.pick((8, 12, 16, 32, 48, 64))}
    sizes["e"] = s.log_integer(16, 512)
    sizes["b"] = s.pick((1, 1, s.log_integer(2, 256)))
    rest = math.prod(sizes[each] for each in dimensions if each != "l")
    sizes["l"] = s.log_integer(8, max(16, min(1024, _MOST // rest)))
    net.transpose(net.input("tokens", tuple(sizes[each] for each in dimensions)), order)


def _sampled(mode: str, outside: str, corners: bool, s: Sampler, net: CaseBuilder) -> None:
    """A map at given positions, some of them outside."""
    channels, height, width = s.feature_map((1, 128), sizes=(6, 112), most=1 << 17)
    scale = s.pick((0.5, 1.0, 1.0, 2.0))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    net.grid_sample(
        net.feed((channels, height, width)), net.feed((*size, 2)), mode=mode, outside=outside, corners=corners
    )


def _power(s: Sampler, net: CaseBuilder) -> None:
    """Of numbers that are not negative: another exponent than 2 and 3 goes by logarithms."""
    shape = (s.log_integer(1, 256), s.log_integer(1, 64), s.log_integer(1, 64))
    net.pow(net.unary("abs", net.feed(shape)), s.pick((0.5, 0.75, -0.5, 1.5, 4.0, -1.0)))


def _rows_apart(s: Sampler, net: CaseBuilder) -> None:
    """A tensor that is taken apart row by row, as loops that were written out do: some runtimes split it at once."""
    rows = s.log_integer(2, 96)
    before, after = s.pick((1, 1, 4, 16)), s.log_integer(16, max(32, min(2048, _MOST // (16 * rows))))
    x = net.unary("abs", net.feed((before, rows, after)))
    parts = [net.slice(x, [row], [row + 1], [2]) for row in range(rows)]
    net.concat([net.unary("neg", part) for part in parts], axis=2)
