"""Networks without residuals: AlexNet, VGG and SqueezeNet.

Krizhevsky, arXiv:1404.5997 (the one-tower form); Simonyan and Zisserman, arXiv:1409.1556; Iandola et al.,
arXiv:1602.07360.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["alexnet", "squeezenet1_0", "squeezenet1_1", "vgg16", "vgg19"]

_SQUEEZED: Final = (16, 16, 32, 32, 48, 48, 64, 64)


def alexnet(batch: int = 1, *, classes: int = 1000) -> Network:
    """AlexNet with 64 to 384 filters, as torchvision defines it."""
    net = FoldingBuilder("alexnet", batch)
    x = net.relu(net.conv(net.image(224), 64, 11, stride=4, padding=2))
    x = net.max_pool(x, 3, stride=2)
    x = net.relu(net.conv(x, 192, 5, padding=2))
    x = net.max_pool(x, 3, stride=2)
    for filters in (384, 256, 256):
        x = net.relu(net.conv(x, filters, 3, padding=1))
    return net.build(_three_layers(net, net.max_pool(x, 3, stride=2), classes))


def _vgg(name: str, counts: Sequence[int], batch: int = 1, *, classes: int = 1000) -> Network:
    """Configurations D and E of the paper, without batch normalization: convolutions in each of five stages."""
    net = FoldingBuilder(name, batch)
    x = net.image(224)
    for stage, (filters, count) in enumerate(zip((64, 128, 256, 512, 512), counts, strict=True), 1):
        for index in range(1, count + 1):
            x = net.relu(net.conv(x, filters, 3, padding=1, name=f"conv{stage}_{index}"))
        x = net.max_pool(x, 2, stride=2)
    return net.build(_three_layers(net, x, classes))


vgg16 = partial(_vgg, "vgg16", (2, 2, 3, 3, 3))
"""VGG-16: configuration D."""
vgg19 = partial(_vgg, "vgg19", (2, 2, 4, 4, 4))
"""VGG-19: configuration E."""


def _three_layers(net: FoldingBuilder, x: Tensor, classes: int) -> Tensor:
    x = net.flatten(x)
    for _ in range(2):
        x = net.relu(net.fully_connected(x, 4096))
    return net.fully_connected(x, classes, name="classifier")


def _squeezenet(
    name: str,
    stem: int,
    kernel: int,
    pools_after: tuple[int, int],
    batch: int = 1,
    *,
    classes: int = 1000,
    resolution: Size = 224,
) -> Network:
    net = FoldingBuilder(name, batch)
    x = net.relu(net.conv(net.image(resolution), stem, kernel, stride=2))
    x = net.max_pool(x, 3, stride=2, ceil=True)
    for index, squeezed in enumerate(_SQUEEZED):
        with net.scope(f"fire{index + 2}"):
            x = net.relu(net.conv(x, squeezed, 1, name="squeeze"))
            narrow = net.relu(net.conv(x, 4 * squeezed, 1, name="expand1x1"))
            wide = net.relu(net.conv(x, 4 * squeezed, 3, padding=1, name="expand3x3"))
            x = net.concat([narrow, wide])
        if index in pools_after:
            x = net.max_pool(x, 3, stride=2, ceil=True)
    x = net.relu(net.conv(x, classes, 1, name="classifier"))
    return net.build(net.flatten(net.global_average_pool(x)))


squeezenet1_0 = partial(_squeezenet, "squeezenet1_0", 96, 7, (2, 6))
"""SqueezeNet 1.0, the paper's."""
squeezenet1_1 = partial(_squeezenet, "squeezenet1_1", 64, 3, (1, 3))
"""SqueezeNet 1.1: pools earlier, 2.4 times fewer operations."""
