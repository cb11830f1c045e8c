"""The estimate that ``import annette`` gives: network and platform as objects, files or names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import OptionError
from annette.estimation.estimator import estimate_network
from annette.network import Network
from annette.network.load import load_network
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.estimation.estimate import Estimate

__all__ = ["estimate"]


def estimate(
    network: Network | str | Path,
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Estimate:
    """Estimates how long a network takes on a platform.

    Args:
        network: A loaded network, a network file, or the name of a network of the zoo.
        platform: A loaded platform, a platform file, or the name of a known platform.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes that bind symbolic dimensions; only for a network that is not loaded yet.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Returns:
        The estimate; ``latency_s`` is the headline, ``kernels`` the breakdown.

    Raises:
        NetworkError: The network cannot be read or used.
        PlatformError: The platform cannot be found or used.
        UnsupportedKernelError: The platform has no model for a kind in the network.
        OptionError: An argument is out of its range.

    Example:
        >>> import annette
        >>> annette.estimate("resnet50", "ncs2-openvino").latency_s > 0
        True
    """
    if isinstance(network, Network):
        if batch is not None or inputs:
            raise OptionError("batch and inputs bind a network while it is read; this one is loaded already")
    else:
        network = load_network(network, batch=batch, inputs=inputs)
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    return estimate_network(network, target, model=model, fallback=fallback, confidence=confidence)
