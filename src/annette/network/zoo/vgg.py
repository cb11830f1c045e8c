"""VGG (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["vgg16"]


def vgg16(batch: int = 1, *, classes: int = 1000) -> Network:
    """VGG-16: configuration D of the paper, without batch normalization."""
    net = FoldingBuilder("vgg16", batch)
    x = net.image(224)
    for stage, (filters, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for index in range(1, count + 1):
            x = net.relu(net.conv(x, filters, 3, padding=1, name=f"conv{stage}_{index}"))
        x = net.max_pool(x, 2, stride=2)
    x = net.flatten(x)
    for _ in range(2):
        x = net.relu(net.fully_connected(x, 4096))
    return net.build(net.fully_connected(x, classes, name="classifier"))
