"""ShuffleNet v2 (Ma et al., arXiv:1807.11164)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0"]


def shufflenet_v2_x0_5(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """ShuffleNet v2 at half width."""
    return _shufflenet("shufflenet_v2_x0_5", batch, (48, 96, 192), batch_norm, classes)


def shufflenet_v2_x1_0(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """ShuffleNet v2 at full width."""
    return _shufflenet("shufflenet_v2_x1_0", batch, (116, 232, 464), batch_norm, classes)


def _shufflenet(name: str, batch: int, widths: tuple[int, ...], batch_norm: bool, classes: int) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(224), 24, 3, stride=2, activation="relu", name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1)
    for stage, (filters, count) in enumerate(zip(widths, (4, 8, 4), strict=True), 2):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                x = _unit(net, x, filters // 2, 1 if index else 2)
    x = net.conv_norm(x, 1024, activation="relu", name="head")
    x = net.reduce("reduce_mean", x, (2, 3), keep=False)
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _unit(net: FoldingBuilder, x: Tensor, branch: int, stride: int) -> Tensor:
    if stride == 1:
        passed, source = net.split(x, 2)
    else:
        passed, source = x, x
        passed = net.conv_norm(passed, x.shape[1], 3, stride=2, groups=x.shape[1], name="left/depthwise")
        passed = net.conv_norm(passed, branch, activation="relu", name="left/pointwise")
    y = net.conv_norm(source, branch, activation="relu", name="right/first")
    y = net.conv_norm(y, branch, 3, stride=stride, groups=branch, name="right/depthwise")
    y = net.conv_norm(y, branch, activation="relu", name="right/last")
    return _shuffle(net, net.concat([passed, y]))


def _shuffle(net: FoldingBuilder, x: Tensor) -> Tensor:
    """Interleaves the channels of two halves."""
    batch, channels, height, width = x.shape
    with net.scope("shuffle"):
        y = net.reshape(x, (batch, 2, channels // 2, height, width))
        return net.reshape(net.transpose(y, (0, 2, 1, 3, 4)), x.shape)
