"""Transformers: a BERT encoder, a GPT-2 decoder that reads its prompt, ViT, and Swin with its shifting windows.

Devlin et al., arXiv:1810.04805; Radford et al., Language models are unsupervised multitask learners; Dosovitskiy et
al., arXiv:2010.11929; Liu et al., arXiv:2103.14030.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.building.graph import pair
from annette.network.tensor import DType
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network.building.convolution import Size
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["bert_base", "gpt2", "swin_t", "vit_b_16"]

_POSITIONS: Final = 1024
_HIDDEN: Final = -3.4028234663852886e38
_PATCH: Final = 16
_WINDOW: Final = 7


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
    net = FoldingBuilder("bert_base", batch)
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
            x = _bert_layer(net, x, mask, heads, intermediate or 4 * hidden)
    pooled = net.fully_connected(net.gather(x, 0, axis=1), hidden, name="pooler")
    return net.build(x, net.activation(pooled, "tanh"))


def _bert_layer(net: FoldingBuilder, x: Tensor, mask: Tensor, heads: int, intermediate: int) -> Tensor:
    hidden = x.shape[-1]
    with net.scope("attention"):
        parts = [net.fully_connected(x, hidden, name=part) for part in ("query", "key", "value")]
        y = net.attention(parts[0], parts[1], parts[2], heads, scores=lambda s: net.add(s, mask, name="mask"))
        x = net.layer_norm(net.add(net.fully_connected(y, hidden, name="project"), x), epsilon=1e-12)
    with net.scope("mlp"):
        return net.layer_norm(net.add(_mlp(net, x, intermediate), x), epsilon=1e-12)


def gpt2(
    batch: int = 1,
    *,
    sequence: int = 128,
    past: int | None = None,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
    vocabulary: int = 50257,
) -> Network:
    """GPT-2 small, all tokens at once under a causal mask, with the scores of every next token.

    The table of positions has as many rows as the sequence has tokens, and the output layer holds its own copy of the
    word embeddings: both as exported files have it. With ``past``, the sequence stands behind so many tokens whose keys
    and values are read from a cache (0: it is empty), and those of all tokens are handed out: as exported for writing
    token by token, with all positions.
    """
    net = FoldingBuilder("gpt2", batch)
    ids = net.input("input_ids", (batch, sequence), DType.INT64)
    x = net.embedding(ids, vocabulary, hidden, name="words")
    if past is not None:
        x, presents = _behind_cache(net, x, past, layers, heads)
        return net.build(net.fully_connected(net.layer_norm(x), vocabulary, bias=False, name="next_token"), *presents)
    x = net.add_constant(x, (1, sequence, hidden), name="positions")
    mask = partial(net.where_mask, shape=(1, 1, sequence, sequence), pattern="causal", value=_HIDDEN)
    for index in range(layers):
        with net.scope(f"layer{index}"):
            x = _pre_norm_layer(net, x, heads, 1e-5, "gelu_tanh", mask)
    return net.build(net.fully_connected(net.layer_norm(x), vocabulary, bias=False, name="next_token"))


def _behind_cache(net: FoldingBuilder, x: Tensor, past: int, layers: int, heads: int) -> tuple[Tensor, list[Tensor]]:
    """The layers of GPT-2 over tokens behind cached ones; also the keys and values of all tokens."""
    batch, sequence, hidden = x.shape
    kept = net.input("attention_mask", (batch, past + sequence), DType.INT64)
    positions = net.input("position_ids", (batch, sequence), DType.INT64)
    x = net.add(x, net.embedding(positions, _POSITIONS, hidden, name="positions"))
    with net.scope("mask"):
        mask = net.cast(net.reshape(kept, (batch, 1, 1, past + sequence)), DType.FLOAT32)
        mask = net.mul(net.sub(1.0, mask), _HIDDEN)
        if sequence > 1:
            mask = net.where_mask(mask, (1, 1, sequence, past + sequence), pattern="causal", value=_HIDDEN)
    presents: list[Tensor] = []
    for index in range(layers):
        shape = (batch, heads, past, hidden // heads)
        cached = [net.input(f"past_key_values.{index}.{part}", shape) for part in ("key", "value")] if past else []
        with net.scope(f"layer{index}"):
            with net.scope("attention"):
                y = net.fully_connected(net.layer_norm(x), 3 * hidden, name="query_key_value")
                y, present = _cached_attention(net, y, cached, heads, mask)
                x = net.add(net.fully_connected(y, hidden, name="project"), x)
            with net.scope("mlp"):
                x = net.add(_mlp(net, net.layer_norm(x), 4 * hidden, "gelu_tanh"), x)
        presents += present
    return x, presents


def _cached_attention(
    net: FoldingBuilder, joined: Tensor, cached: Sequence[Tensor], heads: int, mask: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Attention over cached and new keys and values, scaled on both sides as PyTorch's exporter writes it."""
    batch, sequence, width = joined.shape
    query, *new = (net.split_heads(part, heads) for part in net.split(joined, 3, axis=-1))
    present = [net.concat([*cached[at : at + 1], part], axis=2) for at, part in enumerate(new)]
    scale = (width // 3 // heads) ** -0.25
    keys = net.mul(net.transpose(present[0], (0, 1, 3, 2)), scale, name="scale_keys")
    scores = net.matmul(net.mul(query, scale, name="scale_query"), keys, name="scores")
    shares = net.softmax(net.add(scores, mask, name="mask"))
    y = net.transpose(net.matmul(shares, present[1], name="context"), (0, 2, 1, 3))
    return net.reshape(y, (batch, sequence, width // 3)), present


def vit_b_16(
    batch: int = 1,
    *,
    classes: int = 1000,
    resolution: Size = 224,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
) -> Network:
    """ViT-B/16: patches of 16 x 16 pixels and a class token, as torchvision has it."""
    if any(side % _PATCH for side in pair(resolution)):
        raise NetworkShapeError(f"vit_b_16 takes images whose sides are multiples of {_PATCH}, not {resolution}")
    net = FoldingBuilder("vit_b_16", batch)
    x = net.conv(net.image(resolution), hidden, _PATCH, stride=_PATCH, name="patches")
    x = net.transpose(net.reshape(x, (batch, hidden, -1)), (0, 2, 1))
    token = net.weight("class_token", (1, 1, hidden))
    if batch > 1:
        token = net.expand(token, (batch, 1, hidden))
    x = net.concat([token, x])
    x = net.add_constant(x, (1, *x.shape[1:]), name="position")
    for index in range(layers):
        with net.scope(f"layer{index}"):
            x = _pre_norm_layer(net, x, heads, 1e-6, "gelu")
    x = net.gather(net.layer_norm(x, epsilon=1e-6), 0, axis=1)
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _pre_norm_layer(
    net: FoldingBuilder, x: Tensor, heads: int, epsilon: float, function: str,
    scores: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Attention and two layers with ``function`` between them, each behind a normalization and added to its operand."""
    hidden = x.shape[-1]
    with net.scope("attention"):
        y = net.fully_connected(net.layer_norm(x, epsilon=epsilon), 3 * hidden, name="query_key_value")
        query, key, value = net.split(y, 3, axis=-1)
        y = net.attention(query, key, value, heads, scores=scores)
        x = net.add(net.fully_connected(y, hidden, name="project"), x)
    with net.scope("mlp"):
        return net.add(_mlp(net, net.layer_norm(x, epsilon=epsilon), 4 * hidden, function), x)


def _mlp(net: FoldingBuilder, x: Tensor, inner: int, function: str = "gelu") -> Tensor:
    y = net.activation(net.fully_connected(x, inner, name="expand"), function)
    return net.fully_connected(y, x.shape[-1], name="project")


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
                x = _swin_block(net, x, heads, shift)
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


def _swin_block(net: FoldingBuilder, x: Tensor, heads: int, shift: int) -> Tensor:
    with net.scope("attention"):
        x = net.add(x, _windowed_attention(net, net.layer_norm(x), heads, shift))
    with net.scope("mlp"):
        return net.add(x, _mlp(net, net.layer_norm(x), 4 * x.shape[-1]))


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
