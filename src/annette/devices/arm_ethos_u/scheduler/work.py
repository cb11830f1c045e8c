"""Operations as the compiler's scheduler sees them: a window, the maps they read and write, and their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.maps import BRICK, lines_of, sizes_of, stored_bytes
from annette.devices.arm_ethos_u.scheduler.tiling import Window, goes_part_kernel, up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.maps import Map
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine
    from annette.mapping.kernel import Kernel
    from annette.network import Layer

__all__ = ["ELEMENTWISE", "TABLES", "UNARY", "Work", "scales_of", "weights_of", "work_of"]

ELEMENTWISE: Final = frozenset({"add", "sub", "mul", "max", "min"})
"""Kinds that combine two maps element by element."""

TABLES: Final = frozenset({"leaky_relu", "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "silu", "elu", "gelu"})
"""Activations that are looked up in a table."""

UNARY: Final = TABLES | {"relu", "clip"}
"""Activations; one that runs by itself is a pooling of one element."""

_WINDOWS: Final = {
    "conv": "conv",
    "fully_connected": "vector",
    "depthwise_conv": "depthwise",
    "max_pool": "pool",
    "average_pool": "pool",
}
_RESIZES: Final = frozenset({"resize_nearest", "resize_linear"})
_MEANS: Final = frozenset({"global_average_pool", "reduce_mean"})
_WEIGHT_SHARE: Final = 0.94
_SHARE_SLOPE: Final = 0.02
_MANY_PER_CHANNEL: Final = 256
_VECTOR_SHARE: Final = 0.865
_MANY_SHARE: Final = 0.895
_MANY_WEIGHTS: Final = 1 << 20
_SPREAD_SHARE: Final = 0.03
_MOST_DILATION: Final = 2
_PADDING_SHARE: Final = 0.55
_ONES_SHARE: Final = 0.16
_BANKED_ONES_SHARE: Final = 0.12
_SCALE_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Work:
    """One operation: a kernel, or a part of it.

    Attributes:
        kind: Of the kernel; of a part, what it does.
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
        rows_in: Whether its first input is stored in rows.
        rows_out: Whether its output is.
        table: Whether an activation is looked up.
        activated: Whether an activation is applied while the output is written.
        tiled: The window that blocks are chosen for, where it is another.
        turned: Whether it transposes what it reads.
        slow: Whether it writes its outputs at half speed.
        repeats: How many equal operations run one after another.
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
    rows_in: bool = False
    rows_out: bool = False
    table: bool = False
    activated: bool = False
    tiled: Window | None = None
    turned: bool = False
    slow: bool = False
    repeats: int = 1


def work_of(
    kernel: Kernel,
    shapes: Mapping[str, Sequence[int]],
    root: Mapping[str, str],
    maps: Mapping[str, Map],
    engine: Engine,
) -> Work:
    """What the scheduler knows of a kernel that runs as one operation.

    Args:
        kernel: Any that is not free.
        shapes: Of all tensors, as stored.
        root: Name of the map in which each tensor lies.
        maps: All maps.
        engine: The accelerator.
    """
    amounts: dict[str, int] = {}
    for tensor in kernel.inputs:
        amounts[root[tensor]] = amounts.get(root[tensor], 0) + stored_bytes(shapes[tensor])
    sizes = sizes_of(shapes[kernel.outputs[0]]) if kernel.outputs else (1, 1, 1)
    window = _window(kernel, engine)
    if kernel.kind in UNARY or (kernel.kind in ELEMENTWISE and not engine.banks):
        window = _element_by_element(kernel, shapes, sizes)
    weights = 0
    if window is not None and kernel.anchor.workload.weight_elements:
        weights = weights_of(window, engine, _dense_share(kernel, window))
    elif window is None and kernel.kind in _MEANS:
        window = _mean(kernel)
        share = _BANKED_ONES_SHARE if engine.banks else _ONES_SHARE
        ones = window.out_channels * window.kernel_height * window.kernel_width if window else 0
        weights = up(math.ceil(share * ones), BRICK)
    reads = tuple(amounts)
    writes = root[kernel.outputs[0]] if kernel.outputs else ""
    return Work(
        kind=kernel.kind,
        window=window,
        reads=reads,
        amounts=tuple(amounts.values()),
        written_bytes=stored_bytes(shapes[kernel.outputs[0]]) if kernel.outputs else 0,
        writes=writes,
        elements=kernel.anchor.workload.output_elements,
        lines=sizes[0],
        chained=not engine.banks and any(_joins(layer) for layer in kernel.layers if layer is not kernel.anchor),
        weight_bytes=weights,
        constant_elements=kernel.anchor.workload.weight_elements if kernel.kind in ELEMENTWISE else 0,
        channels=sizes[2],
        scale_bytes=scales_of(window, engine) if window and weights else 0,
        rows_in=bool(reads) and maps[reads[0]].rows,
        rows_out=bool(writes) and maps[writes].rows,
        table=any(layer.kind in TABLES for layer in kernel.layers),
        activated=any(layer.kind in UNARY for layer in kernel.layers if layer is not kernel.anchor),
    )


