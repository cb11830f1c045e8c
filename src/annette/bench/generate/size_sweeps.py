"""Sweeps: one size of one layer in fine steps, everything else fixed. They show what a device unrolls, and how far.

A sweep is worth something only as a whole: presets and budgets keep all of its points or none.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose
from annette.bench.sweeps import SWEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.bench.generate.builder import CaseBuilder
    from annette.bench.generate.sampler import Sampler
    from annette.network import Tensor

    Build = Callable[[CaseBuilder, int], None]

__all__ = ["floating_point_sweeps", "integer_sweeps"]

_CHANNELS: Final = (*range(1, 20), *range(20, 68, 4), *range(72, 129, 8))
_WIDTHS: Final = (*range(1, 34), 36, 40, 42, 48, 49, 52, 56, 60, 63, 64)
_FEATURES: Final = (*range(1, 34), *range(36, 68, 4), *range(72, 132, 8), 160, 192, 196, 197, 224, 256)
_INTEGER_CHANNELS: Final = (1, *range(2, 130, 2))
_INTEGER_WIDTHS: Final = tuple(range(1, 65))
_MOST_OPS: Final = 1_200_000_000


def floating_point_sweeps() -> list[Recipe]:
    """Layers alone, on processors; those that tell most come first."""
    return [
        *_channels_of_convolutions(_CHANNELS, between=False),
        _sweep("depthwise-3x3/channels", "in_channels", _CHANNELS, lambda net, size: _depthwise(net, size, 28)),
        _sweep("fully-connected/units", "out_channels", _FEATURES, lambda net, size: _product(net, units=size)),
        _sweep("fully-connected/depth", "in_channels", _FEATURES, lambda net, size: _product(net, depth=size)),
        _sweep("fully-connected/rows", "out_width", _FEATURES, lambda net, size: _product(net, rows=size)),
        _sweep("conv-3x3/width", "out_width", _WIDTHS, lambda net, size: _conv(net, 3, side=size)),
        _sweep("conv-1x1/width", "out_width", _WIDTHS, lambda net, size: _conv(net, 1, side=size)),
        _sweep("depthwise-3x3/width", "out_width", _WIDTHS, lambda net, size: _depthwise(net, 96, size)),
    ]


def integer_sweeps() -> list[Recipe]:
    """Layers between two 1x1 convolutions, on accelerators of integers; those that tell most come first."""
    channels, widths = _INTEGER_CHANNELS, _INTEGER_WIDTHS
    return [
        *_channels_of_convolutions(channels, between=True),
        _sweep("depthwise-3x3/channels", "in_channels", channels, partial(_depthwise, side=16, between=True)),
        _sweep("conv-3x3/width", "out_width", widths, lambda net, size: _conv(net, 3, side=size, between=True)),
        _sweep("conv-1x1/width", "out_width", widths, lambda net, size: _conv(net, 1, side=size, between=True)),
    ]


def _channels_of_convolutions(sizes: Sequence[int], *, between: bool) -> list[Recipe]:
    return [recipe for kernel in (3, 1) for recipe in _channels_of_convolution(kernel, sizes, between=between)]


def _channels_of_convolution(kernel: int, sizes: Sequence[int], *, between: bool) -> list[Recipe]:
    def outputs(net: CaseBuilder, size: int) -> None:
        _conv(net, kernel, outer=size, between=between)

    def inputs(net: CaseBuilder, size: int) -> None:
        _conv(net, kernel, inner=size, between=between)

    name = f"conv-{kernel}x{kernel}"
    return [
        _sweep(f"{name}/out-channels", "out_channels", sizes, outputs),
        _sweep(f"{name}/in-channels", "in_channels", sizes, inputs),
    ]


def _sweep(group: str, dimension: str, sizes: Sequence[int], build: Build) -> Recipe:
    def draw(s: Sampler, net: CaseBuilder) -> None:
        build(net, sizes[s.index])

    return Recipe(Purpose.MICRO_KERNEL, f"sweep/{group}", len(sizes), draw, _MOST_OPS, sweep=dimension)


def _conv(
    net: CaseBuilder, kernel: int, *, inner: int = 64, outer: int = 64, side: int = 16, between: bool = False
) -> None:
    y = net.conv(_feed(net, (inner, side, side), between), outer, kernel, padding="half", name=SWEPT)
    if between:
        net.conv(y, 32, 1, name="after")


def _depthwise(net: CaseBuilder, channels: int, side: int, *, between: bool = False) -> None:
    y = net.depthwise_conv(_feed(net, (channels, side, side), between), 3, name=SWEPT)
    if between:
        net.conv(y, 32, 1, name="after")


def _feed(net: CaseBuilder, shape: tuple[int, int, int], between: bool) -> Tensor:
    """An input of the network, or what a 1x1 convolution has written."""
    return net.relu(net.conv(net.feed((32, *shape[1:])), shape[0], 1, name="before")) if between else net.feed(shape)


def _product(net: CaseBuilder, *, rows: int = 128, depth: int = 128, units: int = 128) -> None:
    net.fully_connected(net.feed((rows, depth)), units, bias=False, name=SWEPT)
