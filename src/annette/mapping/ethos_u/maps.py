"""Where feature maps lie: which tensors share a map, how a map is stored, and how large it is.

What a view or a cut reads lies where it is written, and the inputs of a concat that copies nothing are written right
into its output. A map is stored in bricks of 16 channels, or in rows: the network's inputs and outputs, maps that a
view gives other columns or channels, parts that begin within a brick, and what a grouped convolution reads and writes
piece by piece.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.mapping.ethos_u.tiling import up
from annette.network.windows import integers, same_padding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["BRICK", "Map", "channels_of", "maps_of", "stored_bytes"]

BRICK: Final = 16
"""Channels that are stored together."""

_RANK: Final = 4
_VECTOR_RANK: Final = 2


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
    kernels: Sequence[Kernel], network: Network, in_place: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Map], dict[str, str]]:
    """The maps of a network, and the map in which each tensor lies.

    Args:
        kernels: In the order of the schedule, free ones included.
        network: Where their tensors are described.
        in_place: For each concat, by its kernel's name, the inputs that are written right into its output.
    """
    shared = _Shared()
    in_rows: set[str] = set()
    pinned: set[str] = set()
    for kernel in kernels:
        for tensor in (*kernel.inputs, *kernel.outputs):
            shared.find(tensor)
        if kernel.kind == "grouped_conv":
            in_rows.update((*kernel.inputs, *kernel.outputs))
        elif _padded_apart(kernel):
            pinned.update(kernel.inputs)
        if not (kernel.outputs and kernel.inputs and (kernel.free or kernel.name in in_place)):
            continue
        concat = kernel.name in in_place
        whole = shared.find(kernel.outputs[0] if concat else kernel.inputs[0])
        if _linear(kernel, whole, kernel.inputs if concat else kernel.outputs, network):
            in_rows.add(whole)
        shared.join(whole, in_place[kernel.name] if concat else kernel.outputs)
    root = {tensor: shared.find(tensor) for tensor in list(shared.root)}
    ends = {root[tensor] for tensor in (*network.inputs, *network.outputs) if tensor in root}
    rows = {root[tensor] for tensor in in_rows}
    whole_maps = rows | {root[tensor] for tensor in pinned}
    found = {}
    for name in dict.fromkeys(root.values()):
        linear = name in ends or name in rows
        size = stored_bytes(network.tensors[name].shape, network, rows=linear)
        found[name] = Map(size, rows=linear, whole=name in whole_maps, ends=name in ends)
    return found, root


def _padded_apart(kernel: Kernel) -> bool:
    """Whether a pooling reads a map that is padded beforehand, because its padding is not the format's own."""
    if kernel.kind not in ("max_pool", "average_pool"):
        return False
    if any(layer.kind == "pad" for layer in kernel.layers):
        return True
    d, pads = kernel.anchor.workload.dimensions, integers(kernel.anchor.attributes, "pads", (0, 0, 0, 0))
    if len(pads) != _RANK or not any(pads):
        return False
    axes = (
        (d.in_height, d.out_height, d.kernel_height, d.stride_height, d.dilation_height, pads[0], pads[2]),
        (d.in_width, d.out_width, d.kernel_width, d.stride_width, d.dilation_width, pads[1], pads[3]),
    )
    return not all(
        written == -(-read // stride) and same_padding(read, kernel_size, stride, dilation) == (front, behind)
        for read, written, kernel_size, stride, dilation, front, behind in axes
    )


def _channels_last(shape: Sequence[int], network: Network) -> tuple[int, int]:
    """Columns and channels of a tensor."""
    if len(shape) == _RANK and not network.channels_last:
        return shape[3], shape[1]
    return (shape[-2] if len(shape) > _VECTOR_RANK else 1), (shape[-1] if shape else 1)


def channels_of(shape: Sequence[int], network: Network) -> int:
    """Channels of a tensor.

    Args:
        shape: Its shape.
        network: Whose order of dimensions it has.
    """
    return _channels_last(shape, network)[1]


def stored_bytes(shape: Sequence[int], network: Network, *, rows: bool = False) -> int:
    """What a tensor takes in memory.

    Args:
        shape: Its shape.
        network: Whose order of dimensions it has.
        rows: Whether it is stored in rows instead of bricks.
    """
    elements = math.prod(shape)
    channels = _channels_last(shape, network)[1]
    return up(elements if rows or not channels else elements // channels * up(channels, BRICK), BRICK)


def _linear(kernel: Kernel, whole: str, parts: Sequence[str], network: Network) -> bool:
    """Whether a view, cut or concat keeps its map from being stored in bricks."""
    shape = network.tensors[whole].shape
    columns, channels = _channels_last(shape, network)
    sizes = [_channels_last(network.tensors[tensor].shape, network) for tensor in parts]
    if kernel.kind in ("concat", "split", "slice"):
        return any(part % BRICK for _, part in sizes[:-1] or sizes if part != channels)
    return any(size != (columns, channels) for size in sizes)
