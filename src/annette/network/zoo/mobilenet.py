"""MobileNet v1 and v2 (Howard et al., arXiv:1704.04861; Sandler et al., arXiv:1801.04381)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder, make_divisible

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["inverted_residual", "mobilenet_v1", "mobilenet_v2"]

_V1: Final = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Filters and stride of each depthwise-separable block."""

_V2: Final = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, filters, blocks and first stride of each stage."""


def mobilenet_v1(
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224, width: float = 1.0
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
    batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, resolution: int = 224, width: float = 1.0
) -> Network:
    """MobileNet v2; ``width`` scales every layer's channels, the last convolution's only upwards."""
    net = FoldingBuilder("mobilenet_v2", batch, batch_norm=batch_norm)
    stem = make_divisible(32 * width)
    x = net.conv_norm(net.image(resolution), stem, 3, stride=2, activation="relu6", name="stem")
    for stage, (expansion, filters, count, first) in enumerate(_V2):
        for index in range(count):
            with net.scope(f"stage{stage}/block{index}"):
                stride = first if not index else 1
                x = inverted_residual(net, x, expansion * x.shape[1], make_divisible(filters * width), 3, stride)
    x = net.conv_norm(x, make_divisible(1280 * max(1.0, width)), activation="relu6", name="head")
    return net.build(net.classifier(x, classes))


def inverted_residual(
    net: FoldingBuilder,
    x: Tensor,
    expanded: int,
    filters: int,
    kernel: int,
    stride: int,
    *,
    activation: str = "relu6",
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
