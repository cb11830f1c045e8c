"""ResNet and its relatives ResNeXt and Wide ResNet, RegNet, DenseNet and ConvNeXt.

He et al., arXiv:1512.03385; Xie et al., arXiv:1611.05431; Zagoruyko and Komodakis, arXiv:1605.07146; Radosavovic et
al., arXiv:2003.13678; Huang et al., arXiv:1608.06993; Liu et al., arXiv:2201.03545. The stride sits in the 3x3
convolution of a bottleneck, as in torchvision and most deployed files ("v1.5").
"""

from __future__ import annotations

import math
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder, make_divisible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = [
    "convnext_tiny",
    "densenet121",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet_features",
    "resnext50_32x4d",
    "stage_widths",
    "wide_resnet50_2",
]

_LAST, _FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def _resnet(
    name: str, depths: Sequence[int], bottleneck: bool, groups: int, width: int,
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224,
) -> Network:  # fmt: skip
    """What the first line gives is fixed for each network, see `resnet_features`."""
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    features = resnet_features(net, net.image(resolution), depths, bottleneck=bottleneck, groups=groups, width=width)
    return net.build(net.classifier(features[-1], classes))


resnet18 = partial(_resnet, "resnet18", (2, 2, 2, 2), False, 1, 64)
"""ResNet-18: two basic blocks a stage."""
resnet34 = partial(_resnet, "resnet34", (3, 4, 6, 3), False, 1, 64)
"""ResNet-34: 3, 4, 6 and 3 basic blocks."""
resnet50 = partial(_resnet, "resnet50", (3, 4, 6, 3), True, 1, 64)
"""ResNet-50: 3, 4, 6 and 3 bottlenecks."""
resnet101 = partial(_resnet, "resnet101", (3, 4, 23, 3), True, 1, 64)
"""ResNet-101: 3, 4, 23 and 3 bottlenecks."""
resnext50_32x4d = partial(_resnet, "resnext50_32x4d", (3, 4, 6, 3), True, 32, 4)
"""ResNeXt-50: 3x3 convolutions in 32 groups of 4 channels and up."""
wide_resnet50_2 = partial(_resnet, "wide_resnet50_2", (3, 4, 6, 3), True, 1, 128)
"""Wide ResNet-50-2: bottlenecks of twice the inner width."""


def resnet_features(
    net: FoldingBuilder,
    x: Tensor,
    depths: Sequence[int],
    *,
    bottleneck: bool = True,
    groups: int = 1,
    width: int = 64,
    deep_stem: bool = False,
) -> list[Tensor]:
    """The feature maps of the four stages, at 1/4 to 1/32 of the resolution.

    Args:
        net: The network under construction.
        x: The image.
        depths: Blocks a stage.
        bottleneck: Blocks of 1x1, 3x3, 1x1 instead of 3x3, 3x3.
        groups: Groups of the 3x3 convolution of a bottleneck.
        width: Channels per group in the first stage.
        deep_stem: Three 3x3 convolutions instead of one 7x7 at the start ("v1c").

    Returns:
        One feature map a stage.
    """
    if deep_stem:
        for index, filters in enumerate((32, 32, 64)):
            x = net.conv_norm(x, filters, 3, stride=1 if index else 2, activation="relu", name=f"stem{index}")
    else:
        x = net.conv_norm(x, 64, 7, stride=2, activation="relu", name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1)
    features = []
    for stage, depth in enumerate(depths):
        base = 64 << stage
        inner = width * (1 << stage) * groups if bottleneck else base
        for index in range(depth):
            with net.scope(f"stage{stage + 1}/block{index}"):
                stride = 2 if stage and not index else 1
                x = _resnet_block(net, x, base * 4 if bottleneck else base, inner, stride, groups, bottleneck)
        features.append(x)
    return features


