"""MobileNet v3 (Howard et al., arXiv:1905.02244)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from annette.network.zoo.folding import FoldingBuilder, make_divisible
from annette.network.zoo.mobilenet import inverted_residual

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["mobilenet_v3_large", "mobilenet_v3_small"]

Row: TypeAlias = tuple[int, int, int, bool, str, int]

_LARGE: Final[tuple[Row, ...]] = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1),
    (3, 672, 112, True, "hard_swish", 1),
    (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1),
    (5, 960, 160, True, "hard_swish", 1),
)
"""Kernel, expanded channels, filters, squeeze and excitation, activation, stride: table 1 of the paper."""

_SMALL: Final[tuple[Row, ...]] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1),
    (5, 144, 48, True, "hard_swish", 1),
    (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1),
    (5, 576, 96, True, "hard_swish", 1),
)
"""The same, table 2."""


def mobilenet_v3_large(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """MobileNet v3 large."""
    return _mobilenet_v3("mobilenet_v3_large", batch, _LARGE, 1280, batch_norm, classes)


def mobilenet_v3_small(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """MobileNet v3 small."""
    return _mobilenet_v3("mobilenet_v3_small", batch, _SMALL, 1024, batch_norm, classes)


def _mobilenet_v3(name: str, batch: int, rows: tuple[Row, ...], hidden: int, batch_norm: bool, classes: int) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(224), 16, 3, stride=2, activation="hard_swish", epsilon=1e-3, name="stem")
    for index, (kernel, expanded, filters, excited, activation, stride) in enumerate(rows):
        with net.scope(f"block{index}"):
            squeezed = make_divisible(expanded / 4) if excited else 0
            x = inverted_residual(
                net,
                x,
                expanded,
                filters,
                kernel,
                stride,
                activation=activation,
                squeezed=squeezed,
                gate="hard_sigmoid",
                epsilon=1e-3,
            )
    x = net.conv_norm(x, 6 * x.shape[1], activation="hard_swish", epsilon=1e-3, name="head")
    x = net.flatten(net.global_average_pool(x))
    x = net.activation(net.fully_connected(x, hidden), "hard_swish")
    return net.build(net.fully_connected(x, classes, name="classifier"))
