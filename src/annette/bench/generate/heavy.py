"""Heavy layers: what takes most of the time in large networks, in cases of few different kernels.

A total says more of a kernel the fewer others it is made of, and what a fit says beyond the heaviest kernel that it saw
is guessed. So these cases are one kind of layer on sizes that large networks have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from annette.bench.generate import blocks
from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose
from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Draw, Sampler
    from annette.network import Tensor

__all__ = ["heavy"]

_MOST_OPS: Final = 10_000_000_000
_MOST_BYTES: Final = 26_000_000
_MOST_BYTES_OF_WEIGHTS: Final = 70_000_000
_LEAST_OPS: Final = 400_000_000
"""Operations of a heavy convolution, at the least."""

_MOST_ELEMENTS: Final = 1 << 22
_KERNELS: Final[tuple[int | tuple[int, int], ...]] = (3, 1, 5, 7, (1, 7), (7, 1), (1, 3), (3, 1))
_SHARES_OF_KERNELS: Final = (44, 26, 8, 4, 5, 5, 4, 4)


def heavy() -> list[Recipe]:
    """Recipes for heavy layers."""
    return [
        _recipe("conv", 64, _convolutions),
        _recipe("image", 16, _image),
        _recipe("patches", 16, _patches),
        _recipe("depthwise", 16, _depthwise),
        _recipe("grouped", 12, _grouped),
        _recipe("attention", 40, _attention),
        _recipe("windows", 12, _windows),
        _recipe("products", 28, _products),
        _recipe("rows", 8, _rows, _MOST_BYTES_OF_WEIGHTS),
        _recipe("normalised", 24, _normalised),
        _recipe("elementwise", 24, _elementwise),
        _recipe("resize-linear", 12, _resized),
        _recipe("pool", 16, _pooled),
        _recipe("concat", 12, _joined),
    ]


def _recipe(name: str, count: int, draw: Draw, most_bytes: int = _MOST_BYTES) -> Recipe:
    return Recipe(Purpose.CHAIN, f"heavy/{name}", count, draw, most_ops=_MOST_OPS, most_bytes=most_bytes)


def _map(s: Sampler, channels: tuple[int, int] = (16, 1024), range_: int = 60) -> tuple[int, int, int]:
    """Channels, height and width of a large feature map."""
    return s.feature_map(channels, sizes=(7, 224), most=_MOST_ELEMENTS, range_=range_)


def _convolutions(s: Sampler, net: CaseBuilder) -> None:
    """One to three equal convolutions, perhaps behind one that changes the channels."""
    depth, height, width = _map(s)
    kernel = s.pick(_KERNELS, _SHARES_OF_KERNELS)
    filters, step = s.channels(32, 1024), s.pick((1, 1, 1, 2))
    act = s.pick(("relu", "relu", "leaky_relu", "relu6", ""))
    padding: Literal["half"] | int = "half" if s.chance(0.8) else 0
    x = net.host((depth, height, width))
    y = net.conv_norm(x, filters, kernel, stride=step, padding=padding, activation=act)
    for _ in range(s.pick((0, 1, 2))):
        y = net.conv_norm(y, filters, kernel, padding=padding, activation=act)
    if net.build().ops < _LEAST_OPS * net.batch:
        raise NetworkShapeError("light convolutions")


def _image(s: Sampler, net: CaseBuilder) -> None:
    """The first layers on a large image."""
    blocks.stem(s, net, net.image(s.pick((224, 256, 299, 320, 416, 512))))


def _patches(s: Sampler, net: CaseBuilder) -> None:
    """A convolution that cuts an image into patches, as transformers begin with."""
    patch = s.pick((4, 8, 14, 16, 16, 32))
    side = patch * max(3, min(32, s.pick((96, 160, 224, 224, 256, 384)) // patch))
    net.relu(net.conv(net.image(side), s.channels(48, 1024), patch, stride=patch))


def _depthwise(s: Sampler, net: CaseBuilder) -> None:
    x = net.host(_map(s, (32, 1024)))
    kernel, step = s.pick((3, 3, 5, 7)), s.pick((1, 1, 2))
    for _ in range(s.pick((1, 2))):
        x = net.conv_norm(x, x.shape[1], kernel, stride=step, groups=x.shape[1], activation=s.pick(("relu", "")))


def _grouped(s: Sampler, net: CaseBuilder) -> None:
    """Two convolutions in groups, as wide residual networks have them."""
    depth, height, width = _map(s, (64, 1024), range_=400)
    each = s.pick((4, 8, 16, 16, 32, 64))
    groups = max(2, depth // each)
    x = net.host((groups * each, height, width))
    for step in (s.pick((1, 1, 2)), 1):
        x = net.conv_norm(x, groups * each, 3, stride=step, groups=groups, activation="relu")


def _attention(s: Sampler, net: CaseBuilder) -> None:
    """Products of queries and keys, of scores and values, or both with the softmax between them."""
    heads, width = heads_and_width(s, 64, 1024)
    count, each = tokens(s, 32, 400), width // heads
    which = s.pick(("scores", "context", "both", "both"))
    if which == "context":
        net.matmul(net.feed((heads, count, count)), net.feed((heads, count, each)))
        return
    scores = net.matmul(net.feed((heads, count, each)), net.feed((heads, each, count)))
    if which == "both":
        net.matmul(net.softmax(scores), net.feed((heads, count, each)))


def _windows(s: Sampler, net: CaseBuilder) -> None:
    """Attention within the windows of a map."""
    windows, heads = s.pick((1, 4, 9, 16, 36, 64)), s.log_integer(2, 24)
    area, each = s.pick((36, 49, 49, 64)), s.pick((16, 24, 32, 32))
    query, key, value = (
        net.input(name, (windows, heads, *shape))
        for name, shape in (("query", (area, each)), ("key", (each, area)), ("value", (area, each)))
    )
    net.matmul(net.softmax(net.matmul(query, key)), value)


def _rows(s: Sampler, net: CaseBuilder) -> None:
    """Products of one row by large matrices, as classifiers have them."""
    x = net.input("rows", (net.batch, s.channels(512, 4096)))
    for _ in range(s.pick((1, 2))):
        x = net.relu(net.fully_connected(x, s.channels(512, 4096)))


def _products(s: Sampler, net: CaseBuilder) -> None:
    """Two products of many rows, to another width and back: of tokens, or of all places of a map."""
    _, width = heads_and_width(s, 256, 1280)
    shape = (tokens(s, 49, 784),) if s.chance(0.7) else (s.pick((7, 14, 28)),) * 2
    x = net.feed((*shape, width))
    y = net.activation(net.fully_connected(x, s.pick((1, 2, 3, 4)) * width), s.pick(("gelu", "relu")))
    net.fully_connected(y, width)


def _normalised(s: Sampler, net: CaseBuilder) -> None:
    """Normalization in front of convolutions, as dense networks have it."""
    y = net.host(_map(s, range_=400))
    growth = s.pick((16, 24, 32, 48, 64, 128))
    for _ in range(s.pick((1, 2, 3))):
        z = net.conv(net.relu(net.batch_norm(y)), growth, s.pick((1, 1, 3)), padding="half", bias=False)
        y = net.concat([y, z]) if s.chance(0.5) else z
    net.relu(net.batch_norm(y))


def _elementwise(s: Sampler, net: CaseBuilder) -> None:
    """A sum, a product or an activation, a few times over, or a gate of the same map."""
    x = net.host(_map(s, range_=400))
    kind = s.pick(("add", "mul", "gate", "sigmoid", "hard_swish", "leaky_relu"))
    y = x
    for _ in range(s.pick((1, 2, 3))):
        if kind == "gate":
            y = net.mul(y, net.activation(y, "sigmoid"))
        else:
            y = net.layer(kind, [y, x])[0] if kind in ("add", "mul") else net.activation(net.add(y, x), kind)


def _resized(s: Sampler, net: CaseBuilder) -> None:
    x = net.host(s.feature_map((16, 256), sizes=(7, 64), most=_MOST_ELEMENTS // 8))
    y = net.resize(x, scale=2, mode="linear")
    y = net.conv_norm(y, x.shape[1], s.pick((1, 3)), activation="relu")
    if s.chance(0.5):
        net.resize(y, scale=2, mode="linear")


def _pooled(s: Sampler, net: CaseBuilder) -> None:
    x = net.host(_map(s, (32, 1024), range_=400))
    pool = s.pick((net.max_pool, net.max_pool, net.average_pool))
    kernel, step = s.pick(((3, 2), (3, 1), (2, 2), (3, 2)))
    y: Tensor = pool(x, kernel, stride=step, padding=s.pick((0, kernel // 2)))
    net.conv(y, s.channels(16, 256), 1)


def _joined(s: Sampler, net: CaseBuilder) -> None:
    """Feature maps of other depths, joined."""
    _, height, width = _map(s, (32, 512), range_=400)
    parts = [net.host((s.channels(16, 512), height, width)) for _ in range(s.pick((2, 3, 4)))]
    net.conv(net.concat(parts), s.channels(16, 256), 1)
