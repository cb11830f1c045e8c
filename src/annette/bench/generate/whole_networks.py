"""Networks as long as those that people have, with everything in its place, whose inner kernels are measured.

What a kernel finds in the caches is what the rest of its network left there. Memory that is touched and time that
passes between two runs stand for that rest (docs/decisions/time-between-runs.md), but a network does both all the time,
through the same buffers: the last layer of a classifier that runs for 15 ms reads its weights at 13 GB/s on a virtual
machine where the same layer, after as much time and 40 MB touched, reads them at 20. Transposes between large layers
and joins of large maps are slower there, too. A language model that writes one token reads hundreds of megabytes of
weights for a single row, and finds its cache of keys and values, and the code of its small kernels, in main memory.
Encoders of sentences read as many weights for some ten rows and are over after 10 ms: products of 48 rows with 0.6 MB
of weights took 112 us in each of a dozen, whatever else they were, where waits of 1.5 and 4 billion operations had
said 87 and 138. So some networks of up to 100 ms are measured as they are, and small ones that stay in a core's own
caches.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate import blocks, transformer_blocks
from annette.bench.generate.products import heads_and_width
from annette.bench.generate.recipe import ALIGNED, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import Block, CaseBuilder, Recipe, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_LARGE: Final = (576, 640, 768)
_RESOLUTIONS: Final = (160, 192, 224, 224, 224, 256, 288, 320, 384)
_FAMILIES: Final[tuple[Block, ...]] = (
    blocks.basic_residual, blocks.bottleneck, blocks.inverted_residual, blocks.inverted_residual_excited, blocks.plain,
    blocks.ghost, blocks.cross_stage, blocks.grouped_bottleneck, blocks.shuffle, transformer_blocks.convnext,
)  # fmt: skip
_CLASSES: Final = (100, 1000, 1000, 1000, 2000)
_VOCABULARIES: Final = (8000, 16_000, 32_000, 50_257)
_STEP_WEIGHTS: Final = (12_000_000, 150_000_000)
"""Weights that a step reads, all of them for one row: 48 to 600 MB of FP32."""
_MOST_LAYERS: Final = 16

_whole = partial(micro, most_ops=8_000_000_000, most_bytes=40_000_000)


def recipes() -> list[Recipe]:
    """Recipes for whole networks."""
    return [
        _whole("network/classifier", 14, partial(_classifier, _RESOLUTIONS, (2, 2, 3))),
        _whole("network/long", 3, partial(_classifier, _LARGE, (3, 4, 6)), most_ops=15_000_000_000),
        _whole("network/tokens", 8, _tokens),
        _whole("network/pyramid-of-tokens", 6, _pyramid_of_tokens),
        _whole("network/decoder", 5, _decoder),
        _whole("network/sound", 6, _sound),
        _whole("network/decode-step", 5, _decode_step, most_bytes=270_000_000),
        _whole("network/words", 17, _words),
        _whole("network/small", 16, _small),
        _whole("network/perceptron", 8, _perceptron),
        _whole("network/two-towers", 12, _two_towers),
    ]


def _halved(s: Sampler, net: CaseBuilder, x: Tensor, filters: int) -> Tensor:
    """The step from one stage to the next: half as high and wide, of so many channels."""
    form = s.pick(("window", "window", "pool"))
    if form == "pool":
        return net.conv_norm(net.max_pool(x, 2, stride=2), filters, activation="relu")
    return net.conv_norm(x, filters, 3, stride=2, activation="relu")


def _classifier(resolutions: tuple[int, ...], repeats: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    """Stages of one family of blocks, each with more channels on smaller maps, and a head of many weights."""
    block, channels = s.pick(_FAMILIES), s.pick((24, 32, 32, 48, 64))
    act = s.pick(("relu", "hard_swish", "silu"))
    x = net.conv_norm(net.image(s.pick(resolutions)), channels, 3, stride=2, activation=act)
    for number in range(s.pick((3, 4, 4))):
        with net.scope(f"stage{number}"):
            channels *= s.pick((1, 2, 2)) if number else 1
            x = _halved(s, net, x, channels)
            for _ in range(s.pick(repeats)):
                x = block(s, net, x)
    if s.chance(0.6):
        x = net.conv_norm(x, s.channels(512, 2048, ALIGNED), activation=act)
    _head(s, net, net.global_average_pool(x))


def _head(s: Sampler, net: CaseBuilder, x: Tensor) -> None:
    """One to three products of a single row; as convolutions of one position before the last, in some networks."""
    if s.chance(0.3):
        x = net.activation(net.conv(x, s.pick((1024, 1280, 1600)), 1), "hard_swish")
    y = net.flatten(x) if len(x.shape) > 2 else x
    for _ in range(s.pick((0, 0, 1, 1, 2))):
        y = net.relu(net.fully_connected(y, s.pick((512, 1024, 1280, 1600, 4096))))
    net.fully_connected(y, s.pick(_CLASSES))


def _tokens(s: Sampler, net: CaseBuilder) -> None:
    """Patches of an image through several encoder layers, and a head."""
    patch, (heads, width) = s.pick((8, 16, 16, 32)), heads_and_width(s, 128, 512)
    x = _patches(net, s.pick((128, 160, 192, 224)), width, patch)
    x = _encoded(s, net, net.add_constant(x, (1, *x.shape[1:])), heads, s.pick((3, 4, 6)))
    _head(s, net, net.reduce("reduce_mean", net.layer_norm(x), (1,), keep=False))


def _patches(net: CaseBuilder, side: int, width: int, patch: int) -> Tensor:
    """An image cut into patches, as tokens."""
    x = net.conv(net.image(side), width, patch, stride=patch)
    return net.transpose(net.reshape(x, (net.batch, width, x.shape[2] * x.shape[3])), (0, 2, 1))


def _encoded(s: Sampler, net: CaseBuilder, x: Tensor, heads: int, layers: int) -> Tensor:
    joint, act, ratio = s.chance(0.5), s.pick(("gelu", "gelu", "relu")), s.pick((2, 4, 4))
    for number in range(layers):
        with net.scope(f"layer{number}"):
            x = transformer_blocks.encoder_layer(net, x, heads, joint=joint, hidden=ratio * x.shape[-1], act=act)
    return x


def _words(s: Sampler, net: CaseBuilder) -> None:
    """Some words through the layers of an encoder or a decoder; scores for one word of many, or for classes."""
    heads, width = heads_and_width(s, 128, 768)
    count, layers, masked = s.log_integer(8, 200), s.pick((3, 4, 6, 6, 8, 12)), s.chance(0.4)
    x = net.embedding(net.feed((count,), DType.INT64), s.log_integer(1000, 16_000), width)
    x = net.layer_norm(net.add_constant(x, (1, count, width)))
    if masked:
        for number in range(layers):
            with net.scope(f"layer{number}"):
                x = transformer_blocks.decoder_layer(net, x, heads, hidden=4 * width, act=s.pick(("gelu_tanh", "relu")))
    else:
        x = _encoded(s, net, x, heads, layers)
    if masked or s.chance(0.4):
        net.fully_connected(net.layer_norm(x), s.log_integer(1000, 16_000))
    else:
        _head(s, net, net.gather(net.layer_norm(x), 0, axis=1))


def _small(s: Sampler, net: CaseBuilder) -> None:
    """Some layers over a few rows, whose weights a core's own caches keep from run to run, with sums around them."""
    rows, width = s.pick((1, 1, 2, 4, 8, 16, 32, 64)), s.log_integer(16, 320)
    x = net.fully_connected(net.input("rows", (rows * net.batch, s.log_integer(8, 320))), width)
    act, normed, around = s.pick(("relu", "relu", "tanh", "silu", "gelu")), s.chance(0.3), s.chance(0.5)
    for number in range(s.integer(2, 8)):
        with net.scope(f"layer{number}"):
            y = net.activation(
                net.fully_connected(net.layer_norm(x) if normed else x, s.pick((1, 1, 2, 4)) * width), act
            )
            y = net.fully_connected(y, width)
            x = net.add(x, y) if around else y
    net.fully_connected(x, s.pick((1, 10, s.log_integer(100, 8000))))


