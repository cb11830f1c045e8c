"""Layers that differ by their names only are described once, and those that do not even differ by these made once."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.kept import Recent

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from annette.network.kinds.shapes import Shape
    from annette.network.layer import AttributeValue, Layer, Workload
    from annette.network.tensor import DType, Tensor

__all__ = ["DESCRIBED", "MADE", "Described", "Made", "likeness"]


class Described(NamedTuple):
    """What a layer is but for names.

    Attributes:
        workload: Its workload.
        attributes: Its attributes.
        weights: Key, shape and whether it is learned, of each constant that belongs to it.
        results: Shape and element type of each result.
    """

    workload: Workload
    attributes: Mapping[str, AttributeValue]
    weights: tuple[tuple[str, Shape, bool], ...]
    results: tuple[tuple[Shape, DType], ...]


DESCRIBED: Final[Recent[Hashable, Described]] = Recent(16_384)
"""Layers described before: those of one network repeat each other, and so do the networks of a search space."""


class Made(NamedTuple):
    """A layer with everything that it brings into a network.

    Attributes:
        layer: The layer.
        tensors: Its own constants and its results.
        results: Its results.
        described: What it is but for names: its identity is part of what this is found by.
    """

    layer: Layer
    tensors: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    described: Described


MADE: Final[Recent[tuple[str, int, tuple[str, ...]], Made]] = Recent(16_384)
"""Layers made before, by their name, the identity of what they are, and the names of their operands.

Networks of a search space name their layers alike. As what `DESCRIBED` holds, it belongs to the process, not to a
network or a platform: who builds networks drops each of them before the next."""


def likeness(
    kind: str, operands: Sequence[Tensor], attributes: Mapping[str, AttributeValue], *further: Hashable
) -> Hashable:
    """What everything else about a layer follows from but its names; None where that cannot be told.

    Attributes count with their types: 1, 1.0 and true are equal in Python, but not all of them are what a kind takes.
    """
    try:
        # Bytes of version 2 depend on values and types alone; later versions mark what is referred to elsewhere.
        own = marshal.dumps(tuple(attributes.items()), 2) if attributes else b""
    except ValueError:
        return None
    if len(operands) == 1:
        (only,) = operands
        return kind, own, only.shape, only.dtype, only.constant, further
    names = [tensor.name for tensor in operands]
    same = tuple(map(names.index, names))
    return kind, own, same, tuple([(tensor.shape, tensor.dtype, tensor.constant) for tensor in operands]), further
