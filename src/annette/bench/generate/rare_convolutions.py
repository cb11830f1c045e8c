"""Micro-kernels: convolutions of shapes that image classifiers do not have.

Speech, sound and text take them along one dimension, dilated, with hundreds of taps and strides (a Fourier transform as
a convolution); readers of characters and of notes with one long side; small detectors with very few channels; video and
volumes along three. Runtimes leave their fast paths here: ONNX Runtime blocks channels in two dimensions only, and
unfolds everything else into matrices.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import VECTOR, micro

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Recipe, Sampler
    from annette.network import AttributeValue, Tensor

__all__ = ["frames", "recipes", "transposed_1d", "window_3d"]

_LONG: Final = (3, 5, 7, 9, 11, 15, 21, 31)
_LARGE: Final = ((5, 39), (3, 39), (7, 7), (9, 9), (11, 11), (5, 15), (7, 15), (3, 21), (1, 31), (21, 11), (41, 11))
_STRIDES: Final = ((1, 1), (1, 1), (1, 1), (1, 3), (2, 2))
_TINY_WINDOWS: Final = ((3, 3), (3, 3), (3, 3), (5, 5), (5, 5), (7, 7), (1, 9), (9, 1), (1, 5))
_WINDOWS: Final = (10, 25, 64, 160, 200, 256, 400, 512, 640, 1024)
_FILTERS: Final = (40, 64, 80, 128, 130, 201, 258, 402, 514, 512, 1026)


def recipes() -> list[Recipe]:
    """Recipes for convolutions of rare shapes."""
    return [
        micro("conv-1d/dilated", 20, _dilated_1d),
        micro("conv-1d/wide", 14, _wide_1d, most_ops=1_000_000_000),
        micro("conv-1d/features", 6, _wave_features, most_ops=4_500_000_000, most_bytes=40_000_000),
        micro("conv-1d/frames", 22, frames),
        micro("conv-1d/filter", 16, _filter),
        micro("conv-1d/depthwise", 16, _depthwise_1d),
        micro("conv-1d/short", 14, _short_1d),
        micro("conv-1d/transposed", 14, _transposed_1d),
        micro("conv-1d/batched", 12, _batched_1d),
        micro("conv-1d/grouped", 22, _grouped_1d, most_ops=1_200_000_000),
        micro("conv-one-sided/any", 24, partial(_one_sided, (1, 256), (3, 200))),
        micro("conv-one-sided/wide", 16, partial(_one_sided, (128, 768), (3, 48)), most_ops=800_000_000),
        micro("conv-large-kernel/few-channels", 40, _large_kernel, most_ops=800_000_000),
        micro("conv-large-kernel/many-channels", 12, _large_square, most_ops=1_200_000_000),
        micro("conv-3x3/wide", 9, _wide_square, most_ops=3_500_000_000, most_bytes=64_000_000),
        micro("conv-1x1/wide", 10, _wide_pointwise, most_ops=1_000_000_000, most_bytes=40_000_000),
        micro("conv-tiny/any", 36, _tiny),
        micro("depthwise-tiny/any", 24, _tiny_depthwise),
        micro("conv-computed/any", 20, _computed, most_ops=800_000_000),
        micro("conv-3d/plain", 18, _three_dimensional, most_ops=800_000_000),
        micro("conv-3d/deep", 16, _deep_3d, most_ops=1_500_000_000, most_bytes=40_000_000),
        micro("conv-3d/volumes", 8, _large_volumes, most_ops=3_500_000_000, most_bytes=40_000_000),
        micro("depthwise-3d/plain", 8, _depthwise_3d),
        micro("depthwise-one-sided/blocked", 14, _one_sided_depthwise),
        micro("depthwise-wide/any", 18, _wide_depthwise, most_ops=800_000_000),
        micro("conv-transpose/any", 18, _transposed, alternates=True),
        micro("conv-transpose/large", 12, _large_transposed, most_ops=1_200_000_000),
        micro("conv-transpose/small-maps", 14, _grown, alternates=True),
    ]


def frames(s: Sampler, net: CaseBuilder) -> Tensor:
    """A wave cut into overlapping windows, each multiplied with many filters: spectrum, mel bands, learned features."""
    window = s.pick(_WINDOWS)
    stride = max(1, round(window * s.pick((0.5, 0.5, 0.25, 0.4, 0.3125))))
    length = window + stride * s.log_integer(2, 600)
    x = net.feed((s.pick((1, 1, 1, 1, 2)), length))
    return net.conv1d(x, s.pick(_FILTERS), window, stride=stride, bias=s.chance(0.3))


def transposed_1d(net: CaseBuilder, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor:
    """A transposed convolution along a sequence that makes it ``stride`` times as long."""
    padding = max(0, kernel - stride) // 2
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": (kernel,),
        "strides": (stride,),
        "dilations": (1,),
        "pads": (padding, padding),
        "output_padding": (0,),
        "groups": 1,
    }
    return net.apply("conv_transpose", x, attributes=attributes, features=filters)


def _dilated_1d(s: Sampler, net: CaseBuilder) -> None:
    channels = s.channels(16, 512)
    x = net.feed((channels, s.log_integer(50, 4000)))
    kernel, dilation = s.pick((3, 3, 5, 7, 11)), s.pick((2, 3, 4, 5, 8, 9, 16, 27))
    net.conv1d(x, channels if s.chance(0.7) else s.channels(16, 512), kernel, dilation=dilation, padding="half")


def _wide_1d(s: Sampler, net: CaseBuilder) -> None:
    """Encoders of speech."""
    x = net.feed((s.channels(192, 1536), s.log_integer(20, 1500)))
    net.conv1d(x, s.channels(192, 1536), s.pick((1, 1, 3, 3, 5)), stride=s.pick((1, 1, 1, 2)), padding="half")


def _wave_features(s: Sampler, net: CaseBuilder) -> None:
    """The first layers over a wave, whose results no core's own cache holds: halved along time, of many channels."""
    x = net.feed((s.pick((192, 256, 384, 512, 512)), s.log_integer(1000, 6000)))
    net.conv1d(x, x.shape[1], s.pick((2, 3, 3)), stride=s.pick((1, 2, 2)))


