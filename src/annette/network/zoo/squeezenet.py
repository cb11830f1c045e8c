"""SqueezeNet (Iandola et al., arXiv:1602.07360)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["squeezenet1_0", "squeezenet1_1"]

_SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)


def squeezenet1_0(batch: int = 1, *, classes: int = 1000) -> Network:
    """SqueezeNet 1.0, the paper's."""
    return _squeezenet("squeezenet1_0", batch, classes, 96, 7, pools_after=(2, 6))


def squeezenet1_1(batch: int = 1, *, classes: int = 1000) -> Network:
    """SqueezeNet 1.1: pools earlier, 2.4 times fewer operations."""
    return _squeezenet("squeezenet1_1", batch, classes, 64, 3, pools_after=(1, 3))


def _squeezenet(name: str, batch: int, classes: int, stem: int, kernel: int, pools_after: Sequence[int]) -> Network:
    net = FoldingBuilder(name, batch)
    x = net.relu(net.conv(net.image(224), stem, kernel, stride=2))
    x = net.max_pool(x, 3, stride=2, ceil=True)
    for index, squeezed in enumerate(_SQUEEZED):
        with net.scope(f"fire{index + 2}"):
            x = _fire(net, x, squeezed)
        if index in pools_after:
            x = net.max_pool(x, 3, stride=2, ceil=True)
    x = net.relu(net.conv(x, classes, 1, name="classifier"))
    return net.build(net.flatten(net.global_average_pool(x)))


def _fire(net: FoldingBuilder, x: Tensor, squeezed: int) -> Tensor:
    x = net.relu(net.conv(x, squeezed, 1, name="squeeze"))
    narrow = net.relu(net.conv(x, 4 * squeezed, 1, name="expand1x1"))
    wide = net.relu(net.conv(x, 4 * squeezed, 3, padding=1, name="expand3x3"))
    return net.concat([narrow, wide])
