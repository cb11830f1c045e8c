"""Swin transformer (Liu et al., arXiv:2103.14030): attention in windows that shift from layer to layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["swin_t"]

_WINDOW: Final = 7


def swin_t(batch: int = 1, *, classes: int = 1000) -> Network:
    """Swin-T at 224 x 224, as torchvision has it; the relative position bias is one constant a layer, as exported."""
    net = FoldingBuilder("swin_t", batch)
    x = net.transpose(net.conv(net.image(224), 96, 4, stride=4, name="patches"), (0, 2, 3, 1))
    x = net.layer_norm(x)
    for stage, (depth, heads) in enumerate(((2, 3), (2, 6), (6, 12), (2, 24))):
        if stage:
            with net.scope(f"merge{stage}"):
                x = _merge(net, x)
        for index in range(depth):
            with net.scope(f"stage{stage}/block{index}"):
                shift = _WINDOW // 2 if index % 2 and x.shape[1] > _WINDOW else 0
                x = _block(net, x, heads, shift)
    x = net.transpose(net.layer_norm(x), (0, 3, 1, 2))
    return net.build(net.classifier(x, classes))


def _merge(net: FoldingBuilder, x: Tensor) -> Tensor:
    """Joins 2 x 2 patches."""
    height, width, channels = x.shape[1:]
    corners = [
        net.slice(x, [row, column], [height, width], [1, 2], steps=[2, 2]) for column in (0, 1) for row in (0, 1)
    ]
    y = net.layer_norm(net.concat(corners, axis=-1))
    return net.fully_connected(y, 2 * channels, bias=False, name="reduce")


def _block(net: FoldingBuilder, x: Tensor, heads: int, shift: int) -> Tensor:
    channels = x.shape[-1]
    with net.scope("attention"):
        x = net.add(x, _windowed_attention(net, net.layer_norm(x), heads, shift))
    with net.scope("mlp"):
        y = net.fully_connected(net.layer_norm(x), 4 * channels, name="expand")
        y = net.fully_connected(net.activation(y, "gelu"), channels, name="project")
        return net.add(x, y)


def _windowed_attention(net: FoldingBuilder, x: Tensor, heads: int, shift: int) -> Tensor:
    batch, height, width, channels = x.shape
    rows, columns, tokens = height // _WINDOW, width // _WINDOW, _WINDOW**2
    y = net.roll(net.roll(x, -shift, 1), -shift, 2) if shift else x
    y = net.reshape(y, (batch, rows, _WINDOW, columns, _WINDOW, channels))
    y = net.reshape(net.transpose(y, (0, 1, 3, 2, 4, 5)), (batch * rows * columns, tokens, channels))
    y = _attention(
        net, y, heads, rows * columns, f"shifted_windows:{height}:{width}:{_WINDOW}:{shift}" if shift else ""
    )
    y = net.reshape(y, (batch, rows, columns, _WINDOW, _WINDOW, channels))
    y = net.reshape(net.transpose(y, (0, 1, 3, 2, 4, 5)), x.shape)
    return net.roll(net.roll(y, shift, 1), shift, 2) if shift else y


def _attention(net: FoldingBuilder, x: Tensor, heads: int, windows: int, mask: str) -> Tensor:
    """Attention within each window, [windows, tokens, channels], with position bias and, where shifted, a mask."""
    count, tokens, channels = x.shape
    y = net.fully_connected(x, 3 * channels, name="query_key_value")
    y = net.reshape(y, (count, tokens, 3, heads, channels // heads))
    y = net.transpose(y, (2, 0, 3, 1, 4))
    query, key, value = (net.gather(y, index, axis=0) for index in range(3))
    scores = net.matmul(net.mul(query, (channels // heads) ** -0.5), net.transpose(key, (0, 1, 3, 2)), name="scores")
    scores = net.add_constant(scores, (1, heads, tokens, tokens), name="position")
    if mask:
        scores = net.reshape(scores, (count // windows, windows, heads, tokens, tokens))
        scores = net.add_constant(scores, (1, windows, 1, tokens, tokens), name="mask", pattern=mask)
        scores = net.reshape(scores, (count, heads, tokens, tokens))
    y = net.matmul(net.softmax(scores), value, name="context")
    y = net.reshape(net.transpose(y, (0, 2, 1, 3)), (count, tokens, channels))
    return net.fully_connected(y, channels, name="project")
