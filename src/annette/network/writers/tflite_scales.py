"""Scales of activations, as converters choose them.

Tensors of a trained network differ in their scales, and a compiler that finds equal ones may take a shortcut that no
real file allows. What only moves or selects elements keeps the scale, and so does concatenation for all its operands;
functions of a known range have fixed scales.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from annette.network.writers.tflite_file import Quantization

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["FIXED", "own_quantization", "shared_quantization"]

FIXED: Final = {
    "sigmoid": Quantization(1 / 256, -128),
    "softmax": Quantization(1 / 256, -128),
    "tanh": Quantization(1 / 128, 0),
}
"""Scales that the format prescribes for the results of some kinds."""

_KEEPS: Final = frozenset(
    {
        "average_pool",
        "concat",
        "copy",
        "depth_to_space",
        "expand",
        "gather",
        "global_average_pool",
        "global_max_pool",
        "identity",
        "max",
        "max_pool",
        "min",
        "pad",
        "reduce_max",
        "reduce_min",
        "reshape",
        "resize_linear",
        "resize_nearest",
        "slice",
        "space_to_depth",
        "split",
        "tile",
        "transpose",
    }
)
_RECTIFIED: Final = frozenset({"relu", "clip"})


def own_quantization(name: str, *, rectified: bool = False) -> Quantization:
    """A scale between 0.01 and 0.03 that follows from a name.

    Args:
        name: Of the tensor.
        rectified: Whether its values are not negative.
    """
    return Quantization(0.01 + 0.02 * (zlib.crc32(name.encode()) % 997) / 997, -128 if rectified else -4)


def shared_quantization(network: Network) -> dict[str, Quantization]:
    """The quantisation of every activation; those that must agree do, unless two fixed ones meet."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for layer in network.layers:
        if layer.kind in _KEEPS:
            members = [*layer.outputs, *network.activations[layer.name]]
            for member in members[1:]:
                parent[root(member)] = root(members[0])
    fixed: dict[str, Quantization] = {}
    rectified: set[str] = set()
    for layer in network.layers:
        for output in layer.outputs:
            if layer.kind in FIXED:
                fixed.setdefault(root(output), FIXED[layer.kind])
            elif layer.kind in _RECTIFIED:
                rectified.add(root(output))
    names = [*network.inputs, *(output for layer in network.layers for output in layer.outputs)]
    chosen = {
        name: fixed.get(root(name)) or own_quantization(root(name), rectified=root(name) in rectified) for name in names
    }
    for layer in network.layers:
        if layer.kind in FIXED:
            chosen.update(dict.fromkeys(layer.outputs, FIXED[layer.kind]))
    return chosen
