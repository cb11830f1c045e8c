"""Kernels as the compiler's scheduler sees them: a window, the maps they read and write, and their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.mapping.ethos_u.maps import BRICK, channels_of, stored_bytes
from annette.mapping.ethos_u.tiling import Window, goes_part_kernel, up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.ethos_u.tiling import Engine
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network

__all__ = ["ELEMENTWISE", "Work", "work_of"]

ELEMENTWISE: Final = frozenset({"add", "sub", "mul", "max", "min"})
"""Kinds that combine two maps element by element."""

_WINDOWS: Final = {
    "conv": "conv",
    "fully_connected": "vector",
    "depthwise_conv": "depthwise",
    "max_pool": "pool",
    "average_pool": "pool",
}
_MEANS: Final = frozenset({"global_average_pool", "reduce_mean"})
_MOST_LINES: Final = 16
_RANK: Final = 4
_WEIGHT_SHARE: Final = 0.93
_VECTOR_SHARE: Final = 0.86
_SPREAD_SHARE: Final = 0.03
_MOST_DILATION: Final = 2
_PADDING_SHARE: Final = 0.55
_ONES_SHARE: Final = 0.16
_SCALE_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Work:
    """One kernel.

    Attributes:
        kind: Of the kernel.
        window: How it goes over its input; None for what is not computed by windows.
        reads: Names of the maps that it reads, the first being the one that the window goes over.
        amounts: Bytes of each that it reads, in bricks.
        written_bytes: What it writes, in bricks.
        writes: Name of the map that it writes; empty where there is none.
        elements: Outputs.
        lines: Lines of output, 1 where there are none.
        channels: Channels of output.
        chained: Whether element-wise operators run behind it, from a buffer of their own.
        weight_bytes: Weights as they are stored, compressed; an estimate.
        scale_bytes: Scales and biases.
        constant_elements: Elements of a constant operand of an element-wise kernel, read for every output.
    """

    kind: str
    window: Window | None
    reads: tuple[str, ...]
    amounts: tuple[int, ...]
    written_bytes: int
    writes: str
    elements: int
    lines: int
    chained: bool
    weight_bytes: int
    scale_bytes: int
    constant_elements: int
    channels: int


def work_of(
    kernel: Kernel, network: Network, root: Mapping[str, str], engine: Engine, copied: Sequence[str] = ()
) -> Work:
    """What the scheduler knows of a kernel.

    Args:
        kernel: Any that is not free.
        network: Where its tensors are described.
        root: Name of the map in which each tensor lies.
        engine: The accelerator.
        copied: Inputs of a concat that it copies; the others are where they belong.
    """
    amounts: dict[str, int] = {}
    for tensor in copied or kernel.inputs:
        amounts[root[tensor]] = amounts.get(root[tensor], 0) + stored_bytes(network.tensors[tensor].shape, network)
    written = stored_bytes(network.tensors[kernel.outputs[0]].shape, network) if kernel.outputs else 0
    window = _window(kernel)
    stored = 0.0
    if window is not None and kernel.anchor.workload.weight_elements:
        stored = _stored_bytes(window, engine, _dense_share(kernel, window))
    elif window is None and not engine.banks and kernel.kind in _MEANS:
        window = _mean(kernel)
        stored = _ONES_SHARE * window.out_channels * window.kernel_height * window.kernel_width if window else 0.0
    weights = up(math.ceil(stored), BRICK)
    return Work(
        kind=kernel.kind,
        window=window,
        reads=tuple(amounts),
        amounts=tuple(amounts.values()),
        written_bytes=sum(amounts.values()) if copied else written,
        writes=root[kernel.outputs[0]] if kernel.outputs else "",
        elements=sum(amounts.values()) if copied else kernel.anchor.workload.output_elements,
        lines=_lines(kernel, network),
        chained=not engine.banks and any(_joins(layer) for layer in kernel.layers if layer is not kernel.anchor),
        weight_bytes=weights,
        constant_elements=kernel.anchor.workload.weight_elements if kernel.kind in ELEMENTWISE else 0,
        channels=channels_of(network.tensors[kernel.outputs[0]].shape, network) if kernel.outputs else 1,
        scale_bytes=up(_SCALE_BYTES * window.out_channels, BRICK) if window and weights else 0,
    )


def _lines(kernel: Kernel, network: Network) -> int:
    shape = network.tensors[kernel.outputs[0]].shape if kernel.outputs else ()
    return shape[1 if network.channels_last else 2] if len(shape) == _RANK else 1


def _stored_bytes(window: Window, engine: Engine, macs_share: float) -> float:
    """Weights compressed: what pads them takes about half the room, what spreads them out almost none."""
    elements = window.kernel_height * window.kernel_width
    inputs = 1 if window.role == "depthwise" else window.in_channels
    raw = window.out_channels * elements * inputs
    if window.role == "depthwise":
        padded = up(window.out_channels, 8) * up(elements, 4)
    elif goes_part_kernel(engine, window):
        padded = up(window.out_channels, 8) * up(elements, 4) * up(inputs, 8)
    else:
        padded = up(window.out_channels, 8) * elements * up(inputs, engine.deep_channels)
    share = _VECTOR_SHARE if window.role == "vector" else _WEIGHT_SHARE
    return raw * macs_share * share + raw * (1 - macs_share) * _SPREAD_SHARE + (padded - raw) * _PADDING_SHARE


def _window(kernel: Kernel) -> Window | None:
    """The kernel as tiles see it; None for what is not cut by windows."""
    role = _WINDOWS.get(kernel.kind)
    d = kernel.anchor.workload.dimensions
    if role is None or d.out_depth != 1 or d.kernel_depth != 1:
        return None
    if role == "vector":
        positions = d.batch * d.out_height * d.out_width
        lines = max(size for size in range(1, _MOST_LINES + 1) if positions % size == 0)
        columns = positions // lines
        return Window(role, lines, columns, d.out_channels, d.in_channels, lines, columns, 1, 1, 1, 1, 1)
    height, dilation = _spread(d.kernel_height, d.dilation_height)
    width, _ = _spread(d.kernel_width, d.dilation_width)
    return Window(
        role, d.out_height, d.out_width, d.out_channels, d.in_channels, d.in_height, d.in_width,
        height, width, d.stride_height, d.stride_width, dilation,
    )  # fmt: skip


def _spread(size: int, dilation: int) -> tuple[int, int]:
    """Window and dilation as they are run: a dilation of more than 2 becomes a larger window with zeros in it."""
    if dilation <= _MOST_DILATION:
        return size, dilation
    left = _MOST_DILATION if dilation % _MOST_DILATION == 0 else 1
    return (size - 1) * dilation // left + 1, left


def _joins(layer: Layer) -> bool:
    """Whether a layer combines two maps."""
    return layer.kind in ELEMENTWISE and layer.workload.dimensions.input_count > 1


def _dense_share(kernel: Kernel, window: Window) -> float:
    """Share of a window's elements that are weights and not zeros that spread them."""
    d = kernel.anchor.workload.dimensions
    return d.kernel_height * d.kernel_width / (window.kernel_height * window.kernel_width)


def _mean(kernel: Kernel) -> Window | None:
    """A mean over lines and columns as the depthwise convolution that the Ethos-U85 makes of it."""
    d = kernel.anchor.workload.dimensions
    if d.out_height != 1 or d.out_width != 1 or d.in_height * d.in_width == 1 or d.in_channels != d.out_channels:
        return None
    channels, lines, columns = d.out_channels, d.in_height, d.in_width
    return Window("depthwise", 1, 1, channels, channels, lines, columns, lines, columns, 1, 1, 1)
