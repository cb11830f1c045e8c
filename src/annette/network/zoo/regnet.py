"""RegNet (Radosavovic et al., arXiv:2003.13678)."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder, make_divisible

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["regnet_x_400mf", "regnet_x_800mf", "regnet_y_400mf", "regnet_y_800mf", "stage_widths"]


def regnet_x_400mf(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """RegNetX-400MF."""
    return _regnet("regnet_x_400mf", batch, (22, 24, 24.48, 2.54), 16, batch_norm, classes, excited=False)


def regnet_x_800mf(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """RegNetX-800MF."""
    return _regnet("regnet_x_800mf", batch, (16, 56, 35.73, 2.28), 16, batch_norm, classes, excited=False)


def regnet_y_400mf(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """RegNetY-400MF, with squeeze and excitation."""
    return _regnet("regnet_y_400mf", batch, (16, 48, 27.89, 2.09), 8, batch_norm, classes, excited=True)


def regnet_y_800mf(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000) -> Network:
    """RegNetY-800MF, with squeeze and excitation."""
    return _regnet("regnet_y_800mf", batch, (14, 56, 38.84, 2.4), 16, batch_norm, classes, excited=True)


def stage_widths(depth: int, initial: int, slope: float, multiplier: float) -> list[tuple[int, int]]:
    """The paper's rule (section 3.3): block widths on a line, quantized to powers of a multiplier.

    Args:
        depth: Blocks in all.
        initial: Width the line starts at.
        slope: What it gains a block.
        multiplier: Ratio of neighbouring stages' widths.

    Returns:
        Width, a multiple of 8, and number of blocks of each stage.

    Example:
        >>> stage_widths(22, 24, 24.48, 2.54)
        [(24, 1), (64, 2), (152, 7), (392, 12)]
    """
    widths = []
    for block in range(depth):
        power = round(math.log((initial + slope * block) / initial) / math.log(multiplier))
        widths.append(round(initial * multiplier**power / 8) * 8)
    return [(width, len(list(blocks))) for width, blocks in groupby(widths)]


def _regnet(
    name: str,
    batch: int,
    rule: tuple[int, int, float, float],
    group_width: int,
    batch_norm: bool,
    classes: int,
    *,
    excited: bool,
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(224), 32, 3, stride=2, activation="relu", name="stem")
    for stage, (width, depth) in enumerate(stage_widths(*rule), 1):
        group = min(group_width, width)
        filters = make_divisible(width, group)
        for index in range(depth):
            with net.scope(f"stage{stage}/block{index}"):
                x = _block(net, x, filters, filters // group, 1 if index else 2, excited)
    return net.build(net.classifier(x, classes))


def _block(net: FoldingBuilder, x: Tensor, filters: int, groups: int, stride: int, excited: bool) -> Tensor:
    shortcut = x
    if stride != 1 or x.shape[1] != filters:
        shortcut = net.conv_norm(x, filters, stride=stride, name="shortcut")
    y = net.conv_norm(x, filters, activation="relu", name="conv1")
    y = net.conv_norm(y, filters, 3, stride=stride, groups=groups, activation="relu", name="conv2")
    if excited:
        y = net.squeeze_excite(y, round(0.25 * x.shape[1]))
    return net.relu(net.add(net.conv_norm(y, filters, name="conv3"), shortcut))
