"""Estimates how long a neural network takes on a device, layer by layer, without running it there.

Example:
    >>> import annette
    >>> result = annette.estimate("mobilenet_v2", "ncs2-openvino")
    >>> result.network, len(result.kernels) > 50
    ('mobilenet_v2', True)
"""

import importlib
from typing import TYPE_CHECKING, Any

from annette._version import __version__
from annette.errors import AnnetteError
from annette.estimation import Estimate
from annette.estimation.estimator import estimate
from annette.network import Network
from annette.network.load import load_network
from annette.platforms import Platform, list_platforms, load_platform

if TYPE_CHECKING:
    from annette.api import benchmark, evaluate, fit, measure, plan_benchmark

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


def __getattr__(name: str) -> Any:
    """Functions that measure, fit or evaluate, from `annette.api`: what they need is imported on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("annette.api"), name)
