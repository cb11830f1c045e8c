"""Micro-kernels: what moves, combines and reduces, along every axis and of every shape.

How fast these are follows from what lies together in memory, so that axes, permutations and broadcasts are drawn and
not only those that transformers and image classifiers have.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_MOST: Final = 1 << 20
_FORMS: Final = ("scalar", "row", "channel", "rows", "plane", "last", "both")
_KINDS: Final = (("add", 14), ("mul", 14), ("sub", 10), ("div", 10), ("max", 8))
_REDUCTIONS: Final = (
    ("reduce_mean", 20), ("reduce_sum", 16), ("reduce_max", 12), ("reduce_min", 8), ("reduce_norm", 8),
)  # fmt: skip


def recipes() -> list[Recipe]:
    """Recipes for layers along any axis."""
    return [
        micro("transpose/any", 44, _transpose),
        micro("concat/any", 24, _concat),
        micro("split/any", 18, _split),
        micro("slice/any", 22, _slice),
        micro("gather/any", 36, _gather),
        micro("expand/any", 14, _expand),
        micro("tile/any", 10, _tile),
        micro("pad/any", 16, _pad),
        micro("resize-nearest/any", 20, partial(_resize, "nearest")),
        micro("resize-linear/any", 26, partial(_resize, "linear")),
        micro("resize-linear/blocked", 8, _blocked_resize),
        micro("softmax/any", 30, partial(_softmax, "softmax")),
        micro("log-softmax/any", 10, partial(_softmax, "log_softmax")),
        micro("layer-norm/any", 18, _layer_norm),
        micro("instance-norm/sequence", 8, lambda s, net: net.instance_norm(_tensor(s, net, 3))),
        *(micro(f"{kind.replace('_', '-')}/any", count, partial(_reduce, kind)) for kind, count in _REDUCTIONS),
        micro("global-pool/any", 18, _global_pool),
        *(micro(f"{kind}-broadcast/any", count, partial(_broadcast, kind)) for kind, count in _KINDS),
        micro("scalar/any", 24, _scalar),
        micro("fully-connected/any", 32, _fully_connected),
        micro("cast/from-float", 8, lambda s, net: net.cast(_tensor(s, net, s.pick((1, 2, 4))), DType.INT64)),
        micro("matmul/small", 28, _small_products),
        micro("arg-max/any", 8, _arg_max),
        micro("batch-norm/rows", 12, _batch_norm_of_rows),
        micro("batch-norm/sequence", 8, lambda s, net: net.relu(net.batch_norm(_tensor(s, net, 3)))),
    ]


def _sizes(s: Sampler, rank: int, most: int = _MOST) -> tuple[int, ...]:
    """Sizes of all dimensions but the batch: their product is log-uniform, and so is each."""
    total = s.log_integer(64, most)
    cuts = sorted(s.unit() for _ in range(rank - 1))
    shares = [high - low for low, high in zip((0.0, *cuts), (*cuts, 1.0), strict=True)]
    return tuple(max(1, round(total**share)) for share in shares)


def _batch_norm_of_rows(s: Sampler, net: CaseBuilder) -> None:
    """Rows of features, as tables and tokens have them: every feature is a channel, of one element a row."""
    rows, features = s.log_integer(1, 512), s.log_integer(8, 1536)
    net.relu(net.batch_norm(net.input(net.unique_name("input"), (net.batch * rows, features))))


def _tensor(s: Sampler, net: CaseBuilder, rank: int, most: int = _MOST) -> Tensor:
    """An input of a rank, batch included."""
    if rank == 1:
        return net.input(net.unique_name("input"), (net.batch * s.log_integer(4, 200_000),))
    return net.feed(_sizes(s, rank - 1, most))


def _any_map(s: Sampler) -> tuple[int, int, int]:
    return s.log_integer(2, 256), s.log_integer(2, 160), s.log_integer(2, 160)


def _scalar(s: Sampler, net: CaseBuilder) -> None:
    """With one number, as activations that were exported in parts have it."""
    x = net.feed(_any_map(s)) if s.chance(0.7) else _tensor(s, net, 3)
    kind = s.pick(("div", "div", "mul", "add", "sub"))
    net.layer(kind, [x], attributes={"scalar": 6.0})


def _fully_connected(s: Sampler, net: CaseBuilder) -> None:
    """Any relation of inputs to results: vocabularies, embeddings, heads of one number."""
    rows, depth, units = s.log_integer(1, 400), s.log_integer(4, 2048), s.log_integer(1, 12_000)
    flat = s.chance(0.5)
    x = net.input("rows", (net.batch * rows, depth)) if flat else net.feed((rows, depth))
    net.fully_connected(x, units, bias=s.chance(0.7))


def _transpose(s: Sampler, net: CaseBuilder) -> None:
    x = _tensor(s, net, s.pick((3, 4, 4, 5)))
    rest = list(range(1 if s.chance(0.7) else 0, len(x.shape)))
    order = list(range(len(x.shape) - len(rest)))
    while rest:
        order.append(rest.pop(int(s.unit() * len(rest))))
    if order == sorted(order):
        order[-2:] = reversed(order[-2:])
    net.transpose(x, tuple(order))


def _concat(s: Sampler, net: CaseBuilder) -> None:
    x = _tensor(s, net, s.pick((2, 3, 3, 4)), 1 << 18)
    axis = s.integer(1, len(x.shape) - 1)
    parts = [x]
    for _ in range(s.pick((1, 1, 2, 3, 7))):
        size = x.shape[axis] if s.chance(0.5) else s.log_integer(1, max(2, x.shape[axis]))
        parts.append(net.feed((*x.shape[1:axis], size, *x.shape[axis + 1 :])))
    net.concat(parts, axis=axis)


def _split(s: Sampler, net: CaseBuilder) -> None:
    sizes = list(_sizes(s, s.pick((1, 2, 3)), 1 << 19))
    axis = s.integer(1, len(sizes))
    parts = s.pick((2, 2, 3, 4, 8))
    if s.chance(0.6):
        sizes[axis - 1] *= parts
        net.split(net.feed(sizes), parts, axis=axis)
        return
    sizes[axis - 1] += 1
    first = s.integer(1, sizes[axis - 1] - 1)
    net.split(net.feed(sizes), (first, sizes[axis - 1] - first), axis=axis)


def _slice(s: Sampler, net: CaseBuilder) -> None:
    x = _tensor(s, net, s.pick((2, 3, 3, 4)))
    axis = s.integer(1, len(x.shape) - 1)
    step = s.pick((1, 1, 1, 2))
    start = s.integer(0, x.shape[axis] // 2)
    end = max(start + 1, round(x.shape[axis] * s.pick((1.0, 0.9, 0.6))))
    if (start, end, step) == (0, x.shape[axis], 1):
        start = min(1, end - 1)
    net.slice(x, [start], [end], [axis], steps=[step])


def _gather(s: Sampler, net: CaseBuilder) -> None:
    """One position, or several by a list, along any axis."""
    x = _tensor(s, net, s.pick((2, 3, 4)))
    axis = s.integer(1, len(x.shape) - 1)
    if s.chance(0.5) or x.shape[axis] == 1:  # Indices that nobody gives are ones.
        net.gather(x, s.integer(0, x.shape[axis] - 1), axis=axis)
    else:
        ids = net.input("ids", (s.log_integer(1, 512),), DType.INT64)
        net.layer("gather", [x, ids], attributes={"axis": axis})


def _expand(s: Sampler, net: CaseBuilder) -> None:
    shape = _sizes(s, s.pick((2, 3, 4)))
    kept = [size if s.chance(0.5) else 1 for size in shape]
    net.expand(net.feed(kept), (net.batch, *shape))


def _tile(s: Sampler, net: CaseBuilder) -> None:
    x = _tensor(s, net, s.pick((2, 3, 4)), 1 << 18)
    net.tile(x, (1, *(s.pick((1, 1, 2, 4)) for _ in x.shape[1:])))


def _pad(s: Sampler, net: CaseBuilder) -> None:
    """Also along sequences, by half a window, mirrored."""
    x = _tensor(s, net, s.pick((2, 3, 3, 4)))
    before, after = [0] * len(x.shape), [0] * len(x.shape)
    for axis in range(1, len(x.shape)):
        if axis == len(x.shape) - 1 or s.chance(0.3):
            most = max(1, min(256, x.shape[axis] - 1))
            before[axis], after[axis] = s.integer(0, most), s.integer(1, most)
    largest = max(*before, *after)
    mirrored = largest < min(size for size, a, b in zip(x.shape, before, after, strict=True) if a or b)
    net.pad(x, (*before, *after), mode="reflect" if mirrored and s.chance(0.4) else "constant")


def _resize(mode: str, s: Sampler, net: CaseBuilder) -> None:
    """By any factor, up and down: only some have fast paths."""
    shape = (s.log_integer(1, 256), s.log_integer(2, 160), s.log_integer(2, 160))
    factor = s.pick((2.0, 2.0, 4.0, 3.0, 8.0, 0.5, 1.5, 1.3))
    size = tuple(max(1, round(side * factor)) for side in shape[1:])
    coordinates = s.pick(("half_pixel", "half_pixel", "align_corners", "asymmetric"))
    x = net.feed(shape)
    net.resize(x, (size[0], size[1]), mode=mode, coordinates=coordinates)  # type: ignore[arg-type]


def _blocked_resize(s: Sampler, net: CaseBuilder) -> None:
    x = net.host(s.feature_map((16, 384), sizes=(4, 56), most=1 << 17))
    y = net.resize(x, scale=s.pick((2, 2, 4)), mode="linear", coordinates=s.pick(("half_pixel", "align_corners")))
    net.conv(y, 16, 1)


def _softmax(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Few long rows, many short ones, and along an axis that is not the last."""
    form = s.pick(("long", "short", "channels", "any"))
    if form == "long":
        shape: tuple[int, ...] = (s.log_integer(1, 16), s.log_integer(1000, 60_000))
    elif form == "short":
        shape = (s.log_integer(50, 40_000), s.log_integer(2, 24))
    elif form == "channels":
        shape = (s.log_integer(2, 64), s.log_integer(8, 128), s.log_integer(8, 128))
    else:
        shape = _sizes(s, 3)
    axis = 1 if form == "channels" else s.pick((1, 2, 3)) if form == "any" else len(shape)
    net.layer(kind, [net.feed(shape)], attributes={"axis": axis})


