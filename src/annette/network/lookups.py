"""Inputs of a network that name rows to look up, such as tokens: how many rows there are to name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.kinds import Category, kinds_in
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import Layer
    from annette.network.network import Network

__all__ = ["lookup_sizes", "named_rows"]

_NAMED_BY: Final = frozenset({DType.INT64, DType.INT32})
_MOVING: Final = kinds_in(Category.VIEW) | {"cast", "concat", "copy", "expand", "slice", "split", "tile", "transpose"}
"""Kinds that hand numbers on as they are."""
_COMPARING: Final = "compare"
"""Kind by which a network finds padding or the end of a text among tokens."""


def lookup_sizes(network: Network) -> Mapping[str, int]:
    """For each input whose numbers only name rows of tables, the rows of the smallest of these tables.

    What takes part in arithmetic, is a mask, or might decide sizes when the network runs is left out: any number but
    the usual one could make it another computation there.

    Args:
        network: The network.

    Returns:
        By the input's name, the least number that is no row any more.
    """
    if network.data_sizes:
        return {}
    found = {}
    for name in network.inputs:
        if network.tensors[name].dtype in _NAMED_BY and (size := _rows_named(network, name)):
            found[name] = size
    return found


def _rows_named(network: Network, name: str) -> int:
    """Rows of the smallest table in which a tensor's numbers are looked up; 0 if something else is done with them."""
    least, waiting, seen = 0, [name], {name}
    while waiting:
        tensor = waiting.pop()
        if tensor in network.outputs:
            return 0
        for layer in network.consumers.get(tensor, ()):
            if layer.kind in _MOVING and (layer.kind == "concat" or tensor not in layer.inputs[1:]):
                waiting += [each for each in layer.outputs if each not in seen]
                seen.update(layer.outputs)
            elif layer.kind != _COMPARING:
                if layer.kind != "gather" or layer.inputs.index(tensor) != 1:
                    return 0
                rows = named_rows(network, layer)
                least = min(least or rows, rows)
    return least


def named_rows(network: Network, layer: Layer) -> int:
    """How many positions there are along the axis that a layer looks up or writes to; the first one by default."""
    axis = int(layer.attributes.get("axis", 0))  # type: ignore[arg-type]
    return network.tensors[layer.inputs[0]].shape[axis]
