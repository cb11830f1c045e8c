"""Sweeps: one size of one layer in fine steps, everything else fixed. They show what a device unrolls, and how far.

A sweep is worth something only as a whole: presets and budgets keep all of its points or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.bench.generate.recipe import Recipe
from annette.bench.records import Purpose
from annette.bench.sweeps import SWEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

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
        *_convolution_channels(_CHANNELS, sandwiched=False),
        _sweep("depthwise-3x3/channels", "in_channels", _CHANNELS, _depthwise, "channels", side=28),
        _sweep("fully-connected/units", "out_channels", _FEATURES, _product, "units"),
        _sweep("fully-connected/depth", "in_channels", _FEATURES, _product, "depth"),
        _sweep("fully-connected/rows", "out_width", _FEATURES, _product, "rows"),
        _sweep("conv-3x3/width", "out_width", _WIDTHS, _conv, "side", kernel=3),
        _sweep("conv-1x1/width", "out_width", _WIDTHS, _conv, "side", kernel=1),
        _sweep("depthwise-3x3/width", "out_width", _WIDTHS, _depthwise, "side", channels=96),
    ]


def integer_sweeps() -> list[Recipe]:
    """Layers between two 1x1 convolutions, on accelerators of integers; those that tell most come first."""
    channels, widths = _INTEGER_CHANNELS, _INTEGER_WIDTHS
    return [
        *_convolution_channels(channels, sandwiched=True),
        _sweep("depthwise-3x3/channels", "in_channels", channels, _depthwise, "channels", side=16, sandwiched=True),
        _sweep("conv-3x3/width", "out_width", widths, _conv, "side", kernel=3, sandwiched=True),
        _sweep("conv-1x1/width", "out_width", widths, _conv, "side", kernel=1, sandwiched=True),
    ]


def _convolution_channels(sizes: Sequence[int], *, sandwiched: bool) -> list[Recipe]:
    return [
        _sweep(
            f"conv-{kernel}x{kernel}/{end}-channels",
            f"{end}_channels",
            sizes,
            _conv,
            argument,
            kernel=kernel,
            sandwiched=sandwiched,
        )
        for kernel in (3, 1)
        for end, argument in (("out", "outer"), ("in", "inner"))
    ]


def _sweep(
    group: str, dimension: str, sizes: Sequence[int], build: Callable[..., None], argument: str, **fixed: Any
) -> Recipe:
    """A sweep of one argument of a function that builds networks, with its other arguments fixed."""

    def draw(s: Sampler, net: CaseBuilder) -> None:
        build(net, **{argument: sizes[s.index]}, **fixed)

    return Recipe(Purpose.MICRO_KERNEL, f"sweep/{group}", len(sizes), draw, _MOST_OPS, sweep=dimension)


def _conv(
    net: CaseBuilder, *, kernel: int, inner: int = 64, outer: int = 64, side: int = 16, sandwiched: bool = False
) -> None:
    y = net.conv(_feed(net, (inner, side, side), sandwiched), outer, kernel, padding="half", name=SWEPT)
    if sandwiched:
        net.conv(y, 32, 1, name="after")


def _depthwise(net: CaseBuilder, *, channels: int, side: int, sandwiched: bool = False) -> None:
    y = net.depthwise_conv(_feed(net, (channels, side, side), sandwiched), 3, name=SWEPT)
    if sandwiched:
        net.conv(y, 32, 1, name="after")


def _feed(net: CaseBuilder, shape: tuple[int, int, int], sandwiched: bool) -> Tensor:
    """An input of the network, or what a 1x1 convolution has written."""
    return net.relu(net.conv(net.feed((32, *shape[1:])), shape[0], 1, name="before")) if sandwiched else net.feed(shape)


def _product(net: CaseBuilder, *, rows: int = 128, depth: int = 128, units: int = 128) -> None:
    net.fully_connected(net.feed((rows, depth)), units, bias=False, name=SWEPT)
