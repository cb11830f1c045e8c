"""Kernels whose weights another kernel of the same run has read: steps of unrolled loops, tied layers.

What a run touched since then, not all of the network, decides which cache still holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette.mapping.one_kernel import Kernel
    from annette.network import Network

__all__ = ["repeated_uses"]

_LEAST_ELEMENTS: Final = 1024
"""Smaller constants, such as factors that exporters share, say nothing about where a kernel's weights are."""


def repeated_uses(kernels: Sequence[Kernel], network: Network) -> Iterator[tuple[int, int]]:
    """Kernels that read the same weights as an earlier one.

    A kernel's weights are the largest constant that its layers read, from 1,024 elements on.

    Args:
        kernels: In the order of execution.
        network: Where their tensors are described.

    Returns:
        An iterator over the number of such a kernel and of the last one before it with the same weights.
    """
    tensors = network.tensors
    last: dict[str, int] = {}
    for number, kernel in enumerate(kernels):
        weights, most = "", _LEAST_ELEMENTS - 1
        for layer in kernel.layers:
            for name in layer.inputs:
                tensor = tensors[name]
                if tensor.constant and tensor.elements > most:
                    weights, most = name, tensor.elements
        if weights:
            if weights in last:
                yield number, last[weights]
            last[weights] = number
