"""The order in which Vela runs kernels, and what it has to copy for a concat.

Found from profiles of generated networks: the schedule is made backwards from the outputs, depth first; of a kernel's
inputs the first is computed last, right before it, except for a concat, whose inputs come in their own order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["concat_copies", "execution_order"]


def _readers_of(kernels: Sequence[Kernel]) -> dict[str, list[int]]:
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
    writer = {tensor: position for position, kernel in enumerate(kernels) for tensor in kernel.outputs}
    readers = _readers_of(kernels)
    unplaced = [len({reader for tensor in kernel.outputs for reader in readers.get(tensor, ())}) for kernel in kernels]
    ends = dict.fromkeys(writer[tensor] for tensor in network.outputs if tensor in writer)
    stack = [position for position in ends if not unplaced[position]][::-1]
    backwards: list[int] = []
    while stack:
        position = stack.pop()
        backwards.append(position)
        ready = []
        for before in dict.fromkeys(writer[tensor] for tensor in kernels[position].inputs if tensor in writer):
            unplaced[before] -= 1
            if not unplaced[before]:
                ready.append(before)
        stack += ready if kernels[position].kind == "concat" else ready[::-1]
    placed = set(backwards)
    rest = [position for position in range(len(kernels)) if position not in placed]
    return _topological([*rest, *backwards[::-1]], kernels, writer)


def _topological(order: list[int], kernels: Sequence[Kernel], writer: Mapping[str, int]) -> list[int]:
    """The order itself where every kernel comes behind what it reads; else that of the mapping."""
    rank = {position: index for index, position in enumerate(order)}
    sound = all(
        rank[writer[tensor]] < rank[position]
        for position, kernel in enumerate(kernels)
        for tensor in kernel.inputs
        if tensor in writer
    )
    return order if sound else list(range(len(kernels)))


def concat_copies(position: int, kernels: Sequence[Kernel], network: Network) -> list[str]:
    """Inputs of a concat that have to be copied: nobody can write them right where they end up.

    A tensor that others read as well, that a view or a slice makes, or that the network is handed, lies elsewhere.
    """
    readers = _readers_of(kernels)
    writer = {tensor: kernel for kernel in kernels for tensor in kernel.outputs}
    copied = []
    for tensor in kernels[position].inputs:
        before = writer.get(tensor)
        if before is None or before.free or len(readers[tensor]) > 1 or tensor in network.outputs:
            copied.append(tensor)
    return copied
