"""GoogLeNet (Szegedy et al., arXiv:1409.4842), as published and as retrained with batch normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["googlenet", "inception_v1"]

_MODULES: Final = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Filters of each module: 1x1; 3x3 reduced and full; 5x5 reduced and full; behind the pooling."""


def inception_v1(batch: int = 1, *, classes: int = 1000) -> Network:
    """GoogLeNet as published: 5x5 branches, local response normalization, no batch normalization."""
    net = FoldingBuilder("inception_v1", batch)
    x = net.relu(net.conv(net.image(224), 64, 7, stride=2, padding=3))
    x = net.local_response_norm(net.max_pool(x, 3, stride=2, ceil=True))
    x = net.relu(net.conv(x, 64, 1))
    x = net.local_response_norm(net.relu(net.conv(x, 192, 3, padding=1)))
    x = net.max_pool(x, 3, stride=2, ceil=True)
    for label, filters in _MODULES.items():
        with net.scope(f"inception_{label}"):
            x = _module(net, x, filters, 5)
        if label in ("3b", "4e"):
            x = net.max_pool(x, 3, stride=2, ceil=True)
    return net.build(net.classifier(x, classes))


def googlenet(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """GoogLeNet with batch normalization and 3x3 in place of 5x5 convolutions, as torchvision and slim have it."""
    net = FoldingBuilder("googlenet", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(224), 64, 7, stride=2, activation="relu", epsilon=1e-3)
    x = net.max_pool(x, 3, stride=2, ceil=True)
    x = net.conv_norm(x, 64, activation="relu", epsilon=1e-3)
    x = net.conv_norm(x, 192, 3, activation="relu", epsilon=1e-3)
    x = net.max_pool(x, 3, stride=2, ceil=True)
    for label, filters in _MODULES.items():
        with net.scope(f"inception_{label}"):
            x = _module(net, x, filters, 3, normalized=True)
        if label in ("3b", "4e"):
            x = net.max_pool(x, 3 if label == "3b" else 2, stride=2, ceil=True)
    return net.build(net.classifier(x, classes))


def _module(net: FoldingBuilder, x: Tensor, filters: Sequence[int], kernel: int, *, normalized: bool = False) -> Tensor:
    one, three_reduced, three, five_reduced, five, pooled = filters

    def conv(source: Tensor, count: int, taps: int = 1) -> Tensor:
        if normalized:
            return net.conv_norm(source, count, taps, activation="relu", epsilon=1e-3)
        return net.relu(net.conv(source, count, taps, padding="half"))

    first = conv(x, one)
    second = conv(conv(x, three_reduced), three, 3)
    third = conv(conv(x, five_reduced), five, kernel)
    fourth = conv(net.max_pool(x, 3, stride=1, padding=1, ceil=True), pooled)
    return net.concat([first, second, third, fourth])
