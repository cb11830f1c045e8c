"""MNASNet (Tan et al., arXiv:1807.11626), the B1 network without squeeze and excitation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder, make_divisible
from annette.network.zoo.mobilenet import inverted_residual

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["mnasnet0_5", "mnasnet1_0"]

_STAGES: Final = (
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)
"""Filters, kernel, first stride, expansion and blocks of each stage."""


def mnasnet0_5(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """MNASNet-B1 at half width."""
    return _mnasnet("mnasnet0_5", batch, 0.5, batch_norm, classes)


def mnasnet1_0(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """MNASNet-B1 at full width."""
    return _mnasnet("mnasnet1_0", batch, 1.0, batch_norm, classes)


def _mnasnet(name: str, batch: int, width: float, batch_norm: bool, classes: int) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    stem = make_divisible(32 * width)
    x = net.conv_norm(net.image(224), stem, 3, stride=2, activation="relu", name="stem")
    x = net.conv_norm(x, stem, 3, groups=stem, activation="relu", name="separable/depthwise")
    x = net.conv_norm(x, make_divisible(16 * width), name="separable/pointwise")
    for stage, (filters, kernel, first, expansion, count) in enumerate(_STAGES):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                x = inverted_residual(
                    net,
                    x,
                    expansion * x.shape[1],
                    make_divisible(filters * width),
                    kernel,
                    1 if index else first,
                    activation="relu",
                )
    x = net.conv_norm(x, 1280, activation="relu", name="head")
    x = net.reduce("reduce_mean", x, (2, 3), keep=False)
    return net.build(net.fully_connected(x, classes, name="classifier"))
