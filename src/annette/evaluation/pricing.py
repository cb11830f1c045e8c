"""All estimates of one network that an evaluation compares: families, confidences, ways through it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.estimation import estimate_together
from annette.estimation.variants import joined, over_sizes, ways_through

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation import Estimate
    from annette.mapping.kernel import Kernel
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["CONFIDENCES", "FAMILIES", "NetworkEstimates", "price_network"]

CONFIDENCES: Final = (0.5, 0.8, 0.9, 0.95)
"""Confidences at which intervals are checked."""

FAMILIES: Final[tuple[str, ...]] = ("mixed", "statistical", "refined-roofline", "roofline")
"""Families of models that are compared, from the one that knows most."""

_HEADLINE_CONFIDENCE: Final = 0.9


class NetworkEstimates(NamedTuple):
    """Estimates of one network.

    Attributes:
        chosen: By the model that is evaluated.
        families: By each family that the platform has, of the way through the network that `chosen` took.
        stated: By the model that is evaluated, at each of `CONFIDENCES`.
        kernels: What runs on that way.
        as_read: Whether that is the way that the network was read with, which its profiles are told apart by.
    """

    chosen: Estimate
    families: dict[str, Estimate]
    stated: list[Estimate]
    kernels: Sequence[Kernel]
    as_read: bool


def price_network(platform: Platform, network: Network, *, model: str | None, fallback: str) -> NetworkEstimates:
    """Estimates a network, and all ways through it where nothing decides which one runs.

    Args:
        platform: Where.
        network: What.
        model: Model family that is evaluated; None takes the platform's preference per kind.
        fallback: ``error`` or ``roofline``, as `annette.estimation.estimate_network` takes it.

    Raises:
        AnnetteError: It cannot be estimated.
    """
    ways = ways_through(network) if network.branches else (network,)

    def over_ways(confidence: float = _HEADLINE_CONFIDENCE) -> Estimate:
        together = partial(estimate_together, platform=platform, model=model, fallback=fallback, confidence=confidence)
        each = [over_sizes(way, together) for way in ways]
        return joined(network, each) if network.branches else each[0]

    chosen = over_ways()
    latencies_s = [branch.latency_s for branch in chosen.branches]
    dearest = int(np.argmax(latencies_s)) if latencies_s else 0
    way = ways[dearest]
    known = {family for kinds in platform.models.values() for family in kinds}
    families = {
        family: estimate_together(way, platform, model=family, fallback=fallback)
        for family in FAMILIES
        if family in known
    }
    stated = [over_ways(confidence) for confidence in CONFIDENCES]
    return NetworkEstimates(chosen, families, stated, chosen.mapped, as_read=dearest == 0)
