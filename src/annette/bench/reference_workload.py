"""The reference workload: one fixed network, timed before and after each case; it tells how fast the host is just then.

Datasets call its times ``calibration_s``, and the provenance of platforms does too: names of formats that users have.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from annette.network import Network

__all__ = ["reference_network"]


@cache
def reference_network() -> Network:
    """One 3x3 convolution, 64 to 64 channels on a 28 x 28 map: 29 million multiply-accumulates, 0.35 MB.

    It never changes: times are comparable between datasets only because of that.
    """
    net = NetworkBuilder("reference-workload")
    return net.build(net.conv(net.input("data", (1, 64, 28, 28)), 64, 3, padding=1, bias=False))
