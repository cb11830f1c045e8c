"""Whether an estimate keeps a limit of latency, for whoever decides by it: a build, a search, a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError
from annette.number_text import percent_text, seconds_text

if TYPE_CHECKING:
    from annette.estimation.estimate import Estimate

__all__ = ["LIMITED_BY", "LatencyVerdict", "judge_latency"]

LIMITED_BY: Final = ("upper", "estimate")
"""What a limit is held against: the upper end of the interval, or the estimate itself."""


@dataclass(frozen=True, slots=True)
class LatencyVerdict:
    """What became of a limit.

    Attributes:
        limit_s: The limit, seconds.
        by: What was held against it: ``upper`` or ``estimate``.
        latency_s: That time, seconds.
        reason: The verdict in a sentence.
    """

    limit_s: float
    by: str
    latency_s: float
    reason: str

    @property
    def kept(self) -> bool:
        """Whether the time is not above the limit."""
        return self.latency_s <= self.limit_s


def judge_latency(estimate: Estimate, limit_s: float, *, by: str = "upper") -> LatencyVerdict:
    """Holds an estimate against a limit.

    The upper end of the interval says: it will be kept with the probability that the interval is meant to hold with, or
    more. Where the platform states no interval, the estimate itself is taken, and the reason says so.

    Args:
        estimate: What is judged.
        limit_s: Highest latency that is accepted, seconds, above 0.
        by: One of `LIMITED_BY`.

    Raises:
        OptionError: ``by`` is none of these, or the limit is not above 0.
    """
    if by not in LIMITED_BY:
        raise OptionError(f"a latency is limited by {' or '.join(LIMITED_BY)}, not by {by!r}")
    if not limit_s > 0:
        raise OptionError(f"a limit of {limit_s!r} s is not above 0")
    interval_s = estimate.interval_s if by == "upper" else None
    latency_s = estimate.latency_s if interval_s is None else interval_s[1]
    if interval_s is not None:
        what = f"the upper end of the {percent_text(estimate.confidence)} interval, {seconds_text(latency_s)},"
    elif by == "upper":
        what = f"the estimate, {seconds_text(latency_s)} (the platform states no interval),"
    else:
        what = f"the estimate, {seconds_text(latency_s)},"
    side = "within" if latency_s <= limit_s else "above"
    reason = f"{estimate.network} on {estimate.platform}: {what} is {side} the limit of {seconds_text(limit_s)}"
    return LatencyVerdict(limit_s, by, latency_s, reason)
