"""What crosses between host and device in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from annette.mapping.kernel import Precision
    from annette.network import Network

__all__ = ["HostTraffic", "host_traffic"]


class HostTraffic(NamedTuple):
    """Bytes between host and device at the platform's precision.

    Attributes:
        input_bytes: All network inputs.
        output_bytes: All network outputs that depend on an input; what follows from shapes alone (the prior boxes of a
            detector) is known before the first run and is not carried.
    """

    input_bytes: float
    output_bytes: float


def host_traffic(network: Network, precision: Precision) -> HostTraffic:
    """What one run carries in and out.

    Args:
        network: Any network.
        precision: Width of the platform's numbers.
    """
    outputs = network.outputs
    if any(not _reads(network, layer.inputs) for layer in network.layers):
        outputs = _computed_outputs(network)
    read, written = (
        sum(network.tensors[tensor].elements for tensor in names) * precision.activation_bits / 8
        for names in (network.inputs, outputs)
    )
    return HostTraffic(read, written)


def _reads(network: Network, operands: tuple[str, ...]) -> bool:
    return any(not network.tensors[name].constant for name in operands)


def _computed_outputs(network: Network) -> tuple[str, ...]:
    """The outputs that depend on an input, by one walk through the layers in their topological order."""
    moving = set(network.inputs)
    for layer in network.layers:
        if not moving.isdisjoint(layer.inputs):
            moving.update(layer.outputs)
    return tuple(name for name in network.outputs if name in moving)
