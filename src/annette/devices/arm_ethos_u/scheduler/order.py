"""The order in which the compiler runs kernels, and what it has to copy for a concat.

Found from profiles of generated networks: the schedule is made backwards from the outputs, depth first; of a kernel's
inputs the first is computed last, right before it, except for a concat, whose inputs come in their own order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["concat_copies", "elements", "execution_order", "readers_of"]


def readers_of(kernels: Sequence[Kernel]) -> dict[str, list[int]]:
    """Positions of the kernels that read each tensor."""
    readers: dict[str, list[int]] = {}
    for position, kernel in enumerate(kernels):
        for tensor in dict.fromkeys(kernel.inputs):
            readers.setdefault(tensor, []).append(position)
    return readers


def execution_order(kernels: Sequence[Kernel], network: Network) -> list[int]:
    """Positions of the kernels in the order in which they run.

    Args:
        kernels: All kernels, in topological order.
        network: Whose outputs the schedule starts from.
    """
    made = {tensor: position for position, kernel in enumerate(kernels) for tensor in kernel.outputs}
    readers = readers_of(kernels)
    waiting = [len({reader for tensor in kernel.outputs for reader in readers.get(tensor, ())}) for kernel in kernels]
    ends = dict.fromkeys(made[tensor] for tensor in network.outputs if tensor in made)
    stack = [position for position in ends if not waiting[position]][::-1]
    found: list[int] = []
    while stack:
        position = stack.pop()
        found.append(position)
        ready = []
        for before in dict.fromkeys(made[tensor] for tensor in kernels[position].inputs if tensor in made):
            waiting[before] -= 1
            if not waiting[before]:
                ready.append(before)
        stack += ready if kernels[position].kind == "concat" else ready[::-1]
    placed = set(found)
    rest = [position for position in range(len(kernels)) if position not in placed]
    return _topological([*rest, *found[::-1]], kernels, made)


def _topological(order: list[int], kernels: Sequence[Kernel], made: dict[str, int]) -> list[int]:
    """The order itself where every kernel comes behind what it reads; else that of the mapping."""
    rank = {position: index for index, position in enumerate(order)}
    sound = all(
        rank[made[tensor]] < rank[position]
        for position, kernel in enumerate(kernels)
        for tensor in kernel.inputs
        if tensor in made
    )
    return order if sound else list(range(len(kernels)))


def concat_copies(position: int, kernels: Sequence[Kernel], network: Network) -> list[str]:
    """Inputs of a concat that have to be copied: nobody can write them right where they end up.

    A tensor that others read as well, that a view or a cut makes, or that comes from outside, lies elsewhere.
    """
    readers = readers_of(kernels)
    made = {tensor: kernel for kernel in kernels for tensor in kernel.outputs}
    copied = []
    for tensor in kernels[position].inputs:
        maker = made.get(tensor)
        if maker is None or maker.free or len(readers[tensor]) > 1 or tensor in network.outputs:
            copied.append(tensor)
    return copied


def elements(tensors: Sequence[str], network: Network) -> int:
    """Elements of all of some tensors."""
    return sum(math.prod(network.tensors[tensor].shape) for tensor in tensors)
