"""Fusion probes: pairs and triples of operators on small shapes. What runs together is all they are to show."""

from __future__ import annotations

import math
from functools import partial
from itertools import count, product
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

    _Makers: TypeAlias = Callable[[CaseBuilder, Tensor], dict[str, Callable[[], Tensor]]]

__all__ = ["recipes"]

_CHANNELS: Final = 32
_SIDE: Final = 8
_MAP: Final = (_CHANNELS, _SIDE, _SIDE)
_TOKENS: Final = 24
_WIDTH: Final = 64

_ACTIVATIONS: Final = (
    "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "elu", "softplus",
    "silu", "gelu", "gelu_tanh", "mish",
)  # fmt: skip
_ON_MAPS: Final = (
    "conv", "depthwise", "grouped", "transposed", "max_pool", "average_pool", "global", "add", "mul", "scalar",
    "excite", "concat", "batch_norm", "slice", "resize", "pad", "transpose",
)  # fmt: skip
_ON_TOKENS: Final = (
    "fully_connected", "matmul", "add", "mul", "scalar", "bias", "layer_norm", "softmax", "transpose", "concat",
)  # fmt: skip
_PARTNERS: Final = ("conv", "depthwise", "max_pool", "add", "scalar", "batch_norm", "concat", "pad", "mul", "relu")


def recipes() -> list[Recipe]:
    """Recipes for probes: each lists its combinations once, whatever the seed."""
    pairs = [
        *product(_ON_MAPS, _ACTIVATIONS),
        *((b, a) for a, b in product(("conv", "depthwise", "max_pool", "add", "concat"), _ACTIVATIONS)),
    ]
    more_pairs = [(a, b) for a, b in product(_ON_MAPS, _PARTNERS)]
    triples = [
        (a, b, c)
        for a in ("conv", "depthwise", "transposed")
        for b in ("batch_norm", "add", "mul", "scalar", "max_pool")
        for c in ("relu", "hard_swish", "silu", "sigmoid", "add", "conv")
    ]
    affine = [
        (a, *rest)
        for a in ("conv", "depthwise", "grouped", "transposed", "max_pool", "add")
        for rest in (("scale",), ("shift",), ("scale", "shift"), ("scale", "shift", "relu"), ("shift", "silu"))
    ]
    rows = [
        *product(("conv", "depthwise"), ("add", "batch_norm", "scale", "shift", "relu", "leaky_relu", "gelu", "silu")),
        *((a, "conv", "add") for a in ("leaky_relu", "relu", "conv")),
        *(("conv", b, "relu") for b in ("add", "batch_norm", "shift")),
    ]
    triples += [(a, b, "conv") for a, b in product(("conv", "depthwise", "grouped"), _ACTIVATIONS)]
    tokens = [*product(_ON_TOKENS, _ACTIVATIONS[:4] + _ACTIVATIONS[9:]), *product(_ON_TOKENS, _ON_TOKENS)]
    chain_on_map = partial(_chain, _MAP, _on_map)
    return [
        _probe("maps-activation", pairs, chain_on_map),
        _probe("maps-pair", more_pairs, chain_on_map),
        _probe("maps-triple", triples, chain_on_map),
        _probe("maps-affine", affine, chain_on_map),
        _probe("rows", rows, partial(_chain, (_CHANNELS, _SIDE * _SIDE), _on_rows)),
        _probe("maps-branch", list(product(_ON_MAPS[:9], ("relu", "sigmoid", "add", "conv"))), _branch_on_map),
        _probe("tokens-pair", tokens, partial(_chain, (_TOKENS, _WIDTH), _on_tokens)),
    ]


