"""Networks for small devices: MobileNet v1 to v3, MNASNet, EfficientNet and ShuffleNet v2.

Howard et al., arXiv:1704.04861; Sandler et al., arXiv:1801.04381; Howard et al., arXiv:1905.02244; Tan et al.,
arXiv:1807.11626 (the B1 network without squeeze and excitation); Tan and Le, arXiv:1905.11946; Ma et al.,
arXiv:1807.11164.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.network.zoo.folding import FoldingBuilder, make_divisible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = [
    "efficientnet_b0",
    "inverted_residual",
    "mnasnet0_5",
    "mnasnet1_0",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
]

_V1: Final = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Filters and stride of each depthwise-separable block."""

Stage: TypeAlias = tuple[int, int, int, int, int]

_V2: Final[tuple[Stage, ...]] = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 3, 2, 32, 3),
    (6, 3, 2, 64, 4),
    (6, 3, 1, 96, 3),
    (6, 3, 2, 160, 3),
    (6, 3, 1, 320, 1),
)
"""Expansion, kernel, first stride, filters and blocks of each stage."""

_MNASNET: Final[tuple[Stage, ...]] = (
    (3, 3, 2, 24, 3),
    (3, 5, 2, 40, 3),
    (6, 5, 2, 80, 3),
    (6, 3, 1, 96, 2),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_EFFICIENTNET: Final[tuple[Stage, ...]] = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Table 1 of the paper."""

Row: TypeAlias = tuple[int, int, int, bool, str, int]

_V3_LARGE: Final[tuple[Row, ...]] = (
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

_V3_SMALL: Final[tuple[Row, ...]] = (
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


def mobilenet_v1(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224, width: float = 1.0
) -> Network:
    """MobileNet v1; ``width`` scales every layer's channels."""
    net = FoldingBuilder("mobilenet_v1", batch, batch_norm=batch_norm)
    stem = make_divisible(32 * width)
    x = net.conv_norm(net.image(resolution), stem, 3, stride=2, activation="relu6", epsilon=1e-3, name="stem")
    for index, (filters, stride) in enumerate(_V1):
        with net.scope(f"block{index}"):
            x = net.conv_norm(
                x, x.shape[1], 3, stride=stride, groups=x.shape[1], activation="relu6", epsilon=1e-3, name="depthwise"
            )
            x = net.conv_norm(x, make_divisible(filters * width), activation="relu6", epsilon=1e-3, name="pointwise")
    return net.build(net.classifier(x, classes))


def mobilenet_v2(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224, width: float = 1.0
) -> Network:
    """MobileNet v2; ``width`` scales every layer's channels, the last convolution's only upwards."""
    net = FoldingBuilder("mobilenet_v2", batch, batch_norm=batch_norm)
    stem = make_divisible(32 * width)
    x = net.conv_norm(net.image(resolution), stem, 3, stride=2, activation="relu6", name="stem")
    x = _stages(net, x, _V2, width=width, activation="relu6")
    x = net.conv_norm(x, make_divisible(1280 * max(1.0, width)), activation="relu6", name="head")
    return net.build(net.classifier(x, classes))


def _mobilenet_v3(
    name: str,
    rows: tuple[Row, ...],
    hidden: int,
    batch: int = 1,
    *,
    batch_norm: bool = False,
    classes: int = 1000,
    resolution: Size = 224,
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 16, 3, stride=2, activation="hard_swish", epsilon=1e-3, name="stem")
    block = partial(inverted_residual, net, gate="hard_sigmoid", epsilon=1e-3)
    for index, (kernel, expanded, filters, excited, activation, stride) in enumerate(rows):
        with net.scope(f"block{index}"):
            squeezed = make_divisible(expanded / 4) if excited else 0
            x = block(x, expanded, filters, kernel, stride, activation=activation, squeezed=squeezed)
    x = net.conv_norm(x, 6 * x.shape[1], activation="hard_swish", epsilon=1e-3, name="head")
    x = net.flatten(net.global_average_pool(x))
    x = net.activation(net.fully_connected(x, hidden), "hard_swish")
    return net.build(net.fully_connected(x, classes, name="classifier"))


mobilenet_v3_large = partial(_mobilenet_v3, "mobilenet_v3_large", _V3_LARGE, 1280)
"""MobileNet v3 large."""
mobilenet_v3_small = partial(_mobilenet_v3, "mobilenet_v3_small", _V3_SMALL, 1024)
"""MobileNet v3 small."""


def _mnasnet(
    name: str, width: float, batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    stem = make_divisible(32 * width)
    x = net.conv_norm(net.image(resolution), stem, 3, stride=2, activation="relu", name="stem")
    x = net.conv_norm(x, stem, 3, groups=stem, activation="relu", name="separable/depthwise")
    x = net.conv_norm(x, make_divisible(16 * width), name="separable/pointwise")
    x = _stages(net, x, _MNASNET, width=width, activation="relu")
    x = net.conv_norm(x, 1280, activation="relu", name="head")
    x = net.reduce("reduce_mean", x, (2, 3), keep=False)
    return net.build(net.fully_connected(x, classes, name="classifier"))


mnasnet0_5 = partial(_mnasnet, "mnasnet0_5", 0.5)
"""MNASNet-B1 at half width."""
mnasnet1_0 = partial(_mnasnet, "mnasnet1_0", 1.0)
"""MNASNet-B1 at full width."""


def efficientnet_b0(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: Size = 224
) -> Network:
    """EfficientNet-B0; SiLU is a sigmoid and a product, as exported."""
    net = FoldingBuilder("efficientnet_b0", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 32, 3, stride=2, activation="silu", name="stem")
    x = _stages(net, x, _EFFICIENTNET, first=1, activation="silu", excited=True)
    return net.build(net.classifier(net.conv_norm(x, 1280, activation="silu", name="head"), classes))


def _stages(
    net: FoldingBuilder, x: Tensor, rows: Sequence[Stage], *,
    activation: str, first: int = 0, width: float = 1.0, excited: bool = False,
) -> Tensor:  # fmt: skip
    """Stages of inverted residuals, numbered from ``first``; squeezed to a quarter of the operand where ``excited``."""
    block = partial(inverted_residual, net, activation=activation, squeeze_activation=activation)
    for stage, (expansion, kernel, stride, filters, count) in enumerate(rows, first):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                squeezed = x.shape[1] // 4 if excited else 0
                sizes = expansion * x.shape[1], make_divisible(filters * width), kernel, 1 if index else stride
                x = block(x, *sizes, squeezed=squeezed)
    return x


def inverted_residual(
    net: FoldingBuilder,
    x: Tensor,
    expanded: int,
    filters: int,
    kernel: int,
    stride: int,
    *,
    activation: str,
    squeezed: int = 0,
    squeeze_activation: str = "relu",
    gate: str = "sigmoid",
    epsilon: float = 1e-5,
) -> Tensor:
    """The block of MobileNet v2 and its successors: expand, filter each channel, project, add where shapes agree.

    Args:
        net: The network under construction.
        x: The operand.
        expanded: Channels of the depthwise convolution; no expansion where they are those of ``x``.
        filters: Output channels.
        kernel: Taps of the depthwise convolution.
        stride: Its stride.
        activation: After expansion and filtering.
        squeezed: Channels of squeeze and excitation; none where 0.
        squeeze_activation: Activation within it.
        gate: Activation at its end.
        epsilon: Of the batch normalizations.

    Returns:
        The result.
    """
    y = x
    if expanded != x.shape[1]:
        y = net.conv_norm(y, expanded, activation=activation, epsilon=epsilon, name="expand")
    y = net.conv_norm(
        y, expanded, kernel, stride=stride, groups=expanded, activation=activation, epsilon=epsilon, name="depthwise"
    )
    if squeezed:
        y = net.squeeze_excite(y, squeezed, activation=squeeze_activation, gate=gate)
    y = net.conv_norm(y, filters, epsilon=epsilon, name="project")
    return net.add(y, x) if stride == 1 and x.shape[1] == filters else y


def _shufflenet(
    name: str,
    widths: tuple[int, ...],
    batch: int = 1,
    *,
    batch_norm: bool = False,
    classes: int = 1000,
    resolution: Size = 224,
) -> Network:
    net = FoldingBuilder(name, batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(resolution), 24, 3, stride=2, activation="relu", name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1)
    for stage, (filters, count) in enumerate(zip(widths, (4, 8, 4), strict=True), 2):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                x = _shuffle_unit(net, x, filters // 2, 1 if index else 2)
    x = net.conv_norm(x, 1024, activation="relu", name="head")
    x = net.reduce("reduce_mean", x, (2, 3), keep=False)
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _shuffle_unit(net: FoldingBuilder, x: Tensor, branch: int, stride: int) -> Tensor:
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


shufflenet_v2_x0_5 = partial(_shufflenet, "shufflenet_v2_x0_5", (48, 96, 192))
"""ShuffleNet v2 at half width."""
shufflenet_v2_x1_0 = partial(_shufflenet, "shufflenet_v2_x1_0", (116, 232, 464))
"""ShuffleNet v2 at full width."""
