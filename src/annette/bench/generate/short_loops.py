"""Micro-kernels that move or combine a few elements in each of very many steps, as exporters write them.

Windows unfolded by two gathers, tables of relative positions, elements written one by one, pairs of numbers exchanged,
blocks of a few elements repeated, sums over few neighbours, scores of small heads.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]

_MOST: Final = 1 << 19
_REDUCTIONS: Final = (("reduce_sum", 4), ("reduce_mean", 4), ("reduce_max", 4))


def recipes() -> list[Recipe]:
    """Recipes for loops of few elements."""
    return [
        micro("gather/columns", 14, _columns),
        micro("gather/windows", 12, _windows),
        micro("gather/rows", 5, _rows),
        micro("scatter-elements/many", 6, _written),
        micro("scatter-elements/messages", 10, _summed_messages),
        micro("transpose/pairs", 4, _pairs),
        micro("transpose/short-runs", 4, _exchanged),
        micro("transpose/scattered-runs", 4, _scattered),
        micro("transpose/one-axis", 6, _moved),
        micro("transpose/patches", 18, _patches),
        micro("transpose/reversed", 10, _reversed),
        micro("expand/blocks", 6, _blocks),
        *(micro(f"{kind.replace('_', '-')}/short-rows", count, partial(_reduced, kind)) for kind, count in _REDUCTIONS),
        micro("reduce-max/columns", 5, _columns_reduced),
        micro("matmul/odd-heads", 8, _scores),
        micro("softmax/odd-rows", 3, _softmax),
        micro("layer-norm/stage-tokens", 4, _normalized),
    ]


def _columns(s: Sampler, net: CaseBuilder) -> None:
    """Some elements of each row, in any order."""
    width = s.log_integer(4, 512)
    rows = s.log_integer(64, max(65, _MOST // width))
    positions = net.weight("positions", (s.log_integer(2, 2 * width),), DType.INT64, learned=False)
    net.apply("gather", net.feed((rows, width)), positions, attributes={"axis": 2})


def _windows(s: Sampler, net: CaseBuilder) -> None:
    """All windows of a map: rows of windows first, columns of windows then."""
    size, side = s.pick((2, 3, 3, 5, 8)), s.log_integer(14, 64)
    depth = max(1, s.log_integer(4, 128) // size)
    count = side - size + 1
    rows = net.weight("rows", (size, count), DType.INT64, learned=False)
    columns = net.weight("columns", (size, count), DType.INT64, learned=False)
    y = net.apply("gather", net.feed((depth, side, side)), rows, attributes={"axis": 2})
    net.apply("gather", y, columns, attributes={"axis": 4})


def _rows(s: Sampler, net: CaseBuilder) -> None:
    """Rows of a table that the network computed: neighbours of points, tokens that are kept, biases of windows."""
    count, width = s.log_integer(64, 8192), s.log_integer(1, 256)
    wanted = net.weight("rows", (s.log_integer(64, max(65, 2 * _MOST // width)),), DType.INT64, learned=False)
    net.apply("gather", net.feed((count, width)), wanted, attributes={"axis": 1})


def _written(s: Sampler, net: CaseBuilder) -> None:
    """Most elements of a tensor written by number, along one of its axes."""
    rows, width = s.log_integer(32, 4000), s.log_integer(16, 512)
    rows = min(rows, _MOST // width)
    axis = s.pick((1, 2))
    shape = [net.batch, rows, width]
    shape[axis] = max(1, round(shape[axis] * s.pick((0.25, 0.5, 1.0))))
    positions = net.weight("positions", tuple(shape), DType.INT64, learned=False)
    updates = net.input("updates", tuple(shape))
    net.apply("scatter_elements", net.feed((rows, width)), positions, updates, attributes={"axis": axis})


def _summed_messages(s: Sampler, net: CaseBuilder) -> None:
    """What the edges of a graph say, written to its nodes, each number by the row that the whole edge has."""
    nodes, parts = s.log_integer(16, 1000), s.pick(((), (), (4,), (8,)))
    shape = (max(2, round(nodes * s.pick((2, 4, 6, 8, 15)))), *parts, s.log_integer(1, 96))
    positions = net.weight("positions", shape, DType.INT64, learned=False)
    table, messages = net.input("nodes", (nodes, *shape[1:])), net.input("messages", shape)
    net.apply("scatter_elements", table, positions, messages, attributes={"axis": 0})


def _pairs(s: Sampler, net: CaseBuilder) -> None:
    """Pairs of elements: patches of 2 by 2, real and imaginary parts."""
    _exchange(s, net, 2)


def _exchanged(s: Sampler, net: CaseBuilder) -> None:
    """Runs of 3 to 12 elements: coordinates, small heads."""
    _exchange(s, net, s.pick((3, 4, 4, 6, 8, 12)))


def _exchange(s: Sampler, net: CaseBuilder, run: int) -> None:
    """Two axes change places in front of a run."""
    outer, first, second = s.log_integer(1, 1024), s.log_integer(2, 128), s.pick((2, 2, 3, 4, 8, 16))
    outer = max(1, min(outer, _MOST // (first * second * run)))
    net.transpose(net.feed((outer, first, second, run)), (0, 1, 3, 2, 4))


def _scattered(s: Sampler, net: CaseBuilder) -> None:
    """Two pairs of axes change places: no one axis moves alone, so that each run's position is computed."""
    sizes = (s.log_integer(2, 32), s.log_integer(2, 16), s.log_integer(2, 32), s.log_integer(2, 16))
    net.transpose(net.feed((*sizes, s.pick((2, 3, 4, 8, 12)))), (0, 3, 1, 4, 2, 5))


