"""GoogLeNet and the Inception networks that followed it (Szegedy et al., Ioffe and Szegedy).

arXiv:1409.4842, as published and as retrained with batch normalization; arXiv:1502.03167 (v2, BN-Inception), as
TensorFlow's slim library has it; arXiv:1512.00567 (v3), without the auxiliary classifier of training;
arXiv:1602.07261 (v4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.building.convolution import Padding, Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["googlenet", "inception_v1", "inception_v2", "inception_v3", "inception_v4"]

_V1: Final = {
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

_V2: Final = {
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

_ROW, _COLUMN = (1, 7), (7, 1)

Step: TypeAlias = "tuple[int, Size]"


class _Inception(FoldingBuilder):
    def unit(self, x: Tensor, *steps: Step, stride: int = 1, padding: Padding = "half") -> Tensor:
        """Convolutions (filters, kernel) in a row; stride and padding are those of the last."""
        *inner, (filters, kernel) = steps
        for count, taps in inner:
            x = self.conv_norm(x, count, taps, activation="relu", epsilon=1e-3)
        return self.conv_norm(x, filters, kernel, stride=stride, padding=padding, activation="relu", epsilon=1e-3)

    def pooled(self, x: Tensor, filters: int, *, count_padding: bool = False) -> Tensor:
        """The branch behind average pooling."""
        return self.unit(self.average_pool(x, 3, stride=1, padding=1, count_padding=count_padding), (filters, 1))

    def module(self, x: Tensor, *branches: Sequence[Step], pooled: int, count_padding: bool = False) -> Tensor:
        """Branches side by side, the last of them behind average pooling."""
        parts = [self.unit(x, *steps) for steps in branches]
        return self.concat([*parts, self.pooled(x, pooled, count_padding=count_padding)])

    def reduction(self, x: Tensor, *branches: Sequence[Step]) -> Tensor:
        """A module that halves the resolution: branches and a pooling."""
        parts = [self.unit(x, *steps, stride=2, padding=0) for steps in branches]
        return self.concat([*parts, self.max_pool(x, 3, stride=2)])


def inception_v1(batch: int = 1, *, classes: int = 1000, resolution: Size = 224) -> Network:
    """GoogLeNet as published: 5x5 branches, local response normalization, no batch normalization."""
    net = FoldingBuilder("inception_v1", batch)
    x = net.relu(net.conv(net.image(resolution), 64, 7, stride=2, padding=3))
    x = net.local_response_norm(net.max_pool(x, 3, stride=2, ceil=True))
    x = net.relu(net.conv(x, 64, 1))
    x = net.local_response_norm(net.relu(net.conv(x, 192, 3, padding=1)))
    x = net.max_pool(x, 3, stride=2, ceil=True)
    for label, filters in _V1.items():
        with net.scope(f"inception_{label}"):
            x = _module_v1(net, x, filters, 5)
        if label in ("3b", "4e"):
            x = net.max_pool(x, 3, stride=2, ceil=True)
    return net.build(net.classifier(x, classes))


def googlenet(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224) -> Network:
    """GoogLeNet with batch normalization and 3x3 in place of 5x5 convolutions, as torchvision and slim have it."""
    net = _Inception("googlenet", batch, batch_norm=batch_norm)
    x = net.max_pool(net.unit(net.image(resolution), (64, 7), stride=2), 3, stride=2, ceil=True)
    x = net.max_pool(net.unit(x, (64, 1), (192, 3)), 3, stride=2, ceil=True)
    for label, filters in _V1.items():
        with net.scope(f"inception_{label}"):
            x = _module_v1(net, x, filters, 3, normalized=True)
        if label in ("3b", "4e"):
            x = net.max_pool(x, 3 if label == "3b" else 2, stride=2, ceil=True)
    return net.build(net.classifier(x, classes))


def _module_v1(
    net: FoldingBuilder, x: Tensor, filters: Sequence[int], kernel: int, *, normalized: bool = False
) -> Tensor:
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


def inception_v2(batch: int = 1, *, batch_norm: bool = False, classes: int = 1001, resolution: Size = 224) -> Network:
    """Inception v2 of slim: a separable 7x7 stem (without normalization), 3x3 pairs for 5x5, 1001 classes."""
    net = _Inception("inception_v2", batch, batch_norm=batch_norm)
    x = net.depthwise_conv(net.image(resolution), 7, stride=2, padding="same", multiplier=8, bias=False, name="stem")
    x = net.relu(net.conv(x, 64, 1, name="stem/pointwise"))
    x = net.max_pool(x, 3, stride=2, padding="same")
    x = net.max_pool(net.unit(x, (64, 1), (192, 3)), 3, stride=2, padding="same")
    for label, (one, three, five, pooled) in _V2.items():
        with net.scope(f"inception_{label}"):
            stride = 1 if one else 2
            branches = [net.unit(x, (one[0], 1))] if one else []
            for first, *others in (three, five):
                steps = [(filters, 3) for filters in others]
                branches.append(net.unit(x, (first, 1), *steps, stride=stride, padding="same"))
            pool = net.max_pool if label == "5c" or not one else net.average_pool
            y = pool(x, 3, stride=stride, padding="same")
            x = net.concat([*branches, net.unit(y, (pooled, 1)) if pooled else y])
    x = net.conv(net.global_average_pool(x), classes, 1, name="classifier")
    return net.build(net.flatten(x))


def inception_v3(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 299) -> Network:
    """Inception v3 at 299 x 299, as torchvision has it."""
    net = _Inception("inception_v3", batch, batch_norm=batch_norm)
    x = net.unit(net.unit(net.image(resolution), (32, 3), stride=2, padding=0), (32, 3), padding=0)
    x = net.max_pool(net.unit(x, (64, 3)), 3, stride=2)
    x = net.max_pool(net.unit(x, (80, 1), (192, 3), padding=0), 3, stride=2)
    for label, pooled in zip("bcd", (32, 64, 64), strict=True):
        with net.scope(f"mixed_5{label}"):
            branches = [(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]
            x = net.module(x, *branches, pooled=pooled, count_padding=True)
    with net.scope("mixed_6a"):
        x = net.reduction(x, [(384, 3)], [(64, 1), (96, 3), (96, 3)])
    for label, inner in zip("bcde", (128, 160, 160, 192), strict=True):
        with net.scope(f"mixed_6{label}"):
            short: list[Step] = [(inner, 1), (inner, _ROW), (192, _COLUMN)]
            long: list[Step] = [(inner, 1), (inner, _COLUMN), (inner, _ROW), (inner, _COLUMN), (192, _ROW)]
            x = net.module(x, [(192, 1)], short, long, pooled=192, count_padding=True)
    with net.scope("mixed_7a"):
        x = net.reduction(x, [(192, 1), (320, 3)], [(192, 1), (192, _ROW), (192, _COLUMN), (192, 3)])
    for label in "bc":
        with net.scope(f"mixed_7{label}"):
            first = net.unit(x, (320, 1))
            forks = [
                net.concat([net.unit(source, (384, (1, 3))), net.unit(source, (384, (3, 1)))])
                for source in (net.unit(x, (384, 1)), net.unit(x, (448, 1), (384, 3)))
            ]
            x = net.concat([first, *forks, net.pooled(x, 192, count_padding=True)])
    return net.build(net.classifier(x, classes))


def inception_v4(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 299) -> Network:
    """Inception v4 at 299 x 299."""
    net = _Inception("inception_v4", batch, batch_norm=batch_norm)
    x = _stem_v4(net, resolution)
    for index in range(4):
        with net.scope(f"inception_a{index}"):
            x = net.module(x, [(96, 1)], [(64, 1), (96, 3)], [(64, 1), (96, 3), (96, 3)], pooled=96)
    with net.scope("reduction_a"):
        x = net.reduction(x, [(384, 3)], [(192, 1), (224, 3), (256, 3)])
    for index in range(7):
        with net.scope(f"inception_b{index}"):
            short: list[Step] = [(192, 1), (224, _ROW), (256, _COLUMN)]
            long: list[Step] = [(192, 1), (192, _COLUMN), (224, _ROW), (224, _COLUMN), (256, _ROW)]
            x = net.module(x, [(384, 1)], short, long, pooled=128)
    with net.scope("reduction_b"):
        x = net.reduction(x, [(192, 1), (192, 3)], [(256, 1), (256, _ROW), (320, _COLUMN), (320, 3)])
    for index in range(3):
        with net.scope(f"inception_c{index}"):
            forks = []
            for source in (net.unit(x, (384, 1)), net.unit(x, (384, 1), (448, (3, 1)), (512, (1, 3)))):
                forks += [net.unit(source, (256, (1, 3))), net.unit(source, (256, (3, 1)))]
            x = net.concat([net.unit(x, (256, 1)), *forks, net.pooled(x, 256)])
    return net.build(net.classifier(x, classes))


def _stem_v4(net: _Inception, resolution: Size) -> Tensor:
    x = net.unit(net.image(resolution), (32, 3), stride=2, padding=0)
    x = net.unit(net.unit(x, (32, 3), padding=0), (64, 3))
    x = net.concat([net.max_pool(x, 3, stride=2), net.unit(x, (96, 3), stride=2, padding=0)])
    short = net.unit(x, (64, 1), (96, 3), padding=0)
    long = net.unit(x, (64, 1), (64, _ROW), (64, _COLUMN), (96, 3), padding=0)
    x = net.concat([short, long])
    return net.concat([net.unit(x, (192, 3), stride=2, padding=0), net.max_pool(x, 3, stride=2)])
