"""Kernels that the compiler takes apart into several operations, each of which is scheduled by itself.

From the compiler's published source and from its reports: a grouped convolution becomes one convolution a group, which
reads and writes its channels in place; a depthwise convolution with several outputs a channel becomes one for each of
them, and transposes that interleave the results; a convolution with a stride of more than 3 becomes one of a single
element for each element of its window, block by block; a concat copies input by input. Behind several writers of one
map, an activation is an operation of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.maps import BRICK, Map, sizes_of, stored_bytes
from annette.devices.arm_ethos_u.scheduler.tiling import Window, choose_tile, up
from annette.devices.arm_ethos_u.scheduler.turning import merged, turns
from annette.devices.arm_ethos_u.scheduler.work import TABLES, UNARY, Work, scales_of, weights_of, work_of
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.borders import Border
    from annette.devices.arm_ethos_u.scheduler.storage import Storage
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine
    from annette.devices.arm_ethos_u.scheduler.turning import Turn
    from annette.mapping.kernel import Kernel

__all__ = ["copies_of_border", "parts_of"]

_MOST_STRIDE: Final = 3


def parts_of(
    kernel: Kernel,
    storage: Storage,
    root: Mapping[str, str],
    maps: dict[str, Map],
    engine: Engine,
    copied: Sequence[str] | None = None,
) -> list[Work]:
    """The operations of a kernel, in order.

    Args:
        kernel: Any that is not free.
        storage: How tensors are stored.
        root: Name of the map in which each tensor lies.
        maps: All maps; those between the parts are added.
        engine: The accelerator.
        copied: Inputs of a concat that it copies; the others are where they belong.
    """
    work = work_of(kernel, storage.shapes, root, maps, engine)
    d, window = kernel.anchor.workload.dimensions, work.window
    if copied is not None:
        return [_copy(work, tensor, storage, root, maps) for tensor in copied]
    found = [work]
    if kernel.kind == "grouped_conv" and d.groups > 1 and d.out_depth == d.kernel_depth == 1:
        found = _groups(work, kernel, maps, engine)
    elif kernel.kind == "transpose" and len(kernel.layers) == 1:
        found = _transposed(work, kernel, storage, maps, engine)
    elif window is not None and kernel.kind == "depthwise_conv" and 1 < d.in_channels < d.out_channels:
        found = _multiplied(work, kernel, maps, engine)
    elif window is not None and window.role == "conv" and max(window.stride_height, window.stride_width) > _MOST_STRIDE:
        found = _strided(work, kernel, maps, engine)
    return found


def _plain(height: int, width: int, channels: int, role: str) -> Window:
    """A window of one element, which reads as many channels as it writes."""
    return Window(role, height, width, channels, channels, height, width, 1, 1, 1, 1, 1)


def _copy(work: Work, tensor: str, storage: Storage, root: Mapping[str, str], maps: Mapping[str, Map]) -> Work:
    """One input of a concat."""
    shape = storage.shapes[tensor]
    height, width, channels = sizes_of(shape)
    size = stored_bytes(shape)
    name = root[tensor]
    return replace(
        work,
        kind="copy",
        window=_plain(height, width, channels, "copy"),
        reads=(name,),
        amounts=(size,),
        written_bytes=size,
        elements=math.prod(shape),
        channels=channels,
        rows_in=maps[name].rows,
    )


def copies_of_border(kernel: Kernel, border: Border, name: str, maps: Mapping[str, Map]) -> list[Work]:
    """The copies of a constant into the sides of a map.

    Args:
        kernel: The pooling that reads it.
        border: What is added.
        name: Of the map.
        maps: All maps.
    """
    d = kernel.anchor.workload.dimensions
    padded = any(layer.kind == "pad" for layer in kernel.layers)
    height = d.in_height + (0 if padded else border.lines)
    width = d.in_width + (0 if padded else border.columns)
    sides = ((height, border.left), (height, border.right), (border.top, width), (border.bottom, width))
    return [
        Work(
            kind="copy",
            window=_plain(lines, columns, d.in_channels, "copy"),
            reads=(),
            amounts=(),
            written_bytes=lines * columns * d.in_channels,
            writes=name,
            elements=lines * columns * d.in_channels,
            lines=lines,
            chained=False,
            weight_bytes=0,
            scale_bytes=0,
            constant_elements=lines * columns * d.in_channels,
            channels=d.in_channels,
            rows_in=True,
            rows_out=maps[name].rows,
        )
        for lines, columns in sides
        if lines and columns
    ]


def _between(maps: dict[str, Map], work: Work, height: int, width: int, channels: int, *, rows: bool) -> str:
    """A map between parts of a kernel; its name."""
    name = f"{work.writes}/{len(maps)}"
    maps[name] = Map(height * width * (channels if rows else up(channels, BRICK)), rows=rows, whole=True)
    return name


def _activated(work: Work, kernel: Kernel, source: str, maps: Mapping[str, Map]) -> list[Work]:
    """The activation behind several writers, where there is one."""
    found = next((layer.kind for layer in kernel.layers if layer is not kernel.anchor and layer.kind in UNARY), None)
    if found is None:
        return []
    d = kernel.anchor.workload.dimensions
    return [
        replace(
            work,
            kind=found,
            window=_plain(d.out_height, d.out_width, d.out_channels, "pool"),
            reads=(source,),
            amounts=(maps[source].size_bytes,),
            elements=d.out_height * d.out_width * d.out_channels,
            weight_bytes=0,
            scale_bytes=0,
            rows_in=maps[source].rows,
            table=found in TABLES,
            activated=False,
        )
    ]


def _has_activation(kernel: Kernel) -> bool:
    return any(layer.kind in UNARY for layer in kernel.layers if layer is not kernel.anchor)


def _groups(work: Work, kernel: Kernel, maps: dict[str, Map], engine: Engine) -> list[Work]:
    d = kernel.anchor.workload.dimensions
    inputs, outputs = d.in_channels // d.groups, d.out_channels // d.groups
    window = Window(
        "conv", d.out_height, d.out_width, outputs, inputs, d.in_height, d.in_width,
        d.kernel_height, d.kernel_width, d.stride_height, d.stride_width, d.dilation_height,
    )  # fmt: skip
    target = work.writes
    if _has_activation(kernel):
        target = _between(maps, work, d.out_height, d.out_width, d.out_channels, rows=bool(outputs % BRICK))
    each = replace(
        work,
        kind="conv",
        window=window,
        amounts=tuple(amount // d.groups for amount in work.amounts),
        writes=target,
        written_bytes=work.written_bytes // d.groups,
        elements=work.elements // d.groups,
        channels=outputs,
        weight_bytes=weights_of(window, engine),
        scale_bytes=scales_of(window, engine),
        rows_out=maps[target].rows,
        table=False,
        activated=False,
        repeats=d.groups,
    )
    return [each, *(_activated(work, kernel, target, maps) if target != work.writes else [])]


def _multiplied(work: Work, kernel: Kernel, maps: dict[str, Map], engine: Engine) -> list[Work]:
    d = kernel.anchor.workload.dimensions
    multiplier = d.out_channels // d.in_channels
    assert work.window is not None  # noqa: S101 - the caller has looked
    window = work.window._replace(out_channels=d.in_channels)
    target = _between(maps, work, multiplier * d.out_height, d.out_width, d.in_channels, rows=True)
    each = replace(
        work,
        window=window,
        writes=target,
        written_bytes=work.written_bytes // multiplier,
        elements=work.elements // multiplier,
        channels=d.in_channels,
        weight_bytes=weights_of(window, engine),
        scale_bytes=scales_of(window, engine),
        rows_out=True,
        table=False,
        activated=False,
        repeats=multiplier,
    )
    steps = turns((multiplier, d.out_height, d.out_width, d.in_channels), (1, 2, 3, 0))
    return [each, *_turned(work, steps, target, maps, engine)]


def _transposed(work: Work, kernel: Kernel, storage: Storage, maps: dict[str, Map], engine: Engine) -> list[Work]:
    order = storage.orders[kernel.inputs[0]]
    perm = integers(kernel.anchor.attributes, "perm", tuple(reversed(range(len(order)))))
    shape, places = merged(storage.shapes[kernel.inputs[0]], [order.index(perm[axis]) for axis in order])
    return _turned(work, turns(shape, places), work.reads[0], maps, engine) or [work]


def _turned(work: Work, steps: Sequence[Turn], source: str, maps: dict[str, Map], engine: Engine) -> list[Work]:
    """Transposes one after another."""
    found: list[Work] = []
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        bricks = not (engine.banks or last) and steps[position + 1].read[1:] == step.written[1:]
        after = work.writes if last else _between(maps, work, *step.written, rows=not bricks)
        found.append(
            replace(
                work,
                kind="transpose",
                window=step.window,
                tiled=_plain(*step.read, "pool"),
                reads=(source,),
                amounts=(maps[source].size_bytes,),
                writes=after,
                written_bytes=maps[after].size_bytes,
                elements=math.prod(step.read),
                channels=step.written[2],
                weight_bytes=0,
                scale_bytes=0,
                rows_in=maps[source].rows,
                rows_out=maps[after].rows,
                table=work.table and last,
                activated=work.activated and last,
                turned=True,
                slow=step.slow,
            )
        )
        source = after
    return found


def _strided(work: Work, kernel: Kernel, maps: dict[str, Map], engine: Engine) -> list[Work]:
    window = work.window
    assert window is not None  # noqa: S101 - the caller has looked
    single = window._replace(
        in_height=window.out_height, in_width=window.out_width, kernel_height=1, kernel_width=1,
        stride_height=1, stride_width=1, dilation=1,
    )  # fmt: skip
    tile = choose_tile(engine, single)
    lines, columns = min(tile.height, window.out_height), min(tile.width, window.out_width)
    deep = min(tile.channels, window.out_channels)
    blocks = window.out_height / lines * (window.out_width / columns) * math.ceil(window.out_channels / deep)
    target = work.writes
    if _has_activation(kernel):
        target = _between(maps, work, window.out_height, window.out_width, window.out_channels, rows=False)
    repeats = max(round(blocks * window.kernel_height * window.kernel_width), 1)
    part = single._replace(
        out_height=lines, out_width=columns, out_channels=deep,
        in_height=lines * window.stride_height, in_width=columns * window.stride_width,
    )  # fmt: skip
    each = replace(
        work,
        window=part,
        amounts=tuple(amount // repeats for amount in work.amounts),
        writes=target,
        written_bytes=work.written_bytes // repeats,
        elements=lines * columns * deep,
        channels=deep,
        weight_bytes=weights_of(part, engine),
        scale_bytes=scales_of(part, engine),
        rows_out=maps[target].rows,
        table=False,
        activated=False,
        repeats=repeats,
    )
    return [each, *(_activated(work, kernel, target, maps) if target != work.writes else [])]
