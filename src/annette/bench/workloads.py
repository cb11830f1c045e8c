"""Short reference workloads, each of which feels something else that others do to a machine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from annette.network import Network, Tensor

__all__ = ["WORKLOADS", "reference_workload"]

WORKLOADS: Final = {
    "arithmetic": "what fits registers and the first cache: a slower clock, a shared core",
    "cache": "4 MB of weights from the second and last cache: what others put there",
    "memory": "128 MB read and written: the bandwidth that others use",
    "tiny kernels": "40 kernels that do next to nothing: interruptions, and waking up",
}
"""What each is, and what disturbs it."""

_CACHED: Final = 1024
_STREAMED: Final = (1, 64, 512, 512)
"""64 MB read and as much written: more than last caches hold, but for those that whole servers share."""
_TINY: Final = 40


@cache
def reference_workload(name: str) -> Network:
    """One of `WORKLOADS`, as a network.

    Raises:
        KeyError: There is no such workload.
    """
    net = NetworkBuilder(f"reference-workload-{name.replace(' ', '-')}")
    return net.build(_WORKS[name](net))


def _arithmetic(net: NetworkBuilder) -> Tensor:
    """A 3x3 convolution, 32 to 32 channels on a 14 x 14 map: 37 kB of weights, 25 kB of activations."""
    return net.conv(net.input("data", (1, 32, 14, 14)), 32, 3, padding=1, bias=False)


def _cache(net: NetworkBuilder) -> Tensor:
    """A vector times a matrix of 4 MB, which is read once."""
    return net.fully_connected(net.input("data", (1, _CACHED)), _CACHED, bias=False)


def _memory(net: NetworkBuilder) -> Tensor:
    return net.relu(net.input("data", _STREAMED))


def _tiny(net: NetworkBuilder) -> Tensor:
    x = net.input("data", (1, 8))
    for number in range(_TINY):
        x = net.activation(x, "tanh" if number % 2 else "sigmoid")
    return x


_WORKS: Final = {"arithmetic": _arithmetic, "cache": _cache, "memory": _memory, "tiny kernels": _tiny}
