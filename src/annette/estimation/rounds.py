"""Loops and branches that a platform does not price: said, and in the interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.loop import BRANCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.loop import Loop

__all__ = ["ends_with_rounds", "rounds_notes"]

_MOST_PER_ROUND_S: Final = 1e-6
_MOST_PER_BRANCH_S: Final = 1e-5
_MOST_PER_VALUE_S: Final = 3e-7
"""What a round, a branch and each value of a round may cost where nobody measured it: eight times, four times and twice
what ONNX Runtime takes on one core of a Zen 4 (`annette.fitting.rounds`). Runtimes that unroll loops take nothing."""


def ends_with_rounds(
    latency_s: float, bounds: tuple[float, float], loops: Sequence[Loop], *, known: float | None
) -> tuple[float, float]:
    """The ends of an interval, the upper one raised by what unpriced rounds may cost.

    Args:
        latency_s: The estimate, seconds.
        bounds: Log factors from it to the ends.
        loops: The network's loops.
        known: What they cost on the platform, seconds; None where it does not say.
    """
    lower, upper = (latency_s * math.exp(bound) for bound in bounds)
    if known is None:
        upper += sum(
            _MOST_PER_BRANCH_S
            if loop.operator == BRANCH
            else loop.rounds * (_MOST_PER_ROUND_S + _MOST_PER_VALUE_S * loop.values)
            for loop in loops
        )
    return lower, upper


def rounds_notes(loops: Sequence[Loop], platform: str, *, known: float | None) -> list[str]:
    """What to say of loops that are not priced, in one sentence or none.

    Args:
        loops: The network's loops.
        platform: Name of the platform.
        known: As above.
    """
    if known is not None:
        return []
    rounds = sum(loop.rounds for loop in loops if loop.operator != BRANCH)
    branches = sum(loop.operator == BRANCH for loop in loops)
    counts = ((rounds, "round of loops", "rounds of loops"), (branches, "branch", "branches"))
    named = " and ".join(f"{count} {one if count == 1 else more}" for count, one, more in counts if count)
    return [
        f"what a runtime takes to begin {named} was not measured for platform {platform!r}: "
        "it is not in the estimate, but in the upper end of the interval; a new annette bench and fit measure it"
    ]
