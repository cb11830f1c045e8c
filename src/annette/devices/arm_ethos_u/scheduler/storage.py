"""In which order the dimensions of a network's tensors are stored in the file that the compiler reads.

A converter stores feature maps with their channels last, and what is reshaped or transposed so that as little as
possible moves (`annette.network.writers.tflite_layout`); a network that has its channels last is stored as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.network.kinds import SPATIAL
from annette.network.kinds.shapes import integers
from annette.network.writers.tflite_layout import features_last, plain, reshaped, same_memory, stored, transposed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Layer, Network
    from annette.network.writers.tflite_layout import Order

__all__ = ["Storage", "storage_of"]

_MAP_RANK: Final = 4


@dataclass(frozen=True, slots=True)
class Storage:
    """How tensors are stored.

    Attributes:
        orders: For each tensor, which of its dimensions is stored at each place.
        shapes: Its shape as stored.
    """

    orders: Mapping[str, Order]
    shapes: Mapping[str, tuple[int, ...]]


def storage_of(network: Network) -> Storage:
    """How the tensors of a network are stored."""
    shapes = {name: tuple(tensor.shape) for name, tensor in network.tensors.items()}
    if network.channels_last:
        return Storage({name: plain(len(shape)) for name, shape in shapes.items()}, shapes)
    spatial = any(layer.kind in SPATIAL for layer in network.layers)
    orders = {
        name: features_last(len(shapes[name])) if spatial else plain(len(shapes[name])) for name in network.inputs
    }
    for layer in network.layers:
        source = next((tensor for tensor in layer.inputs if tensor in orders), None)
        for tensor in layer.outputs:
            orders[tensor] = _order(layer, source, tensor, shapes, orders, spatial=spatial)
    return Storage(orders, {name: stored(shapes[name], order) for name, order in orders.items()})


def _order(
    layer: Layer,
    source: str | None,
    result: str,
    shapes: Mapping[str, Sequence[int]],
    orders: Mapping[str, Order],
    *,
    spatial: bool,
) -> Order:
    """The order of what one layer writes."""
    rank = len(shapes[result])
    if layer.kind in SPATIAL:
        return features_last(rank)
    if source is None or layer.kind in ("matmul", "fully_connected"):
        return plain(rank)
    before = orders[source]
    if layer.kind == "transpose":
        perm = integers(layer.attributes, "perm", tuple(reversed(range(len(before)))))
        moved = transposed(before, perm)
        features = spatial and rank == _MAP_RANK and same_memory(shapes[result], moved, features_last(rank))
        if features or (before != plain(rank) and same_memory(shapes[result], moved, plain(rank))):
            return moved
        return before
    if layer.kind in ("reshape", "flatten", "squeeze", "unsqueeze"):
        return reshaped(shapes[source], before, shapes[result]) or plain(rank)
    return before if len(before) == rank else plain(rank)
