"""Micro-kernels: what detectors, audio front ends, models of tables and exported transformers are made of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]

_FRAMES: Final = (256, 320, 400, 512, 512, 1024, 2048)
"""Lengths of frames, powers of two and others: 16 to 64 ms at usual sampling rates."""
_FUNCTIONS: Final = ("sin", "cos", "floor", "sign", "round")


def recipes() -> list[Recipe]:
    """Recipes for layers outside of image classifiers and transformers."""
    return [
        micro("fourier-transform/frames", 32, _frames),
        micro("fourier-transform/axis", 24, _axis),
        micro("tree-ensemble/rows", 40, _trees),
        micro("support-vectors/products", 30, partial(_vectors, ("linear", "poly", "sigmoid"))),
        micro("support-vectors/distances", 30, partial(_vectors, ("rbf",))),
        micro("non-max-suppression/plain", 40, _suppression),
        micro("roi-align/plain", 20, _regions),
        micro("grid-sample/plain", 30, partial(_grid, "linear")),
        micro("grid-sample/nearest", 14, partial(_grid, "nearest")),
        micro("top-k/plain", 44, _top_k),
        micro("non-zero/plain", 30, lambda s, net: net.non_zero(net.feed(_sizes(s, 1 << 17)))),
        micro("scatter/rows", 30, _scatter),
        micro("cumulative-sum/plain", 44, _running_sum),
        micro("lp-norm/rows", 30, _row_norm),
        micro("compare/plain", 30, _compare),
        *(micro(f"unary-{kind}/plain", 10, partial(_function, kind)) for kind in _FUNCTIONS),
        micro("attention/fused", 40, _attention),
    ]


def _sizes(s: Sampler, most: int = 1 << 19) -> tuple[int, ...]:
    """Two or three dimensions behind the batch."""
    return s.sizes(s.pick((2, 2, 3)), most)


def _frames(s: Sampler, net: CaseBuilder) -> None:
    length = s.pick(_FRAMES)
    hop = max(1, round(length * s.pick((0.25, 0.4, 0.5, 0.5))))
    net.short_time_fourier(net.feed((length + hop * s.log_integer(1, 400), 1)), length, hop)


def _axis(s: Sampler, net: CaseBuilder) -> None:
    length = s.pick(_FRAMES) if s.chance(0.7) else s.log_integer(16, 2048)
    net.fourier(net.feed((s.log_integer(1, 400), length, s.pick((1, 1, 2)))))


def _trees(s: Sampler, net: CaseBuilder) -> None:
    """One row, as a service has it, or a batch of them."""
    rows = 1 if s.chance(0.4) else s.log_integer(2, 2000)
    depth = s.integer(1, 9)
    trees = s.log_integer(1, max(2, min(400, 120_000 >> depth)))
    x = net.input("table", (net.batch * rows, s.log_integer(4, 300)))
    net.tree_ensemble(x, trees, depth, targets=s.pick((1, 1, 2, 3, 10)))


def _vectors(kernels: tuple[str, ...], s: Sampler, net: CaseBuilder) -> None:
    rows = 1 if s.chance(0.4) else s.log_integer(2, 1000)
    x = net.input("table", (net.batch * rows, s.log_integer(4, 300)))
    net.support_vectors(x, s.log_integer(8, 2000), kernel=s.pick(kernels))


def _suppression(s: Sampler, net: CaseBuilder) -> None:
    count = s.log_integer(50, 8400)
    classes = s.log_integer(1, max(2, min(80, 60_000 // count)))
    net.non_max_suppression(net.feed((count, 4)), net.feed((classes, count)), s.log_integer(5, min(200, count // 3)))


def _regions(s: Sampler, net: CaseBuilder) -> None:
    x = net.input("map", (1, *s.feature_map((16, 256), sizes=(7, 100), most=1 << 18)))
    count = net.batch * s.log_integer(4, 300)
    regions, images = net.input("regions", (count, 4)), net.weight("images", (count,), DType.INT64, learned=False)
    net.roi_align(x, regions, images, s.pick((7, 7, 14)), samples=s.pick((2, 2, 1)))


def _grid(mode: str, s: Sampler, net: CaseBuilder) -> None:
    channels, height, width = s.feature_map((1, 256), sizes=(6, 112), most=1 << 18)
    scale = s.pick((0.5, 1.0, 1.0, 2.0))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    net.grid_sample(net.feed((channels, height, width)), net.feed((*size, 2)), mode=mode)


def _top_k(s: Sampler, net: CaseBuilder) -> None:
    length = s.log_integer(16, 30_000)
    rows = s.log_integer(1, max(2, min(500, 400_000 // length)))
    net.top_k(net.feed((rows, length)), s.log_integer(1, min(length, 1000)))


def _scatter(s: Sampler, net: CaseBuilder) -> None:
    """Rows by their numbers, as caches and point clouds write them."""
    rows, width = s.log_integer(8, 4000), s.log_integer(1, 256)
    written = s.log_integer(1, rows)
    x = net.input("rows", (net.batch * rows, width))
    net.scatter(x, net.input("numbers", (written, 1), DType.INT64), net.input("updates", (written, width)))


def _running_sum(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(_sizes(s))
    net.cumulative_sum(x, axis=s.integer(1, len(x.shape) - 1))


def _row_norm(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(_sizes(s))
    net.apply("lp_norm", x, attributes={"axis": len(x.shape) - 1})


def _compare(s: Sampler, net: CaseBuilder) -> None:
    sizes = _sizes(s)
    net.compare(net.feed(sizes), net.feed(sizes if s.chance(0.5) else sizes[-1:]))


def _function(kind: str, s: Sampler, net: CaseBuilder) -> None:
    net.unary(kind, net.feed(_sizes(s)))


def _attention(s: Sampler, net: CaseBuilder) -> None:
    heads, width = heads_and_width(s, 32, 768)
    queries = tokens(s, 1)
    keys = queries if s.chance(0.6) else tokens(s, 1)
    query = net.feed((queries, width))
    pair = (net.feed((keys, width)), net.feed((keys, width)))
    net.fused_attention(query, *pair, heads)
