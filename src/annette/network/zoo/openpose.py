"""Lightweight OpenPose: poses of several people (Osokin, arXiv:1811.12004), on a dilated MobileNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["openpose_lightweight"]

_BACKBONE: Final = ((64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2),
                    *((512, 1, 1),) * 4)  # fmt: skip
"""Filters, stride and dilation of each depthwise-separable block."""
_HEATMAPS: Final = 19
_AFFINITY_FIELDS: Final = 38


def openpose_lightweight(
    batch: int = 1, *, batch_norm: bool = False, height: int = 256, width: int = 456, refinements: int = 1
) -> Network:
    """Lightweight OpenPose: key-point heat maps and part affinity fields, refined ``refinements`` times."""
    net = FoldingBuilder("openpose_lightweight", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(height, width), 32, 3, stride=2, activation="relu", name="stem")
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
