"""Micro-kernels: convolutions that are unfolded into matrices, by how long the runs are that unfolding copies.

A runtime that multiplies matrices copies the window of every position first, a row of one tap after the other. Along a
sequence a row is long and copied in vectors; on maps of one column, with strides and at borders it is copied element by
element (ONNX Runtime: ``MlasConvIm2Col`` in ``core/mlas/lib/convolve.cpp``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.generate.rare_convolutions import window_3d
from annette.bench.generate.recipe import micro

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Recipe, Sampler
    from annette.network.layer import AttributeValue

__all__ = ["recipes"]

_SPEECH_TAPS: Final = (4, 7, 9, 15, 15, 31, 31, 33, 39, 51, 63, 75)
_LONG_TAPS: Final = (3, 5, 9, 16, 25, 64, 128, 256, 512)
_PULSES: Final = (15, 25, 32, 64, 125, 250)


def recipes() -> list[Recipe]:
    """Recipes for convolutions that are unfolded."""
    return [
        micro("depthwise-1d/speech", 24, _speech_depthwise),
        micro("conv-one-column/any", 24, _one_column, most_ops=800_000_000),
        micro("conv-electrodes/any", 16, _electrodes),
        micro("conv-patches/batched", 8, _batched_patches, most_ops=800_000_000),
        micro("conv-grouped/narrow-results", 28, _narrow_results),
        micro("conv-3d/few-channels", 24, _few_channels_3d, most_ops=1_500_000_000, most_bytes=40_000_000),
        micro("conv-transpose-3d/any", 10, _transposed_3d, most_ops=600_000_000),
        micro("conv-transpose/batched", 8, _batched_generator),
    ]


def _speech_depthwise(s: Sampler, net: CaseBuilder) -> None:
    """Encoders of speech and tokens that look at their neighbours: one long row for each channel and tap."""
    x = net.feed((s.channels(64, 768), s.log_integer(24, 800)))
    net.depthwise_conv(x, s.pick(_SPEECH_TAPS), stride=s.pick((1, 1, 1, 1, 1, 2)))


def _one_column(s: Sampler, net: CaseBuilder) -> None:
    """A wave or a sequence as a map of one column: rows of one element each."""
    x = net.feed((s.log_integer(1, 128), s.log_integer(24, 1600), 1))
    taps, stride = s.pick(_LONG_TAPS), s.pick((1, 1, 1, 2, 4))
    padding = (taps // 2, 0, taps // 2, 0) if taps > x.shape[2] or s.chance(0.5) else 0
    net.conv(x, s.channels(8, 192), (taps, 1), stride=(stride, 1), padding=padding)


def _electrodes(s: Sampler, net: CaseBuilder) -> None:
    """Signals of electrodes: filters along time, then one window over all electrodes; and other full-sided windows."""
    channels, electrodes, time = s.log_integer(4, 40), s.pick((8, 16, 22, 32, 64)), s.log_integer(100, 1200)
    form = s.pick(("time", "all", "depthwise", "turned"))
    if form == "time":
        net.conv(net.feed((1, electrodes, time)), channels, (1, s.pick(_PULSES)), padding="half")
    elif form == "all":
        net.conv(net.feed((channels, electrodes, time)), s.log_integer(4, 64), (electrodes, 1))
    else:
        size, taps = (
            ((electrodes, time), (electrodes, 1)) if form == "depthwise" else ((time, electrodes), (1, electrodes))
        )
        net.depthwise_conv(net.feed((channels, *size)), taps, multiplier=s.pick((1, 2, 2, 4)), padding=0)


def _batched_patches(s: Sampler, net: CaseBuilder) -> None:
    """Descriptors of many patches at once: a window as large as the patch, whose weights each patch reads anew."""
    side = s.pick((4, 6, 8, 8))
    x = net.input("patches", (net.batch * s.pick((8, 16, 32, 64)), s.pick((16, 32, 64, 128)), side, side))
    net.conv(x, s.pick((32, 64, 128, 256)), side)


def _narrow_results(s: Sampler, net: CaseBuilder) -> None:
    """Groups of few filters over more channels, or of more over few: products of few rows."""
    groups, inputs, filters = s.pick((2, 3, 4, 4, 8, 16, 32)), s.log_integer(2, 64), s.log_integer(1, 48)
    side = s.size(7, max(8, min(112, int((400_000 / (groups * max(inputs, filters))) ** 0.5))))
    kernel, stride = s.pick((1, 1, 3, 3, 3, 5)), 2 if s.chance(0.15) else 1
    net.conv(
        net.feed((groups * inputs, side, side)), groups * filters, kernel, stride=stride, groups=groups, padding="half"
    )


def _few_channels_3d(s: Sampler, net: CaseBuilder) -> None:
    """Scans and cost volumes: large volumes of few channels."""
    side = s.pick((16, 24, 32, 32, 40, 48, 64))
    x = net.feed((s.log_integer(1, 48), s.pick((8, 16, 24, 32, 48)), side, round(side * s.pick((1.0, 1.0, 1.5)))))
    kernel, stride = s.pick(((3, 3, 3), (3, 3, 3), (3, 3, 3), (1, 1, 1), (5, 5, 5))), s.pick((1, 1, 1, 2))
    window_3d(net, x, "conv", s.pick((1, 4, 8, 8, 12, 16, 16, 24, 32, 64)), kernel, stride, 1)


def _transposed_3d(s: Sampler, net: CaseBuilder) -> None:
    """Volumes made twice as large."""
    side, kernel = s.pick((4, 6, 8, 12, 16, 24, 32)), s.pick((2, 2, 3, 4))
    x = net.feed((s.log_integer(8, 128), s.pick((4, 8, 12, 16, 24)), side, side))
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": (kernel,) * 3,
        "strides": (2,) * 3,
        "dilations": (1,) * 3,
        "pads": ((kernel - 2) // 2,) * 6,
        "groups": 1,
        "output_padding": (0,) * 3,
    }
    net.apply("conv_transpose", x, attributes=attributes, features=s.log_integer(4, 64))


def _batched_generator(s: Sampler, net: CaseBuilder) -> None:
    """Several images made at once: a small map, twice as large."""
    side = s.pick((1, 4, 4, 7, 8, 16, 32))
    x = net.input("codes", (net.batch * s.pick((2, 4, 4, 8, 16)), s.log_integer(16, 512), side, side))
    kernel, stride, padding = (4, 1, 0) if side == 1 else (4, 2, 1)
    net.conv_transpose(x, s.log_integer(3, 256), kernel, stride=stride, padding=padding)
