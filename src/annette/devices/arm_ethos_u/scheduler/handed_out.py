"""Copies of parts of feature maps that leave the accelerator.

What a slice or a split cuts out of a feature map is read where it lies by the operations behind it. Whoever reads an
output of the network, and an operator that the host runs, finds a tensor of its own: Vela's reports show a memory copy
for each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.mapping.kernel import LEFT_TO_HOST, Kernel
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from annette.devices.arm_ethos_u.scheduler.feature_maps import Storage
    from annette.network import Network

__all__ = ["CUTS", "HANDED_OUT", "Handover", "hand_out", "outside_of"]

CUTS: Final = frozenset({"slice", "split"})
"""Kinds of layer that cut parts out of a feature map."""

HANDED_OUT: Final = "handed-out"
"""Rule of a kernel that copies a part for those outside the accelerator."""


class Handover(NamedTuple):
    """A network with the copies of what it hands out.

    Attributes:
        kernels: The kernels, each copy behind the kernel that it copies from.
        storage: How tensors are stored, those that are copied to among them.
        border: What the accelerator is given and hands out; of copied parts, the copies.
        outputs: The outputs of the network likewise.
    """

    kernels: list[Kernel]
    storage: Storage
    border: frozenset[str]
    outputs: tuple[str, ...]


def hand_out(kernels: Sequence[Kernel], network: Network, storage: Storage, border: Collection[str]) -> Handover:
    """Adds the copies of parts of feature maps that leave the accelerator.

    Args:
        kernels: All kernels, in topological order.
        network: Where their tensors are described.
        storage: How these are stored.
        border: What the accelerator is given and hands out.
    """
    parts: set[str] = set()
    copies: dict[str, str] = {}
    added: list[Kernel] = []
    for kernel in kernels:
        added.append(kernel)
        if not kernel.free or not kernel.inputs or LEFT_TO_HOST in kernel.rules:
            continue
        if kernel.kind in CUTS or kernel.inputs[0] in parts:  # A view of a part is a part.
            parts.update(kernel.outputs)
            copies |= {tensor: f"{tensor}:{HANDED_OUT}" for tensor in kernel.outputs if tensor in border}
            added += [_copy(tensor, copies[tensor], network) for tensor in kernel.outputs if tensor in copies]
    if not copies:
        return Handover(list(kernels), storage, frozenset(border), tuple(network.outputs))
    shapes = {**storage.shapes, **{copy: storage.shapes[tensor] for tensor, copy in copies.items()}}
    return Handover(
        added,
        replace(storage, shapes=shapes),
        frozenset(copies.get(tensor, tensor) for tensor in border),
        tuple(copies.get(tensor, tensor) for tensor in network.outputs),
    )


def outside_of(kernel: Kernel) -> Kernel:
    """A kernel as those see it who know the tensors of the network only: what is copied to is none of them."""
    return replace(kernel, outputs=()) if HANDED_OUT in kernel.rules else kernel


def _copy(tensor: str, target: str, network: Network) -> Kernel:
    """The kernel that copies a part; it runs as the copies of a concat do."""
    part = network.tensors[tensor]
    anchor = describe_layer("copy", target, inputs=[part], outputs=[part], channels_last=network.channels_last)
    return Kernel(target, "concat", anchor, (), (tensor,), (target,), (HANDED_OUT,))