def _layer_norm(s: Sampler, net: CaseBuilder) -> None:
    """Over one to three of the last axes, of any size."""
    x = _tensor(s, net, s.pick((2, 3, 4)))
    net.layer_norm(x, axis=-s.integer(1, len(x.shape) - 1))


def _reduce(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Over any axis, the last ones, or all."""
    x = _tensor(s, net, s.pick((2, 3, 3, 4)))
    rank = len(x.shape)
    first = s.integer(1, rank - 1)
    axes = tuple(range(first, rank)) if s.chance(0.3) else (first,)
    net.reduce(kind, x, axes, keep=s.chance(0.6))


def _global_pool(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.log_integer(4, 2048), s.log_integer(1, 100), s.log_integer(1, 100)))
    net.global_average_pool(x) if s.chance(0.6) else net.global_max_pool(x)


def _broadcast(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """One of the operands is smaller: a number, a row, a column, a channel, a plane; or both are, each in its way."""
    shape = _sizes(s, s.pick((2, 3, 3)))
    form = s.pick(_FORMS)
    ones = [1] * (len(shape) - 1)
    smaller = {
        "scalar": (1, *ones),
        "row": (*ones, shape[-1]),
        "channel": (shape[0], *ones),
        "rows": (*shape[:-1], 1),
        "plane": (1, *shape[1:]),
        "last": (*ones, shape[-1]),
        "both": (shape[0], *ones),
    }[form]
    larger = (1, *shape[1:]) if form == "both" else shape
    x, y = net.feed(larger), net.feed(smaller)
    net.layer(kind, [x, y] if s.chance(0.7) else [y, x])


def _small_products(s: Sampler, net: CaseBuilder) -> None:
    """Many products of small matrices and of vectors: heads of small models, bilinear forms, attention over classes."""
    count = s.log_integer(1, 2048)
    rows, depth, columns = (s.log_integer(1, 96) for _ in range(3))
    leading = (count,) if s.chance(0.6) else (max(1, count // 8), 8)
    if math.prod(leading) * max(rows * depth, depth * columns, rows * columns) > _MOST:
        leading = (1,)
    net.matmul(net.feed((*leading, rows, depth)), net.feed((*leading, depth, columns)))


def _arg_max(s: Sampler, net: CaseBuilder) -> None:
    x = _tensor(s, net, s.pick((2, 3, 4)))
    attributes = {"axis": s.integer(1, len(x.shape) - 1), "keepdims": s.integer(0, 1)}
    net.layer("arg_max", [x], attributes=attributes, dtype=DType.INT64)
