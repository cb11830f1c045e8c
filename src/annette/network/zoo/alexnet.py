"""AlexNet in its one-tower form (Krizhevsky, arXiv:1404.5997)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["alexnet"]


def alexnet(batch: int = 1, *, classes: int = 1000) -> Network:
    """AlexNet with 64 to 384 filters, as torchvision defines it."""
    net = FoldingBuilder("alexnet", batch)
    x = net.image(224)
    x = net.relu(net.conv(x, 64, 11, stride=4, padding=2))
    x = net.max_pool(x, 3, stride=2)
    x = net.relu(net.conv(x, 192, 5, padding=2))
    x = net.max_pool(x, 3, stride=2)
    for filters in (384, 256, 256):
        x = net.relu(net.conv(x, filters, 3, padding=1))
    x = net.flatten(net.max_pool(x, 3, stride=2))
    for _ in range(2):
        x = net.relu(net.fully_connected(x, 4096))
    return net.build(net.fully_connected(x, classes, name="classifier"))
