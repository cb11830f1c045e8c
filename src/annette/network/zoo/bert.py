"""A BERT encoder (Devlin et al., arXiv:1810.04805)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["bert_base"]


def bert_base(
    batch: int = 1,
    *,
    sequence: int = 128,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
    intermediate: int = 0,
    vocabulary: int = 30522,
) -> Network:
    """BERT-base (uncased) with its pooler; ``intermediate`` is four times ``hidden`` unless given.

    The table of positions has as many rows as the sequence has tokens: exporters fold the rest away.
    """
    net = NetworkBuilder("bert_base", batch=batch)
    ids = net.input("input_ids", (batch, sequence), DType.INT64)
    types = net.input("token_type_ids", (batch, sequence), DType.INT64)
    kept = net.input("attention_mask", (batch, sequence), DType.INT64)
    with net.scope("embeddings"):
        x = net.add(net.embedding(ids, vocabulary, hidden, name="words"), net.embedding(types, 2, hidden, name="types"))
        x = net.layer_norm(net.add_constant(x, (1, sequence, hidden), name="positions"), epsilon=1e-12)
    with net.scope("mask"):
        mask = net.cast(net.reshape(kept, (batch, 1, 1, sequence)), DType.FLOAT32)
        mask = net.mul(net.sub(1.0, mask), -1e4)
    for index in range(layers):
        with net.scope(f"layer{index}"):
            x = _layer(net, x, mask, heads, intermediate or 4 * hidden)
    pooled = net.fully_connected(net.gather(x, 0, axis=1), hidden, name="pooler")
    return net.build(x, net.activation(pooled, "tanh"))


def _layer(net: NetworkBuilder, x: Tensor, mask: Tensor, heads: int, intermediate: int) -> Tensor:
    hidden = x.shape[-1]
    with net.scope("attention"):
        parts = [net.fully_connected(x, hidden, name=part) for part in ("query", "key", "value")]
        y = net.attention(parts[0], parts[1], parts[2], heads, scores=lambda s: net.add(s, mask, name="mask"))
        x = net.layer_norm(net.add(net.fully_connected(y, hidden, name="project"), x), epsilon=1e-12)
    with net.scope("mlp"):
        y = net.activation(net.fully_connected(x, intermediate, name="expand"), "gelu")
        return net.layer_norm(net.add(net.fully_connected(y, hidden, name="project"), x), epsilon=1e-12)