def _resnet_block(
    net: FoldingBuilder, x: Tensor, filters: int, inner: int, stride: int, groups: int, bottleneck: bool
) -> Tensor:
    shortcut = x
    if bottleneck:
        y = net.conv_norm(x, inner, activation="relu", name="conv1")
        y = net.conv_norm(y, inner, 3, stride=stride, groups=groups, activation="relu", name="conv2")
        y = net.conv_norm(y, filters, name="conv3")
    else:
        y = net.conv_norm(x, inner, 3, stride=stride, activation="relu", name="conv1")
        y = net.conv_norm(y, filters, 3, name="conv2")
    if stride != 1 or x.shape[1] != filters:
        shortcut = net.conv_norm(x, filters, stride=stride, name="shortcut")
    return net.relu(net.add(y, shortcut))


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
    name: str, rule: tuple[int, int, float, float], group_width: int, excited: bool,
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224,
) -> Network:  # fmt: skip
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 32, 3, stride=2, activation="relu", name="stem")
    for stage, (width, depth) in enumerate(stage_widths(*rule), 1):
        group = min(group_width, width)
        filters = make_divisible(width, group)
        for index in range(depth):
            with net.scope(f"stage{stage}/block{index}"):
                x = _regnet_block(net, x, filters, filters // group, 1 if index else 2, excited)
    return net.build(net.classifier(x, classes))


def _regnet_block(net: FoldingBuilder, x: Tensor, filters: int, groups: int, stride: int, excited: bool) -> Tensor:
    shortcut = x
    if stride != 1 or x.shape[1] != filters:
        shortcut = net.conv_norm(x, filters, stride=stride, name="shortcut")
    y = net.conv_norm(x, filters, activation="relu", name="conv1")
    y = net.conv_norm(y, filters, 3, stride=stride, groups=groups, activation="relu", name="conv2")
    if excited:
        y = net.squeeze_excite(y, round(0.25 * x.shape[1]))
    return net.relu(net.add(net.conv_norm(y, filters, name="conv3"), shortcut))


regnet_x_400mf = partial(_regnet, "regnet_x_400mf", (22, 24, 24.48, 2.54), 16, False)
"""RegNetX-400MF."""
regnet_x_800mf = partial(_regnet, "regnet_x_800mf", (16, 56, 35.73, 2.28), 16, False)
"""RegNetX-800MF."""
regnet_y_400mf = partial(_regnet, "regnet_y_400mf", (16, 48, 27.89, 2.09), 8, True)
"""RegNetY-400MF, with squeeze and excitation."""
regnet_y_800mf = partial(_regnet, "regnet_y_800mf", (14, 56, 38.84, 2.4), 16, True)
"""RegNetY-800MF, with squeeze and excitation."""


def densenet121(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, growth: int = 32, resolution: Size = 224
) -> Network:
    """DenseNet-121; the normalizations in front of convolutions cannot be folded and always remain."""
    net = FoldingBuilder("densenet121", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 64, 7, stride=2, activation="relu", name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1)
    for block, depth in enumerate((6, 12, 24, 16), 1):
        if block > 1:
            with net.scope(f"transition{block - 1}"):
                x = net.conv(net.relu(net.batch_norm(x)), x.shape[1] // 2, 1, bias=False)
                x = net.average_pool(x, 2, stride=2)
        parts = [x]
        for index in range(1, depth + 1):
            with net.scope(f"block{block}/layer{index}"):
                parts.append(_dense_layer(net, parts, growth))
        x = net.concat(parts, name=f"block{block}/concat")
    return net.build(net.classifier(net.relu(net.batch_norm(x)), classes))


def _dense_layer(net: FoldingBuilder, parts: list[Tensor], growth: int) -> Tensor:
    x = net.concat(parts) if len(parts) > 1 else parts[0]
    x = net.relu(net.batch_norm(x))
    x = net.conv_norm(x, 4 * growth, activation="relu", name="conv1")
    return net.conv(x, growth, 3, padding=1, bias=False, name="conv2")


def convnext_tiny(batch: int = 1, *, classes: int = 1000, resolution: Size = 224) -> Network:
    """ConvNeXt-T; normalization and the inner products work on channels last, with transposes around, as exported."""
    net = FoldingBuilder("convnext_tiny", batch)
    x = _channel_norm(net, net.conv(net.image(resolution), 96, 4, stride=4, name="stem"))
    for stage, (width, depth) in enumerate(((96, 3), (192, 3), (384, 9), (768, 3))):
        if stage:
            with net.scope(f"downsample{stage}"):
                x = net.conv(_channel_norm(net, x), width, 2, stride=2)
        for index in range(depth):
            with net.scope(f"stage{stage}/block{index}"):
                x = _convnext_block(net, x)
    x = net.flatten(_channel_norm(net, net.global_average_pool(x)))
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _channel_norm(net: FoldingBuilder, x: Tensor) -> Tensor:
    """Layer normalization over the channels of a feature map."""
    return net.transpose(net.layer_norm(net.transpose(x, _LAST), epsilon=1e-6), _FIRST)


def _convnext_block(net: FoldingBuilder, x: Tensor) -> Tensor:
    channels = x.shape[1]
    y = net.transpose(net.depthwise_conv(x, 7), _LAST)
    y = net.fully_connected(net.layer_norm(y, epsilon=1e-6), 4 * channels, name="expand")
    y = net.fully_connected(net.activation(y, "gelu"), channels, name="project")
    y = net.scale_by_constant(net.transpose(y, _FIRST), (channels, 1, 1), name="layer_scale")
    return net.add(y, x)
