"""Candidates of a space built, mapped and priced one by one; and what anything that prices candidates gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from annette.estimation.estimator import estimate_network, prepare

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray
    from annette.network import Network
    from annette.platforms import Platform
    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["FullRoad", "Priced", "SpacePrices"]

_AHEAD: Final = 16
"""Networks whose kernels are priced together on the full road."""

_ANY_CONFIDENCE: Final = 0.9
"""Of intervals that nobody looks at."""


class Priced(NamedTuple):
    """What is known of candidates; each of shape ``(candidates,)``.

    Attributes:
        latency_s: Their estimates, seconds.
        weight_bytes: Bytes of their constants at the platform's precision.
        ops: Operations of their layers, 2 for a multiply-accumulate.
    """

    latency_s: FloatArray
    weight_bytes: FloatArray
    ops: FloatArray


class SpacePrices(Protocol):
    """Anything that prices candidates of a space on a platform.

    Attributes:
        space: The space.
        platform: The platform.
        compile_s: What preparing it took, seconds.
        compiled: Whether candidates are look-ups.
        reason: Why not; empty where they are.
    """

    space: SearchSpace
    platform: Platform
    compile_s: float
    compiled: bool
    reason: str

    def price(self, candidates: IntArray) -> Priced:
        """Prices candidates.

        Args:
            candidates: Valid ones, shape ``(candidates, decisions)``.
        """


@dataclass
class FullRoad:
    """Candidates built, mapped and priced one by one.

    Attributes:
        space: The space.
        platform: The platform.
        family: Model family, or None for what the platform prefers.
        fallback: ``error`` or ``roofline``.
        compile_s: What was spent on finding out that the space cannot be compiled, seconds.
        reason: Why it was not compiled.
    """

    space: SearchSpace
    platform: Platform
    family: str | None = None
    fallback: str = "error"
    compile_s: float = 0.0
    reason: str = "the full road was asked for"
    compiled: bool = field(default=False, init=False)

    def price(self, candidates: IntArray) -> Priced:
        """Prices candidates by the full road, equal rows once, and kernels of several networks together."""
        rows, same = np.unique(candidates, axis=0, return_inverse=True)
        found: list[tuple[float, float, float]] = []
        for start in range(0, len(rows), _AHEAD):
            networks = [self.space.build(row).network for row in rows[start : start + _AHEAD].tolist()]
            prepare(networks, self.platform, model=self.family, fallback=self.fallback, confidence=_ANY_CONFIDENCE)
            found += map(self._one, networks)
        return Priced(*np.array(found, dtype=np.float64).reshape(-1, 3)[same.ravel()].T)

    def _one(self, network: Network) -> tuple[float, float, float]:
        found = estimate_network(
            network, self.platform, model=self.family, fallback=self.fallback, confidence=_ANY_CONFIDENCE
        )
        weight_bytes = network.constant_elements * self.platform.precision.weight_bits / 8
        return found.latency_s, weight_bytes, float(network.ops)
