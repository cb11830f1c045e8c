"""Micro-kernels whose loops follow from axes and types: reductions, softmax, resampling, selection, conversions.

Each draws what decides which loop of ONNX Runtime runs (`annette.mapping.access`): where the reduced dimensions stand,
which axis is normalized, how positions are placed, whether elements or rows are picked.
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
    from annette.network.layer import AttributeValue

__all__ = ["recipes"]

_MOST: Final = 1 << 19
_REDUCTIONS: Final = (
    ("reduce_mean", 18), ("reduce_max", 16), ("reduce_sum", 14), ("reduce_min", 12), ("reduce_norm", 8),
    ("reduce_log_sum_exp", 10), ("arg_max", 10),
)  # fmt: skip
_FUNCTIONS: Final = (("ceil", 8), ("trigonometric", 8), ("hyperbolic", 10))
_CONVERSIONS: Final = (
    (DType.BOOL, DType.FLOAT32), (DType.FLOAT32, DType.BOOL), (DType.INT64, DType.INT32), (DType.INT64, DType.BOOL),
    (DType.INT32, DType.FLOAT32), (DType.FLOAT32, DType.INT32), (DType.BOOL, DType.INT64),
)  # fmt: skip


def recipes() -> list[Recipe]:
    """Recipes for layers whose axes or types decide how fast they are."""
    return [
        *(micro(f"{kind.replace('_', '-')}/blocks", count, partial(_reduce, kind)) for kind, count in _REDUCTIONS),
        micro("softmax/axis", 18, partial(_softmax, "softmax")),
        micro("log-softmax/axis", 16, partial(_softmax, "log_softmax")),
        micro("resize-linear/dimensions", 10, partial(_resize, "linear")),
        micro("resize-nearest/dimensions", 6, partial(_resize, "nearest")),
        micro("resize-nearest/doubled", 8, _doubled),
        micro("slice/steps", 14, _steps),
        micro("layer-norm/rows", 8, _short_rows),
        micro("transpose/ones", 8, _ones),
        micro("gather-elements/plain", 18, _gather_elements),
        micro("gather-nd/plain", 14, _gather_nd),
        micro("scatter-elements/plain", 14, _scatter_elements),
        micro("scatter-elements/positions", 8, _scatter_positions),
        micro("scatter-elements/slices", 12, _scattered_slice),
        micro("one-hot/plain", 12, _one_hot),
        micro("prelu/activated", 14, _activated_prelu),
        micro("cast/types", 16, _cast),
        micro("where/any", 10, _where),
        micro("logical/plain", 8, _logical),
        micro("not/plain", 10, lambda s, net: net.unary("not", net.feed(_sizes(s), DType.BOOL))),
        micro("is-nan/plain", 8, lambda s, net: net.layer("is_nan", [net.feed(_sizes(s))], dtype=DType.BOOL)),
        micro("mod/plain", 8, lambda s, net: net.layer("mod", [net.feed(_sizes(s, 1 << 17))], attributes=_DIVISOR)),
        *(micro(f"unary-{kind}/plain", count, partial(_function, kind)) for kind, count in _FUNCTIONS),
        micro("global-max-pool/plain", 10, _global_max_pool),
    ]


_DIVISOR: Final[dict[str, AttributeValue]] = {"scalar": 3.0}


def _sizes(s: Sampler, most: int = _MOST) -> tuple[int, ...]:
    """Two dimensions behind the batch."""
    return s.sizes(2, most)


def _function(kind: str, s: Sampler, net: CaseBuilder) -> None:
    net.unary(kind, net.feed(_sizes(s, 1 << 18)))


def _reduce(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Over all tokens of a sample, between kept dimensions, over the first, all but the second, and still others."""
    form = s.pick(("tokens", "between", "first", "border", "several"), (5, 4, 1, 1, 1))
    rows, width = s.log_integer(4, 2000), s.log_integer(4, 1024)
    rows = max(2, min(rows, _MOST // width))
    outer = s.log_integer(2, max(2, min(512, _MOST // (rows * width))))
    axes: tuple[int, ...]
    if form == "tokens":
        x, axes = net.feed((rows, width)), (1,)
    elif form == "between":
        x, axes = net.feed((outer, rows, width)), (2,)
    elif form == "first":
        x, axes = net.input("rows", (net.batch * rows, width)), (0,)
    elif form == "border":
        x, axes = net.input("maps", (net.batch * outer, width, rows)), (0, 2)
    else:
        x, axes = net.feed((outer, rows, width)), (1, 3)
    if kind == "arg_max":
        net.layer(kind, [x], attributes={"axis": axes[0], "keepdims": s.integer(0, 1)}, dtype=DType.INT64)
    else:
        net.reduce(kind, x, axes, keep=s.chance(0.6))


def _softmax(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Classes of positions, weights of tokens, bins of box borders, short rows of heads."""
    form = s.pick(("classes", "tokens", "bins", "rows", "scores"))
    shape: tuple[int, ...]
    if form == "classes":
        shape, axis = (s.log_integer(2, 64), s.log_integer(8, 160), s.log_integer(8, 160)), 1
    elif form == "tokens":
        shape, axis = (s.log_integer(8, 2000), s.log_integer(2, 200)), 1
    elif form == "bins":
        shape, axis = (s.pick((8, 16, 16)), 4, s.log_integer(64, 8400)), 1
    elif form == "rows":
        shape, axis = (s.log_integer(50, 20_000), s.log_integer(2, 8)), 2
    else:
        count = s.log_integer(16, 256)
        shape, axis = (s.log_integer(1, 12), count, count), 3
    if math.prod(shape) > 2 * _MOST:
        shape = (shape[0], *(max(2, size // 4) for size in shape[1:]))
    net.layer(kind, [net.feed(shape)], attributes={"axis": axis})


def _resize(mode: str, s: Sampler, net: CaseBuilder) -> None:
    """Signals and volumes."""
    factor = s.pick((2.0, 2.0, 4.0, 0.5, 1.5))
    shape: tuple[int, ...] = (s.log_integer(1, 256), s.log_integer(8, 1000))
    if s.chance(0.4):
        shape = (s.log_integer(1, 32), *(s.log_integer(4, 24) for _ in range(3)))
    x = net.feed(shape)
    sizes = tuple(max(1, round(size * factor)) for size in shape[1:])
    coordinates = s.pick(("half_pixel", "align_corners", "asymmetric"))
    net.apply(f"resize_{mode}", x, attributes={"mode": mode, "sizes": sizes, "coordinates": coordinates})


def _doubled(s: Sampler, net: CaseBuilder) -> None:
    """Twice as large, by repetition or by rounded positions."""
    x = net.feed((s.log_integer(4, 512), s.log_integer(4, 80), s.log_integer(4, 80)))
    net.resize(x, scale=2, mode="nearest", coordinates=s.pick(("asymmetric", "half_pixel")))


def _steps(s: Sampler, net: CaseBuilder) -> None:
    """Every second or fourth element, or all backwards, along the last dimension or the last two."""
    x = net.feed((s.log_integer(1, 64), s.log_integer(8, 320), s.log_integer(8, 320)))
    step = s.pick((2, 2, 4, -1))
    axes = [2, 3] if step > 0 and s.chance(0.5) else [3]
    sizes = [x.shape[axis] for axis in axes]
    starts = [size - 1 for size in sizes] if step < 0 else [s.integer(0, 1) for _ in axes]
    net.slice(x, starts, [-size - 1 for size in sizes] if step < 0 else sizes, axes, steps=[step] * len(axes))


def _ones(s: Sampler, net: CaseBuilder) -> None:
    """A transposition that moves a dimension of size 1 only: some runtimes copy for it."""
    first, second = _sizes(s)
    x = net.input("rows", (first, 1, second))
    net.transpose(x, (1, 0, 2))


def _positions(s: Sampler, net: CaseBuilder, shape: tuple[int, ...]) -> Tensor:
    """Computed by the network, or constant."""
    if s.chance(0.3):
        return net.weight("positions", shape, DType.INT64, learned=False)
    return net.input("positions", shape, DType.INT64)


def _gather_elements(s: Sampler, net: CaseBuilder) -> None:
    """Boxes by the numbers of the best of them, biases of relative positions."""
    rows, width = s.log_integer(8, 8400), s.log_integer(2, 512)
    rows = min(rows, _MOST // width)
    axis = s.pick((1, 1, 2))
    shape = [net.batch, rows, width]
    shape[axis] = s.log_integer(1, shape[axis]) if axis == 1 else s.log_integer(1, 2 * width)
    net.apply("gather_elements", net.feed((rows, width)), _positions(s, net, tuple(shape)), attributes={"axis": axis})


def _gather_nd(s: Sampler, net: CaseBuilder) -> None:
    """Single elements, rows of features, pixels of maps."""
    form = s.pick(("elements", "rows", "pixels"))
    count = s.log_integer(4, 20_000)
    if form == "elements":
        x, depth = net.input("table", (s.log_integer(4, 400), s.log_integer(4, 1000))), 2
    elif form == "rows":
        x, depth = net.input("rows", (s.log_integer(16, 8400), s.log_integer(2, 256))), 1
    else:
        x, depth = net.input("map", (s.log_integer(8, 100), s.log_integer(8, 100), s.log_integer(1, 128))), 2
    count = max(1, min(count, _MOST // math.prod(x.shape[depth:])))
    net.apply("gather_nd", x, _positions(s, net, (count, depth)))


def _scatter_elements(s: Sampler, net: CaseBuilder) -> None:
    """Some rows of a table, or an element of each."""
    rows, width = s.log_integer(8, 8400), s.log_integer(2, 512)
    rows = min(rows, _MOST // width)
    axis = s.pick((1, 1, 2))
    shape = [net.batch, rows, width]
    shape[axis] = s.log_integer(1, shape[axis])
    updates = net.input("updates", tuple(shape))
    net.apply(
        "scatter_elements", net.feed((rows, width)), _positions(s, net, tuple(shape)), updates,
        attributes={"axis": axis},
    )  # fmt: skip


def _scatter_positions(s: Sampler, net: CaseBuilder) -> None:
    """Elements of a table by row and column."""
    shape = (s.log_integer(8, 1000), s.log_integer(8, 500))
    count = s.log_integer(4, math.prod(shape))
    net.apply(
        "scatter_elements", net.input("table", shape), _positions(s, net, (count, 2)), net.input("updates", (count,))
    )


def _scattered_slice(s: Sampler, net: CaseBuilder) -> None:
    """A slice of a tensor written over, as PyTorch's exporter has it: each element by all of its positions."""
    shape = [net.batch, *(s.log_integer(1, 12) for _ in range(s.pick((0, 1, 1, 2)))), s.log_integer(4, 128)]
    shape.append(s.log_integer(4, 128))
    part = list(shape)
    part[-s.pick((1, 1, 2))] //= s.pick((1, 2, 3, 4))
    positions = net.weight("positions", (*part, len(part)), DType.INT64, learned=False)
    net.apply("scatter_elements", net.input("table", tuple(shape)), positions, net.input("updates", tuple(part)))


def _short_rows(s: Sampler, net: CaseBuilder) -> None:
    """Few numbers each: boxes, angles, channels of small models."""
    net.layer_norm(net.feed((s.log_integer(30, 20_000), s.log_integer(2, 24))))


def _one_hot(s: Sampler, net: CaseBuilder) -> None:
    depth = s.log_integer(2, 8000)
    count = s.log_integer(1, max(2, min(2000, _MOST // depth)))
    last = s.chance(0.8)
    attributes: dict[str, AttributeValue] = {"axis": 2 if last else 1, "depth": depth}
    net.layer(
        "one_hot", [net.input("ids", (net.batch, count), DType.INT64)], attributes=attributes, dtype=DType.FLOAT32
    )


def _activated_prelu(s: Sampler, net: CaseBuilder) -> None:
    """Behind a convolution of a smooth map without negative elements.

    Signs of neighbours agree there, as behind trained convolutions: a loop that asks for each sign is several times
    faster than over random numbers.
    """
    channels, height, width = s.feature_map((8, 256), sizes=(6, 112), most=1 << 19)
    x = net.average_pool(net.unary("abs", net.feed((s.pick((8, 16)), height, width))), 3, stride=1, padding=1)
    net.prelu(net.conv(x, channels, s.pick((1, 3)), padding="half"))


def _cast(s: Sampler, net: CaseBuilder) -> None:
    before, after = s.pick(_CONVERSIONS)
    net.cast(net.feed(_sizes(s), before), after)


def _where(s: Sampler, net: CaseBuilder) -> None:
    """A choice between two tensors or a tensor and a number, by a mask that is as large or broadcast."""
    outer, (rows, width) = s.log_integer(1, 16), _sizes(s, 1 << 16)
    shape = (outer, rows, width)
    mask = net.feed(s.pick((shape, (1, rows, width), (outer, rows, 1), (1, 1, width))), DType.BOOL)
    first = net.feed(shape)
    if s.chance(0.5):
        net.layer("where", [mask, first], attributes={"scalar_false": -1e4}, dtype=DType.FLOAT32)
    else:
        net.layer("where", [mask, first, net.feed(shape)], dtype=DType.FLOAT32)


def _logical(s: Sampler, net: CaseBuilder) -> None:
    sizes = _sizes(s)
    other = sizes if s.chance(0.6) else (1, sizes[1])
    net.layer("logical", [net.feed(sizes, DType.BOOL), net.feed(other, DType.BOOL)], dtype=DType.BOOL)


def _global_max_pool(s: Sampler, net: CaseBuilder) -> None:
    shape = (s.log_integer(4, 1024), s.log_integer(2, 80), s.log_integer(2, 80))
    if s.chance(0.4):
        x = net.host((max(16, 16 * round(shape[0] / 16)), *shape[1:]))
        net.conv(net.global_max_pool(x), 16, 1)
    else:
        net.global_max_pool(net.feed(shape))
