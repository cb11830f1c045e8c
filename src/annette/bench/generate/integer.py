"""Plans for accelerators of integers: layers between two 1x1 convolutions, chains of blocks, first layers.

Such compilers fuse, tile and place what they see together: a layer alone costs up to several times what it costs in a
network, between two 1x1 convolutions it costs nearly the same.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate import blocks
from annette.bench.generate.recipe import Recipe
from annette.bench.generate.size_sweeps import integer_sweeps
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import Block, CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_MOST_OPS: Final = 1_200_000_000
_MOST_BYTES: Final = 13_000_000  # of a tensor in floating point: a quarter of it in integers
_BORDER: Final = 256
_micro = partial(Recipe, Purpose.MICRO_KERNEL, most_ops=_MOST_OPS, most_bytes=_MOST_BYTES)
_chain = partial(Recipe, Purpose.CHAIN, most_ops=_MOST_OPS, most_bytes=_MOST_BYTES)
_KERNELS: Final = ((1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (9, 9), (1, 7), (7, 1), (1, 3), (3, 1), (1, 5), (5, 1))
_KERNEL_SHARES: Final = (32, 5, 32, 11, 6, 3, 2, 2, 2, 2, 1, 1)


def recipes() -> list[Recipe]:
    """Recipes for integer accelerators."""
    return [
        *(
            _micro(f"{kind}/sandwich", count, partial(_sandwiched, layer, channels, sizes))
            for kind, (count, layer, channels, sizes) in _SANDWICHES.items()
        ),
        *integer_sweeps(),
        _micro("fully-connected", 40, _rows),
        *(_chain(name, count, partial(_family, (block,))) for name, (count, block) in _FAMILIES.items()),
        _chain("mixed", 90, partial(_family, tuple(block for _, block in _FAMILIES.values()))),
        _chain("stem", 70, _stem),
        _chain("classifier", 24, blocks.classifier),
        _chain("upsampling", 16, blocks.upsampling),
        _chain("transposed-decoder", 12, blocks.transposed_decoder),
        _chain("pyramid", 8, blocks.pyramid),
    ]


def _channels(s: Sampler, low: int, high: int) -> int:
    """Mostly multiples of 16 and 8; any number in a third of the cases: edges are where such engines differ."""
    step = s.pick((16, 8, 1), (35, 35, 30))
    return max(step, round(s.log_integer(low, high) / step) * step)


def _sandwiched(layer: Block, channels: tuple[int, int], sizes: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    depth = _channels(s, *channels)
    shape = s.feature_map((depth, depth), sizes=sizes, most=1 << 20, range_=400)
    x = net.feed((depth, *shape[1:]))
    x = net.relu(net.conv(x, depth, 1, name="before")) if depth <= 2 * _BORDER else x
    y = layer(s, net, x)
    if len(y.shape) == 4:
        net.conv(y, min(y.shape[1], _BORDER), 1, name="after")


def _activated(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    function = s.pick(("relu", "relu6", ""), (45, 30, 25))
    return net.activation(x, function) if function else x


def _conv(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    kernel, stride = s.pick(_KERNELS, _KERNEL_SHARES), s.pick((1, 2, 3), (72, 26, 2))
    filters = _channels(s, 1, 2048)
    if s.chance(0.85):
        return _activated(s, net, net.conv(x, filters, kernel, stride=stride, padding="same"))
    return _activated(s, net, net.conv(x, filters, kernel, stride=stride))


def _dilated(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    return net.conv(x, _channels(s, 8, 512), 3, dilation=s.pick((2, 3, 4)), padding="half")


def _grouped(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    groups = s.pick((2, 4, 8))
    filters = max(1, _channels(s, 8, 512) // groups) * groups
    return net.conv(x, filters, s.pick((1, 3)), groups=groups, padding="half")


def _depthwise(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    kernel = s.pick(((3, 3), (5, 5), (7, 7), (9, 9), (2, 2), (1, 5), (3, 1)), (50, 27, 10, 3, 4, 3, 3))
    stride = s.pick((1, 2), (65, 35))
    return _activated(s, net, net.depthwise_conv(x, kernel, stride=stride, padding="same"))


def _binary(kind: str, s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    other = net.conv(x, x.shape[1], 1, name="other") if s.chance(0.5) else net.feed(x.shape[1:])
    y = net.layer(kind, [x, other] if s.chance(0.5) else [other, x])[0]
    return net.relu(y) if s.chance(0.4) else y


def _pool(kind: str, s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    kernel = s.pick((2, 3, 5, 7), (40, 45, 10, 5))
    pool = net.max_pool if kind == "max" else net.average_pool
    return pool(x, kernel, stride=s.pick((1, 2, kernel)), padding="same" if s.chance(0.5) else 0)


def _mean(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    return net.global_average_pool(x) if s.chance(0.5) else net.reduce("reduce_mean", x, (2, 3))


def _concat(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    parts = [x] if s.chance(0.3) else [net.conv(x, _channels(s, 8, 256), 1)]
    for _ in range(s.pick((1, 2, 3))):
        if s.chance(0.8):
            parts.append(net.relu(net.conv(x, _channels(s, 8, 256), s.pick((1, 3)), padding="half")))
        else:
            parts.append(net.max_pool(x, 3, stride=1, padding=1))
    return net.concat(parts)


def _activation(function: str, s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    if s.chance(0.5):
        x = net.conv(x, x.shape[1], s.pick((1, 3)), padding="half", name="host")
    elif s.chance(0.3):
        x = net.depthwise_conv(x, 3, name="host")
    return net.activation(x, function)


def _softmax(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    return net.softmax(net.fully_connected(net.flatten(x), _channels(s, 2, 1000)))


def _resize(mode: str, s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    scale = s.pick((2, 4), (85, 15))
    return net.resize(x, scale=scale, mode="linear") if mode == "linear" else net.resize(x, scale=scale)


def _transposed(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    kernel, padding, extra = s.pick(((2, 0, 0), (3, 1, 1), (4, 1, 0)))
    return net.conv_transpose(x, _channels(s, 4, 256), kernel, stride=2, padding=padding, output_padding=extra)


def _pad(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    top, left, bottom, right = (s.integer(0, 3) for _ in range(4))
    y = net.pad(x, (0, 0, top + 1, left, 0, 0, bottom, right))
    return net.conv(y, _channels(s, 8, 256), 3, stride=s.pick((1, 2))) if s.chance(0.5) else y


def _split(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    parts = net.split(x, s.pick((2, 4)))
    return net.concat([net.conv(part, part.shape[1], 1) for part in parts])


def _slice(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    axis = s.pick((1, 2, 3))
    return net.slice(x, [0], [max(1, x.shape[axis] - s.pick((1, 2, x.shape[axis] // 2)))], [axis])


_SANDWICHES: Final[dict[str, tuple[int, Block, tuple[int, int], tuple[int, int]]]] = {
    # kind: (cases, layer, channels of its input, its height)
    "conv": (180, _conv, (1, 2048), (1, 224)),
    "conv-dilated": (14, _dilated, (8, 512), (4, 64)),
    "conv-grouped": (14, _grouped, (8, 512), (4, 64)),
    "depthwise": (90, _depthwise, (1, 2048), (2, 224)),
    "add": (34, partial(_binary, "add"), (1, 1024), (1, 160)),
    "mul": (14, partial(_binary, "mul"), (1, 1024), (1, 112)),
    "sub": (7, partial(_binary, "sub"), (1, 1024), (1, 112)),
    "squeeze-excite": (
        28,
        lambda s, net, x: net.squeeze_excite(x, max(1, x.shape[1] // s.pick((2, 4, 8)))),
        (8, 1024),
        (2, 112),
    ),
    "max-pool": (28, partial(_pool, "max"), (1, 1024), (8, 160)),
    "average-pool": (20, partial(_pool, "average"), (1, 1024), (8, 112)),
    "mean": (34, _mean, (1, 2048), (1, 64)),
    "concat": (34, _concat, (8, 512), (4, 80)),
    "softmax": (12, _softmax, (1, 512), (1, 4)),
    "sigmoid": (14, partial(_activation, "sigmoid"), (1, 1024), (1, 112)),
    "tanh": (7, partial(_activation, "tanh"), (1, 1024), (1, 112)),
    "hard-swish": (20, partial(_activation, "hard_swish"), (1, 1024), (1, 112)),
    "leaky-relu": (14, partial(_activation, "leaky_relu"), (1, 1024), (1, 112)),
    "relu": (7, partial(_activation, "relu"), (1, 512), (1, 112)),
    "resize-nearest": (14, partial(_resize, "nearest"), (1, 512), (1, 56)),
    "resize-linear": (20, partial(_resize, "linear"), (1, 512), (2, 56)),
    "conv-transpose": (20, _transposed, (4, 512), (2, 80)),
    "pad": (14, _pad, (4, 512), (4, 112)),
    "split": (14, _split, (8, 512), (2, 80)),
    "slice": (14, _slice, (4, 512), (3, 80)),
    "shuffle": (14, lambda s, net, x: net.interleave(x, s.pick((2, 2, 4))), (8, 512), (2, 64)),
}


def _rows(s: Sampler, net: CaseBuilder) -> None:
    x = net.input("rows", (net.batch * s.pick((1, 1, 1, 4, 16)), _channels(s, 16, 1024)))
    hidden = net.relu(net.fully_connected(x, _channels(s, 8, 512)))
    net.fully_connected(hidden, _channels(s, 2, 2048))


def _plain(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Convolution and activation, sometimes pooling behind it."""
    act = s.pick(("relu", "leaky_relu", "relu6", "hard_swish", "silu"), (6, 3, 3, 2, 1))
    filters, kernel = _channels(s, 8, 512), s.pick((3, 1, 5), (6, 3, 1))
    y = net.conv_norm(x, filters, kernel, stride=blocks.stride(s, x), activation=act)
    if min(y.shape[2:]) >= 4 and s.chance(0.3):
        return _pool(s.pick(("max", "max", "average")), s, net, y)
    return y


