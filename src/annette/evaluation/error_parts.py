"""Error attribution: how much of an estimate's error is the mapping's, the kernel models' and the overhead's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.evaluation.kernels import KernelPairs

__all__ = ["ErrorParts", "error_parts"]


@dataclass(frozen=True, slots=True)
class ErrorParts:
    """The error of an estimate, in seconds, split into parts that add up to it.

    Attributes:
        mapping_s: Estimated kernels that do not run, less measured ones that were not predicted.
        kernels_s: Estimated less measured time of the kernels that are on both sides.
        overhead_s: Estimated less true overhead; the true one is what the whole run takes beyond its kernels.
    """

    mapping_s: float
    kernels_s: float
    overhead_s: float

    @property
    def error_s(self) -> float:
        """Estimate less measurement."""
        return self.mapping_s + self.kernels_s + self.overhead_s

    def remaining(self, measured_s: float) -> dict[str, float]:
        """Signed relative error that is left with one part replaced by its truth.

        Args:
            measured_s: Latency of the network, more than 0.

        Returns:
            By what was replaced: ``nothing``, ``mapping``, ``kernel model``, ``overhead``.
        """
        return {
            "nothing": self.error_s / measured_s,
            "mapping": (self.error_s - self.mapping_s) / measured_s,
            "kernel model": (self.error_s - self.kernels_s) / measured_s,
            "overhead": (self.error_s - self.overhead_s) / measured_s,
        }


def error_parts(pairs: KernelPairs, estimate: Estimate, measured_s: float) -> ErrorParts:
    """Splits the error of an estimate.

    Args:
        pairs: Its kernels beside the measured ones.
        estimate: The estimate.
        measured_s: Latency of the whole network.
    """
    predicted_s = float(estimate.prices.latency_s.sum())
    kernels_s = float(pairs.measured_s.sum()) + pairs.unpredicted_s
    return ErrorParts(
        mapping_s=pairs.unmeasured_s - pairs.unpredicted_s,
        kernels_s=float(pairs.estimated_s.sum() - pairs.measured_s.sum()),
        overhead_s=(estimate.latency_s - predicted_s) - (measured_s - kernels_s),
    )
