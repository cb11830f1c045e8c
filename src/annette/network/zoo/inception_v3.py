"""Inception v3 (Szegedy et al., arXiv:1512.00567), without the auxiliary classifier of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["inception_v3"]


class _Builder(FoldingBuilder):
    def unit(self, x: Tensor, *steps: tuple[int, Size], stride: int = 1) -> Tensor:
        """Convolutions (filters, kernel) in a row; a stride takes the last, which then has no padding."""
        for index, (filters, kernel) in enumerate(steps):
            last = stride != 1 and index == len(steps) - 1
            x = self.conv_norm(
                x,
                filters,
                kernel,
                stride=stride if last else 1,
                padding=0 if last else "half",
                activation="relu",
                epsilon=1e-3,
            )
        return x

    def pooled(self, x: Tensor, filters: int) -> Tensor:
        """The branch behind average pooling."""
        return self.unit(self.average_pool(x, 3, stride=1, padding=1, count_padding=True), (filters, 1))


def inception_v3(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """Inception v3 at 299 x 299, as torchvision has it."""
    net = _Builder("inception_v3", batch, batch_norm=batch_norm)
    x = _stem(net)
    for index, pooled in enumerate((32, 64, 64)):
        with net.scope(f"mixed_5{'bcd'[index]}"):
            x = _module_35(net, x, pooled)
    with net.scope("mixed_6a"):
        branches = [net.unit(x, (384, 3), stride=2), net.unit(x, (64, 1), (96, 3), (96, 3), stride=2)]
        x = net.concat([*branches, net.max_pool(x, 3, stride=2)])
    for index, inner in enumerate((128, 160, 160, 192)):
        with net.scope(f"mixed_6{'bcde'[index]}"):
            x = _module_17(net, x, inner)
    with net.scope("mixed_7a"):
        branches = [
            net.unit(x, (192, 1), (320, 3), stride=2),
            net.unit(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), stride=2),
        ]
        x = net.concat([*branches, net.max_pool(x, 3, stride=2)])
    for label in "bc":
        with net.scope(f"mixed_7{label}"):
            x = _module_8(net, x)
    return net.build(net.classifier(x, classes))


def _stem(net: _Builder) -> Tensor:
    x = net.unit(net.image(299), (32, 3), stride=2)
    x = net.conv_norm(x, 32, 3, padding=0, activation="relu", epsilon=1e-3)
    x = net.max_pool(net.unit(x, (64, 3)), 3, stride=2)
    x = net.conv_norm(net.unit(x, (80, 1)), 192, 3, padding=0, activation="relu", epsilon=1e-3)
    return net.max_pool(x, 3, stride=2)


def _module_35(net: _Builder, x: Tensor, pooled: int) -> Tensor:
    branches = [net.unit(x, (64, 1)), net.unit(x, (48, 1), (64, 5)), net.unit(x, (64, 1), (96, 3), (96, 3))]
    return net.concat([*branches, net.pooled(x, pooled)])


def _module_17(net: _Builder, x: Tensor, inner: int) -> Tensor:
    row, column = (1, 7), (7, 1)
    branches = [
        net.unit(x, (192, 1)),
        net.unit(x, (inner, 1), (inner, row), (192, column)),
        net.unit(x, (inner, 1), (inner, column), (inner, row), (inner, column), (192, row)),
    ]
    return net.concat([*branches, net.pooled(x, 192)])


def _module_8(net: _Builder, x: Tensor) -> Tensor:
    first = net.unit(x, (320, 1))
    forks = [
        net.concat([net.unit(source, (384, (1, 3))), net.unit(source, (384, (3, 1)))])
        for source in (net.unit(x, (384, 1)), net.unit(x, (448, 1), (384, 3)))
    ]
    return net.concat([first, *forks, net.pooled(x, 192)])
