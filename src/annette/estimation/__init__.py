"""Network and platform in, estimate out."""

from annette.estimation.estimate import Coverage, Estimate, KernelEstimate
from annette.estimation.estimator import FALLBACKS, estimate_network, estimate_together

__all__ = ["FALLBACKS", "Coverage", "Estimate", "KernelEstimate", "estimate_network", "estimate_together"]
