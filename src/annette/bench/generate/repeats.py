"""Repeated blocks: one block, always at the same sizes, twice in a row and eight times.

Where a device tells only the total of a run, the difference between the two is the time of the block in company,
without what the run, the first and the last layer cost. Operators alone and in pairs show what runs as one: together
they take less than the sum of the two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import CaseBuilder, Recipe
from annette.bench.records import Purpose
from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.bench.generate.recipe import Sampler
    from annette.network import Tensor

    _Step: TypeAlias = Callable[[Tensor], Tensor]
    _Unit: TypeAlias = Callable[[Sampler, CaseBuilder, Tensor], _Step]

__all__ = ["companies", "repeats"]

_TIMES: Final = (2, 8)
"""How often a block stands in a row: in one case, and in the one after it."""

_TIMES_ON_TOKENS: Final = (1, 4)
"""The same for layers of transformers, which are heavier."""

_MOST_OPS: Final = 2_500_000_000
_MOST_OPS_ON_TOKENS: Final = 6_000_000_000
_MOST_BYTES: Final = 13_000_000


_MOST_OF_A_SIDE: Final = 4000
"""Channels times height of a map on which eight 3x3 convolutions are not too heavy."""


def repeats(target: str) -> list[Recipe]:
    """Recipes for repeated blocks.

    Args:
        target: ``cpu`` or ``npu``, as for whole plans.
    """
    on_maps = _ON_MAPS | (_ON_FLOATING_MAPS if target == "cpu" else {})
    return [
        *(_recipe(f"repeat/{name}", count, partial(_on_map, unit)) for name, (count, unit) in on_maps.items()),
        *(_recipe(f"repeat/{name}", count, partial(_on_tokens, unit)) for name, (count, unit) in _ON_TOKENS.items()),
    ]


def companies() -> list[Recipe]:
    """Recipes for operators alone and in pairs, on shapes that they share."""
    recipes = []
    for anchor, (partners, further) in _COMPANIES.items():
        sequences = [(anchor,), *((anchor, partner) for partner in partners), *((partner,) for partner in partners)]
        sequences += [(anchor, *rest) for rest in further]
        recipes.append(_recipe(f"company/{anchor}", 2 * len(sequences), partial(_company, sequences)))
    return recipes


def _recipe(group: str, count: int, draw: Callable[[Sampler, CaseBuilder], None]) -> Recipe:
    return Recipe(Purpose.CHAIN, group, count, draw, most_ops=_MOST_OPS_ON_TOKENS, most_bytes=_MOST_BYTES)


def _on_map(unit: _Unit, s: Sampler, net: CaseBuilder) -> None:
    """A unit on a feature map, behind a convolution."""

    def draw(shared: Sampler, builder: CaseBuilder, times: int) -> None:
        x = builder.host(shared.feature_map((8, 1024), sizes=(4, 112), most=1 << 19, range_=60))
        _repeat(builder, x, unit(shared, builder, x), times)

    _few_or_many(draw, s, net, _TIMES, _MOST_OPS)


def _on_tokens(unit: _Unit, s: Sampler, net: CaseBuilder) -> None:
    """A unit on rows of features."""

    def draw(shared: Sampler, builder: CaseBuilder, times: int) -> None:
        _, width = heads_and_width(shared, 48, 1024)
        x = builder.feed((tokens(shared, 16, 512), width))
        _repeat(builder, x, unit(shared, builder, x), times)

    _few_or_many(draw, s, net, _TIMES_ON_TOKENS, _MOST_OPS_ON_TOKENS)


def _few_or_many(
    draw: Callable[[Sampler, CaseBuilder, int], None],
    s: Sampler,
    net: CaseBuilder,
    times: tuple[int, int],
    most_ops: int,
) -> None:
    """Draws what the case's number says; what is too heavy with many blocks is not measured with few either."""
    many = CaseBuilder("many", net.batch)
    draw(s.shared(len(times)), many, times[-1])
    network = many.build()
    largest = max(tensor.elements * tensor.dtype.bits // 8 for tensor in network.tensors.values())
    if network.ops > most_ops * net.batch or largest > _MOST_BYTES * net.batch:
        raise NetworkShapeError(f"{times[-1]} blocks are too heavy: {network.ops} operations")
    draw(s.shared(len(times)), net, times[s.index % len(times)])


def _company(sequences: list[tuple[str, ...]], s: Sampler, net: CaseBuilder) -> None:
    """Operators in a row, a few times over; all cases of a round through the sequences share their sizes."""
    shared = s.shared(len(sequences))
    side = shared.pick((14, 28, 28, 56))
    depth = 16 * shared.integer(2, min(12, _MOST_OF_A_SIDE // (16 * side)))
    x = net.host((depth, side, side))

    def step(y: Tensor) -> Tensor:
        for operator in sequences[s.index % len(sequences)]:
            y = _operators(net, x, y)[operator]()
        return y

    _repeat(net, x, step, _TIMES[1])


def _repeat(net: CaseBuilder, x: Tensor, step: _Step, times: int) -> None:
    y = x
    for number in range(times):
        with net.scope(f"block{number}"):
            y = step(y)
        if y.shape != x.shape:
            raise NetworkShapeError(f"a repeated block turns {x.shape} into {y.shape}")


def _operators(net: CaseBuilder, first: Tensor, y: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Operators that keep the shape of ``y``; those of two operands take ``first`` as the other."""
    channels = y.shape[1]
    named = ("relu", "relu6", "leaky_relu", "sigmoid", "hard_swish", "silu")
    return {
        "conv": lambda: net.conv(y, channels, 3, padding=1),
        "pointwise": lambda: net.conv(y, channels, 1),
        "depthwise": lambda: net.depthwise_conv(y, 3),
        "pool": lambda: net.max_pool(y, 3, stride=1, padding=1),
        "batch_norm": lambda: net.batch_norm(y),
        "add": lambda: net.add(y, first),
        "mul": lambda: net.mul(y, first),
        "scale": lambda: net.scale_by_constant(y, (channels, 1, 1)),
        "shift": lambda: net.add_constant(y, (channels, 1, 1)),
        **{name: partial(net.activation, y, name) for name in named},
    }


_COMPANIES: Final[dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]]] = {
    # anchor: (what may run along with it, further sequences)
    "conv": (
        ("relu", "relu6", "leaky_relu", "sigmoid", "hard_swish", "silu", "batch_norm", "add", "scale", "shift"),
        (("batch_norm", "relu"), ("add", "relu"), ("batch_norm", "add", "relu"), ("shift", "silu")),
    ),
    "pointwise": (("relu", "hard_swish", "silu", "batch_norm", "add"), (("add", "relu"), ("batch_norm", "add"))),
    "depthwise": (("relu", "relu6", "hard_swish", "silu", "batch_norm", "add"), (("batch_norm", "relu"),)),
    "pool": (("relu", "add"), ()),
    "add": (("relu", "sigmoid"), ()),
    "mul": (("relu", "sigmoid"), ()),
}


def _conv(kernel: int, s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    act = s.pick(("relu", "relu", "", "relu6"))
    return lambda y: net.conv_norm(y, x.shape[1], kernel, activation=act)


def _there_and_back(kernels: tuple[int, ...], s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    """Two convolutions: to another number of channels, and back."""
    between, kernel = s.channels(8, 1536), s.pick(kernels)

    def step(y: Tensor) -> Tensor:
        return net.conv_norm(net.conv_norm(y, between, activation="relu"), x.shape[1], kernel, activation="relu")

    return step


def _down_and_up(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    """A strided convolution or pool, and a nearest neighbour resize back."""
    height, width = x.shape[2:]
    if height % 2 or width % 2:
        raise NetworkShapeError(f"a map of {height} x {width} cannot be halved")
    kernel, kind = s.pick((3, 1, 5)), s.pick(("conv", "conv", "pool", "depthwise"))

    def step(y: Tensor) -> Tensor:
        if kind == "pool":
            z = net.max_pool(y, 2, stride=2)
        else:
            groups = x.shape[1] if kind == "depthwise" else 1
            z = net.conv_norm(y, x.shape[1], kernel, stride=2, groups=groups, activation="relu")
        return net.resize(z, scale=2)

    return step


def _depthwise(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    kernel, act = s.pick((3, 3, 5, 7)), s.pick(("relu", "relu6", ""))
    return lambda y: net.conv_norm(y, x.shape[1], kernel, groups=x.shape[1], activation=act)


def _grouped(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    width = s.pick((4, 8, 8, 16, 16, 24, 32, 48, 64))
    groups = max(2, x.shape[1] // width)
    return lambda y: net.conv_norm(y, x.shape[1], 3, groups=groups, activation="relu")


def _asymmetric(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    long = s.pick((3, 5, 7))

    def step(y: Tensor) -> Tensor:
        z = net.conv_norm(y, x.shape[1], (1, long), activation="relu")
        return net.conv_norm(z, x.shape[1], (long, 1), activation="relu")

    return step


def _dilated(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    rate = s.pick((2, 3, 6))
    return lambda y: net.conv_norm(y, x.shape[1], 3, dilation=rate, activation="relu")


def _pool(kind: str, s: Sampler, net: CaseBuilder, _: Tensor) -> _Step:
    kernel = s.pick((3, 3, 5))
    pool = net.max_pool if kind == "max" else net.average_pool
    return lambda y: pool(y, kernel, stride=1, padding=kernel // 2)


def _binary(kind: str, _: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    return lambda y: net.layer(kind, [y, x])[0]


def _activation(name: str, _: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    """The activation of a sum, which no convolution is near to take in."""
    return lambda y: net.activation(net.add(y, x), name)


def _concat(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    """Channels joined to others, and brought back by a 1x1 convolution."""
    parts = s.pick((1, 2, 3))
    return lambda y: net.conv_norm(net.concat([y, *[x] * parts]), x.shape[1], activation="relu")


def _split(s: Sampler, net: CaseBuilder, _: Tensor) -> _Step:
    parts = s.pick((2, 4))
    return lambda y: net.concat([net.conv(part, part.shape[1], 1) for part in net.split(y, parts)])


def _shuffle(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    groups = s.pick((2, 2, 4))
    return lambda y: net.conv_norm(net.interleave(y, groups), x.shape[1], groups=x.shape[1], activation="relu")


def _excite(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    hidden, gate = max(4, x.shape[1] // s.pick((4, 8, 16))), s.pick(("sigmoid", "hard_sigmoid"))
    return lambda y: net.squeeze_excite(y, hidden, gate=gate)


def _transposed(_: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    channels = x.shape[1]
    return lambda y: net.conv_norm(net.conv_transpose(y, channels, 2, stride=2), channels, 2, stride=2, padding=0)


def _linear_resize(_: Sampler, net: CaseBuilder, __: Tensor) -> _Step:
    return lambda y: net.average_pool(net.resize(y, scale=2, mode="linear"), 2, stride=2)


def _normalised_map(_: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    """Normalization in front of a convolution, as dense networks have it."""
    return lambda y: net.conv(net.relu(net.batch_norm(net.add(y, x))), x.shape[1], 1)


def _channels_last(_: Sampler, net: CaseBuilder, __: Tensor) -> _Step:
    return lambda y: net.transpose(net.layer_norm(net.transpose(y, (0, 2, 3, 1))), (0, 3, 1, 2))


_ON_MAPS: Final[dict[str, tuple[int, _Unit]]] = {
    "conv-1x1": (24, partial(_conv, 1)),
    "conv-3x3": (28, partial(_conv, 3)),
    "conv-5x5": (8, partial(_conv, 5)),
    "there-and-back-1x1": (36, partial(_there_and_back, (1,))),
    "there-and-back-3x3": (28, partial(_there_and_back, (3, 3, 5))),
    "depthwise": (24, _depthwise),
    "grouped": (24, _grouped),
    "asymmetric": (8, _asymmetric),
    "dilated": (6, _dilated),
    "down-and-up": (20, _down_and_up),
    "max-pool": (8, partial(_pool, "max")),
    "average-pool": (6, partial(_pool, "average")),
    "add": (8, partial(_binary, "add")),
    "mul": (6, partial(_binary, "mul")),
    "concat": (10, _concat),
    "split": (6, _split),
    "shuffle": (6, _shuffle),
    "squeeze-excite": (12, _excite),
    "transposed": (8, _transposed),
    "linear-resize": (4, _linear_resize),
    **{
        name: (4, partial(_activation, name))
        for name in ("relu", "leaky_relu", "sigmoid", "hard_swish", "hard_sigmoid", "tanh")
    },
}

_ON_FLOATING_MAPS: Final[dict[str, tuple[int, _Unit]]] = {
    "batch-norm": (10, _normalised_map),
    "channels-last": (6, _channels_last),
    **{name: (4, partial(_activation, name)) for name in ("silu", "gelu", "mish")},
}


def _products(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    hidden, act = s.pick((1, 2, 3, 4)) * x.shape[-1], s.pick(("gelu", "gelu_tanh", "relu"))
    return lambda y: net.fully_connected(net.activation(net.fully_connected(y, hidden), act), x.shape[-1])


def _attention(s: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    width = x.shape[-1]
    heads = next(heads for heads in s.pick(((12, 8, 6, 4, 3, 2, 1), (4, 3, 2, 1))) if width % heads == 0)

    def step(y: Tensor) -> Tensor:
        query, key, value = net.split(net.fully_connected(y, 3 * width), 3, axis=-1)
        return net.fully_connected(net.attention(query, key, value, heads), width)

    return step


def _token_add(_: Sampler, net: CaseBuilder, x: Tensor) -> _Step:
    other = net.feed(x.shape[1:])
    return lambda y: net.add(y, other)


_ON_TOKENS: Final[dict[str, tuple[int, _Unit]]] = {
    "products": (20, _products),
    "attention": (20, _attention),
    "layer-norm": (8, lambda _, net, x: lambda y: net.layer_norm(net.add(y, x))),
    "softmax": (6, lambda _, net, x: lambda y: net.softmax(net.add(y, x))),
    "transpose": (
        6,
        lambda _, net, x: (
            lambda y: net.transpose(net.add(net.transpose(y, (0, 2, 1)), net.transpose(x, (0, 2, 1))), (0, 2, 1))
        ),
    ),
    "token-add": (6, _token_add),
    "token-gelu": (6, lambda _, net, x: lambda y: net.activation(net.add(y, x), "gelu")),
}
