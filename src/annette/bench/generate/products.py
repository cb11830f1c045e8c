"""Micro-kernels: matrix products, attention, recurrence; and cold weights.

Cold weights are products so large that every run fetches its matrix from main memory, as whole networks do. The
measurement empties the caches before each run, so that one network can hold several products. They follow each other:
the first kernel of a run finds its input, its code and its page tables cold as well, which takes a product of some
dozen rows a fifth longer than it takes inside a network.
"""

from __future__ import annotations

from functools import partial
from math import isqrt
from typing import TYPE_CHECKING

from annette.bench.generate.recipe import ALIGNED, ODD, VECTOR, Recipe, micro
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["cold_weights", "heads_and_width", "recipes", "shared_operands", "tokens"]

_heavy = partial(micro, most_ops=5_000_000_000, most_bytes=64_000_000)
"""What takes most of the time in large transformers, and is beyond the limits of a usual micro-kernel."""

_cold = partial(Recipe, Purpose.COLD_WEIGHTS, most_ops=500_000_000, most_bytes=80_000_000)


def recipes() -> list[Recipe]:
    """Recipes for products of matrices."""
    return [
        *(
            micro(f"fully-connected-{name}/plain/{alignment}", round(count * weight), partial(draw, alignment))
            for alignment, weight in ((ALIGNED, 1.0), (VECTOR, 0.4), (ODD, 0.3))
            for name, count, draw in (("matrix", 20, _matrix), ("tokens", 36, _tokens))
        ),
        micro("fully-connected-windows/plain", 12, _windows),
        micro("fully-connected-maps/plain", 24, _map_tokens),
        micro("fully-connected/activated", 18, _activated),
        micro("fully-connected/few-units", 14, _few_units),
        micro("matmul-scores/plain", 16, _scores),
        micro("matmul-context/plain", 14, _context),
        micro("matmul-windows/plain", 20, _window_products),
        micro("matmul-general/plain", 8, _general),
        _heavy("fully-connected-tokens/heavy", 14, _heavy_tokens),
        _heavy("matmul/heavy", 8, _heavy_attention),
        micro("softmax/attention", 14, _softmax),
        micro("softmax/causal", 10, _causal_softmax),
        micro("softmax/windows", 8, _window_softmax),
        micro("softmax/classes", 5, _class_softmax),
        micro("softmax/strided", 10, _strided_softmax),
        micro("lstm/plain", 24, partial(_recurrent, "lstm")),
        micro("gru/plain", 14, partial(_recurrent, "gru")),
    ]


def _activated(s: Sampler, net: CaseBuilder) -> None:
    """A product whose kernel also computes an activation, one that takes long for each number in half of the cases."""
    rows, depth, units = s.log_integer(1, 800), s.log_integer(8, 512), s.log_integer(8, 512)
    x = net.input("rows", (rows, depth)) if s.chance(0.6) else net.feed((rows, depth))
    function = s.pick(("softplus", "softplus", "softplus", "sigmoid", "tanh", "elu", "selu", "softsign", "leaky_relu"))
    net.activation(net.fully_connected(x, units), function)


def _few_units(s: Sampler, net: CaseBuilder) -> None:
    """Scores of many rows: one or a handful of numbers for each."""
    rows, depth = s.log_integer(1, 4096), s.log_integer(8, 1024)
    x = net.input("rows", (rows, depth)) if s.chance(0.5) else net.feed((rows, depth))
    net.fully_connected(x, s.pick((1, 1, 1, 2, 3, 4, 5, 8)), bias=s.chance(0.7))


def shared_operands() -> list[Recipe]:
    """Recipes for products of the same tokens, which quantise them once for all: queries, keys and values."""
    return [micro("fully-connected-shared/tokens", 36, _shared), micro("fully-connected-shared/few", 16, _few_shared)]


def cold_weights() -> list[Recipe]:
    """Recipes for cold weights."""
    return [
        _cold("fully-connected/one-row", 20, partial(_cold_rows, (1,))),
        _cold("fully-connected/few-rows", 11, partial(_cold_rows, (2, 3, 4, 8, 16))),
        _cold("fully-connected/many-rows", 9, partial(_cold_rows, (32, 64, 128))),
        _cold("fully-connected/tokens", 23, _cold_tokens),
        _cold("conv-1x1/small-maps", 23, partial(_convolutions, (1,), (64, 1280))),
        _cold("conv-3x3/small-maps", 20, partial(_convolutions, (3,), (32, 512))),
        _cold("conv-3x3/large-weights", 12, partial(_convolutions, (3,), (256, 640)), most_ops=1_000_000_000),
        _cold("conv-1x1/one-position", 14, _convolutions_at_one_position),
    ]


