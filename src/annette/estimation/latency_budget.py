"""Whether an estimate keeps a budget of latency, for whoever decides by it: a build, a search, a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError
from annette.number_text import confidence_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BUDGETED_BY", "LatencyVerdict", "judge_latency"]

BUDGETED_BY: Final = ("upper", "estimate")
"""What a budget is held against: the upper end of the interval, or the estimate itself."""


@dataclass(frozen=True, slots=True)
class LatencyVerdict:
    """What became of a budget.

    Attributes:
        budget_s: The budget, seconds.
        by: What was held against it: ``upper`` or ``estimate``.
        latency_s: That time, seconds.
        reason: The verdict in a sentence.
    """

    budget_s: float
    by: str
    latency_s: float
    reason: str

    @property
    def kept(self) -> bool:
        """Whether the time is not above the budget."""
        return self.latency_s <= self.budget_s


def judge_latency(
    subject: str,
    latency_s: float,
    interval_s: Sequence[float] | None,
    *,
    budget_s: float,
    by: str = "upper",
    confidence: float = 0.9,
) -> LatencyVerdict:
    """Holds an estimate against a budget.

    The upper end of the interval says: it will be kept with the probability that the interval is meant to hold with, or
    more. Where the platform states no interval, the estimate itself is taken, and the reason says so.

    Args:
        subject: What is judged, in words: the network and the platform.
        latency_s: Its estimate, seconds.
        interval_s: Lower and upper end of its interval, or None where the platform states none.
        budget_s: Highest latency that is accepted, seconds, above 0.
        by: One of `BUDGETED_BY`.
        confidence: Probability that the interval is meant to hold with.

    Raises:
        OptionError: ``by`` is none of these, or the budget is not above 0.
    """
    if by not in BUDGETED_BY:
        raise OptionError(f"a budget is held against {' or '.join(BUDGETED_BY)}, not {by!r}")
    if not budget_s > 0:
        raise OptionError(f"a budget of {budget_s!r} s is not above 0")
    if by == "upper" and interval_s is not None:
        latency_s = interval_s[1]
        what = f"the upper end of the {confidence_text(confidence)} interval, {seconds_text(latency_s)},"
    elif by == "upper":
        what = f"the estimate, {seconds_text(latency_s)} (the platform states no interval),"
    else:
        what = f"the estimate, {seconds_text(latency_s)},"
    side = "within" if latency_s <= budget_s else "above"
    reason = f"{subject}: {what} is {side} the budget of {seconds_text(budget_s)}"
    return LatencyVerdict(budget_s, by, latency_s, reason)
