"""DenseNet (Huang et al., arXiv:1608.06993)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["densenet121"]


def densenet121(batch: int = 1, *, batch_norm: bool = False, classes: int = 1000, growth: int = 32) -> Network:
    """DenseNet-121; the normalizations in front of convolutions cannot be folded and always remain."""
    net = FoldingBuilder("densenet121", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(224), 64, 7, stride=2, activation="relu", name="stem")
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
