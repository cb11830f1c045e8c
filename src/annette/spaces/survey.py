"""What a search has seen so far: the candidates that nothing beats, and how many it looked at.

Surveys of parts of a search can be joined, in whichever processes they were made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.spaces.compiled import compile_space
from annette.spaces.full_road import FullRoad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform
    from annette.spaces.full_road import SpacePrices
    from annette.spaces.objectives import Objective
    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["Front", "PlatformUse", "Survey", "Wanted", "prices_on"]

_TOO_FEW: Final = "few candidates are sooner priced one by one"


@dataclass(frozen=True)
class PlatformUse:
    """How a platform priced candidates.

    Attributes:
        platform: Its name.
        compiled: Whether candidates were look-ups; else each was built, mapped and priced.
        reason: Why they were not; empty where they were.
        compile_s: What compiling the space took, seconds; on a cluster, on the worker where it took longest.
    """

    platform: str
    compiled: bool
    reason: str
    compile_s: float


@dataclass(frozen=True)
class Wanted:
    """What a search looks for.

    Attributes:
        objective: The score, the higher the better.
        jointly: ``slowest`` optimises the latency of the slowest of several platforms, ``each`` has a front for each.
        max_latency_s: What a candidate may take at most, seconds; None for any time.
    """

    objective: Objective
    jointly: str
    max_latency_s: float | None


class Front:
    """Candidates that nothing beats so far, the fastest first, so that scores ascend with latencies.

    Args:
        decisions: Number of decisions of a candidate.
    """

    def __init__(self, decisions: int) -> None:
        self.rows: IntArray = np.empty((0, decisions), dtype=np.int64)
        self.latency_s, self.score = np.empty(0), np.empty(0)

    def add(self, rows: IntArray, latency_s: FloatArray, score: FloatArray) -> None:
        """Takes in candidates; of equally good ones the first stays.

        Args:
            rows: Their decisions, shape ``(candidates, decisions)``.
            latency_s: Their latencies, seconds.
            score: Their scores, no NaN.
        """
        if len(self.rows):
            # Most candidates are beaten by the best of those that are as fast: only the others are sorted.
            as_fast = np.searchsorted(self.latency_s, latency_s, side="right")
            some = np.flatnonzero(score > np.concatenate([[-np.inf], self.score])[as_fast])
            rows, latency_s, score = rows[some], latency_s[some], score[some]
        rows = np.concatenate([self.rows, rows])
        latency_s, score = np.concatenate([self.latency_s, latency_s]), np.concatenate([self.score, score])
        order = np.lexsort((np.arange(len(rows)), -score, latency_s))
        best = np.maximum.accumulate(score[order])
        keep = order[np.concatenate([[True], best[1:] > best[:-1]])] if len(order) else order
        self.rows, self.latency_s, self.score = rows[keep], latency_s[keep], score[keep]

    def keep(self, most: int) -> None:
        """Keeps at most so many candidates, spread evenly, the first and the last among them.

        Args:
            most: How many, at least 2.
        """
        if len(self.rows) > most:
            some = np.linspace(0, len(self.rows) - 1, most).round().astype(np.intp)
            self.rows, self.latency_s, self.score = self.rows[some], self.latency_s[some], self.score[some]


class Survey:
    """A search while it goes on.

    Args:
        space: What is searched.
        platforms: Names of the platforms.
        jointly: What is optimised on several (`Wanted`).

    Attributes:
        names: Platform of each front; None for the front of the slowest of several.
        fronts: The fronts.
        candidates: How many candidates were priced.
        unscored: How many of them have no score.
        too_slow: How many of them take longer than they may.
        estimate_s: What pricing took, for all platforms, seconds; on a cluster, of all workers together.
        uses: How each platform priced; empty until there was anything to price.
    """

    def __init__(self, space: SearchSpace, platforms: Sequence[str], jointly: str) -> None:
        self._space = space
        self.names: list[str | None] = [*platforms] if jointly == "each" or len(platforms) == 1 else [None]
        self.fronts = [Front(len(space.options)) for _ in self.names]
        self.candidates = self.unscored = self.too_slow = 0
        self.estimate_s = 0.0
        self.uses: tuple[PlatformUse, ...] = ()

    def best(self) -> IntArray:
        """The candidates of all fronts."""
        return np.concatenate([front.rows for front in self.fronts])

    def keep(self, most: int | None) -> int:
        """Thins the fronts out (`Front.keep`); None keeps all.

        Returns:
            How many candidates they had.
        """
        size = sum(len(front.rows) for front in self.fronts)
        if most is not None:
            for front in self.fronts:
                front.keep(most)
        return size

    def look_at(self, candidates: IntArray, prices: Sequence[SpacePrices], wanted: Wanted) -> None:
        """Prices candidates, scores them, and keeps those that nothing beats."""
        started = time.perf_counter()
        priced = [each.price(candidates) for each in prices]
        self.estimate_s += time.perf_counter() - started
        self.uses = tuple(PlatformUse(use.platform.name, use.compiled, use.reason, use.compile_s) for use in prices)
        score = np.asarray(wanted.objective(self._space, candidates, priced[0]), dtype=np.float64)
        latency_s = np.array([each.latency_s for each in priced])
        self.candidates += len(candidates)
        scored = ~np.isnan(score)
        self.unscored += int((~scored).sum())
        sides = latency_s if len(self.fronts) == len(priced) else latency_s.max(axis=0, keepdims=True)
        slow = sides > (np.inf if wanted.max_latency_s is None else wanted.max_latency_s)
        self.too_slow += int(slow.all(axis=0).sum())
        for front, side, late in zip(self.fronts, sides, slow, strict=True):
            taken = scored & ~late
            front.add(candidates[taken], side[taken], score[taken])

    def join(self, other: Survey) -> None:
        """Takes in what another survey of the same search saw; of equally good candidates ours stay."""
        self.candidates += other.candidates
        self.unscored += other.unscored
        self.too_slow += other.too_slow
        self.estimate_s += other.estimate_s
        for front, more in zip(self.fronts, other.fronts, strict=True):
            front.add(more.rows, more.latency_s, more.score)
        self.uses = tuple(map(_joined, self.uses, other.uses)) if self.uses else other.uses


def _joined(one: PlatformUse, other: PlatformUse) -> PlatformUse:
    least = one if not one.compiled else other
    return PlatformUse(one.platform, least.compiled, least.reason, max(one.compile_s, other.compile_s))


def prices_on(
    platforms: Sequence[Platform], space: SearchSpace, *, compiled: bool, model: str | None, fallback: str
) -> list[SpacePrices]:
    """What prices the candidates of a search on each of its platforms.

    Args:
        platforms: The platforms.
        space: The space.
        compiled: Whether there are enough candidates for compiling to pay.
        model: Model family; None takes the platforms' preference per kind.
        fallback: ``error`` or ``roofline``.

    Raises:
        UnsupportedKernelError: A platform has no model for a kind.
    """
    if not compiled:
        return [FullRoad(space, platform, model, fallback, reason=_TOO_FEW) for platform in platforms]
    return [compile_space(space, platform, model=model, fallback=fallback) for platform in platforms]
