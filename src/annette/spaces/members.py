"""Candidates of a front, estimated anew as whole networks: with intervals, and with what they need of memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from annette.documents import Document
from annette.estimation.many import estimate_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from annette.estimation.estimate import Estimate
    from annette.platforms import Platform
    from annette.spaces.space import SearchSpace

__all__ = ["Member", "estimated_members"]

_TOGETHER: Final = 16


class Member(Document, frozen=True):
    """What is known of a candidate on a platform.

    Attributes:
        latency_s: Its estimate, seconds.
        interval_s: Its interval; None where the platform states none.
        peak_activation_bytes: Activations that are alive at once at the most; None where that is not known.
    """

    latency_s: float
    interval_s: tuple[float, float] | None
    peak_activation_bytes: int | None


def estimated_members(
    space: SearchSpace,
    platforms: Sequence[Platform],
    rows: Iterable[Sequence[int]],
    *,
    model: str | None,
    fallback: str,
    confidence: float,
) -> Iterator[tuple[Member, ...]]:
    """Estimates candidates by the full road.

    Args:
        space: Their space.
        platforms: Where they run.
        rows: Their decisions.
        model: Model family; None takes the platforms' preference per kind.
        fallback: ``error`` or ``roofline``.
        confidence: Probability that the intervals are meant to hold with.

    Yields:
        Of each candidate, in order, what is known of it on each platform.
    """
    waiting = iter(rows)
    while networks := [space.build(row).network for row in islice(waiting, _TOGETHER)]:
        on_each = [
            [
                found.get()
                for found in estimate_many(
                    networks, each, model=model, fallback=fallback, confidence=confidence, keep=_member
                )
            ]
            for each in platforms
        ]
        yield from zip(*on_each, strict=True)


def _member(found: Estimate) -> Member:
    return Member(found.latency_s, found.interval_s, found.memory.peak_activation_bytes)
