"""What of an estimate lies outside the ranges that its models were fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.estimation.estimate import outside
from annette.number_text import counted_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation.estimate import Outside, Prices
    from annette.mapping.kernel import Kernel, KernelTable

__all__ = ["OutOfRange", "out_of_range"]

_FEATURES_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """The kernels that fitted models priced outside their ranges.

    Attributes:
        kernels: How many there are.
        share: Their share of the time of all kernels, from 0 to 1.
        longest: Name of the one that takes longest; empty where there is none.
        features: Its features that lie outside, farthest first.
    """

    kernels: int = 0
    share: float = 0.0
    longest: str = ""
    features: tuple[Outside, ...] = ()

    @property
    def text(self) -> str:
        """One sentence for the notes of an estimate; there is at least one kernel."""
        features = ", ".join(map(str, self.features[:_FEATURES_NAMED]))
        where = f"{self.longest!r}, by {features}"
        counted = f"{counted_text(self.kernels, 'kernel')} ({percent_text(self.share)} of the time)"
        if self.kernels == 1:
            return f"{counted} lies outside the range that its model was fitted on, {where}"
        return f"{counted} lie outside the ranges that their models were fitted on, the longest of them, {where}"


def out_of_range(kernels: Sequence[Kernel], table: KernelTable, prices: Prices) -> OutOfRange:
    """Sums up what lies outside.

    Args:
        kernels: The kernels of an estimate (`annette.Estimate.mapped`).
        table: The same as numbers.
        prices: What they cost.
    """
    strange = ~prices.in_range & prices.fitted
    if not strange.any():
        return OutOfRange()
    longest = int(np.argmax(np.where(strange, prices.latency_s, -1.0)))
    return OutOfRange(
        kernels=int(strange.sum()),
        share=float(prices.latency_s[strange].sum() / max(float(prices.latency_s.sum()), 1e-300)),
        longest=kernels[longest].name,
        features=outside(table, longest, prices.ranges),
    )
