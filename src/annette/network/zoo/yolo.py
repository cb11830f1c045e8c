"""YOLO v2, v3 and v4-tiny up to the convolutions that predict boxes, after their Darknet configurations.

Redmon and Farhadi, arXiv:1612.08242 and arXiv:1804.02767; Bochkovskiy et al., arXiv:2004.10934. Decoding boxes and
non-maximum suppression run elsewhere in most deployments and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["yolov2", "yolov3", "yolov4_tiny"]


class _Darknet(FoldingBuilder):
    def unit(self, x: Tensor, filters: int, kernel: int = 1, stride: int = 1) -> Tensor:
        """Convolution, batch normalization, leaky ReLU."""
        return self.conv_norm(x, filters, kernel, stride=stride, activation="leaky_relu")

    def alternate(self, x: Tensor, filters: int, count: int) -> Tensor:
        """Convolutions of ``filters`` (1x1) and twice as many (3x3) in turn, beginning with 1x1."""
        for index in range(count):
            x = self.unit(x, 2 * filters, 3) if index % 2 else self.unit(x, filters)
        return x


def yolov2(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: int = 608) -> Network:
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


def yolov3(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: int = 416) -> Network:
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


def yolov4_tiny(batch: int = 1, *, batch_norm: bool = False, classes: int = 80, resolution: int = 416) -> Network:
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
