"""Inception v2, BN-Inception (Ioffe and Szegedy, arXiv:1502.03167), as TensorFlow's slim library has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["inception_v2"]

_MODULES: Final = {
    "3b": ((64,), (64, 64), (64, 96, 96), 32),
    "3c": ((64,), (64, 96), (64, 96, 96), 64),
    "4a": ((), (128, 160), (64, 96, 96), 0),
    "4b": ((224,), (64, 96), (96, 128, 128), 128),
    "4c": ((192,), (96, 128), (96, 128, 128), 128),
    "4d": ((160,), (128, 160), (128, 160, 160), 96),
    "4e": ((96,), (128, 192), (160, 192, 192), 96),
    "5a": ((), (128, 192), (192, 256, 256), 0),
    "5b": ((352,), (192, 320), (160, 224, 224), 128),
    "5c": ((352,), (192, 320), (192, 224, 224), 128),
}
"""Filters along the branches: 1x1; 1x1, 3x3; 1x1, 3x3, 3x3; 1x1 behind the pooling. Without a first branch a module
halves the resolution."""


def inception_v2(batch: int = 1, *, batch_norm: bool = False, classes: int = 1001) -> Network:
    """Inception v2 of slim: a separable 7x7 stem (without normalization), 3x3 pairs for 5x5, 1001 classes."""
    net = FoldingBuilder("inception_v2", batch, batch_norm=batch_norm)
    x = net.depthwise_conv(net.image(224), 7, stride=2, padding="same", multiplier=8, bias=False, name="stem")
    x = net.relu(net.conv(x, 64, 1, name="stem/pointwise"))
    x = net.max_pool(x, 3, stride=2, padding="same")
    x = _conv(net, _conv(net, x, 64), 192, 3)
    x = net.max_pool(x, 3, stride=2, padding="same")
    for label, (one, three, five, pooled) in _MODULES.items():
        with net.scope(f"inception_{label}"):
            x = _module(net, x, one, three, five, pooled, maximum=label == "5c")
    x = net.conv(net.global_average_pool(x), classes, 1, name="classifier")
    return net.build(net.flatten(x))


def _conv(net: FoldingBuilder, x: Tensor, filters: int, kernel: int = 1, stride: int = 1) -> Tensor:
    return net.conv_norm(x, filters, kernel, stride=stride, padding="same", activation="relu", epsilon=1e-3)


def _module(
    net: FoldingBuilder,
    x: Tensor,
    one: Sequence[int],
    three: Sequence[int],
    five: Sequence[int],
    pooled: int,
    *,
    maximum: bool,
) -> Tensor:
    stride = 1 if one else 2
    branches = [_conv(net, x, one[0])] if one else []
    branches.append(_conv(net, _conv(net, x, three[0]), three[1], 3, stride))
    branches.append(_conv(net, _conv(net, _conv(net, x, five[0]), five[1], 3), five[2], 3, stride))
    pool = net.max_pool if maximum or not one else net.average_pool
    y = pool(x, 3, stride=stride, padding="same")
    branches.append(_conv(net, y, pooled) if pooled else y)
    return net.concat(branches)