_FAMILIES: Final[dict[str, tuple[int, Block]]] = {
    "plain": (30, _plain),
    "separable": (36, blocks.separable),
    "inverted-residual": (40, blocks.inverted_residual),
    "inverted-residual-excited": (24, blocks.inverted_residual_excited),
    "basic-residual": (26, blocks.basic_residual),
    "bottleneck": (26, blocks.bottleneck),
    "branches": (18, blocks.branches),
    "fire": (12, blocks.fire),
    "dense": (12, blocks.dense),
    "cell": (26, blocks.cell),
    "shuffle": (10, blocks.shuffle),
}


def _family(families: tuple[Block, ...], s: Sampler, net: CaseBuilder) -> None:
    """One to five blocks behind an image, a 1x1 convolution, or nothing."""
    if s.chance(0.3):
        x = _first(s, net)
    else:
        x = net.feed(s.feature_map((8, 512), sizes=(4, 112), most=400_000))
        if s.chance(0.7):
            x = net.relu(net.conv(x, _channels(s, 8, 256), 1, name="before"))
    for number in range(s.integer(1, 5)):
        if min(x.shape[2:]) < 2:
            break
        with net.scope(f"block{number}"):
            x = s.pick(families)(s, net, x)
    if s.chance(0.3):
        net.fully_connected(net.flatten(net.global_average_pool(x)), _channels(s, 2, 1000))


def _first(s: Sampler, net: CaseBuilder) -> Tensor:
    side = s.resolution() if s.chance(0.75) else s.log_integer(16, 320)
    x = net.feed((s.pick((3, 1, 4), (85, 10, 5)), side, side))
    filters, kernel = s.pick((8, 12, 16, 24, 32, 40, 48, 64)), s.pick((3, 5, 7, 4), (65, 13, 15, 7))
    y = net.conv(x, filters, kernel, stride=s.pick((1, 2, 4), (30, 65, 5)), padding="same")
    return net.activation(y, s.pick(("relu", "relu6", "leaky_relu", "hard_swish"), (40, 30, 15, 15)))


def _stem(s: Sampler, net: CaseBuilder) -> None:
    """First layers: few channels, large maps, then what usually follows."""
    x = _first(s, net)
    families = (blocks.separable, blocks.inverted_residual, _plain)
    for number in range(s.integer(1, 3)):
        with net.scope(f"block{number}"):
            x = s.pick(families, (40, 30, 30))(s, net, x)
