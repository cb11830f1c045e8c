"""ConvNeXt (Liu et al., arXiv:2201.03545)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["convnext_tiny"]

_LAST, _FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def convnext_tiny(batch: int = 1, *, classes: int = 1000, resolution: int = 224) -> Network:
    """ConvNeXt-T; normalization and the inner products work on channels last, with transposes around, as exported."""
    net = FoldingBuilder("convnext_tiny", batch)
    x = _norm(net, net.conv(net.image(resolution), 96, 4, stride=4, name="stem"))
    for stage, (width, depth) in enumerate(((96, 3), (192, 3), (384, 9), (768, 3))):
        if stage:
            with net.scope(f"downsample{stage}"):
                x = net.conv(_norm(net, x), width, 2, stride=2)
        for index in range(depth):
            with net.scope(f"stage{stage}/block{index}"):
                x = _block(net, x)
    x = net.flatten(_norm(net, net.global_average_pool(x)))
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _norm(net: FoldingBuilder, x: Tensor) -> Tensor:
    """Layer normalization over the channels of a feature map."""
    return net.transpose(net.layer_norm(net.transpose(x, _LAST), epsilon=1e-6), _FIRST)


def _block(net: FoldingBuilder, x: Tensor) -> Tensor:
    channels = x.shape[1]
    y = net.transpose(net.depthwise_conv(x, 7), _LAST)
    y = net.fully_connected(net.layer_norm(y, epsilon=1e-6), 4 * channels, name="expand")
    y = net.fully_connected(net.activation(y, "gelu"), channels, name="project")
    y = net.scale_by_constant(net.transpose(y, _FIRST), (channels, 1, 1), name="layer_scale")
    return net.add(y, x)