def scales_of(window: Window, engine: Engine) -> int:
    """Bytes of scales and biases; the Ethos-U85 stores them for whole bricks."""
    return up(_SCALE_BYTES * (window.out_channels if engine.banks else up(window.out_channels, BRICK)), BRICK)


def weights_of(window: Window, engine: Engine, dense: float = 1.0) -> int:
    """Bytes of compressed weights: what pads them takes less room, what spreads them out almost none.

    Shares were found from reports. Weights that share a scale are spread over fewer values the more they are, and
    compress better.

    Args:
        window: What they are for.
        engine: The accelerator.
        dense: Share of them that is not zeros put between them.
    """
    elements = window.kernel_height * window.kernel_width
    inputs = 1 if window.role == "depthwise" else window.in_channels
    raw = window.out_channels * elements * inputs
    if window.role == "depthwise":
        padded = up(window.out_channels, 8) * up(elements, 4)
    elif goes_part_kernel(engine, window):
        padded = up(window.out_channels, 8) * up(elements, 4) * up(inputs, 8)
    else:
        padded = up(window.out_channels, 8) * elements * up(inputs, engine.deep_channels)
    stored = raw * dense * _share(window, raw, inputs * elements)
    stored += raw * (1 - dense) * _SPREAD_SHARE + (padded - raw) * _PADDING_SHARE
    return up(math.ceil(stored), BRICK)


def _share(window: Window, raw: int, per_channel: int) -> float:
    """What compressed weights take of their own size.

    Weights of a matrix product share one scale; from a million on they are stored in a coarser way.
    """
    if window.kernel_height * window.kernel_width == 1 and window.role == "vector":
        return _VECTOR_SHARE if raw < _MANY_WEIGHTS else _MANY_SHARE
    return min(max(_WEIGHT_SHARE - _SHARE_SLOPE * math.log2(max(per_channel, 1) / _MANY_PER_CHANNEL), 0.88), 1.0)


def _window(kernel: Kernel, engine: Engine) -> Window | None:
    """The kernel as tiles see it; None for what is not cut by windows."""
    role = _WINDOWS.get(kernel.kind)
    if not engine.banks and kernel.kind in _RESIZES:
        role = "resize"
    d = kernel.anchor.workload.dimensions
    if role is None or d.out_depth != 1 or d.kernel_depth != 1:
        return None
    if role == "vector":
        positions = d.batch * d.out_height * d.out_width
        lines = lines_of(positions)
        columns = positions // lines
        if positions > 1 and not engine.banks:
            role = "conv"
        return Window(role, lines, columns, d.out_channels, d.in_channels, lines, columns, 1, 1, 1, 1, 1)
    height, dilation = _spread(d.kernel_height, d.dilation_height)
    width, _ = _spread(d.kernel_width, d.dilation_width)
    return Window(
        role, d.out_height, d.out_width, d.out_channels, d.in_channels, d.in_height, d.in_width,
        height, width, d.stride_height, d.stride_width, dilation,
    )  # fmt: skip


def _element_by_element(kernel: Kernel, shapes: Mapping[str, Sequence[int]], sizes: tuple[int, int, int]) -> Window:
    """An activation or an element-wise operator over lines, columns and channels of its output."""
    role = "pool" if kernel.kind in UNARY else "elementwise"
    lines = min((sizes_of(shapes[tensor])[0] for tensor in kernel.inputs), default=sizes[0])
    if 1 < kernel.anchor.workload.weight_elements < kernel.anchor.workload.output_elements:
        lines = 1
    return Window(role, *sizes, sizes[2], lines if role == "elementwise" else sizes[0], sizes[1], 1, 1, 1, 1, 1)


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
