"""Micro-kernels that take less than a microsecond or a few: models of tables, small perceptrons, heads of classifiers.

Profilers do not resolve them: their unprofiled totals do, alone (`annette.fitting.short_kernels`) and, better, in a
row of many. Rows of 1 to 64 like and unlike kernels also show what a run costs beside its kernels, and runs with
several inputs and outputs what these cost (`annette.fitting.overheads`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

    _Step: TypeAlias = Callable[[CaseBuilder, Tensor], Tensor]
    _Kernel: TypeAlias = Callable[[Sampler], _Step]

__all__ = ["recipes"]

_LENGTHS: Final = (1, 16, 2, 64, 4, 32, 8)
"""Kernels in a row, in turn: any few cases have short rows and long ones."""
_WIDEST: Final = 256
_MOST: Final = 1024
_CLASSES: Final = (2, 2, 2, 3, 3, 5, 10, 10)
_ACTIVATIONS: Final = ("relu", "tanh", "sigmoid", "elu")
_UNARIES: Final = ("tanh", "sigmoid", "exp", "sqrt", "abs", "neg", "erf", "sin")
_REDUCTIONS: Final = ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_norm")


def recipes() -> list[Recipe]:
    """Recipes for kernels of a few numbers."""
    return [
        micro("tiny-row/unary", 14, partial(_like, _unary)),
        micro("tiny-row/fully-connected", 21, partial(_like, _square)),
        micro("tiny-row/softmax", 14, partial(_like, _softmax)),
        micro("tiny-row/arithmetic", 21, partial(_like, _arithmetic)),
        micro("tiny-row/cast", 14, partial(_like, _cast, layers=2)),
        micro("tiny-row/norm", 14, partial(_like, _norm)),
        micro("tiny-row/unlike", 14, partial(_unlike, (_unary, _product, _softmax, _arithmetic, _cast, _norm))),
        micro("tiny/fully-connected", 28, _single_product),
        micro("tiny/perceptron", 28, _perceptron),
        micro("small/perceptron", 36, _wider_perceptron),
        micro("tiny/table", 28, _table),
        micro("tiny/classes", 28, _classes),
        micro("tiny/reduce", 24, _reduce),
        micro("tiny/arithmetic", 24, _pair),
        micro("tiny/movement", 24, _move),
        micro("tiny/inputs", 12, _inputs),
        micro("tiny/outputs", 12, _outputs),
        micro("tiny/tree-ensemble", 32, _trees),
        micro("tiny/support-vectors", 16, _vectors),
    ]


def _rows(s: Sampler) -> int:
    """Mostly one, as whoever asks for a single answer has it."""
    return 1 if s.chance(0.6) else s.log_integer(2, 16)


def _features(s: Sampler, net: CaseBuilder, widest: int = _WIDEST) -> Tensor:
    """A table of few rows."""
    return net.input(net.unique_name("table"), (net.batch * _rows(s), s.log_integer(2, widest)))


def _like(kernel: _Kernel, s: Sampler, net: CaseBuilder, *, layers: int = 1) -> None:
    """Equal kernels behind each other: whatever a profile makes of each, together they take their number times one."""
    step, x = kernel(s), _features(s, net)
    for _ in range(max(1, _LENGTHS[s.index % len(_LENGTHS)] // layers)):
        x = step(net, x)


def _unlike(kernels: tuple[_Kernel, ...], s: Sampler, net: CaseBuilder) -> None:
    """Kernels of all kinds and sizes behind each other."""
    x = _features(s, net)
    for _ in range(_LENGTHS[s.index % len(_LENGTHS)]):
        x = s.pick(kernels)(s)(net, x)


def _unary(s: Sampler) -> _Step:
    kind = s.pick(_UNARIES)
    return lambda net, x: net.unary(kind, x)


def _square(s: Sampler) -> _Step:
    bias = s.chance(0.8)
    return lambda net, x: net.fully_connected(x, x.shape[1], bias=bias)


def _product(s: Sampler) -> _Step:
    units, bias = s.log_integer(1, _WIDEST), s.chance(0.9)
    return lambda net, x: net.fully_connected(x, units, bias=bias)


def _softmax(s: Sampler) -> _Step:
    kind = s.pick(("softmax", "softmax", "log_softmax"))
    return lambda net, x: net.apply(kind, x, attributes={"axis": 1})


def _arithmetic(s: Sampler) -> _Step:
    form = s.pick(("add", "mul", "sub", "div", "number"))
    if form == "add":
        return lambda net, x: net.add_constant(x, x.shape[1:])
    if form == "mul":
        return lambda net, x: net.scale_by_constant(x, x.shape[1:])
    if form == "number":
        kind = s.pick(("mul", "div", "add", "pow"))
        return lambda net, x: net.apply(kind, x, attributes={"scalar": 1.5})
    return lambda net, x: net.apply(form, x, net.weight(net.unique_name("constant"), x.shape[1:]))


def _cast(_: Sampler) -> _Step:
    """To whole numbers and back, which no runtime may leave out."""
    return lambda net, x: net.cast(net.cast(x, DType.INT64), DType.FLOAT32)


def _norm(s: Sampler) -> _Step:
    if s.chance(0.5):
        return lambda net, x: net.apply("lp_norm", x, attributes={"axis": 1})
    return lambda net, x: net.layer_norm(x)


def _single_product(s: Sampler, net: CaseBuilder) -> None:
    """Any relation of few inputs to few results."""
    x = _features(s, net, _MOST)
    net.fully_connected(x, s.log_integer(1, _WIDEST), bias=s.chance(0.8))


def _perceptron(s: Sampler, net: CaseBuilder) -> None:
    """Features, one to six layers, and classes or a number."""
    x = _features(s, net)
    activation = s.pick(_ACTIVATIONS)
    for _ in range(s.integer(0, 5)):
        x = net.activation(net.fully_connected(x, s.log_integer(4, _WIDEST)), activation)
    x = net.fully_connected(x, 1 if s.chance(0.3) else s.pick(_CLASSES))
    if s.chance(0.5):
        net.softmax(x) if x.shape[1] > 1 else net.activation(x, "sigmoid")


def _wider_perceptron(s: Sampler, net: CaseBuilder) -> None:
    """One row, or a few, through matrices of 50 KB to 4 MB that stay in a cache from run to run."""
    rows = 1 if s.chance(0.75) else s.integer(2, 4)
    x = net.input(net.unique_name("table"), (net.batch * rows, s.log_integer(100, 1200)))
    for _ in range(s.integer(1, 4)):
        x = net.fully_connected(x, s.log_integer(100, 900), bias=s.chance(0.8))


def _table(s: Sampler, net: CaseBuilder) -> None:
    """Features brought to one scale, a linear model, and what makes classes of its results."""
    x = _features(s, net, 100)
    if s.chance(0.7):
        x = net.scale_by_constant(net.add_constant(x, x.shape[1:]), x.shape[1:])
    else:
        x = net.apply("lp_norm", x, attributes={"axis": 1})
    y = net.fully_connected(x, s.pick(_CLASSES))
    if s.chance(0.7):
        y = net.softmax(y)
    net.layer("arg_max", [y], attributes={"axis": 1, "keepdims": s.integer(0, 1)}, dtype=DType.INT64)
    if s.chance(0.5):
        net.reduce("reduce_max", y, (1,))


def _classes(s: Sampler, net: CaseBuilder) -> None:
    """What chooses among few classes."""
    x = net.feed((s.pick(_CLASSES),)) if s.chance(0.6) else _features(s, net)
    form = s.pick(("softmax", "log_softmax", "arg_max", "top_k", "compare", "cumulative"))
    if form == "arg_max":
        net.layer("arg_max", [x], attributes={"axis": 1, "keepdims": s.integer(0, 1)}, dtype=DType.INT64)
    elif form == "top_k":
        net.top_k(x, s.integer(1, min(5, x.shape[1])))
    elif form == "compare":
        net.compare(x, net.feed((1,)))
    elif form == "cumulative":
        net.cumulative_sum(x)
    else:
        net.apply(form, x, attributes={"axis": 1})


def _reduce(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.log_integer(1, 16), s.log_integer(1, 64)))
    net.reduce(s.pick(_REDUCTIONS), x, s.pick(((1,), (2,), (1, 2))), keep=s.chance(0.5))


def _pair(s: Sampler, net: CaseBuilder) -> None:
    """Two tensors of one size, or one that is repeated."""
    x = _features(s, net, _MOST)
    other = s.pick((x.shape[1:], (1,), x.shape[1:]))
    net.layer(s.pick(("add", "sub", "mul", "div", "max", "min", "pow")), [x, net.feed(other)])


def _move(s: Sampler, net: CaseBuilder) -> None:
    """Tables side by side, cut, turned or picked from."""
    x = net.feed((s.log_integer(2, 16), s.log_integer(2, 64)))
    form = s.pick(("concat", "split", "slice", "transpose", "gather", "expand"))
    if form == "concat":
        net.concat([x, *(net.feed(x.shape[1:]) for _ in range(s.integer(1, 3)))], axis=s.pick((1, 2)))
    elif form == "split":
        net.split(x, (1, x.shape[2] - 1), axis=2)
    elif form == "slice":
        net.slice(x, [0], [x.shape[1] - 1], [1])
    elif form == "transpose":
        net.transpose(x, (0, 2, 1))
    elif form == "gather":
        net.gather(x, 0, axis=s.pick((1, 2)))
    else:
        net.expand(net.feed((1, x.shape[2])), x.shape)


def _inputs(s: Sampler, net: CaseBuilder) -> None:
    """One kernel that reads many inputs."""
    size = s.log_integer(1, _MOST)
    net.concat([net.feed((size,)) for _ in range(s.integer(2, 12))], axis=1)


def _outputs(s: Sampler, net: CaseBuilder) -> None:
    """One kernel that writes many outputs, or many that write one each."""
    parts, size = s.integer(2, 12), s.log_integer(1, 64)
    if s.chance(0.5):
        net.split(net.feed((parts * size,)), parts, axis=1)
        return
    x = net.feed((size,))
    for _ in range(parts):
        net.scale_by_constant(x, (size,))


def _trees(s: Sampler, net: CaseBuilder) -> None:
    """Few rows and few trees, or as many trees as boosting over classes makes."""
    depth = s.integer(1, 8)
    trees = s.log_integer(1, max(2, min(1000, 60_000 >> depth)))
    x = net.input("table", (net.batch * _rows(s), s.log_integer(2, 100)))
    if s.chance(0.5):
        net.tree_classifier(x, trees, depth, s.pick((2, 3, 10)))
    else:
        net.tree_ensemble(x, trees, depth, targets=s.pick((1, 1, 2, 3, 10)))


def _vectors(s: Sampler, net: CaseBuilder) -> None:
    x = net.input("table", (net.batch * _rows(s), s.log_integer(2, 64)))
    machine = net.vector_classifier if s.chance(0.5) else net.support_vectors
    machine(x, s.log_integer(2, 300), kernel=s.pick(("rbf", "rbf", "linear", "poly", "sigmoid")))
