"""Blocks of convolutional networks, those for small devices included, with random widths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.zoo.folding import make_divisible

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = [
    "atrous_pyramid",
    "basic_residual",
    "bottleneck",
    "branches",
    "cell",
    "classifier",
    "cross_stage",
    "dense",
    "depthwise_residual",
    "detection_head",
    "fire",
    "gated",
    "ghost",
    "grouped_bottleneck",
    "inverted_residual",
    "inverted_residual_excited",
    "plain",
    "pyramid",
    "reparameterised",
    "separable",
    "sequence_residual",
    "shuffle",
    "stem",
    "stride",
    "transposed_decoder",
    "upsampling",
]

_KERNEL_SEQUENCES: Final[tuple[tuple[int | tuple[int, int], ...], ...]] = (
    (),
    (3,),
    (3, 3),
    (5,),
    ((1, 7), (7, 1)),
    ((7, 1), (1, 7)),
    ((1, 3), (3, 1)),
)


def stride(s: Sampler, x: Tensor, share: float = 0.25) -> int:
    """2 for some blocks on maps that can be halved, else 1."""
    return 2 if min(x.shape[2:]) >= 8 and s.chance(share) else 1


def stem(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """One to three convolutions on an image, perhaps with pooling."""
    filters = s.pick((16, 24, 32, 32, 40, 48, 64, 64, 96))
    act = s.pick(("relu", "relu6", "hard_swish", "silu"), (5, 2, 2, 1))
    y = net.conv_norm(x, filters, s.pick((3, 3, 7, 5)), stride=s.pick((2, 2, 2, 1, 4)), activation=act)
    for _ in range(s.pick((0, 0, 1, 2))):
        y = net.conv_norm(y, s.pick((filters, 2 * filters)), 3, activation=act)
    if s.chance(0.4):
        y = net.max_pool(y, 3, stride=2, padding=s.pick((0, 1)), ceil=s.chance(0.3))
    return y


def plain(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Convolution and activation, sometimes pooling behind it."""
    filters = s.channels(16, min(512, 3 * x.shape[1]))
    act = s.pick(("relu", "leaky_relu", "silu", "relu6", "mish", "hard_swish"), (5, 3, 2, 1, 1, 1))
    y = net.conv_norm(x, filters, s.pick((3, 3, 3, 1, 1, 5)), stride=stride(s, x), activation=act)
    if min(y.shape[2:]) >= 8 and s.chance(0.2):
        pool = s.pick((net.max_pool, net.max_pool, net.average_pool))
        y = pool(y, 2, stride=2) if s.chance(0.6) else pool(y, 3, stride=2, padding=1)
    return y


