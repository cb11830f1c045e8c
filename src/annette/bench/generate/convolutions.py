"""Micro-kernels: convolutions of every sort that networks have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import ALIGNED, ODD, VECTOR, Recipe, micro

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Draw, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_ACTIVATIONS: Final = ("", "relu", "relu6", "leaky_relu", "sigmoid")
_ACTIVATION_SHARES: Final = (0.55, 0.25, 0.1, 0.05, 0.05)


def recipes() -> list[Recipe]:
    """Recipes for convolutions."""
    return [
        *_aligned(ALIGNED, "blocked", 1.0),
        *_aligned(VECTOR, "blocked", 0.5),
        *_aligned(ODD, "plain", 0.3),
        micro("conv-3x3/heavy", 20, _heavy, most_ops=6_000_000_000, most_bytes=64_000_000),
        micro("conv-stem/3-channels", 26, _stem),
        micro("conv-patches/3-channels", 18, _patches),
        micro("conv-stem/few-channels", 8, _few_channels),
        micro("conv-grouped/wide-groups", 28, partial(_grouped, (16, 24, 32, 40, 48, 64, 112))),
        micro("conv-grouped/narrow-groups", 32, partial(_grouped, (2, 3, 4, 6, 8, 8, 12))),
        micro("conv-multiplier/depthwise", 4, _multiplier),
        micro("conv-1d/plain", 20, _one_dimensional),
        micro("depthwise/unfolded", 20, _unfolded_depthwise),
    ]


def _aligned(alignment: str, layout: str, weight: float) -> list[Recipe]:
    """Recipes whose channels all have one alignment; the layout is what blocked runtimes choose for it."""
    table: tuple[tuple[str, int, Draw], ...] = (
        ("conv-1x1", 34, partial(_conv, alignment, (1,))),
        ("conv-3x3", 34, partial(_conv, alignment, (3,))),
        ("conv-large", 12, partial(_conv, alignment, (5, 5, 7))),
        ("conv-asymmetric", 12, partial(_asymmetric, alignment)),
        ("conv-strided", 18, partial(_strided, alignment)),
        ("conv-dilated", 8, partial(_dilated, alignment)),
        ("depthwise", 26, partial(_depthwise, alignment, (3, 3, 5))),
        ("depthwise-large", 10, partial(_depthwise, alignment, (7, 7, 9, 11, 13))),
        ("conv-transpose", 10, partial(_transposed, alignment)),
    )
    return [micro(f"{kind}/{layout}/{alignment}", round(count * weight), draw) for kind, count, draw in table]


def _activate(s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    function = s.pick(_ACTIVATIONS, _ACTIVATION_SHARES)
    return net.activation(x, function) if function else x


def _filters(s: Sampler, alignment: str, channels: int, largest: int = 2048) -> int:
    """Output channels: often the input's, else a few times more or fewer."""
    if s.chance(0.35):
        return channels
    return s.channels(max(8, channels // 6), min(largest, 6 * channels), alignment)


def _conv(alignment: str, kernels: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    kernel = s.pick(kernels)
    limit = 1 << 20 if kernel < 5 else 1 << 18
    channels, height, width = s.feature_map((12, 2048 if kernel == 1 else 768), alignment=alignment, most=limit)
    x = net.feed((channels, height, width))
    _activate(s, net, net.conv(x, _filters(s, alignment, channels), kernel, padding="half"))


def _asymmetric(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((24, 512), alignment=alignment, sizes=(5, 80), most=1 << 18))
    kernel = s.pick(((1, 7), (7, 1), (1, 3), (3, 1), (1, 5), (5, 1)), (3, 3, 2, 2, 1, 1))
    _activate(s, net, net.conv(x, _filters(s, alignment, x.shape[1], 512), kernel, padding="half"))


def _strided(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    kernel, stride = s.pick(((3, 2), (1, 2), (2, 2), (5, 2), (4, 4), (8, 8), (4, 2)), (9, 5, 4, 1, 1, 1, 1))
    x = net.feed(s.feature_map((12, 768), alignment=alignment, sizes=(8, 160)))
    padding = (kernel - 1) // 2 if kernel % 2 else 0
    net.conv(x, s.channels(16, min(1024, 4 * x.shape[1]), alignment), kernel, stride=stride, padding=padding)


def _dilated(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((24, 512), alignment=alignment, sizes=(14, 80), most=1 << 18))
    net.conv(x, _filters(s, alignment, x.shape[1], 512), 3, dilation=s.pick((2, 2, 4, 6, 12, 18)), padding="half")


def _depthwise(alignment: str, kernels: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((12, 1536), alignment=alignment))
    stride = 2 if s.chance(0.3) and min(x.shape[2:]) > 4 else 1
    dilation = 2 if stride == 1 and s.chance(0.06) else 1
    _activate(s, net, net.depthwise_conv(x, s.pick(kernels), stride=stride, dilation=dilation))


def _unfolded_depthwise(s: Sampler, net: CaseBuilder) -> None:
    """Channels that no block takes, as pruning leaves them: windows are unfolded channel by channel, row by row."""
    kernel, stride = s.pick(((5, 1), (5, 2), (3, 2), (7, 1), (7, 2)), (4, 4, 2, 1, 1))
    x = net.feed(s.feature_map((24, 1400), alignment=s.pick((ODD, ODD, VECTOR)), sizes=(5, 80), most=1 << 19))
    _activate(s, net, net.depthwise_conv(x, kernel, stride=stride))


def _transposed(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    kernel, padding, output_padding = s.pick(((2, 0, 0), (4, 1, 0), (3, 1, 1)), (3, 2, 2))
    x = net.feed(s.feature_map((16, 512), alignment=alignment, sizes=(4, 80), most=1 << 17))
    filters = s.channels(max(8, x.shape[1] // 4), x.shape[1], alignment)
    net.conv_transpose(x, filters, kernel, stride=2, padding=padding, output_padding=output_padding)


def _stem(s: Sampler, net: CaseBuilder) -> None:
    kernel = s.pick((3, 7, 5, 6, 11, 2, 4), (12, 5, 2, 2, 1, 1, 1))
    stride = s.pick((2, 1, 4), (7, 2, 1)) if kernel != 11 else 4
    x = net.feed((3, *(s.resolution(),) * 2))
    filters = s.pick((16, 24, 32, 32, 40, 48, 64, 64, 80, 96))
    padding = (kernel - 1) // 2 if s.chance(0.8) else 0
    _activate(s, net, net.conv(x, filters, kernel, stride=stride, padding=padding))


def _patches(s: Sampler, net: CaseBuilder) -> None:
    patch = s.pick((4, 8, 12, 14, 16, 32), (5, 1, 1, 2, 5, 3))
    side = s.resolution() // patch
    filters = s.channels(32, 128) if patch == 4 else s.pick((192, 256, 384, 512, 768, 1024))
    x = net.feed((3, patch * side, patch * side))
    net.conv(x, filters, patch, stride=patch)


def _few_channels(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.pick((1, 1, 2, 4, 6, 8, 12)), *(s.size(20, 320),) * 2))
    net.conv(x, s.channels(8, 96), s.pick((3, 5, 7)), stride=s.pick((1, 2)), padding="half")


def _grouped(widths: tuple[int, ...], s: Sampler, net: CaseBuilder) -> None:
    width = s.pick(widths)
    groups = max(2, round(s.log_integer(32, 1024) / width))
    height = s.size(5, max(6, min(112, int((400_000 / (groups * width)) ** 0.5))))
    x = net.feed((groups * width, height, height))
    stride = 2 if s.chance(0.25) else 1
    kernel = 1 if s.chance(0.15) else 3
    _activate(s, net, net.conv(x, groups * width, kernel, stride=stride, groups=groups, padding="half"))


def _multiplier(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((8, 256), sizes=(5, 80), most=1 << 17))
    net.depthwise_conv(x, s.pick((3, 5)), multiplier=s.pick((2, 4)))


def _one_dimensional(s: Sampler, net: CaseBuilder) -> None:
    x = net.input("x", (net.batch, s.channels(16, 512), s.log_integer(50, 2000)))
    net.conv1d(x, s.channels(16, 512), s.pick((1, 3, 3, 5, 9)), stride=s.pick((1, 1, 2)), padding="half")


def _heavy(s: Sampler, net: CaseBuilder) -> None:
    """What segmentation, detection and the first layers of plain networks have: many channels on large maps."""
    side = s.pick((28, 38, 52, 56, 64, 76, 104, 112, 128, 160, 208, 256))
    channels = s.pick((32, 64, 64, 128, 128, 256, 256, 512))
    kernel = s.pick((1, 3, 3, 3))
    x = net.feed((channels, side, side))
    net.conv(x, s.pick((64, 128, 128, 256, 256, 512)), kernel, padding="half", stride=s.pick((1, 1, 1, 2)))