def _probe(
    group: str, combinations: Sequence[tuple[str, ...]], build: Callable[[CaseBuilder, tuple[str, ...]], None]
) -> Recipe:
    """Draws combinations by the case's number, in strides of the golden ratio, so that any part of them is mixed."""
    length = len(combinations)
    stride = next(step for step in count(max(1, round(length * 0.6180339887498949))) if math.gcd(step, length) == 1)

    def draw(s: Sampler, net: CaseBuilder) -> None:
        build(net, combinations[s.index * stride % length])

    return Recipe(Purpose.FUSION_PROBE, group, length, draw)


def _chain(shape: tuple[int, ...], makers: _Makers, net: CaseBuilder, combination: tuple[str, ...]) -> None:
    x = net.feed(shape)
    for operator in combination:
        x = _apply(makers, net, x, operator)


def _apply(makers: _Makers, net: CaseBuilder, x: Tensor, operator: str) -> Tensor:
    return net.activation(x, operator) if operator in _ACTIVATIONS else makers(net, x)[operator]()


def _branch_on_map(net: CaseBuilder, combination: tuple[str, ...]) -> None:
    """The first operator's result goes to the second and leaves the network as well."""
    first, second = combination
    x = _apply(_on_map, net, net.feed(_MAP), first)
    net.mul(_apply(_on_map, net, _apply(_on_map, net, x, second), "scalar"), 0.5)
    net.unary("neg", x)


def _on_map(net: CaseBuilder, x: Tensor) -> dict[str, Callable[[], Tensor]]:
    channels = x.shape[1]
    per_channel = (channels, *(1 for _ in x.shape[2:]))
    return {
        "conv": lambda: net.conv(x, _CHANNELS, 3, padding=1),
        "depthwise": lambda: net.depthwise_conv(x, 3),
        "grouped": lambda: net.conv(x, channels, 3, padding=1, groups=2),
        "transposed": lambda: net.conv_transpose(x, _CHANNELS, 2, stride=2),
        "max_pool": lambda: net.max_pool(x, 3, stride=1, padding=1),
        "average_pool": lambda: net.average_pool(x, 3, stride=1, padding=1),
        "global": lambda: net.global_average_pool(x),
        "add": lambda: net.add(x, net.feed(x.shape[1:])),
        "mul": lambda: net.mul(x, net.feed(x.shape[1:])),
        "scalar": lambda: net.mul(x, 0.5),
        "excite": lambda: net.mul(x, net.feed((channels, 1, 1))),
        "concat": lambda: net.concat([x, net.feed(x.shape[1:])]),
        "batch_norm": lambda: net.batch_norm(x),
        "scale": lambda: net.scale_by_constant(x, per_channel),
        "shift": lambda: net.add_constant(x, per_channel),
        "slice": lambda: net.slice(x, [0], [channels // 2], [1]),
        "resize": lambda: net.resize(x, scale=2),
        "pad": lambda: net.pad(x, (0, 0, 1, 1, 0, 0, 1, 1)),
        "transpose": lambda: net.transpose(x, (0, 2, 3, 1)),
    }


def _on_rows(net: CaseBuilder, x: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Sequences of features, channels first, as networks for sound have them: with convolutions of their own."""
    return {
        **_on_map(net, x),
        "conv": lambda: net.conv1d(x, _CHANNELS, 3, padding="half"),
        "depthwise": lambda: net.conv1d(x, x.shape[1], 3, padding="half", groups=x.shape[1]),
    }


def _on_tokens(net: CaseBuilder, x: Tensor) -> dict[str, Callable[[], Tensor]]:
    width = x.shape[-1]
    return {
        **_on_map(net, x),
        "fully_connected": lambda: net.fully_connected(x, _WIDTH),
        "matmul": lambda: net.matmul(x, net.feed((width, _WIDTH))),
        "scalar": lambda: net.mul(x, 0.125),
        "bias": lambda: net.add_constant(x, (width,)),
        "layer_norm": lambda: net.layer_norm(x),
        "softmax": lambda: net.softmax(x),
        "transpose": lambda: net.transpose(x, (0, 2, 1)),
    }
