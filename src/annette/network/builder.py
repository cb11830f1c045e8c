"""Networks built in code.

Example:
    >>> net = NetworkBuilder("tiny")
    >>> x = net.input("image", (1, 3, 32, 32))
    >>> x = net.relu(net.conv(x, 16, 3, padding=1))
    >>> x = net.fully_connected(net.flatten(net.global_average_pool(x)), 10, name="classifier")
    >>> net.build(x)
    Network('tiny', 5 layers, 0.000443 GMACs, batch 1)
"""

from __future__ import annotations

from annette.network.building.convolution import ConvolutionOperators
from annette.network.building.matrix import MatrixOperators

__all__ = ["NetworkBuilder"]


class NetworkBuilder(ConvolutionOperators, MatrixOperators):
    """Builds a `annette.network.Network` operator by operator, with every attribute needed to write it as a file.

    Every operator is a method that takes tensors and returns the tensor it writes; shapes are checked as they are
    called. Layers are named after their kind unless a name is given; `scope` prefixes names. Feature maps are
    N, C, H, W.

    Args:
        name: The network's name.
        batch: Number of samples; recorded on the network, the shapes of the inputs must agree with it.
        source_format: What `Network.source_format` says.
    """
