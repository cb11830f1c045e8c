"""Estimates how long a neural network takes on a device, layer by layer, without running it there.

Example:
    >>> import annette
    >>> result = annette.estimate("mobilenet_v2", "ncs2-openvino")
    >>> result.network, len(result.kernels) > 50
    ('mobilenet_v2', True)
"""

from annette._version import __version__
from annette.api import (
    benchmark,
    estimate,
    evaluate,
    fit,
    list_platforms,
    load_network,
    load_platform,
    measure,
    plan_benchmark,
)
from annette.errors import AnnetteError
from annette.estimation import Estimate
from annette.network import Network
from annette.platforms import Platform

__all__ = [
    "AnnetteError",
    "Estimate",
    "Network",
    "Platform",
    "__version__",
    "benchmark",
    "estimate",
    "evaluate",
    "fit",
    "list_platforms",
    "load_network",
    "load_platform",
    "measure",
    "plan_benchmark",
]
