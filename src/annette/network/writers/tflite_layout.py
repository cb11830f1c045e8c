"""Orders of dimensions: where each dimension of a network's tensor lies in a channels-last file.

An order lists, for each dimension as stored, the dimension of the network's tensor that it holds: N, C, H, W stored
channels-last has the order (0, 2, 3, 1).
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Order", "features_last", "plain", "reshaped", "same_memory", "stored", "transposed"]

Order: TypeAlias = tuple[int, ...]


@cache
def plain(rank: int) -> Order:
    """The order of a tensor that is stored as the network has it."""
    return tuple(range(rank))


@cache
def features_last(rank: int) -> Order:
    """The order of a feature map N, C, …spatial…, stored with its channels last."""
    return (0, *range(2, rank), 1) if rank > 2 else plain(rank)


def stored(shape: Sequence[int], order: Order) -> tuple[int, ...]:
    """A shape as it is stored."""
    return tuple([shape[dimension] for dimension in order])


def transposed(order: Order, perm: Sequence[int]) -> Order:
    """The order of a transposed tensor whose elements stay where they are.

    Args:
        order: Of the operand.
        perm: Dimension i of the result is ``perm[i]`` of the operand.
    """
    return tuple(perm.index(dimension) for dimension in order)


def same_memory(shape: Sequence[int], first: Order, second: Order) -> bool:
    """Whether two orders put every element of a tensor at the same place."""
    return [d for d in first if shape[d] > 1] == [d for d in second if shape[d] > 1]


def reshaped(source: Sequence[int], order: Order, target: Sequence[int]) -> Order | None:
    """The order of a reshaped tensor whose elements stay where they are.

    Args:
        source: Shape of the operand, as the network has it.
        order: Its order.
        target: Shape of the result, as the network has it.

    Returns:
        None where the elements would have to move first.

    Example:
        >>> reshaped((1, 64, 8, 8), (0, 2, 3, 1), (1, 64, 64))
        (0, 2, 1)
        >>> reshaped((1, 64, 8, 8), (0, 2, 3, 1), (1, 4096)) is None
        True
    """
    places = {dimension: place for place, dimension in enumerate(d for d in order if source[d] > 1)}
    blocks: list[tuple[float, list[int]]] = []
    for reads, writes in _blocks(source, target):
        large = [dimension for dimension in reads if source[dimension] > 1]
        if any(places[b] != places[a] + 1 for a, b in pairwise(large)):
            return None
        blocks.append((places[large[0]] if large else -1, writes))
    return tuple(dimension for _, writes in sorted(blocks, key=lambda block: block[0]) for dimension in writes)


def _blocks(source: Sequence[int], target: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The smallest runs of dimensions of both shapes that hold the same number of elements."""
    blocks = []
    i = j = 0
    while i < len(source) or j < len(target):
        reads, writes = list(range(i, min(i + 1, len(source)))), list(range(j, min(j + 1, len(target))))
        i, j = i + 1, j + 1
        while math.prod(source[d] for d in reads) != math.prod(target[d] for d in writes):
            if math.prod(source[d] for d in reads) < math.prod(target[d] for d in writes):
                reads.append(i)
                i += 1
            else:
                writes.append(j)
                j += 1
        blocks.append((reads, writes))
    return blocks
