"""EfficientNet (Tan and Le, arXiv:1905.11946)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder
from annette.network.zoo.mobilenet import inverted_residual

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["efficientnet_b0"]

_STAGES: Final = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Expansion, kernel, first stride, filters and blocks of each stage: table 1 of the paper."""


def efficientnet_b0(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224) -> Network:
    """EfficientNet-B0; SiLU is a sigmoid and a product, as exported."""
    net = FoldingBuilder("efficientnet_b0", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 32, 3, stride=2, activation="silu", name="stem")
    for stage, (expansion, kernel, first, filters, count) in enumerate(_STAGES, 1):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                x = inverted_residual(
                    net,
                    x,
                    expansion * x.shape[1],
                    filters,
                    kernel,
                    1 if index else first,
                    activation="silu",
                    squeezed=x.shape[1] // 4,
                    squeeze_activation="silu",
                )
    return net.build(net.classifier(net.conv_norm(x, 1280, activation="silu", name="head"), classes))
