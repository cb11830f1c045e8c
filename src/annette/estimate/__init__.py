"""Network and platform in, estimate out."""

from annette.estimate.estimate import Coverage, Estimate, KernelEstimate
from annette.estimate.estimator import FALLBACKS, estimate_mapped, estimate_network

__all__ = ["FALLBACKS", "Coverage", "Estimate", "KernelEstimate", "estimate_mapped", "estimate_network"]
