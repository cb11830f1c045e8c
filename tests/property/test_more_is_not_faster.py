"""Twice the channels, positions, samples or steps, or a larger window, never make a kernel faster.

Where physics is monotone estimates are, up to the steps that forests have, within what was sampled and far beyond it.
"""

from functools import cache

import pytest

import annette
from annette.bench.generate.recipe import CaseBuilder

PLATFORMS = ["epyc-onnxruntime", "xeon-onnxruntime", "epyc-openvino-fp32", "epyc-openvino-bf16"]
SLACK = 0.1
"""A split of a forest between two sizes may take back this much of what the formula adds."""
SLACK_OF_SHORT = 0.25
SHORT_S = 2e-5
"""Kernels below this were measured to about a fifth, and a forest follows that."""

CONVOLUTIONS = [
    (16, 16, 7, 7, 1, 1), (64, 64, 28, 28, 3, 3), (128, 256, 14, 14, 1, 1), (256, 128, 1, 80, 1, 5),
    (512, 512, 1, 80, 1, 5), (512, 512, 1, 26, 1, 3), (16, 16, 172, 264, 5, 39), (16, 16, 100, 88, 3, 39),
    (32, 32, 60, 60, 9, 9), (64, 64, 48, 48, 7, 7), (16, 64, 96, 96, 15, 15), (1024, 1024, 7, 7, 3, 3),
]  # fmt: skip
"""Channels read and written, height, width and the window's sides: kernels of networks, some that no plan has."""
LAYERS = [("lstm", 100, 1, 64), ("lstm", 20, 8, 256), ("gru", 100, 1, 56), ("gru", 50, 16, 128), ("lstm", 1000, 1, 16)]
"""Kind, steps, samples and hidden size."""


def _convolution(read, written, height, width, rows, columns):
    net = CaseBuilder("convolution")
    net.conv(net.feed((read, height, width)), written, (rows, columns), padding="half")
    return net.build()


def _layer(kind, steps, batch, hidden):
    net = CaseBuilder("layer")
    getattr(net, kind)(net.input("steps", (steps, batch, 64)), hidden)
    return net.build()


def _twice(size):
    return 2 * size


def _wider(size):
    return size + 2


def _slower(build, sizes, place, more, platform):
    """Seconds of a kernel, and how many times as long the one takes that has more of one size."""
    larger = list(sizes)
    larger[place] = more(larger[place])
    before, after = (_seconds(platform, build, tuple(each)) for each in (sizes, larger))
    return before, after / before


@cache
def _seconds(platform, build, sizes):
    """Of the kernel itself, without the copies around it."""
    estimate = annette.estimate(build(*sizes), annette.load_platform(platform))
    return max(kernel.latency_s for kernel in estimate.kernels if not kernel.kind.startswith("reorder"))


def _allowed(before_s):
    return 1.0 - (SLACK if before_s > SHORT_S else SLACK_OF_SHORT)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("place", range(6), ids=["read", "written", "height", "width", "rows", "columns"])
def test_more_of_a_convolution_is_not_faster(platform, place):
    for sizes in CONVOLUTIONS:
        if place == 4 and sizes[2] == 1:
            continue  # Rows of a window beyond a map of one row hit nothing.
        before_s, ratio = _slower(_convolution, sizes, place, _wider if place >= 4 else _twice, platform)
        assert ratio >= _allowed(before_s), sizes


@pytest.mark.parametrize("platform", PLATFORMS[:2])
@pytest.mark.parametrize("place", [1, 2, 3], ids=["steps", "samples", "hidden"])
def test_more_of_a_recurrent_layer_is_not_faster(platform, place):
    for sizes in LAYERS:
        before_s, ratio = _slower(_layer, sizes, place, _twice, platform)
        assert ratio >= _allowed(before_s), sizes
