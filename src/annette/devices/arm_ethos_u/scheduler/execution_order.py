"""The order in which kernels run, and what a concat copies because of what runs where.

The order was found from profiles of generated networks: the schedule is made backwards from the outputs, depth first;
of a kernel's inputs the first is computed last, right before it, except for a concat, whose inputs come in their own
order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.batches import joins_samples
from annette.mapping.kernel import revised

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from annette.mapping.kernel import Kernel

__all__ = ["execution_order", "readers_of", "with_copies"]


def readers_of(kernels: Sequence[Kernel]) -> dict[str, list[int]]:
    """Positions of the kernels that read each tensor."""
    readers: dict[str, list[int]] = {}
    for position, kernel in enumerate(kernels):
        read = kernel.inputs
        for tensor in read if len(read) == 1 else dict.fromkeys(read):
            readers.setdefault(tensor, []).append(position)
    return readers


def execution_order(
    kernels: Sequence[Kernel], outputs: Sequence[str], writer: Mapping[str, int], readers: Mapping[str, Sequence[int]]
) -> list[int]:
    """Positions of the kernels in the order in which they run.

    Args:
        kernels: All kernels, in topological order.
        outputs: Of the network; the schedule starts from them.
        writer: Position of the kernel that writes each tensor.
        readers: Positions of the kernels that read each tensor.
    """
    unplaced = [
        len(readers.get(kernel.outputs[0], ()))
        if len(kernel.outputs) == 1
        else len({reader for tensor in kernel.outputs for reader in readers.get(tensor, ())})
        for kernel in kernels
    ]
    sources = [
        list(dict.fromkeys([writer[tensor] for tensor in kernel.inputs if tensor in writer])) for kernel in kernels
    ]
    ends = dict.fromkeys(writer[tensor] for tensor in outputs if tensor in writer)
    stack = [position for position in ends if not unplaced[position]][::-1]
    backwards: list[int] = []
    while stack:
        position = stack.pop()
        backwards.append(position)
        ready = []
        for before in sources[position]:
            unplaced[before] -= 1
            if not unplaced[before]:
                ready.append(before)
        stack += ready if kernels[position].kind == "concat" else ready[::-1]
    placed = set(backwards)
    rest = [position for position in range(len(kernels)) if position not in placed]
    order = [*rest, *backwards[::-1]]
    rank = [0] * len(kernels)
    for index, position in enumerate(order):
        rank[position] = index
    sound = True
    for position, those in enumerate(sources):
        for before in those:
            sound = sound and rank[before] < rank[position]
    return order if sound else list(range(len(kernels)))  # Else that of the mapping.


def with_copies(
    kernels: Sequence[Kernel], order: Sequence[int], writer: Mapping[str, int], shared: Collection[str]
) -> tuple[list[Kernel], dict[str, list[str]]]:
    """The kernels in order, and by concat what it copies; its other inputs are written right where they end up.

    Args:
        kernels: All kernels.
        order: Positions in the order in which they run.
        writer: Position of the kernel that writes each tensor.
        shared: Tensors that several kernels read, or that leave the accelerator.
    """
    ordered: list[Kernel] = []
    copied: dict[str, list[str]] = {}
    for position in order:
        kernel = kernels[position]
        if kernel.kind == "concat" and not kernel.free:
            made = {tensor for tensor in kernel.inputs if tensor in writer and not kernels[writer[tensor]].free}
            in_place = set[str]() if joins_samples(kernel) else made.difference(shared)
            copied[kernel.name] = [tensor for tensor in kernel.inputs if tensor not in in_place]
            if not copied[kernel.name]:
                kernel = revised(kernel, free=True, rule="in-place")
        ordered.append(kernel)
    return ordered, copied