def heads_and_width(s: Sampler, low: int = 32, high: int = 1280) -> tuple[int, int]:
    """A number of heads and a width that they divide, as transformers have them."""
    per_head = s.pick((16, 24, 32, 32, 48, 64, 64, 64, 80, 128))
    heads = max(1, round(s.log_integer(low, high) / per_head))
    return heads, heads * per_head


def tokens(s: Sampler, low: int = 16, high: int = 1024) -> int:
    """A length of sequence: patches of an image, perhaps with a class token, or words."""
    if s.chance(0.4):
        options = [n for n in (49, 50, 64, 128, 144, 196, 197, 198, 256, 257, 384, 512, 577, 784) if low <= n <= high]
        return s.pick(options) if options else s.log_integer(low, high)
    return s.log_integer(low, high)


def _matrix(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    rows = s.pick((1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 196, 256, 512, 1024))
    depth = s.channels(16, 2304, alignment)
    x = net.input("rows", (rows * net.batch, depth))
    y = net.fully_connected(x, s.channels(8, min(3072, 4 * depth), alignment), bias=s.chance(0.85))
    if s.chance(0.25):
        net.activation(y, s.pick(("relu", "sigmoid", "tanh")))


def _tokens(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    width = s.channels(32, 1536, alignment)
    ratio = s.pick((1, 3, 4, 2, 0.25, 0.5), (4, 3, 4, 2, 4, 1))
    x = net.feed((tokens(s), width))
    y = net.fully_connected(x, max(8, round(width * ratio)), bias=s.chance(0.85))
    if s.chance(0.3):
        net.activation(y, s.pick(("gelu", "relu", "gelu_tanh")))


def _shared(s: Sampler, net: CaseBuilder) -> None:
    width = s.channels(32, 1536, ALIGNED)
    x = net.feed((tokens(s), width))
    for _ in range(s.pick((2, 3, 3))):
        net.fully_connected(x, max(8, round(width * s.pick((1, 1, 0.25, 0.5, 2, 4)))), bias=s.chance(0.8))


def _few_shared(s: Sampler, net: CaseBuilder) -> None:
    width = s.channels(32, 2048, VECTOR)
    x = net.input("rows", (s.pick((1, 1, 2, 4, 8, 16)) * net.batch, width))
    for _ in range(s.pick((2, 3))):
        net.fully_connected(x, s.channels(16, 2048, VECTOR))


def _map_tokens(s: Sampler, net: CaseBuilder) -> None:
    """Every position of a large map a token, with few channels: the first stages of hierarchical transformers."""
    width = s.pick((24, 32, 48, 64, 64, 80, 96, 96, 128, 160, 192))
    ratio = s.pick((4, 0.25, 1, 3, 8, 0.125), (5, 5, 2, 2, 1, 1))
    inner = round(width * ratio)
    side = s.size(28, max(28, min(96, isqrt((1 << 20) // max(width, inner)))))
    wide, narrow = max(width, inner), min(width, inner)
    units = (wide, narrow) if ratio < 1 else (narrow, wide)
    x = net.feed((side * side, units[0]) if s.chance(0.6) else (side, side, units[0]))
    y = net.fully_connected(x, units[1], bias=s.chance(0.8))
    if s.chance(0.3):
        net.activation(y, "gelu")


def _heavy_tokens(s: Sampler, net: CaseBuilder) -> None:
    count = s.pick((128, 196, 256, 384, 512, 577, 784, 1024, 1500, 2048))
    width = s.pick((192, 256, 320, 384, 512, 512, 640, 768, 768, 1024, 1280))
    net.fully_connected(net.feed((count, width)), round(width * s.pick((4, 0.25, 3, 1))))


def _heavy_attention(s: Sampler, net: CaseBuilder) -> None:
    heads, count, width = s.pick((3, 6, 8, 12)), s.pick((384, 512, 785, 1024, 1500)), s.pick((32, 64, 64))
    left, right = ((count, width), (width, count)) if s.chance(0.5) else ((count, count), (count, width))
    net.matmul(net.feed((heads, *left)), net.feed((heads, *right)))


def _windows(s: Sampler, net: CaseBuilder) -> None:
    """Tokens on a map or in windows: ranks 4 and 3 with many leading rows."""
    width = s.channels(32, 768)
    shape = s.pick(((s.size(7, 56),) * 2, (s.log_integer(2, 64), s.pick((49, 64, 36)))))
    net.fully_connected(net.feed((*shape, width)), width * s.pick((1, 2, 3, 4)), bias=s.chance(0.7))


def _scores(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s)
    count = tokens(s, 16, 577)
    others = tokens(s, 16, 577) if s.chance(0.2) else count
    queries, keys = net.feed((heads, count, width // heads)), net.feed((heads, width // heads, others))
    net.mul(net.matmul(queries, keys), 0.125) if s.chance(0.5) else net.matmul(queries, keys)


def _context(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s)
    count = tokens(s, 16, 577)
    net.matmul(net.feed((heads, count, count)), net.feed((heads, count, width // heads)))


def _window_products(s: Sampler, net: CaseBuilder) -> None:
    windows, heads, area = s.pick((1, 4, 9, 16, 36, 64)), s.log_integer(2, 24), s.pick((36, 49, 49, 64))
    per_head = s.pick((16, 24, 32, 32, 48))
    left, right = ((area, per_head), (per_head, area)) if s.chance(0.5) else ((area, area), (area, per_head))
    net.matmul(net.input("left", (windows, heads, *left)), net.input("right", (windows, heads, *right)))


def _general(s: Sampler, net: CaseBuilder) -> None:
    rows, inner, columns = (s.log_integer(1, 1024) for _ in range(3))
    net.matmul(net.feed((rows, inner)), net.feed((inner, columns)))


def _softmax(s: Sampler, net: CaseBuilder) -> None:
    heads, count = s.log_integer(1, 20), tokens(s, 8, 577)
    net.softmax(net.feed((heads, count, count)))


def _causal_softmax(s: Sampler, net: CaseBuilder) -> None:
    """Scores of which every token sees those before it: what underflows takes longer on some processors."""
    count = tokens(s, 8, 512)
    scores = net.feed((s.log_integer(1, 16), count, count))
    net.softmax(net.where_mask(scores, (1, 1, count, count), pattern="causal", value=-1e9))


def _window_softmax(s: Sampler, net: CaseBuilder) -> None:
    area = s.pick((36, 49, 49, 64, 144))
    net.softmax(net.input("scores", (s.log_integer(1, 64), s.log_integer(2, 24), area, area)))


def _strided_softmax(s: Sampler, net: CaseBuilder) -> None:
    """Over the tokens of each feature, as linear attention has it: what is summed lies apart in memory."""
    shape = (s.log_integer(1, 16), s.log_integer(16, 3200), s.log_integer(2, 64))
    net.softmax(net.input("features", (net.batch, *shape)), axis=-2)


def _class_softmax(s: Sampler, net: CaseBuilder) -> None:
    net.softmax(net.input("classes", (net.batch * s.pick((1, 1, 8, 64, 256)), s.log_integer(2, 4000))))


def _recurrent(kind: str, s: Sampler, net: CaseBuilder) -> None:
    x = net.input("steps", (s.log_integer(4, 100), net.batch * s.pick((1, 1, 4, 14, 32)), s.log_integer(16, 256)))
    hidden = s.log_integer(16, 256)
    layer = net.lstm if kind == "lstm" else net.gru
    layer(x, hidden, bidirectional=s.chance(0.3))


def _cold_rows(rows: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    depth = s.channels(128, 9216 if s.chance(0.3) else 4096, s.pick((ALIGNED, ALIGNED, VECTOR, ODD)))
    x = net.input("rows", (s.pick(rows) * net.batch, depth))
    for _ in range(3):
        x = net.fully_connected(x, s.channels(128, 4096, s.pick((ALIGNED, ALIGNED, VECTOR, ODD))))
        if s.chance(0.5):
            x = net.relu(x)
    net.fully_connected(x, s.pick((1000, 10, 100, 512, 1024, 2048, 4096)))


def _cold_tokens(s: Sampler, net: CaseBuilder) -> None:
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