def _moved(s: Sampler, net: CaseBuilder) -> None:
    """One axis of single elements, inwards or outwards, past two others or past the last one alone."""
    outer, rows, width = s.log_integer(1, 256), s.log_integer(4, 128), s.log_integer(4, 128)
    outer = max(1, min(outer, _MOST // (rows * width)))
    order = s.pick(((0, 1, 3, 2), (0, 3, 1, 2), (0, 2, 3, 1), (0, 3, 2, 1)))
    net.transpose(net.feed((outer, rows, width)), order)


def _patches(s: Sampler, net: CaseBuilder) -> None:
    """Images cut into patches whose channels are last, or put together again: each element by its own position."""
    patch, channels = s.pick((2, 2, 4, 7, 8, 14, 16, 32)), s.pick((1, 3, 3, 3, 8, 16, 48, 96))
    side = max(2, s.log_integer(16, 256) // patch)
    height, width = side, max(1, min(side, _MOST // (channels * patch * patch * side)))
    if s.chance(0.7):
        net.transpose(net.feed((channels, height, patch, width, patch)), (0, 2, 4, 3, 5, 1))
    else:
        net.transpose(net.feed((height, width, patch, patch, channels)), (0, 5, 1, 3, 2, 4))


def _reversed(s: Sampler, net: CaseBuilder) -> None:
    """The axes of a map in reverse, or three of them around one that stays: spectrograms, tokens of several frames."""
    outer, rows, width = s.log_integer(2, 128), s.log_integer(4, 160), s.log_integer(4, 160)
    outer = max(1, min(outer, _MOST // (rows * width)))
    if s.chance(0.6):
        net.transpose(net.feed((outer, rows, width)), (0, 3, 2, 1))
    else:
        inner = s.pick((2, 3, 4, 8))
        net.transpose(
            net.feed((max(1, outer // inner), inner, rows, width)), s.pick(((0, 4, 2, 3, 1), (0, 4, 1, 3, 2)))
        )


def _blocks(s: Sampler, net: CaseBuilder) -> None:
    """Blocks of 2 to 64 elements, each repeated 2 to 64 times."""
    run, repeats = s.log_integer(2, 64), s.log_integer(2, 64)
    rows = s.log_integer(4, max(5, _MOST // (run * repeats)))
    net.expand(net.feed((rows, 1, run)), (net.batch, rows, repeats, run))


def _reduced(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """The last axis, 2 to 64 elements long, of thousands of rows."""
    width = s.log_integer(2, 64)
    net.reduce(kind, net.feed((s.log_integer(500, max(501, _MOST // width)), width)), (2,), keep=s.chance(0.5))


def _columns_reduced(s: Sampler, net: CaseBuilder) -> None:
    """All tokens of one sample, a few hundred numbers each."""
    width = s.pick((64, 128, 192, 256, 384, 512, 768))
    net.reduce("reduce_max", net.feed((s.log_integer(16, min(2000, _MOST // width)), width)), (1,))


def _scores(s: Sampler, net: CaseBuilder) -> None:
    """Scores and values of heads with any number of tokens, most of them no multiple of a block."""
    heads, depth = s.pick((1, 2, 3, 4, 6, 8, 12, 16)), s.pick((16, 16, 32, 32, 48, 64))
    count = s.pick((49, 50, 65, 101, 145, 196, 197, 257, 401))
    if s.chance(0.5):
        net.matmul(net.feed((heads, count, depth)), net.feed((heads, depth, count)))
    else:
        net.matmul(net.feed((heads, count, count)), net.feed((heads, count, depth)))


def _softmax(s: Sampler, net: CaseBuilder) -> None:
    count = s.pick((50, 65, 101, 145, 197, 257, 401))
    net.softmax(net.feed((s.pick((2, 3, 4, 6, 8)), count, count)))


def _normalized(s: Sampler, net: CaseBuilder) -> None:
    """Tokens of the first, wide-open stages: thousands of rows of 32 to 128 numbers, summed up first or not."""
    x = net.feed((s.log_integer(700, 6400), s.pick((32, 48, 64, 96, 128))))
    net.layer_norm(net.add(x, net.feed(x.shape[1:])) if s.chance(0.6) else x)
