"""Blocks of transformers and of what grew out of them, with random widths, lengths and heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.generate.products import heads_and_width, tokens
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = [
    "convnext",
    "decoder",
    "decoder_layer",
    "embedding",
    "encoder",
    "encoder_layer",
    "mixer",
    "patch_stem",
    "windowed",
]

_LAST: Final = (0, 2, 3, 1)
_FIRST: Final = (0, 3, 1, 2)


def encoder(s: Sampler, net: CaseBuilder) -> None:
    """Encoder layers: normalization before or behind, one or three projections, any ratio of the inner width."""
    heads, width = heads_and_width(s, 48, 1024)
    x = net.feed((tokens(s, 16, 577), width))
    before, joint, act = s.chance(0.7), s.chance(0.5), s.pick(("gelu", "gelu", "gelu_tanh", "relu"))
    ratio = s.pick((4, 4, 4, 3, 2))
    masked = not joint and s.chance(0.5)
    for number in range(s.pick((1, 1, 2))):
        with net.scope(f"layer{number}"):
            y = _self_attention(net, net.layer_norm(x) if before else x, heads, joint=joint, masked=masked)
            x = net.add(x, y) if s.chance(0.5) else net.add(y, x)
            x = x if before else net.layer_norm(x)
            x = net.add(x, _feed_forward(net, net.layer_norm(x) if before else x, round(ratio * width), act))
            x = x if before else net.layer_norm(x)


def encoder_layer(net: CaseBuilder, x: Tensor, heads: int, *, joint: bool, hidden: int, act: str) -> Tensor:
    """One encoder layer that normalizes what its parts read.

    Args:
        net: Where it is built.
        x: Tokens, ``(batch, count, width)``.
        heads: Heads of its attention, which divide the width.
        joint: Whether queries, keys and values come from one product.
        hidden: Inner width of its second part.
        act: Activation there.
    """
    x = net.add(x, _self_attention(net, net.layer_norm(x), heads, joint=joint, masked=False))
    return net.add(x, _feed_forward(net, net.layer_norm(x), hidden, act))


def decoder(s: Sampler, net: CaseBuilder) -> None:
    """Decoder layers under a causal mask."""
    heads, width = heads_and_width(s, 64, 1024)
    x = net.feed((tokens(s, 8, 256), width))
    act = s.pick(("gelu_tanh", "gelu", "relu"))
    for number in range(s.pick((1, 1, 2))):
        with net.scope(f"layer{number}"):
            x = decoder_layer(net, x, heads, hidden=4 * width, act=act)


def decoder_layer(net: CaseBuilder, x: Tensor, heads: int, *, hidden: int, act: str) -> Tensor:
    """One layer whose tokens see those before them only.

    Args:
        net: Where it is built.
        x: Tokens, ``(batch, count, width)``.
        heads: Heads of its attention, which divide the width.
        hidden: Inner width of its second part.
        act: Activation there.
    """
    _, count, width = x.shape
    query, key, value = net.split(net.fully_connected(net.layer_norm(x), 3 * width), 3, axis=-1)
    y = net.attention(
        query,
        key,
        value,
        heads,
        scores=lambda t: net.where_mask(t, (1, 1, count, count), pattern="causal", value=-1e9),
    )
    x = net.add(net.fully_connected(y, width), x)
    return net.add(_feed_forward(net, net.layer_norm(x), hidden, act), x)


def embedding(s: Sampler, net: CaseBuilder) -> None:
    """Words, positions and a first normalization and projection."""
    _, width = heads_and_width(s, 64, 768)
    count = tokens(s, 8, 256)
    x = net.embedding(net.feed((count,), DType.INT64), s.log_integer(500, 8000), width)
    x = net.add_constant(x, (1, count, width))
    net.fully_connected(net.layer_norm(x), width)


def patch_stem(s: Sampler, net: CaseBuilder) -> None:
    """Patches of an image as tokens, with a class token and positions; then a projection."""
    patch, (_, width) = s.pick((8, 14, 16, 16, 32)), heads_and_width(s, 64, 768)
    side = patch * max(2, min(24, s.resolution() // patch))
    x = net.conv(net.image(side), width, patch, stride=patch)
    count = x.shape[2] * x.shape[3]
    x = net.transpose(net.reshape(x, (net.batch, width, count)), (0, 2, 1))
    if s.chance(0.6):
        x = net.concat([net.feed((1, width)), x], axis=1)
    x = net.add_constant(x, (1, *x.shape[1:]))
    net.fully_connected(net.layer_norm(x), 3 * width)


def mixer(s: Sampler, net: CaseBuilder) -> None:
    """Products over tokens and over features in turn, with transposes between."""
    x = net.feed((tokens(s, 49, 400), s.channels(64, 640)))
    count, width = x.shape[1:]
    hidden, ratio = max(16, round(count * s.pick((0.5, 1, 2)))), s.pick((2, 3, 4))
    for number in range(s.pick((1, 2))):
        with net.scope(f"layer{number}"):
            y = _feed_forward(net, net.transpose(net.layer_norm(x), (0, 2, 1)), hidden, "gelu")
            x = net.add(x, net.transpose(y, (0, 2, 1)))
            x = net.add(x, _feed_forward(net, net.layer_norm(x), ratio * width, "gelu"))


def convnext(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Large depthwise, normalization and products on channels last, a scale, a shortcut; sometimes halving."""
    channels = x.shape[1]
    if min(x.shape[2:]) >= 10 and s.chance(0.25):
        y = net.transpose(net.layer_norm(net.transpose(x, _LAST)), _FIRST)
        return net.conv(y, 2 * channels, 2, stride=2)
    y = net.transpose(net.depthwise_conv(x, s.pick((7, 7, 5, 3))), _LAST)
    y = net.fully_connected(net.layer_norm(y), s.pick((3, 4)) * channels)
    y = net.fully_connected(net.activation(y, "gelu"), channels)
    if s.chance(0.6):
        return net.add(net.scale_by_constant(net.transpose(y, _FIRST), (channels, 1, 1)), x)
    return net.add(x, net.transpose(y, _FIRST))


