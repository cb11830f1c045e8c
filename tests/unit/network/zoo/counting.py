"""What the tests of the zoo count beside what a network counts itself."""

from annette.network import Network


def normalized_channels(network: Network) -> int:
    """Channels of all batch normalizations together."""
    return sum(layer.workload.dimensions.in_channels for layer in network.layers if layer.kind == "batch_norm")
