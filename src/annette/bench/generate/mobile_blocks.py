"""Blocks of networks for small devices, with random widths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.bench.generate.blocks import stride
from annette.network.zoo.folding import make_divisible

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder
    from annette.bench.generate.sampler import Sampler
    from annette.network import Tensor

__all__ = [
    "depthwise_residual",
    "gated",
    "ghost",
    "inverted_residual",
    "inverted_residual_excited",
    "separable",
    "shuffle",
]


def separable(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Depthwise, then 1x1."""
    act = s.pick(("relu", "relu6"))
    y = net.conv_norm(x, x.shape[1], s.pick((3, 3, 5)), stride=stride(s, x, 0.35), groups=x.shape[1], activation=act)
    return net.conv_norm(y, s.channels(16, min(1024, 3 * x.shape[1])), activation=act)


def gated(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """The product of two projections, one of them activated, projected back; a depthwise convolution before it."""
    inner = s.channels(24, min(768, 4 * x.shape[1]))
    y = net.conv_norm(x, x.shape[1], s.pick((3, 5, 7)), groups=x.shape[1]) if s.chance(0.7) else x
    gate = net.conv_norm(y, inner, activation=s.pick(("relu6", "sigmoid", "silu", "relu")))
    z = net.conv_norm(net.mul(gate, net.conv_norm(y, inner)), x.shape[1])
    return net.add(z, x) if s.chance(0.6) else z


def inverted_residual(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """1x1 to more channels, depthwise, 1x1 back; a shortcut where shapes allow."""
    return _inverted(s, net, x, s.pick(("relu6", "relu", "relu6", "silu")), excited=False)


def inverted_residual_excited(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """The same with squeeze and excitation."""
    return _inverted(s, net, x, s.pick(("hard_swish", "silu", "silu", "relu", "relu6")), excited=True)


def shuffle(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Half of the channels pass by; the halves are interleaved behind."""
    channels = x.shape[1]
    if channels % 2 or s.chance(0.25):
        half = s.channels(12, 256)
        left = net.conv_norm(_depthwise(net, x, 2), half, activation="relu")
        right = net.conv_norm(x, half, activation="relu")
        right = net.conv_norm(_depthwise(net, right, 2), half, activation="relu")
    else:
        half = channels // 2
        left, right = net.split(x, 2)
        right = net.conv_norm(right, half, activation="relu")
        right = net.conv_norm(_depthwise(net, right, 1), half, activation="relu")
    return net.interleave(net.concat([left, right]), 2)


def depthwise_residual(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """A shortcut around a depthwise convolution, or around one that closes a block."""
    y, channels = x, x.shape[1]
    if s.chance(0.5):
        y = net.conv_norm(y, channels * s.pick((1, 2, 3)), activation="relu6")
        y = net.conv_norm(y, channels)
    y = net.conv_norm(y, channels, s.pick((3, 3, 5, 7)), groups=channels)
    return net.add(x, y)


def ghost(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Half of the channels come from the other half by a cheap depthwise convolution."""
    half = s.channels(16, 192)
    first = net.conv_norm(x, half, activation="relu")
    cheap = net.conv_norm(first, half, 3, groups=half, activation="relu")
    return net.concat([first, cheap])


def _depthwise(net: CaseBuilder, x: Tensor, step: int) -> Tensor:
    return net.conv_norm(x, x.shape[1], 3, stride=step, groups=x.shape[1])


def _inverted(s: Sampler, net: CaseBuilder, x: Tensor, act: str, *, excited: bool) -> Tensor:
    step = stride(s, x, 0.3)
    keeps = step == 1 and s.chance(0.75)
    filters = x.shape[1] if keeps else make_divisible(s.log_integer(12, 320))
    inner = make_divisible(x.shape[1] * s.pick((1, 2, 3, 4, 6, 6)))
    y = net.conv_norm(x, inner, activation=act) if inner != x.shape[1] else x
    inner = y.shape[1]
    y = net.conv_norm(y, inner, s.pick((3, 3, 5)), stride=step, groups=inner, activation=act)
    if excited:
        gate = "hard_sigmoid" if act == "hard_swish" else "sigmoid"
        inside = act if act == "silu" else "relu"
        y = net.squeeze_excite(y, max(4, make_divisible(inner / s.pick((4, 16, 24)))), activation=inside, gate=gate)
    y = net.conv_norm(y, filters)
    return net.add(x, y) if y.shape == x.shape else y
