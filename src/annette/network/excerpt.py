"""Excerpts: some layers of a network as a network of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import NetworkStructureError
from annette.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["excerpt"]


def excerpt(network: Network, layers: Collection[str], name: str) -> Network:
    """Cuts layers out of a network, with the shapes that they have there.

    What the layers read of others is fed in, and what others read of them, or the network hands out, is handed out;
    where that is nothing, all that none of them reads.

    Args:
        network: Where they are cut out of.
        layers: Names of the layers, at least one; they need not be connected.
        name: What the excerpt is called.

    Raises:
        NetworkStructureError: There are no layers, or the network has no layer of such a name.

    Example:
        >>> from annette.network import zoo
        >>> cut = excerpt(zoo.build("alexnet"), ["conv", "relu"], "start")
        >>> cut.inputs, cut.tensors[cut.outputs[0]].shape
        (('image',), (1, 64, 55, 55))
    """
    wanted = set(layers)
    unknown = sorted(wanted - network.layers_by_name.keys())
    if unknown:
        raise NetworkStructureError(f"network {network.name!r} has no layer {unknown[0]!r} to cut out")
    kept = [layer for layer in network.layers if layer.name in wanted]
    made = dict.fromkeys(tensor for layer in kept for tensor in layer.outputs)
    read = dict.fromkeys(tensor for layer in kept for tensor in layer.inputs)
    given = [tensor for tensor in read if tensor not in made and not network.tensors[tensor].constant]
    wanted_outside = {tensor for layer in network.layers if layer.name not in wanted for tensor in layer.inputs}
    unread = [tensor for tensor in made if tensor not in read]
    ends = [tensor for tensor in made if tensor in wanted_outside or tensor in network.outputs]
    return Network(
        name=name,
        layers=kept,
        tensors={tensor: network.tensors[tensor] for tensor in (*read, *unread)},
        inputs=given,
        outputs=ends or unread,
        batch=network.batch,
        channels_last=network.channels_last,
        source_format=network.source_format,
        values={tensor: network.values[tensor] for tensor in given if tensor in network.values},
    )
