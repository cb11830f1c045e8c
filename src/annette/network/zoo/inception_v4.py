"""Inception v4 (Szegedy et al., arXiv:1602.07261)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.building.convolution import Padding, Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["inception_v4"]

_ROW, _COLUMN = (1, 7), (7, 1)


class _Builder(FoldingBuilder):
    def unit(self, x: Tensor, *steps: tuple[int, Size], stride: int = 1, padding: Padding = "half") -> Tensor:
        """Convolutions (filters, kernel) in a row; stride and padding are those of the last."""
        *inner, (filters, kernel) = steps
        for count, taps in inner:
            x = self.conv_norm(x, count, taps, activation="relu", epsilon=1e-3)
        return self.conv_norm(x, filters, kernel, stride=stride, padding=padding, activation="relu", epsilon=1e-3)

    def pooled(self, x: Tensor, filters: int) -> Tensor:
        """The branch behind average pooling."""
        return self.unit(self.average_pool(x, 3, stride=1, padding=1), (filters, 1))


def inception_v4(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """Inception v4 at 299 x 299."""
    net = _Builder("inception_v4", batch, batch_norm=batch_norm)
    x = _stem(net)
    for index in range(4):
        with net.scope(f"inception_a{index}"):
            x = _module_a(net, x)
    with net.scope("reduction_a"):
        branches = [
            net.unit(x, (384, 3), stride=2, padding=0),
            net.unit(x, (192, 1), (224, 3), (256, 3), stride=2, padding=0),
        ]
        x = net.concat([*branches, net.max_pool(x, 3, stride=2)])
    for index in range(7):
        with net.scope(f"inception_b{index}"):
            x = _module_b(net, x)
    with net.scope("reduction_b"):
        branches = [
            net.unit(x, (192, 1), (192, 3), stride=2, padding=0),
            net.unit(x, (256, 1), (256, _ROW), (320, _COLUMN), (320, 3), stride=2, padding=0),
        ]
        x = net.concat([*branches, net.max_pool(x, 3, stride=2)])
    for index in range(3):
        with net.scope(f"inception_c{index}"):
            x = _module_c(net, x)
    return net.build(net.classifier(x, classes))


def _stem(net: _Builder) -> Tensor:
    x = net.unit(net.image(299), (32, 3), stride=2, padding=0)
    x = net.unit(net.unit(x, (32, 3), padding=0), (64, 3))
    x = net.concat([net.max_pool(x, 3, stride=2), net.unit(x, (96, 3), stride=2, padding=0)])
    short = net.unit(x, (64, 1), (96, 3), padding=0)
    long = net.unit(x, (64, 1), (64, _ROW), (64, _COLUMN), (96, 3), padding=0)
    x = net.concat([short, long])
    return net.concat([net.unit(x, (192, 3), stride=2, padding=0), net.max_pool(x, 3, stride=2)])


def _module_a(net: _Builder, x: Tensor) -> Tensor:
    branches = [net.unit(x, (96, 1)), net.unit(x, (64, 1), (96, 3)), net.unit(x, (64, 1), (96, 3), (96, 3))]
    return net.concat([*branches, net.pooled(x, 96)])


def _module_b(net: _Builder, x: Tensor) -> Tensor:
    branches = [
        net.unit(x, (384, 1)),
        net.unit(x, (192, 1), (224, _ROW), (256, _COLUMN)),
        net.unit(x, (192, 1), (192, _COLUMN), (224, _ROW), (224, _COLUMN), (256, _ROW)),
    ]
    return net.concat([*branches, net.pooled(x, 128)])


def _module_c(net: _Builder, x: Tensor) -> Tensor:
    forks = []
    for source in (net.unit(x, (384, 1)), net.unit(x, (384, 1), (448, (3, 1)), (512, (1, 3)))):
        forks += [net.unit(source, (256, (1, 3))), net.unit(source, (256, (3, 1)))]
    return net.concat([net.unit(x, (256, 1)), *forks, net.pooled(x, 256)])
