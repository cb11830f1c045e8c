"""ResNet and its relatives ResNeXt and Wide ResNet.

He et al., arXiv:1512.03385; Xie et al., arXiv:1611.05431; Zagoruyko and Komodakis, arXiv:1605.07146. The stride sits
in the 3x3 convolution of a bottleneck, as in torchvision and most deployed files ("v1.5").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet_features", "resnext50_32x4d", "wide_resnet50_2"]


def resnet18(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """ResNet-18: two basic blocks a stage."""
    return _resnet("resnet18", batch, (2, 2, 2, 2), batch_norm, classes, resolution, bottleneck=False)


def resnet34(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """ResNet-34: 3, 4, 6 and 3 basic blocks."""
    return _resnet("resnet34", batch, (3, 4, 6, 3), batch_norm, classes, resolution, bottleneck=False)


def resnet50(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """ResNet-50: 3, 4, 6 and 3 bottlenecks."""
    return _resnet("resnet50", batch, (3, 4, 6, 3), batch_norm, classes, resolution)


def resnet101(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """ResNet-101: 3, 4, 23 and 3 bottlenecks."""
    return _resnet("resnet101", batch, (3, 4, 23, 3), batch_norm, classes, resolution)


def resnext50_32x4d(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """ResNeXt-50: 3x3 convolutions in 32 groups of 4 channels and up."""
    return _resnet("resnext50_32x4d", batch, (3, 4, 6, 3), batch_norm, classes, resolution, groups=32, width=4)


def wide_resnet50_2(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """Wide ResNet-50-2: bottlenecks of twice the inner width."""
    return _resnet("wide_resnet50_2", batch, (3, 4, 6, 3), batch_norm, classes, resolution, width=128)


def resnet_features(
    net: FoldingBuilder,
    x: Tensor,
    depths: Sequence[int],
    *,
    bottleneck: bool = True,
    groups: int = 1,
    width: int = 64,
    deep_stem: bool = False,
) -> list[Tensor]:
    """The feature maps of the four stages, at 1/4 to 1/32 of the resolution.

    Args:
        net: The network under construction.
        x: The image.
        depths: Blocks a stage.
        bottleneck: Blocks of 1x1, 3x3, 1x1 instead of 3x3, 3x3.
        groups: Groups of the 3x3 convolution of a bottleneck.
        width: Channels per group in the first stage.
        deep_stem: Three 3x3 convolutions instead of one 7x7 at the start ("v1c").

    Returns:
        One feature map a stage.
    """
    if deep_stem:
        for index, filters in enumerate((32, 32, 64)):
            x = net.conv_norm(x, filters, 3, stride=1 if index else 2, activation="relu", name=f"stem{index}")
    else:
        x = net.conv_norm(x, 64, 7, stride=2, activation="relu", name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1)
    features = []
    for stage, depth in enumerate(depths):
        base = 64 << stage
        inner = width * (1 << stage) * groups if bottleneck else base
        for index in range(depth):
            with net.scope(f"stage{stage + 1}/block{index}"):
                stride = 2 if stage and not index else 1
                x = _block(net, x, base * 4 if bottleneck else base, inner, stride, groups, bottleneck)
        features.append(x)
    return features


def _resnet(
    name: str,
    batch: int,
    depths: Sequence[int],
    batch_norm: bool,
    classes: int,
    resolution: int,
    *,
    bottleneck: bool = True,
    groups: int = 1,
    width: int = 64,
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    features = resnet_features(net, net.image(resolution), depths, bottleneck=bottleneck, groups=groups, width=width)
    return net.build(net.classifier(features[-1], classes))


def _block(
    net: FoldingBuilder, x: Tensor, filters: int, inner: int, stride: int, groups: int, bottleneck: bool
) -> Tensor:
    shortcut = x
    if bottleneck:
        y = net.conv_norm(x, inner, activation="relu", name="conv1")
        y = net.conv_norm(y, inner, 3, stride=stride, groups=groups, activation="relu", name="conv2")
        y = net.conv_norm(y, filters, name="conv3")
    else:
        y = net.conv_norm(x, inner, 3, stride=stride, activation="relu", name="conv1")
        y = net.conv_norm(y, filters, 3, name="conv2")
    if stride != 1 or x.shape[1] != filters:
        shortcut = net.conv_norm(x, filters, stride=stride, name="shortcut")
    return net.relu(net.add(y, shortcut))
