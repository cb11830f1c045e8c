"""Micro-kernels over tensors that a core's own caches do not hold, one sample at a time.

Networks for detection, segmentation, restoration and sound keep maps of 2 to 30 MB. What moves or combines their
elements takes two to five times as long for a byte as over smaller ones, while what computes much hardly notices.

Where other machines share the last cache, a map that was written milliseconds ago is in main memory, and so is what a
kernel writes to: on a virtual machine with 480 MB of it, matrices of 1.6 to 2.5 million elements were transposed at 1.2
to 2.2 ns each within networks of 100 ms, and at 0.5 to 0.6 ns again and again. Every other case is therefore measured
after as much memory was touched, and as much time has passed, as larger networks have between two runs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro
from annette.bench.records import Purpose
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_LEAST: Final = 400_000
_MOST: Final = 6_000_000
"""Elements of a map: 1.6 to 24 MB, from past the second cache of current cores to past the third."""
_MOST_BYTES: Final = 50_000_000
_POINTWISE: Final = (("relu", 3), ("sigmoid", 2), ("silu", 2), ("gelu", 2), ("hard_swish", 2), ("leaky_relu", 2))

_large = partial(micro, most_ops=1_200_000_000, most_bytes=_MOST_BYTES, alternates=True)


def recipes() -> list[Recipe]:
    """Recipes for kernels over large tensors."""
    return [
        _large("depthwise-conv/large-tokens", 5, _between_tokens),
        _large("reorder/large", 4, _reordered),
        _large("max-pool/large", 5, partial(_pool, "max")),
        _large("average-pool/large", 3, partial(_pool, "average")),
        _large("global-average-pool/large", 4, _averaged),
        _large("resize-nearest/large", 5, partial(_enlarged, "nearest")),
        _large("resize-linear/large", 4, partial(_enlarged, "linear")),
        _large("concat/large", 5, _joined),
        _large("split/large", 4, _cut),
        _large("slice/large", 4, _sliced),
        _large("pad/large", 4, _padded),
        _large("expand/large", 4, _expanded),
        _large("gather/experts", 8, _experts),
        _large("transpose/large-maps", 10, _transposed),
        _large("transpose/large-sequences", 8, _turned),
        _large("transpose/large-scattered", 6, _scattered),
        _large("add/large", 5, partial(_combined, "add")),
        _large("mul/large", 5, partial(_combined, "mul")),
        _large("sub/large", 2, partial(_combined, "sub")),
        _large("div/large", 2, partial(_combined, "div")),
        *(_large(f"{kind.replace('_', '-')}/large", count, partial(_activated, kind)) for kind, count in _POINTWISE),
        _large("layer-norm/large", 4, _normalized),
        _large("softmax/large", 4, _softmax),
        _large("softmax/large-across", 7, _softmax_of_classes),
        _large("concat/large-columns", 6, _columns),
        _large("reorder/large-narrow", 5, _narrow),
        _large("reduce-mean/large", 3, _mean),
        _large("where/large", 2, _chosen),
        *(
            Recipe(Purpose.CHAIN, f"large/{name}", count, draw, most_ops=2_600_000_000, most_bytes=_MOST_BYTES)
            for name, count, draw in (
                ("decoder", 4, _decoder),
                ("pointwise", 4, _pointwise),
                ("tokens", 3, _token_mixing),
                ("heads", 3, _head_movement),
            )
        ),
    ]


def _experts(s: Sampler, net: CaseBuilder) -> None:
    """The matrix of an expert for each choice of each token, as exporters write mixtures: copies of large pieces."""
    count, rows = s.pick((4, 8, 8, 16, 32)), s.log_integer(32, 512)
    columns = max(16, min(s.log_integer(64, 768), _MOST // (count * rows)))
    choices = min(max(s.log_integer(8, 256), _LEAST // (rows * columns) + 1), _MOST // (rows * columns * net.batch))
    chosen = net.feed((max(2, choices),), DType.INT64)
    table = net.weight("experts", (count, rows, columns))
    net.layer("gather", [table, chosen], attributes={"axis": 0}, dtype=table.dtype)


def _shape(s: Sampler, most: int = _MOST) -> tuple[int, int, int]:
    """Channels, height and width of a map with `_LEAST` to ``most`` elements."""
    depth, elements = s.channels(8, 512), s.log_integer(_LEAST, most)
    height = max(8, round((elements / depth) ** 0.5 * s.pick((0.75, 1.0, 1.0, 1.33))))
    return depth, height, max(8, round(elements / depth / height))


def _map(s: Sampler, net: CaseBuilder, most: int = _MOST) -> Tensor:
    return net.feed(_shape(s, most))


def _between_tokens(s: Sampler, net: CaseBuilder) -> None:
    """The depthwise convolution between two layers over tokens: the map is transposed and reordered on both sides."""
    depth, side = s.channels(96, 768), s.pick((28, 28, 40, 56, 56, 80))
    x = net.transpose(net.unary("abs", net.feed((side * side, depth))), (0, 2, 1))
    y = net.depthwise_conv(net.reshape(x, (net.batch, depth, side, side)), 3, padding="half")
    net.unary("abs", net.transpose(net.reshape(y, x.shape), (0, 2, 1)))


def _reordered(s: Sampler, net: CaseBuilder) -> None:
    """A convolution of a plain map, for a layer that runs plain."""
    x = net.unary("abs", _map(s, net, _MOST // 2))
    net.unary("abs", net.conv(x, s.pick((16, x.shape[1])), 1))


def _hosted(s: Sampler, net: CaseBuilder) -> Tensor:
    """A map in the layout that convolutions write, or in the plain one."""
    depth, height, width = _shape(s)
    if s.chance(0.5):
        return net.host((max(16, 16 * round(depth / 16)), height, width))
    return net.feed((depth, height, width))


def _pool(kind: str, s: Sampler, net: CaseBuilder) -> None:
    size, stride, padding = s.pick(((2, 2, 0), (2, 2, 0), (3, 2, 1), (3, 1, 1)))
    pool = net.max_pool if kind == "max" else net.average_pool
    y = pool(_hosted(s, net), size, stride=stride, padding=padding)
    net.conv(y, 16, 1)


def _averaged(s: Sampler, net: CaseBuilder) -> None:
    """Behind a convolution, or a layer that runs plain: a map that the network is given would be reordered first."""
    depth, height, width = _shape(s)
    if s.chance(0.5):
        x = net.host((max(16, 16 * round(depth / 16)), height, width))
    else:
        x = net.unary("abs", net.feed((depth, height, width)))
    net.global_average_pool(x)


def _enlarged(mode: str, s: Sampler, net: CaseBuilder) -> None:
    """Written large: what an image, a mask or the next larger map is added to."""
    scale = s.pick((2, 2, 4, 8))
    depth, height, width = _shape(s)
    shape = (depth, max(2, height // scale), max(2, width // scale))
    x = net.host((max(16, 16 * round(depth / 16)), *shape[1:])) if s.chance(0.4) else net.feed(shape)
    coordinates = s.pick(("asymmetric", "half_pixel"))
    y = net.resize(x, scale=scale, mode=mode, coordinates=coordinates)  # type: ignore[arg-type]
    net.conv(y, 16, 1)


def _joined(s: Sampler, net: CaseBuilder) -> None:
    depth, height, width = _shape(s, _MOST // 2)
    count = s.pick((2, 2, 3, 4))
    net.concat([net.feed((max(1, depth // count), height, width)) for _ in range(count)])


def _cut(s: Sampler, net: CaseBuilder) -> None:
    count = s.pick((2, 2, 3, 4))
    depth, height, width = _shape(s, _MOST // 2)
    if s.chance(0.5):
        net.split(net.feed((count * max(1, depth // count), height, width)), count)
    else:
        net.split(net.feed((height * width, count * max(1, depth // count))), count, axis=2)


def _sliced(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net)
    axis = s.pick((1, 2, 3))
    net.slice(x, [0], [max(1, x.shape[axis] - s.pick((1, 1, x.shape[axis] // 2)))], [axis])


def _padded(s: Sampler, net: CaseBuilder) -> None:
    border = s.pick((1, 1, 2, 3))
    pads = (0, 0, border, border, 0, 0, border, border)
    net.pad(_map(s, net, _MOST // 2), pads, mode=s.pick(("constant", "reflect")))


def _expanded(s: Sampler, net: CaseBuilder) -> None:
    """Blocks of many elements, or of few, repeated until they fill a large tensor."""
    elements, run = s.log_integer(_LEAST, _MOST), s.log_integer(2, 4096)
    repeats = s.pick((4, 16, 32, 64))
    rows = max(1, elements // (run * repeats))
    net.expand(net.feed((rows, 1, run)), (net.batch, rows, repeats, run))


def _transposed(s: Sampler, net: CaseBuilder) -> None:
    depth, height, width = _shape(s, _MOST // 2)
    form = s.pick(("tokens", "last", "heads", "windows"))
    if form == "tokens":
        net.transpose(net.feed((depth, height * width)), (0, 2, 1))
    elif form == "last":
        net.transpose(net.feed((height, width, depth)), (0, 3, 1, 2))
    elif form == "heads":
        net.transpose(net.feed((height * width, 8, max(4, depth // 8))), (0, 2, 1, 3))
    else:
        shape = (max(1, height // 8), 8, max(1, width // 8), 8, depth)
        net.transpose(net.feed(shape), (0, 1, 3, 2, 4, 5))


def _turned(s: Sampler, net: CaseBuilder) -> None:
    """Steps of a wave or positions of an image, and their features: the one before the other, and back."""
    sizes = (s.pick((192, 256, 384, 512, 512, 768)), s.log_integer(1000, 5000))
    net.transpose(net.feed(sizes if s.chance(0.5) else sizes[::-1]), (0, 2, 1))


def _scattered(s: Sampler, net: CaseBuilder) -> None:
    """Scores of pairs of positions, rows and columns brought together; pixels of patches, brought to their places."""
    if s.chance(0.5):
        heads, side = s.pick((4, 4, 8)), s.log_integer(18, 34)
        net.transpose(net.feed((heads, side, side, side, side)), (0, 1, 4, 2, 5, 3))
    else:
        depth, patch, side = s.pick((16, 32, 64)), s.pick((4, 8)), s.log_integer(36, 56)
        net.transpose(net.feed((side, side, depth, patch, patch)), (0, 3, 1, 4, 2, 5))


def _combined(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """With a map as large, a number for each channel, or the same number for all."""
    x = _map(s, net, _MOST // 2)
    form = s.pick(("same", "same", "channels", "positions"))
    sizes = {"same": x.shape[1:], "channels": (x.shape[1], 1, 1), "positions": (1, *x.shape[2:])}
    net.apply(kind, x, net.feed(sizes[form]))


def _activated(kind: str, s: Sampler, net: CaseBuilder) -> None:
    net.activation(_map(s, net, _MOST // 2), kind)


def _tokens(s: Sampler, net: CaseBuilder) -> Tensor:
    width = s.channels(32, 512)
    return net.feed((max(16, s.log_integer(_LEAST, _MOST // 2) // width), width))


def _normalized(s: Sampler, net: CaseBuilder) -> None:
    x = _tokens(s, net)
    net.layer_norm(net.add(x, net.feed(x.shape[1:])) if s.chance(0.5) else x)


def _softmax(s: Sampler, net: CaseBuilder) -> None:
    """Scores of many heads, or classes of all positions."""
    length = s.pick((49, 64, 196, 400, 1024, 2048))
    net.softmax(net.feed((max(4, s.log_integer(_LEAST, _MOST) // length), length)))


def _softmax_of_classes(s: Sampler, net: CaseBuilder) -> None:
    """Classes, bins of depth or candidates of a position, for all positions of a large map."""
    classes = s.pick((2, 3, 6, 19, 21, 32, 64))
    side = max(24, round((s.log_integer(_LEAST, _MOST // 3) / classes) ** 0.5))
    net.layer("softmax", [net.feed((classes, side, s.pick((side, side + 8))))], attributes={"axis": 1})


def _columns(s: Sampler, net: CaseBuilder) -> None:
    """Many parts of few numbers each in every row: encoded coordinates, harmonics, features of a forecast."""
    count, width = s.pick((3, 6, 8, 16)), s.pick((1, 1, 2, 6, 8, 24))
    rows = s.log_integer(_LEAST, _MOST // 2) // (count * width)
    net.concat([net.unary("abs", net.feed((max(64, rows), width))) for _ in range(count)], axis=2)


def _narrow(s: Sampler, net: CaseBuilder) -> None:
    """A few channels computed in blocks of many and taken out of them: masks, depth, resampled sound."""
    positions = s.log_integer(_LEAST // 4, _MOST // 4)
    if s.chance(0.4):
        x = net.feed((1, 1, positions))
        y = net.conv(x, s.pick((1, 2)), (1, s.pick((5, 9, 25))), stride=(1, s.pick((1, 2, 3))), padding="half")
    else:
        height = round(positions**0.5)
        y = net.conv(net.host((s.pick((16, 32)), height, height)), s.pick((1, 1, 2, 3)), s.pick((1, 3)), padding="half")
    net.unary("abs", y)


def _mean(s: Sampler, net: CaseBuilder) -> None:
    net.reduce("reduce_mean", _map(s, net), s.pick(((1,), (2, 3), (2, 3), (3,))))


def _chosen(s: Sampler, net: CaseBuilder) -> None:
    x = _map(s, net, _MOST // 2)
    mask = net.feed(s.pick((x.shape[1:], (1, *x.shape[2:]))), DType.BOOL)
    net.layer("where", [mask, x], attributes={"scalar_false": -1e4}, dtype=DType.FLOAT32)


def _decoder(s: Sampler, net: CaseBuilder) -> None:
    """A map halved and doubled again, beside itself: what it meets there was written several large tensors ago."""
    depth, height, width = _shape(s, _MOST // 2)
    depth, height, width = max(16, 16 * round(depth / 16)), height // 2 * 2, width // 2 * 2
    x = net.relu(net.conv(net.feed((8, height, width)), depth, 3, padding="half"))
    y = net.relu(net.conv(net.max_pool(x, 2, stride=2), depth, 1))
    y = net.resize(y, scale=2, mode=s.pick(("nearest", "nearest", "linear")), coordinates="half_pixel")
    net.conv(net.concat([x, y]), 16, 1)


def _pointwise(s: Sampler, net: CaseBuilder) -> None:
    """A map that several layers in turn read and write, in the plain layout."""
    x = _map(s, net, _MOST // 2)
    y = net.activation(x, s.pick(("leaky_relu", "hard_swish", "relu")))
    y = net.mul(net.add(y, x), net.feed((x.shape[1], 1, 1)))
    y = net.sub(net.pad(y, (0, 0, 1, 1, 0, 0, 1, 1)), 0.5)
    y = net.slice(y, [1, 1], [y.shape[2] - 1, y.shape[3] - 1], [2, 3])
    net.reduce("reduce_mean", net.add(y, x), (2, 3))


def _token_mixing(s: Sampler, net: CaseBuilder) -> None:
    """Normalized tokens, mixed by a depthwise convolution of the map that they are."""
    depth, side = s.channels(64, 768), s.pick((28, 40, 56, 56, 80))
    x = net.feed((side * side, depth))
    y = net.layer_norm(net.add(x, net.feed(x.shape[1:])))
    y = net.reshape(net.transpose(y, (0, 2, 1)), (net.batch, depth, side, side))
    y = net.reshape(net.depthwise_conv(y, 3, padding="half"), (net.batch, depth, side * side))
    net.add(net.activation(net.transpose(y, (0, 2, 1)), s.pick(("gelu", "silu"))), x)


def _head_movement(s: Sampler, net: CaseBuilder) -> None:
    """Heads taken apart and repeated, halves exchanged and put together again, as rotated queries and keys are."""
    count, heads, width = s.log_integer(400, 2048), s.pick((8, 12, 16)), s.pick((32, 64, 128))
    x = net.transpose(net.feed((count, heads, width)), (0, 2, 1, 3))
    first, second = net.split(x, 2, axis=3)
    y = net.concat([second, first], axis=3)
    y = net.expand(net.reshape(net.add(x, y), (net.batch, heads, 1, count, width)), (net.batch, heads, 2, count, width))
    net.softmax(net.reshape(y, (net.batch, 2 * heads, count, width)))