def _filter(s: Sampler, net: CaseBuilder) -> None:
    """A wave through a filter, at its rate or a part of it: resampling, and spectra of few bands."""
    taps = s.pick((31, 64, 127, 256, 256, 512))
    x = net.feed((s.pick((1, 1, 1, 2, 4)), taps + s.log_integer(500, 48_000)))
    net.conv1d(x, s.log_integer(1, 40), taps, stride=s.pick((1, 2, 2, 4, taps // 2)), bias=s.chance(0.5))


def _short_1d(s: Sampler, net: CaseBuilder) -> None:
    """A handful of steps: what streaming detectors see at a time."""
    x = net.feed((s.log_integer(1, 512), s.log_integer(1, 48)))
    net.conv1d(x, s.log_integer(1, 512), s.pick((1, 3, 3, 5)), stride=s.pick((1, 1, 2)), padding="half")


def _batched_1d(s: Sampler, net: CaseBuilder) -> None:
    """Many short windows of sound at once, each of them a small product that reads the weights anew."""
    x = net.input("windows", (net.batch * s.pick((8, 16, 32, 32)), s.log_integer(16, 512), s.log_integer(1, 32)))
    net.conv1d(x, s.channels(16, 512), s.pick((1, 3, 3, 5)), stride=s.pick((1, 1, 2)), padding="half")


def _grouped_1d(s: Sampler, net: CaseBuilder) -> None:
    """Positions of tokens from a window over many of them (encoders of speech), and grouped layers of decoders."""
    groups, width = s.pick((2, 4, 8, 16)), s.pick((16, 24, 32, 48, 64))
    x = net.feed((groups * width, s.log_integer(24, 500)))
    kernel = s.pick((3, 7, 16, 64, 128))
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": (kernel,),
        "strides": (1,),
        "dilations": (1,),
        "pads": (kernel // 2, kernel // 2),
        "groups": groups,
    }
    net.apply("grouped_conv", x, attributes=attributes, features=groups * width)


def _computed(s: Sampler, net: CaseBuilder) -> None:
    """Weights that the network computes or is given: they cannot be packed beforehand, nor can the layout be chosen."""
    channels = s.log_integer(8, 384)
    x = net.feed((channels, *(s.log_integer(5, 80),) * 2))
    kernel, depthwise = s.pick((1, 3, 3, 5, 7)), s.chance(0.3)
    filters, depth = (channels, 1) if depthwise else (s.log_integer(8, 384), channels)
    weights = net.input("weights", (filters, depth, kernel, kernel))
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": (kernel, kernel),
        "strides": (1, 1),
        "dilations": (1, 1),
        "pads": (kernel // 2,) * 4,
        "groups": channels if depthwise else 1,
    }
    net.layer("depthwise_conv" if depthwise else "conv", (x, weights), attributes=attributes)


def _depthwise_1d(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.channels(16, 768), s.log_integer(30, 2000)))
    net.depthwise_conv(x, s.pick((3, 5, 9, 15, 31, 65)), stride=s.pick((1, 1, 1, 2)))


def _transposed_1d(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.channels(16, 512), s.log_integer(10, 800)))
    stride = s.pick((2, 2, 4, 5, 8))
    transposed_1d(net, x, s.channels(8, 256), stride * s.pick((1, 2, 2)), stride)


def _one_sided(channels: tuple[int, int], sizes: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    """Windows with one long side, on maps that need not be square: 1 x N and N x 1."""
    length = s.pick(_LONG)
    kernel = (1, length) if s.chance(0.5) else (length, 1)
    x = net.feed((s.log_integer(*channels), s.pick((1, s.log_integer(*sizes))), s.log_integer(*sizes)))
    net.conv(x, s.log_integer(max(channels[0], 8), channels[1]), kernel, stride=s.pick((1, 1, 1, 2)), padding="half")


def _large_kernel(s: Sampler, net: CaseBuilder) -> None:
    """Many taps over few channels: spectrograms, first layers of networks that make images larger."""
    height, width = s.pick(_LARGE)
    kernel = (height, width) if s.chance(0.7) else (width, height)
    x = net.feed((s.log_integer(1, 32), s.log_integer(12, 300), s.log_integer(12, 300)))
    net.conv(x, s.log_integer(1, 64), kernel, stride=s.pick(_STRIDES), padding="half")


def _large_square(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((24, 256), sizes=(7, 96), most=1 << 18))
    net.conv(x, s.channels(8, 256), s.pick((7, 9, 9, 11)), padding="half", stride=s.pick((1, 1, 2)))


def _wide_square(s: Sampler, net: CaseBuilder) -> None:
    """The deepest layers of plain detectors."""
    x = net.feed((s.channels(320, 1280), *(s.pick((7, 9, 10, 12, 13, 13, 14, 17, 19)),) * 2))
    net.conv(x, s.channels(256, 1024), 3, padding="half", stride=s.pick((1, 1, 1, 2)))


def _tiny(s: Sampler, net: CaseBuilder) -> None:
    """Few channels at any size: detectors of faces, digits, key words."""
    x = net.feed((s.log_integer(1, 48), s.log_integer(3, 240), s.log_integer(3, 240)))
    kernel, stride = s.pick((1, 2, 3, 3, 3, 4, 5)), s.pick((1, 1, 1, 2, 3))
    y = net.conv(x, s.log_integer(1, 64), kernel, stride=stride, padding=kernel // 2 if s.chance(0.6) else 0)
    if s.chance(0.4):
        net.activation(y, s.pick(("relu", "leaky_relu", "sigmoid")))


def _tiny_depthwise(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.log_integer(3, 128), s.log_integer(3, 240), s.log_integer(3, 240)))
    kernel = s.pick(_TINY_WINDOWS)
    net.depthwise_conv(x, kernel, stride=s.pick((1, 1, 2)))


def _one_sided_depthwise(s: Sampler, net: CaseBuilder) -> None:
    """1 x N and N x 1 in a row, on maps in the layout that convolutions write, as attention along rows has them."""
    x = net.host(s.feature_map((24, 960), sizes=(3, 56), most=1 << 19), "")
    taps = s.pick((3, 5, 5, 7, 9, 11))
    for kernel in ((1, taps), (taps, 1)):
        x = net.depthwise_conv(x, kernel)


def _wide_pointwise(s: Sampler, net: CaseBuilder) -> None:
    """1x1 convolutions into or out of some 2000 channels, as at the end of classifiers: random sizes end before."""
    wide, narrow = s.pick((1920, 2048, 2176, 2304, 2560)), s.channels(256, 768, VECTOR)
    into, out = s.pick(((narrow, wide), (wide, narrow)))
    x = net.feed((into, *(s.pick((6, 7, 8, 10)),) * 2))
    y = net.conv(x, out, 1)
    if s.chance(0.6):
        net.relu(y)


def _wide_depthwise(s: Sampler, net: CaseBuilder) -> None:
    """Windows as large as the map, whole or in strips: most of what they cover is padding."""
    x = net.feed((s.channels(32, 512), *(s.pick((7, 10, 14, 14, 20, 28, 28, 40, 56)),) * 2))
    long = s.pick((15, 21, 27, 29, 31, 51))
    net.depthwise_conv(x, s.pick(((long, long), (5, long), (long, 5), (1, long), (long, 1)), (5, 1, 1, 1, 1)))


def _volume(s: Sampler, channels: tuple[int, int]) -> tuple[int, int, int, int]:
    side = s.log_integer(6, 64)
    return s.log_integer(*channels), s.log_integer(3, 24), side, side


def _three_dimensional(s: Sampler, net: CaseBuilder) -> None:
    """Frames of a video, slices of a volume; whole windows or those of one frame and of one position."""
    kernel = s.pick(((3, 3, 3), (3, 3, 3), (1, 1, 1), (1, 3, 3), (3, 1, 1), (2, 2, 2), (5, 5, 5)))
    x = net.feed(_volume(s, (1, 96)))
    window_3d(net, x, "conv", s.log_integer(4, 128), kernel, s.pick((1, 1, 2)), 1)


def _deep_3d(s: Sampler, net: CaseBuilder) -> None:
    """What networks for videos and scans have: ever more channels on ever smaller volumes."""
    channels = s.pick((32, 64, 64, 128, 144, 256, 512))
    side = max(3, round(s.pick((448, 896, 1792, 3584)) / channels))
    x = net.feed((channels, s.pick((1, 2, 4, 8, 16)), side, side))
    kernel = s.pick(((3, 3, 3), (3, 3, 3), (1, 3, 3), (3, 1, 1), (1, 1, 1)))
    window_3d(net, x, "conv", s.pick((32, 64, 128, 230, 256, 512)), kernel, s.pick((1, 1, 1, 2)), 1)


def _large_volumes(s: Sampler, net: CaseBuilder) -> None:
    """Cost volumes, scans and the first layers over videos, whose unfolded windows no cache holds."""
    channels, side = s.pick((8, 16, 24, 32, 64)), s.pick((24, 32, 40, 56))
    x = net.feed((channels, s.pick((8, 8, 16, 24)), side, round(side * s.pick((1.0, 1.0, 1.5)))))
    kernel = s.pick(((3, 3, 3), (3, 3, 3), (1, 3, 3)))
    window_3d(net, x, "conv", s.pick((1, 8, channels, channels)), kernel, 1, 1)


def _depthwise_3d(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(_volume(s, (8, 128)))
    window_3d(net, x, "depthwise_conv", x.shape[1], s.pick(((3, 3, 3), (1, 3, 3))), 1, x.shape[1])


def window_3d(
    net: CaseBuilder, x: Tensor, kind: str, filters: int, kernel: tuple[int, ...], stride: int, groups: int
) -> None:
    """A window over volumes, padded to keep their size."""
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": kernel,
        "strides": (stride,) * 3,
        "dilations": (1, 1, 1),
        "pads": tuple((taps - 1) // 2 for taps in kernel) * 2,
        "groups": groups,
    }
    net.apply(kind, x, attributes=attributes, features=filters)


def _transposed(s: Sampler, net: CaseBuilder) -> None:
    """Windows and strides of every relation: maps made 2 to 16 times larger at once, overlapping or not."""
    stride = s.pick((1, 2, 2, 3, 4, 8, 16))
    kernel = stride * 2 if s.chance(0.5) else max(stride, s.pick((2, 3, 4, 5, 9)))
    depth = s.log_integer(1, 256)
    x = net.feed((depth, s.log_integer(2, 48), s.log_integer(2, 48)))
    grouped = depth if s.chance(0.2) else 1
    filters = depth if grouped > 1 else s.log_integer(1, 128)
    net.conv_transpose(x, filters, kernel, stride=stride, padding=max(0, kernel - stride) // 2, groups=grouped)


def _large_transposed(s: Sampler, net: CaseBuilder) -> None:
    """The last layers of decoders: large maps, few filters."""
    stride = s.pick((2, 2, 2, 4, 8))
    kernel = s.pick((stride, 2 * stride, stride + 1))
    side = s.log_integer(40, 320) // max(1, stride // 2)
    x = net.feed((s.log_integer(8, 96), side, side))
    net.conv_transpose(x, s.log_integer(1, 64), kernel, stride=stride, padding=(kernel - stride) // 2)


def _grown(s: Sampler, net: CaseBuilder) -> None:
    """The first layers of generators: one position, or a few, become a small map, which is made twice as large."""
    side = s.pick((1, 1, 2, 3, 4, 4, 6, 8))
    x = net.feed((s.log_integer(32, 512), side, side))
    kernel, stride = s.pick(((3, 1), (4, 1), (4, 2), (4, 2), (7, 2))) if side < 4 else s.pick(((4, 2), (4, 2), (3, 2)))
    padding = (kernel - stride) // 2 if side >= 4 or s.chance(0.3) else 0
    net.conv_transpose(x, s.log_integer(32, 512), kernel, stride=stride, padding=padding)
