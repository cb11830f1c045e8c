"""Networks that say something of every position: boxes (YOLO), classes (Semantic FPN), poses (OpenPose).

YOLO v2, v3 and v4-tiny are built up to the convolutions that predict boxes, after their Darknet configurations (Redmon
and Farhadi, arXiv:1612.08242 and arXiv:1804.02767; Bochkovskiy et al., arXiv:2004.10934): decoding boxes and
non-maximum suppression run elsewhere in most deployments and are left out. Semantic FPN is the semantic branch of
Panoptic FPN (Kirillov et al., arXiv:1901.02446) in the form most often compared with (mmsegmentation): batch
normalization, ResNets whose stem is three 3x3 convolutions. Lightweight OpenPose finds the poses of several people on a
dilated MobileNet (Osokin, arXiv:1811.12004).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.building.graph import pair
from annette.network.zoo.folding import FoldingBuilder
from annette.network.zoo.residual import resnet_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["openpose_lightweight", "semantic_fpn_resnet18", "semantic_fpn_resnet50", "yolov2", "yolov3", "yolov4_tiny"]

_BACKBONE: Final = ((64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2),
                    *((512, 1, 1),) * 4)  # fmt: skip
"""Filters, stride and dilation of each depthwise-separable block."""
_HEATMAPS: Final = 19
_AFFINITY_FIELDS: Final = 38


class _Darknet(FoldingBuilder):
    def unit(self, x: Tensor, filters: int, kernel: int = 1, stride: int = 1) -> Tensor:
        """Convolution, batch normalization, leaky ReLU."""
        return self.conv_norm(x, filters, kernel, stride=stride, activation="leaky_relu")

    def alternate(self, x: Tensor, filters: int, count: int) -> Tensor:
        """Convolutions of ``filters`` (1x1) and twice as many (3x3) in turn, beginning with 1x1."""
        for index in range(count):
            x = self.unit(x, 2 * filters, 3) if index % 2 else self.unit(x, filters)
        return x


def yolov2(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: Size = 608) -> Network:
    """YOLOv2 for COCO: Darknet-19, a passthrough of finer features, five anchors."""
    net = _Darknet("yolov2", batch, batch_norm=batch_norm)
    x = net.max_pool(net.unit(net.image(resolution), 32, 3), 2, stride=2)
    x = net.max_pool(net.unit(x, 64, 3), 2, stride=2)
    for filters, count in ((128, 3), (256, 3)):
        x = net.max_pool(net.alternate(net.unit(x, filters, 3), filters // 2, count - 1), 2, stride=2)
    fine = net.alternate(net.unit(x, 512, 3), 256, 4)
    x = net.alternate(net.unit(net.max_pool(fine, 2, stride=2), 1024, 3), 512, 4)
    x = net.unit(net.unit(x, 1024, 3), 1024, 3)
    passed = net.space_to_depth(net.unit(fine, 64), 2)
    x = net.unit(net.concat([passed, x]), 1024, 3)
    return net.build(net.conv(x, 5 * (5 + classes), 1, name="predict"))


def yolov3(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: Size = 416) -> Network:
    """YOLOv3 for COCO: Darknet-53, predictions at three resolutions."""
    net = _Darknet("yolov3", batch, batch_norm=batch_norm)
    x = net.unit(net.image(resolution), 32, 3)
    features = []
    for stage, count in enumerate((1, 2, 8, 8, 4)):
        x = net.unit(x, 64 << stage, 3, 2)
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                x = net.add(x, net.alternate(x, 32 << stage, 2))
        features.append(x)
    outputs = []
    x = features[4]
    for level, filters in enumerate((512, 256, 128)):
        with net.scope(f"head{level}"):
            if level:
                x = net.concat([net.resize(net.unit(x, filters)), features[4 - level]])
            x = net.alternate(x, filters, 5)
            outputs.append(net.conv(net.unit(x, 2 * filters, 3), 3 * (5 + classes), 1, name="predict"))
    return net.build(*outputs)


def yolov4_tiny(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: Size = 416) -> Network:
    """YOLOv4-tiny for COCO: cross-stage partial blocks, predictions at two resolutions."""
    net = _Darknet("yolov4_tiny", batch, batch_norm=batch_norm)
    x = net.unit(net.unit(net.image(resolution), 32, 3, 2), 64, 3, 2)
    fine = x
    for filters in (64, 128, 256):
        with net.scope(f"block{filters}"):
            x = net.unit(x, filters, 3)
            half = net.slice(x, [filters // 2], [filters], [1])
            first = net.unit(half, filters // 2, 3)
            second = net.unit(first, filters // 2, 3)
            fine = net.unit(net.concat([second, first]), filters)
            x = net.max_pool(net.concat([x, fine]), 2, stride=2)
    x = net.unit(net.unit(x, 512, 3), 256)
    coarse = net.conv(net.unit(x, 512, 3), 3 * (5 + classes), 1, name="predict_coarse")
    x = net.concat([net.resize(net.unit(x, 128)), fine])
    return net.build(coarse, net.conv(net.unit(x, 256, 3), 3 * (5 + classes), 1, name="predict_fine"))


def _semantic_fpn(
    name: str, depths: Sequence[int], bottleneck: bool,
    batch: int = 1, *, batch_norm: bool = False, classes: int = 150, resolution: Size = 512,
) -> Network:  # fmt: skip
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


semantic_fpn_resnet18 = partial(_semantic_fpn, "semantic_fpn_resnet18", (2, 2, 2, 2), False)
"""Semantic FPN on ResNet-18, scores at a quarter of the resolution."""
semantic_fpn_resnet50 = partial(_semantic_fpn, "semantic_fpn_resnet50", (3, 4, 6, 3), True)
"""Semantic FPN on ResNet-50, scores at a quarter of the resolution."""


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


def openpose_lightweight(
    batch: int = 1, *, batch_norm: bool = False, height: int = 256, width: int = 456, refinements: int = 1
) -> Network:
    """Lightweight OpenPose: key-point heat maps and part affinity fields, refined ``refinements`` times."""
    net = FoldingBuilder("openpose_lightweight", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image((height, width)), 32, 3, stride=2, activation="relu", name="stem")
    for index, (filters, stride, dilation) in enumerate(_BACKBONE):
        with net.scope(f"backbone{index}"):
            x = net.conv_norm(x, x.shape[1], 3, stride=stride, dilation=dilation, groups=x.shape[1], activation="relu")
            x = net.conv_norm(x, filters, activation="relu")
    with net.scope("align"):
        features = _align(net, x)
    outputs = []
    with net.scope("initial"):
        x = features
        for _ in range(3):
            x = _conv(net, x, 128, 3)
        outputs += [_head(net, x, 512, _HEATMAPS, "heatmaps"), _head(net, x, 512, _AFFINITY_FIELDS, "fields")]
    for index in range(refinements):
        with net.scope(f"refinement{index}"):
            x = _refine(net, net.concat([features, *outputs[-2:]]))
            outputs += [_head(net, x, 128, _HEATMAPS, "heatmaps"), _head(net, x, 128, _AFFINITY_FIELDS, "fields")]
    return net.build(*outputs)


def _conv(net: FoldingBuilder, x: Tensor, filters: int, kernel: int = 1) -> Tensor:
    """A convolution trained without batch normalization."""
    return net.relu(net.conv(x, filters, kernel, padding="half"))


def _align(net: FoldingBuilder, x: Tensor) -> Tensor:
    x = _conv(net, x, 128)
    y = x
    for _ in range(3):
        y = net.activation(net.depthwise_conv(y, 3, bias=False), "elu")
        y = net.activation(net.conv(y, 128, 1, bias=False), "elu")
    return _conv(net, net.add(x, y), 128, 3)


def _head(net: FoldingBuilder, x: Tensor, inner: int, filters: int, name: str) -> Tensor:
    with net.scope(name):
        return net.conv(_conv(net, x, inner), filters, 1)


def _refine(net: FoldingBuilder, x: Tensor) -> Tensor:
    for _ in range(5):
        x = _conv(net, x, 128)
        y = net.conv_norm(x, 128, 3, bias=True, activation="relu")
        x = net.add(x, net.conv_norm(y, 128, 3, dilation=2, bias=True, activation="relu"))
    return x
