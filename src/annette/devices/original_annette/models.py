"""The original ANNETTE's own formulas, kept to compare with its published results and for nothing else.

Three things differ from the families that platforms should use. Only multiply-accumulates count as operations where
there are any, and only kernels with multiply-accumulates have weights. The refinement divides the *winner* of the
maximum by the efficiency, and only where computing wins, so that the prediction jumps at the ridge. A dimension
smaller than its unroll size counts as perfectly used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annette.models.base import Terms
from annette.models.roofline import RefinedRoofline, Roofline, extent_of

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["OriginalRefinedRoofline", "OriginalRoofline"]


def _original_terms(model: Roofline, table: KernelTable) -> Terms:
    """Both roofs with the original's counting."""
    counted = table["macs"] > 0
    ops = np.where(counted, 2.0 * table["macs"], table["ops"])
    weight_bytes = np.where(counted, table["weight_bytes"], 0.0)
    moved = table["input_bytes"] + table["output_bytes"] + weight_bytes
    return Terms(ops / model.ops_per_s, moved / model.bytes_per_s)


@dataclass(frozen=True)
class OriginalRoofline(Roofline):
    """``t = max(ops / P, bytes / B)`` with the original's counting of operations and bytes."""

    family: ClassVar[str] = "original-roofline"
    correctable: ClassVar[bool] = False

    def terms(self, table: KernelTable) -> Terms:
        """Compute and memory time of each row, as the original counts them."""
        return _original_terms(self, table)


@dataclass(frozen=True)
class OriginalRefinedRoofline(RefinedRoofline):
    """``t = ops / (P eff)`` where ``ops / P > bytes / B``, else ``bytes / B``: discontinuous at the ridge."""

    family: ClassVar[str] = "original-refined-roofline"
    correctable: ClassVar[bool] = False

    def __hash__(self) -> int:
        return super().__hash__()

    def efficiency(self, table: KernelTable) -> FloatArray:
        """As in the refined roofline, but a dimension smaller than its unroll size loses nothing."""
        product = np.ones(len(table))
        for name, unroll in self.unroll.items():
            extent = extent_of(table, name)
            product *= unroll.efficiency(np.where(extent < unroll.size, float(unroll.size), extent))
        return product

    def terms(self, table: KernelTable) -> Terms:
        """Compute and memory time of each row; the efficiency divides the compute time only where it is longer."""
        compute_s, memory_s = _original_terms(self, table)
        return Terms(np.where(compute_s > memory_s, compute_s / self.efficiency(table), compute_s), memory_s)