def windowed(s: Sampler, net: CaseBuilder) -> None:
    """Layers of attention in windows on channels last, every second one shifted; sometimes 2 x 2 patches joined."""
    window = s.pick((7, 7, 7, 8, 6, 4))
    per_head = s.pick((16, 24, 32, 32, 48))
    heads = s.log_integer(1, 16)
    rows = s.log_integer(1, max(1, min(10, 448 // (heads * window))))
    x = net.feed((rows * window, rows * window, heads * per_head))
    for number in range(s.pick((1, 2, 2))):
        with net.scope(f"layer{number}"):
            shift = window // 2 if number % 2 and rows > 1 else 0
            x = net.add(x, _windowed_attention(net, net.layer_norm(x), heads, window, shift))
            x = net.add(x, _feed_forward(net, net.layer_norm(x), 4 * x.shape[-1], "gelu"))
    if rows > 1 and (rows * window) % 2 == 0 and s.chance(0.4):
        side, width = x.shape[1], x.shape[3]
        corners = [
            net.slice(x, [row, column], [side, side], [1, 2], steps=[2, 2]) for column in (0, 1) for row in (0, 1)
        ]
        net.fully_connected(net.layer_norm(net.concat(corners, axis=-1)), 2 * width, bias=False)


def _windowed_attention(net: CaseBuilder, x: Tensor, heads: int, window: int, shift: int) -> Tensor:
    batch, side, _, channels = x.shape
    rows, area = side // window, window**2
    y = net.roll(net.roll(x, -shift, 1), -shift, 2) if shift else x
    y = net.transpose(net.reshape(y, (batch, rows, window, rows, window, channels)), (0, 1, 3, 2, 4, 5))
    y = net.reshape(y, (batch * rows * rows, area, channels))

    def biased(scores: Tensor) -> Tensor:
        scores = net.add_constant(scores, (1, heads, area, area))
        if not shift:
            return scores
        split = net.reshape(scores, (batch, rows * rows, heads, area, area))
        pattern = f"shifted_windows:{side}:{side}:{window}:{shift}"
        split = net.add_constant(split, (1, rows * rows, 1, area, area), pattern=pattern)
        return net.reshape(split, scores.shape)

    y = _joint_attention(net, y, heads, biased)
    y = net.transpose(net.reshape(y, (batch, rows, rows, window, window, channels)), (0, 1, 3, 2, 4, 5))
    y = net.reshape(y, x.shape)
    return net.roll(net.roll(y, shift, 1), shift, 2) if shift else y


def _self_attention(net: CaseBuilder, x: Tensor, heads: int, *, joint: bool, masked: bool) -> Tensor:
    if not joint:
        count, width = x.shape[1:]
        query, key, value = (net.fully_connected(x, width) for _ in range(3))
        mask = (lambda t: net.add(t, net.feed((1, 1, count)))) if masked else None
        return net.fully_connected(net.attention(query, key, value, heads, scores=mask), width)
    return _joint_attention(net, x, heads, lambda scores: scores)


def _joint_attention(net: CaseBuilder, x: Tensor, heads: int, biased: Callable[[Tensor], Tensor]) -> Tensor:
    """Attention whose queries, keys and values come from one product and are gathered from its result."""
    batch, count, width = x.shape
    y = net.reshape(net.fully_connected(x, 3 * width), (batch, count, 3, heads, width // heads))
    y = net.transpose(y, (2, 0, 3, 1, 4))
    query, key, value = (net.gather(y, index, axis=0) for index in range(3))
    scores = biased(net.matmul(net.mul(query, (width // heads) ** -0.5), net.transpose(key, (0, 1, 3, 2))))
    y = net.transpose(net.matmul(net.softmax(scores), value), (0, 2, 1, 3))
    return net.fully_connected(net.reshape(y, x.shape), width)


def _feed_forward(net: CaseBuilder, x: Tensor, hidden: int, act: str) -> Tensor:
    return net.fully_connected(net.activation(net.fully_connected(x, hidden), act), x.shape[-1])
