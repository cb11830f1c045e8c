"""What publications count as parameters, counted in a network."""

from annette.network import Network

NOT_LEARNED = ("constant", "mask", "indices", "mean", "variance")
"""Last parts of the names of constants that training does not set by gradient."""


def learned_parameters(network: Network) -> int:
    return sum(
        tensor.elements
        for tensor in network.tensors.values()
        if tensor.constant and tensor.name.rsplit(".", 1)[-1] not in NOT_LEARNED
    )


def normalized_channels(network: Network) -> int:
    """Channels of all batch normalizations together."""
    return sum(layer.workload.dimensions.in_channels for layer in network.layers if layer.kind == "batch_norm")