def basic_residual(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Two 3x3 convolutions and a shortcut."""
    step = stride(s, x)
    filters = x.shape[1] if step == 1 and s.chance(0.8) else s.channels(32, 512)
    y = net.conv_norm(x, filters, 3, stride=step, activation="relu")
    y = net.conv_norm(y, filters, 3)
    return _joined(s, net, x, y, step)


def bottleneck(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """1x1, 3x3, 1x1 and a shortcut."""
    step = stride(s, x)
    filters = x.shape[1] if step == 1 and s.chance(0.8) else s.channels(64, 1536)
    inner = max(8, filters // s.pick((4, 4, 2)))
    y = net.conv_norm(x, inner, activation="relu")
    y = net.conv_norm(y, inner, 3, stride=step, activation="relu")
    return _joined(s, net, x, net.conv_norm(y, filters), step)


def grouped_bottleneck(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """A bottleneck whose 3x3 works in groups of any width, sometimes with squeeze and excitation."""
    step = stride(s, x, 0.35)
    width = s.pick((4, 8, 8, 16, 16, 24, 32, 40, 48, 64))
    filters = width * max(2, round((x.shape[1] if step == 1 else s.channels(48, 1024)) / width))
    y = net.conv_norm(x, filters, activation="relu")
    y = net.conv_norm(y, filters, 3, stride=step, groups=filters // width, activation="relu")
    if s.chance(0.4):
        y = net.squeeze_excite(y, max(4, round(x.shape[1] / 4)))
    return _joined(s, net, x, net.conv_norm(y, filters), step)


def reparameterised(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """The sum of a 3x3, a 1x1 and perhaps more, of the input itself, activated: blocks whose branches were kept."""
    grouped = s.chance(0.4)
    step = stride(s, x)
    filters = x.shape[1] if grouped or (step == 1 and s.chance(0.6)) else s.channels(16, 512)
    groups = x.shape[1] if grouped else 1
    kernels = [3, *(s.pick((3, 3, 1)) for _ in range(s.pick((0, 0, 1, 2))))]
    terms = [net.conv_norm(x, filters, kernel, stride=step, groups=groups) for kernel in (1, *kernels)]
    if x.shape == terms[0].shape and s.chance(0.5):
        terms.insert(0, net.batch_norm(x))
    y = terms[0]
    for term in terms[1:]:
        y = net.add(y, term) if s.chance(0.5) else net.add(term, y)
    return net.activation(y, s.pick(("relu", "relu", "hard_swish")))


def dense(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Layers that append a few channels each; normalization comes first; sometimes a transition behind them."""
    growth = s.pick((12, 16, 24, 32, 32, 48))
    for _ in range(s.pick((1, 2, 2))):
        y = net.relu(net.batch_norm(x))
        y = net.relu(net.batch_norm(net.conv(y, 4 * growth, 1, bias=False)))
        x = net.concat([x, net.conv(y, growth, 3, padding=1, bias=False)])
    if min(x.shape[2:]) >= 8 and s.chance(0.3):
        y = net.conv(net.relu(net.batch_norm(x)), x.shape[1] // 2, 1, bias=False)
        return net.average_pool(y, 2, stride=2)
    return x


def branches(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Two to four paths of different kernels, joined."""
    paths = []
    for number in range(s.pick((2, 3, 4, 4))):
        with net.scope(f"path{number}"):
            y = x
            if number == 0 and s.chance(0.6):
                pool = s.pick((net.average_pool, net.max_pool))
                y = pool(y, 3, stride=1, padding=1)
            y = net.conv_norm(y, s.channels(16, 256), activation="relu")
            for kernel in s.pick(_KERNEL_SEQUENCES):
                y = net.conv_norm(y, s.channels(16, 256), kernel, activation="relu")
            paths.append(y)
    return net.concat(paths)


def fire(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Squeeze, then 1x1 and 3x3 side by side."""
    squeezed = net.conv_norm(x, s.channels(12, 96), activation="relu")
    filters = s.channels(32, 256)
    wide = net.conv_norm(squeezed, filters, 3, activation="relu")
    return net.concat([net.conv_norm(squeezed, filters, activation="relu"), wide])


def cell(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """A small random graph of convolutions, pools, sums and a join, as cell search spaces have them."""
    width = s.channels(24, 192)
    values = [net.conv_norm(x, width, activation="relu")]
    for _ in range(s.pick((2, 3, 4))):
        y = s.pick(values)
        other = s.pick(values)
        if other is not y:
            y = net.add(y, other)
        kernel = s.pick((1, 3, 3, 0))
        values.append(
            net.conv_norm(y, width, kernel, activation="relu") if kernel else net.max_pool(y, 3, stride=1, padding=1)
        )
    joined = net.concat(values[1:])
    return net.add(joined, net.conv_norm(x, joined.shape[1], activation="relu")) if s.chance(0.4) else joined


def cross_stage(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Part of the channels passes by (CSP, C2f): split or two projections, small residual blocks, a join."""
    act = s.pick(("silu", "leaky_relu", "relu"))
    half = s.channels(16, 128)
    if s.chance(0.5):
        one, two = net.split(net.conv_norm(x, 2 * half, activation=act), 2)
    else:
        one, two = (net.conv_norm(x, half, activation=act) for _ in range(2))
    parts = [one, two]
    for _ in range(s.pick((1, 2))):
        y = net.conv_norm(net.conv_norm(parts[-1], half, s.pick((1, 3)), activation=act), half, 3, activation=act)
        parts.append(net.add(parts[-1], y))
    return net.conv_norm(net.concat(parts), s.channels(32, 384), activation=act)


def separable(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Depthwise, then 1x1."""
    act = s.pick(("relu", "relu6"))
    y = net.conv_norm(x, x.shape[1], s.pick((3, 3, 5)), stride=stride(s, x, 0.35), groups=x.shape[1], activation=act)
    return net.conv_norm(y, s.channels(16, min(1024, 3 * x.shape[1])), activation=act)


def gated(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """The product of two projections, one of them activated, projected back; a depthwise convolution before it."""
    inner = s.channels(24, min(768, 4 * x.shape[1]))
    y = net.conv_norm(x, x.shape[1], s.pick((3, 5, 7)), groups=x.shape[1]) if s.chance(0.7) else x
    gate = net.conv_norm(y, inner, activation=s.pick(("relu6", "sigmoid", "silu", "relu")))
    z = net.conv_norm(net.mul(gate, net.conv_norm(y, inner)), x.shape[1])
    return net.add(z, x) if s.chance(0.6) else z


def inverted_residual(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """1x1 to more channels, depthwise, 1x1 back; a shortcut where shapes allow."""
    return _inverted(s, net, x, s.pick(("relu6", "relu", "relu6", "silu")), excited=False)


def inverted_residual_excited(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """An inverted residual with squeeze and excitation."""
    return _inverted(s, net, x, s.pick(("hard_swish", "silu", "silu", "relu", "relu6")), excited=True)


def shuffle(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Half of the channels pass by; the halves are interleaved behind."""
    channels = x.shape[1]
    if channels % 2 or s.chance(0.25):
        half = s.channels(12, 256)
        left = net.conv_norm(_depthwise(net, x, 2), half, activation="relu")
        right = net.conv_norm(x, half, activation="relu")
        right = net.conv_norm(_depthwise(net, right, 2), half, activation="relu")
    else:
        half = channels // 2
        left, right = net.split(x, 2)
        right = net.conv_norm(right, half, activation="relu")
        right = net.conv_norm(_depthwise(net, right, 1), half, activation="relu")
    return net.interleave(net.concat([left, right]), 2)


def depthwise_residual(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """A shortcut around a depthwise convolution, or around one that closes a block."""
    y, channels = x, x.shape[1]
    if s.chance(0.5):
        y = net.conv_norm(y, channels * s.pick((1, 2, 3)), activation="relu6")
        y = net.conv_norm(y, channels)
    y = net.conv_norm(y, channels, s.pick((3, 3, 5, 7)), groups=channels)
    return net.add(x, y)


def ghost(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    """Half of the channels come from the other half by a cheap depthwise convolution."""
    half = s.channels(16, 192)
    first = net.conv_norm(x, half, activation="relu")
    cheap = net.conv_norm(first, half, 3, groups=half, activation="relu")
    return net.concat([first, cheap])


def classifier(s: Sampler, net: CaseBuilder) -> None:
    """The last convolution of a network and its head."""
    x = net.host((s.channels(64, 640), *(s.pick((4, 5, 6, 7, 7, 7, 8, 10)),) * 2))
    y = net.conv_norm(x, s.channels(256, 2048), activation=s.pick(("relu", "relu6", "hard_swish", "silu")))
    classes = s.pick((10, 100, 1000, 1000))
    if s.chance(0.25):
        z = net.reduce("reduce_mean", y, (2, 3), keep=False)
    elif s.chance(0.2) and y.shape[1] <= 512:
        z = net.flatten(y)
    else:
        z = net.flatten(net.global_average_pool(y))
    if s.chance(0.3):
        z = net.activation(net.fully_connected(z, s.pick((256, 512, 1024, 1280, 4096))), s.pick(("relu", "hard_swish")))
    z = net.fully_connected(z, classes)
    if s.chance(0.3):
        net.softmax(z)


def upsampling(s: Sampler, net: CaseBuilder) -> None:
    """Features made larger and joined with an earlier, larger map."""
    channels, height, width = s.feature_map((32, 512), sizes=(5, 48), most=1 << 17)
    act = s.pick(("relu", "leaky_relu", "silu"))
    deep = net.conv_norm(net.host((channels, height, width)), channels, activation=act)
    skip = net.host((s.channels(24, max(32, channels)), 2 * height, 2 * width))
    larger = net.resize(deep, scale=2, mode="linear") if s.chance(0.33) else net.resize(deep, scale=2)
    y = net.concat([larger, skip])
    for _ in range(s.pick((1, 2))):
        y = net.conv_norm(y, s.channels(32, 256), 3, activation=act)


def transposed_decoder(s: Sampler, net: CaseBuilder) -> None:
    """Transposed convolutions with convolutions in between."""
    y = net.host(s.feature_map((32, 384), sizes=(4, 40), most=1 << 16))
    for _ in range(s.pick((1, 2, 2))):
        kernel, padding = s.pick(((2, 0), (4, 1)))
        y = net.relu(net.conv_transpose(y, s.channels(16, 256), kernel, stride=2, padding=padding))
        if s.chance(0.7):
            y = net.conv_norm(y, s.channels(16, 128), 3, activation="relu")


def pyramid(s: Sampler, net: CaseBuilder) -> None:
    """Lateral 1x1s, sums from above, a 3x3 on each level."""
    channels, size = s.pick((32, 64, 96, 128, 256)), s.pick((5, 6, 7, 8, 10, 13))
    levels = []
    for number in range(3):
        side = size << number
        levels.append(net.conv_norm(net.host((s.channels(32, 512), side, side)), channels))
    for number in (1, 2):
        levels[number] = net.add(levels[number], net.resize(levels[number - 1], scale=2))
    for level in levels:
        net.conv_norm(level, channels, 3)


def detection_head(s: Sampler, net: CaseBuilder) -> None:
    """Convolutions, a prediction per position, and its reshaping into boxes."""
    act = s.pick(("leaky_relu", "silu", "relu6"))
    x = net.host(s.feature_map((64, 512), sizes=(7, 52), most=1 << 17))
    y = net.conv_norm(net.conv_norm(x, s.channels(64, 256), 3, activation=act), s.channels(64, 256), activation=act)
    anchors, fields = s.pick((1, 3, 3, 6)), s.pick((25, 85, 85, 6))
    y = net.conv(y, anchors * fields, 1)
    batch, _, height, width = y.shape
    z = net.transpose(net.reshape(y, (batch, anchors, fields, height, width)), (0, 1, 3, 4, 2))
    boxes, rest = net.split(net.unary("sigmoid", z), (4, fields - 4), axis=-1)
    net.reshape(net.concat([net.mul(boxes, 2.0), rest], axis=-1), (batch, anchors * height * width, fields))


def atrous_pyramid(s: Sampler, net: CaseBuilder) -> None:
    """Dilated convolutions side by side, and a pooled path made large again."""
    x = net.host(s.feature_map((64, 512), sizes=(14, 40), most=1 << 17))
    filters = s.pick((32, 64, 128, 256))
    height, width = x.shape[2:]
    paths = [net.conv_norm(x, filters, activation="relu")]
    paths += [net.conv_norm(x, filters, 3, dilation=rate, activation="relu") for rate in s.pick(((6, 12), (12, 24)))]
    pooled = net.conv_norm(net.global_average_pool(x), filters, activation="relu")
    paths.append(net.resize(pooled, (height, width), mode="linear"))
    net.conv_norm(net.concat(paths), filters, activation="relu")


def sequence_residual(s: Sampler, net: CaseBuilder) -> None:
    """Residual blocks of dilated convolutions over a sequence, as networks that make sound have them."""
    channels, length = s.channels(16, 256), s.log_integer(64, 2048)
    kernel, act = s.pick((3, 3, 7, 11)), s.pick(("leaky_relu", "relu", "elu"))
    x = net.conv1d(net.feed((16, length)), channels, 1)
    for dilation in s.pick(((1,), (1, 3), (1, 3, 5))):
        y = net.conv1d(net.activation(x, act), channels, kernel, padding="half", dilation=dilation)
        y = net.conv1d(net.activation(y, act), channels, kernel, padding="half")
        x = net.add(y, x)
    net.conv1d(x, 16, 1)


def _joined(s: Sampler, net: CaseBuilder, x: Tensor, y: Tensor, step: int) -> Tensor:
    """Adds the shortcut, projected where shapes differ, in either order, and activates."""
    shortcut = x if x.shape == y.shape else net.conv_norm(x, y.shape[1], stride=step, name="shortcut")
    z = net.add(y, shortcut) if s.chance(0.7) else net.add(shortcut, y)
    return net.relu(z)


def _depthwise(net: CaseBuilder, x: Tensor, step: int) -> Tensor:
    return net.conv_norm(x, x.shape[1], 3, stride=step, groups=x.shape[1])


def _inverted(s: Sampler, net: CaseBuilder, x: Tensor, act: str, *, excited: bool) -> Tensor:
    step = stride(s, x, 0.3)
    keeps = step == 1 and s.chance(0.75)
    filters = x.shape[1] if keeps else make_divisible(s.log_integer(12, 320))
    inner = make_divisible(x.shape[1] * s.pick((1, 2, 3, 4, 6, 6)))
    y = net.conv_norm(x, inner, activation=act) if inner != x.shape[1] else x
    inner = y.shape[1]
    y = net.conv_norm(y, inner, s.pick((3, 3, 5)), stride=step, groups=inner, activation=act)
    if excited:
        gate = "hard_sigmoid" if act == "hard_swish" else "sigmoid"
        inside = act if act == "silu" else "relu"
        y = net.squeeze_excite(y, max(4, make_divisible(inner / s.pick((4, 16, 24)))), activation=inside, gate=gate)
    y = net.conv_norm(y, filters)
    return net.add(x, y) if y.shape == x.shape else y
