"""Vision transformer (Dosovitskiy et al., arXiv:2010.11929)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["vit_b_16"]


def vit_b_16(
    batch: int = 1,
    *,
    classes: int = 1000,
    resolution: int = 224,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
) -> Network:
    """ViT-B/16: patches of 16 x 16 pixels and a class token, as torchvision has it."""
    net = FoldingBuilder("vit_b_16", batch)
    x = net.conv(net.image(resolution), hidden, 16, stride=16, name="patches")
    x = net.transpose(net.reshape(x, (batch, hidden, -1)), (0, 2, 1))
    token = net.weight("class_token", (1, 1, hidden))
    if batch > 1:
        token = net.expand(token, (batch, 1, hidden))
    x = net.concat([token, x])
    x = net.add_constant(x, (1, *x.shape[1:]), name="position")
    for index in range(layers):
        with net.scope(f"layer{index}"):
            x = _layer(net, x, heads)
    x = net.gather(net.layer_norm(x, epsilon=1e-6), 0, axis=1)
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _layer(net: FoldingBuilder, x: Tensor, heads: int) -> Tensor:
    hidden = x.shape[-1]
    with net.scope("attention"):
        y = net.fully_connected(net.layer_norm(x, epsilon=1e-6), 3 * hidden, name="query_key_value")
        query, key, value = net.split(y, 3, axis=-1)
        y = net.attention(query, key, value, heads)
        x = net.add(net.fully_connected(y, hidden, name="project"), x)
    with net.scope("mlp"):
        y = net.fully_connected(net.layer_norm(x, epsilon=1e-6), 4 * hidden, name="expand")
        y = net.fully_connected(net.activation(y, "gelu"), hidden, name="project")
        return net.add(y, x)
