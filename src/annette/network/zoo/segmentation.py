"""A feature pyramid for semantic segmentation: the semantic branch of Panoptic FPN (Kirillov et al., arXiv:1901.02446).

In the form most often compared with (mmsegmentation): batch normalization, ResNets whose stem is three 3x3
convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.building.graph import pair
from annette.network.zoo.folding import FoldingBuilder
from annette.network.zoo.resnet import resnet_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["semantic_fpn_resnet18", "semantic_fpn_resnet50"]


def semantic_fpn_resnet18(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 150, resolution: int = 512
) -> Network:
    """Semantic FPN on ResNet-18, scores at a quarter of the resolution."""
    return _semantic_fpn("semantic_fpn_resnet18", batch, (2, 2, 2, 2), False, batch_norm, classes, resolution)


def semantic_fpn_resnet50(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 150, resolution: int = 512
) -> Network:
    """Semantic FPN on ResNet-50, scores at a quarter of the resolution."""
    return _semantic_fpn("semantic_fpn_resnet50", batch, (3, 4, 6, 3), True, batch_norm, classes, resolution)


def _semantic_fpn(
    name: str, batch: int, depths: Sequence[int], bottleneck: bool, batch_norm: bool, classes: int, resolution: int
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    with net.scope("backbone"):
        features = resnet_features(net, net.image(resolution), depths, bottleneck=bottleneck, deep_stem=True)
    with net.scope("neck"):
        pyramid = _pyramid(net, features)
    with net.scope("head"):
        maps = []
        for level, feature in enumerate(pyramid):
            with net.scope(f"level{level}"):
                maps.append(_scale_head(net, feature, level))
        x = net.add(maps[0], *maps[1:])
        return net.build(net.conv(x, classes, 1, name="scores"))


def _pyramid(net: FoldingBuilder, features: list[Tensor]) -> list[Tensor]:
    """Top-down pathway: each level's 1x1 lateral plus the next coarser level, then a 3x3 convolution."""
    merged = [net.conv(features[-1], 256, 1, name="lateral3")]
    for level in (2, 1, 0):
        lateral = net.conv(features[level], 256, 1, name=f"lateral{level}")
        merged.insert(0, net.add(lateral, net.resize(merged[0], pair(lateral.shape[2:]))))
    return [net.conv(x, 256, 3, padding=1, name=f"output{level}") for level, x in enumerate(merged)]


def _scale_head(net: FoldingBuilder, x: Tensor, level: int) -> Tensor:
    """Brings one level to a quarter of the resolution, doubling after each convolution."""
    for _ in range(max(1, level)):
        x = net.conv_norm(x, 128, 3, activation="relu")
        if level:
            x = net.resize(x, mode="linear")
    return x