def _perceptron(s: Sampler, net: CaseBuilder) -> None:
    """Wide layers over few rows: forecasts, values of actions, fields of tables.

    A core's own caches do not keep their weights, but they are read again before the caches that others share have lost
    them: 10 MB in 0.18 ms on a virtual machine where the same layers, a millisecond later, read 16 MB in 1 ms.
    """
    rows, width = s.pick((1, 1, 1, 2, 4, 8, 16)), s.pick((256, 384, 512, 512, 768, 1024, 1536))
    x = net.relu(net.fully_connected(net.input("rows", (rows * net.batch, s.log_integer(24, 4096))), width))
    for number in range(max(2, min(s.log_integer(600_000, 8_000_000) // width**2, 20))):
        with net.scope(f"layer{number}"):
            x = net.relu(net.fully_connected(x, width))
    net.fully_connected(x, s.pick((1, 4, 24, 96, 512)))


def _two_towers(s: Sampler, net: CaseBuilder) -> None:
    """An image beside some words, and what both have in common.

    The words' products are over soon, but their weights have left the caches that others share while the rest ran.
    """
    heads, width = heads_and_width(s, 128, 512)
    count, layers = s.log_integer(8, 80), s.pick((3, 4, 6, 6, 8))
    words = net.layer_norm(net.embedding(net.feed((count,), DType.INT64), s.log_integer(1000, 8000), width))
    if s.chance(0.5):
        patch, wide = s.pick((8, 16, 16)), s.pick((192, 256, 384))
        x = _patches(net, s.pick((160, 192, 224)), wide, patch)
        x = _encoded(s, net, x, wide // 32, s.pick((2, 3, 4)))
        seen = net.reduce("reduce_mean", x, (1,), keep=False)
    else:
        x = net.conv_norm(net.image(s.pick((160, 192, 224))), 32, 3, stride=2, activation="relu")
        block = s.pick(_FAMILIES)
        for number in range(4):
            with net.scope(f"stage{number}"):
                x = block(s, net, _halved(s, net, x, 64 << number))
        seen = net.flatten(net.global_average_pool(x))
    with net.scope("words"):
        words = _encoded(s, net, words, heads, layers)
    said = net.reduce("reduce_mean", words, (1,), keep=False)
    net.fully_connected(net.concat([net.fully_connected(seen, 256), net.fully_connected(said, 256)], axis=1), 1)


def _pyramid_of_tokens(s: Sampler, net: CaseBuilder) -> None:
    """Maps taken as tokens and tokens as maps, in every block: mixing by depthwise convolutions, products over both."""
    channels = s.pick((48, 64, 64))
    x = net.conv_norm(net.image(s.pick((192, 224, 224, 256))), channels, 7, stride=4)
    for number in range(s.pick((2, 3))):
        with net.scope(f"stage{number}"):
            x = net.conv(x, channels << number, 2, stride=2) if number else x
            for _ in range(s.pick((1, 2))):
                x = _token_block(s, net, x)
    _head(s, net, net.global_average_pool(x))


def _token_block(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Normalized tokens, made wide, mixed as a map, made narrow; the sum with what came in, as a map again."""
    batch, channels, height, width = x.shape
    tokens = net.transpose(net.reshape(x, (batch, channels, height * width)), (0, 2, 1))
    y = net.fully_connected(net.layer_norm(tokens), s.pick((2, 4)) * channels)
    y = net.reshape(net.transpose(y, (0, 2, 1)), (batch, y.shape[-1], height, width))
    y = net.depthwise_conv(y, 3, padding="half")
    y = net.transpose(net.reshape(y, (batch, y.shape[1], height * width)), (0, 2, 1))
    y = net.add(tokens, net.fully_connected(net.activation(y, "gelu"), channels))
    return net.reshape(net.transpose(y, (0, 2, 1)), x.shape)


def _decoder(s: Sampler, net: CaseBuilder) -> None:
    """Maps made small and large again, joined with those of their size on the way: segmentation and restoration."""
    channels, block = s.pick((16, 24, 32)), s.pick((blocks.plain, blocks.basic_residual, blocks.inverted_residual))
    x = net.conv_norm(net.image(s.pick((128, 160, 224, 256))), channels, 3, activation="relu")
    passed = []
    for number in range(s.pick((2, 3))):
        passed.append(x)
        x = _halved(s, net, x, channels << (number + 1))
        y = block(s, net, x)
        x = y if y.shape[2:] == x.shape[2:] else x
    mode = s.pick(("nearest", "linear", "transposed"))
    for earlier in reversed(passed):
        filters = earlier.shape[1]
        if mode == "transposed":
            larger = net.conv_transpose(x, filters, 2, stride=2)
        else:
            larger = net.resize(x, scale=2, mode=mode, coordinates="half_pixel")  # type: ignore[arg-type]
        x = net.conv_norm(net.concat([larger, earlier]), filters, 3, activation="relu")
    net.conv(x, s.pick((1, 3, 21)), 1)


def _sound(s: Sampler, net: CaseBuilder) -> None:
    """Convolutions along a wave, each of them normalized over its channels, and encoder layers over what is left."""
    width = s.pick((128, 256, 384))
    x = net.conv1d(net.feed((1, s.pick((8000, 16_000)))), width, 10, stride=5)
    for kernel in (3, 3, 2)[: s.pick((2, 3))]:
        x = net.transpose(net.layer_norm(net.transpose(x, (0, 2, 1))), (0, 2, 1))
        x = net.conv1d(net.activation(x, "gelu"), width, kernel, stride=2)
    x = net.slice(net.pad(x, (0, 0, 4, 0, 0, 4)), [2], [x.shape[2] + 2], [2])
    x = _encoded(s, net, net.transpose(x, (0, 2, 1)), width // 64, s.pick((2, 3)))
    net.fully_connected(net.layer_norm(x), s.pick((32, 1024, 4096)))


def _decode_step(s: Sampler, net: CaseBuilder) -> None:
    """One token through a language model, behind a cache of the keys and values of those before it, to its scores."""
    weights, (heads, width) = s.log_integer(*_STEP_WEIGHTS), heads_and_width(s, 320, 1280)
    vocabulary = s.pick([size for size in _VOCABULARIES if 2 * size * width < weights] or _VOCABULARIES[:1])
    ratio, gated, joint, past = s.pick((2, 3, 4)), s.chance(0.5), s.chance(0.5), s.log_integer(16, 640)
    layer_weights = (4 + (3 if gated else 2) * ratio) * width * width
    layers = min(max(1, round((weights - vocabulary * width) / layer_weights)), _MOST_LAYERS)
    x = net.embedding(net.feed((1,), DType.INT64), vocabulary, width)
    for number in range(layers):
        with net.scope(f"layer{number}"):
            y = _attention_over_cache(net, net.layer_norm(x), heads, past, joint=joint)
            x = net.add(x, net.fully_connected(y, width))
            y = net.layer_norm(x)
            wide = net.activation(net.fully_connected(y, ratio * width), "silu" if gated else "gelu_tanh")
            wide = net.mul(wide, net.fully_connected(y, ratio * width)) if gated else wide
            x = net.add(x, net.fully_connected(wide, width))
    net.fully_connected(net.layer_norm(x), vocabulary, bias=False)


def _attention_over_cache(net: CaseBuilder, x: Tensor, heads: int, past: int, *, joint: bool) -> Tensor:
    """Attention of one token over itself and so many before it, whose keys and values are read and joined."""
    batch, _, width = x.shape
    if joint:
        query, key, value = net.split(net.fully_connected(x, 3 * width), 3, axis=-1)
    else:
        query, key, value = (net.fully_connected(x, width) for _ in range(3))
    keys, values = (
        net.concat([net.feed((heads, past, width // heads)), net.split_heads(new, heads)], axis=2)
        for new in (key, value)
    )
    scores = net.matmul(net.split_heads(query, heads), net.transpose(keys, (0, 1, 3, 2)))
    y = net.matmul(net.softmax(net.mul(scores, (width // heads) ** -0.5)), values)
    return net.reshape(net.transpose(y, (0, 2, 1, 3)), (batch, 1, width))
