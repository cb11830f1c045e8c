"""Where feature maps lie: which tensors share a map, how a map is stored, and how large it is.

What a view or a cut reads lies where it is written, and the inputs of a concat that copies nothing are written right
into its output. A map is stored in bricks of 16 channels, or in rows: the network's inputs and outputs, maps that are
read with other columns or channels than they are written with (a view, a part, a group), parts that begin within a
brick, and what is transposed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.borders import Border, border_of
from annette.devices.arm_ethos_u.scheduler.tiling import up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["BRICK", "Map", "lines_of", "maps_of", "sizes_of", "stored_bytes"]

BRICK: Final = 16
"""Channels that are stored together."""

_MOST_LINES: Final = 16


@dataclass(slots=True)
class Map:
    """A feature map in memory.

    Attributes:
        size_bytes: What it takes, with the padding of bricks.
        rows: Whether it is stored in rows.
        whole: Whether it must be there as a whole, because several kernels write or read it, or somebody outside.
        ends: Whether the network is handed it or hands it out.
        writers: Kernels that write it, by position in the schedule.
        readers: Kernels that read it.
    """

    size_bytes: int
    rows: bool = False
    whole: bool = False
    ends: bool = False
    writers: list[int] = field(default_factory=list)
    readers: list[int] = field(default_factory=list)


class _Shared:
    """Tensors that lie in one map, each under the name of one of them."""

    def __init__(self) -> None:
        self.root: dict[str, str] = {}

    def find(self, tensor: str) -> str:
        while self.root.setdefault(tensor, tensor) != tensor:
            tensor = self.root[tensor]
        return tensor

    def join(self, whole: str, parts: Sequence[str]) -> None:
        for tensor in parts:
            other = self.find(tensor)
            if other != whole:
                self.root[other] = whole


def maps_of(
    kernels: Sequence[Kernel],
    network: Network,
    shapes: Mapping[str, Sequence[int]],
    in_place: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Map], dict[str, str]]:
    """The maps of a network, and the map in which each tensor lies.

    Args:
        kernels: In the order of the schedule, free ones included.
        network: Which tensors it is handed and hands out.
        shapes: Of all tensors, as stored.
        in_place: For each concat, by its kernel's name, the inputs that are written right into its output.
    """
    shared = _Shared()
    in_rows: set[str] = set()
    bordered: dict[str, Border] = {}
    joined: dict[str, str] = {}
    for kernel in kernels:
        for tensor in (*kernel.inputs, *kernel.outputs):
            shared.find(tensor)
        in_rows.update(_in_rows(kernel))
        if (border := border_of(kernel)) is not None:
            bordered[kernel.inputs[0]] = border
        if not (kernel.outputs and kernel.inputs and (kernel.free or kernel.name in in_place)):
            continue
        concat = kernel.name in in_place
        whole = shared.find(kernel.outputs[0] if concat else kernel.inputs[0])
        if concat:
            joined.update(dict.fromkeys(in_place[kernel.name], kernel.outputs[0]))
            sizes = [shapes[tensor][-1] for tensor in kernel.inputs]
            channels = shapes[kernel.outputs[0]][-1]
            if any(size % BRICK for size in sizes[:-1] or sizes if size != channels):
                in_rows.add(whole)
        shared.join(whole, in_place[kernel.name] if concat else kernel.outputs)
    root = {tensor: shared.find(tensor) for tensor in list(shared.root)}
    ends = {root[tensor] for tensor in (*network.inputs, *network.outputs) if tensor in root}
    rows = {root[tensor] for tensor in in_rows} | _seen_differently(kernels, shapes, root, joined)
    wider = {root[tensor]: border for tensor, border in bordered.items()}
    whole_maps = rows | wider.keys()
    found = {}
    for name in dict.fromkeys(root.values()):
        linear = name in ends or name in rows
        shape = shapes[name]
        if name in wider:
            lines, columns, channels = sizes_of(shape)
            shape = (lines + wider[name].lines, columns + wider[name].columns, channels)
        size = stored_bytes(shape, rows=linear)
        found[name] = Map(size, rows=linear, whole=name in whole_maps, ends=name in ends)
    return found, root


def _in_rows(kernel: Kernel) -> tuple[str, ...]:
    """Tensors that a kernel can only handle in rows."""
    d = kernel.anchor.workload.dimensions
    if kernel.kind == "grouped_conv":
        alone = len(kernel.layers) == 1 and d.out_channels // max(d.groups, 1) % BRICK
        return (*kernel.inputs, *kernel.outputs) if alone else kernel.inputs
    if kernel.kind == "depthwise_conv" and 1 < d.in_channels < d.out_channels:
        return kernel.outputs
    return (*kernel.inputs, *kernel.outputs) if kernel.kind == "transpose" else ()


def _seen_differently(
    kernels: Sequence[Kernel],
    shapes: Mapping[str, Sequence[int]],
    root: Mapping[str, str],
    joined: Mapping[str, str],
) -> set[str]:
    """Maps that are not written and read with the same columns and channels by all.

    Args:
        kernels: All kernels.
        shapes: Of all tensors, as stored.
        root: Name of the map in which each tensor lies.
        joined: The concat's output for what is written right into it.
    """
    views: dict[str, set[tuple[int, int]]] = {}
    for kernel in kernels:
        if kernel.free:
            continue
        for tensor in (*kernel.inputs, *kernel.outputs):
            if kernel.kind == "concat" and tensor in joined:
                continue
            _, columns, channels = sizes_of(shapes[joined.get(tensor, tensor)])
            if kernel.kind == "fully_connected":
                columns = math.prod(shapes[tensor][:-1])
                columns //= lines_of(columns)
            views.setdefault(root[tensor], set()).add((columns, channels))
    return {name for name, seen in views.items() if len(seen) > 1}


def lines_of(positions: int) -> int:
    """Lines into which the positions of a matrix product are laid: up to 16, and no more than columns."""
    most = min(_MOST_LINES, math.isqrt(max(positions, 1)))
    return max(size for size in range(1, most + 1) if positions % size == 0)


def sizes_of(shape: Sequence[int]) -> tuple[int, int, int]:
    """Lines, columns and channels of a tensor.

    Args:
        shape: Its shape as stored.
    """
    columns, channels = shape[-2] if len(shape) > 1 else 1, shape[-1] if shape else 1
    return max(math.prod(shape[:-2]), 1), columns, channels


def stored_bytes(shape: Sequence[int], *, rows: bool = False) -> int:
    """What a tensor takes in memory.

    Args:
        shape: Its shape as stored.
        rows: Whether it is stored in rows instead of bricks.
    """
    elements, channels = math.prod(shape), shape[-1] if shape else 1
    return up(elements if rows or not channels else elements // channels * up(channels, BRICK), BRICK)
