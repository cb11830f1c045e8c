"""A GPT-2 decoder that reads its prompt (Radford et al., Language models are unsupervised multitask learners)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["gpt2"]


def gpt2(
    batch: int = 1,
    *,
    sequence: int = 128,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
    vocabulary: int = 50257,
) -> Network:
    """GPT-2 small, all tokens at once under a causal mask, with the scores of every next token.

    The table of positions has as many rows as the sequence has tokens, and the output layer holds its own copy of the
    word embeddings: both as exported files have it.
    """
    net = NetworkBuilder("gpt2", batch=batch)
    ids = net.input("input_ids", (batch, sequence), DType.INT64)
    x = net.embedding(ids, vocabulary, hidden, name="words")
    x = net.add_constant(x, (1, sequence, hidden), name="positions")
    for index in range(layers):
        with net.scope(f"layer{index}"):
            x = _layer(net, x, heads)
    return net.build(net.fully_connected(net.layer_norm(x), vocabulary, bias=False, name="next_token"))


def _layer(net: NetworkBuilder, x: Tensor, heads: int) -> Tensor:
    hidden, tokens = x.shape[-1], x.shape[1]
    with net.scope("attention"):
        y = net.fully_connected(net.layer_norm(x), 3 * hidden, name="query_key_value")
        query, key, value = net.split(y, 3, axis=-1)
        y = net.attention(
            query,
            key,
            value,
            heads,
            scores=lambda s: net.where_mask(s, (1, 1, tokens, tokens), pattern="causal", value=-3.4028234663852886e38),
        )
        x = net.add(net.fully_connected(y, hidden, name="project"), x)
    with net.scope("mlp"):
        y = net.activation(net.fully_connected(net.layer_norm(x), 4 * hidden, name="expand"), "gelu_tanh")
        return net.add(net.fully_connected(y, hidden, name="project"), x)
