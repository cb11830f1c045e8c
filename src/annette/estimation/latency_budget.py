"""Whether an estimate keeps a budget of latency, for whoever decides by it: a build, a search, a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError
from annette.number_text import percent_text, seconds_text

if TYPE_CHECKING:
    from annette.estimation.estimate import Estimate

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


def judge_latency(estimate: Estimate, budget_s: float, *, by: str = "upper") -> LatencyVerdict:
    """Holds an estimate against a budget.

    The upper end of the interval says: it will be kept with the probability that the interval is meant to hold with, or
    more. Where the platform states no interval, the estimate itself is taken, and the reason says so.

    Args:
        estimate: What is judged.
        budget_s: Highest latency that is accepted, seconds, above 0.
        by: One of `BUDGETED_BY`.

    Raises:
        OptionError: ``by`` is none of these, or the budget is not above 0.
    """
    if by not in BUDGETED_BY:
        raise OptionError(f"a budget is held against {' or '.join(BUDGETED_BY)}, not {by!r}")
    if not budget_s > 0:
        raise OptionError(f"a budget of {budget_s!r} s is not above 0")
    interval_s = estimate.interval_s if by == "upper" else None
    latency_s = estimate.latency_s if interval_s is None else interval_s[1]
    if interval_s is not None:
        what = f"the upper end of the {percent_text(estimate.confidence)} interval, {seconds_text(latency_s)},"
    elif by == "upper":
        what = f"the estimate, {seconds_text(latency_s)} (the platform states no interval),"
    else:
        what = f"the estimate, {seconds_text(latency_s)},"
    side = "within" if latency_s <= budget_s else "above"
    reason = f"{estimate.network} on {estimate.platform}: {what} is {side} the budget of {seconds_text(budget_s)}"
    return LatencyVerdict(budget_s, by, latency_s, reason)
