"""Searches a space for the candidates that nothing beats: no other is as fast and has as high a score."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import OptionError
from annette.estimation.estimator import estimate_network
from annette.platforms import Platform, load_platform
from annette.spaces.compiled import FullRoad, compile_space
from annette.spaces.load import load_space
from annette.spaces.objectives import load_objective
from annette.spaces.space import SearchSpace
from annette.spaces.strategies import proposals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from annette.mapping.kernel import FloatArray
    from annette.spaces.compiled import SpacePrices
    from annette.spaces.objectives import Objective
    from annette.spaces.space import IntArray

__all__ = ["JOINTLY", "Found", "PlatformUse", "SearchResult", "search"]

JOINTLY: Final = ("slowest", "each")
"""What is optimised on several platforms: the latency on the slowest of them, or a front for each."""


@dataclass(frozen=True)
class Found:
    """A candidate that nothing beats.

    Attributes:
        candidate: Its label in the space.
        decisions: The same as numbers.
        platform: Platform of its front; None where the front is that of the slowest of several.
        score: Its score, the higher the better.
        latency_s: Its estimate, seconds: on ``platform``, or on the slowest.
        by_platform_s: Its estimate on each platform, seconds.
        intervals_s: Interval on each platform, by the full road; None where the platform states none.
    """

    candidate: str
    decisions: tuple[int, ...]
    platform: str | None
    score: float
    latency_s: float
    by_platform_s: dict[str, float]
    intervals_s: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class PlatformUse:
    """How a platform priced candidates.

    Attributes:
        platform: Its name.
        compiled: Whether candidates were look-ups; else each was built, mapped and priced.
        reason: Why they were not; empty where they were.
        compile_s: What compiling the space took, seconds.
    """

    platform: str
    compiled: bool
    reason: str
    compile_s: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        space: Name of the space.
        strategy: How candidates were chosen.
        objective: What the score is.
        jointly: What was optimised on several platforms.
        max_latency_s: What candidates may take at most, seconds; None for any time.
        seed: Where randomness began.
        platforms: The platforms.
        candidates: How many candidates were priced.
        unscored: How many of them have no score.
        too_slow: How many of them take longer than ``max_latency_s``.
        compile_s: What compiling took, for all platforms, seconds.
        estimate_s: What pricing took, for all platforms, seconds.
        front: The candidates that nothing beats, the fastest first, front by front.
    """

    space: str
    strategy: str
    objective: str
    jointly: str
    max_latency_s: float | None
    seed: int
    platforms: tuple[PlatformUse, ...]
    candidates: int
    unscored: int
    too_slow: int
    compile_s: float
    estimate_s: float
    front: tuple[Found, ...]

    @property
    def candidates_per_s(self) -> float:
        """Candidates priced in a second, on all platforms together."""
        return self.candidates / self.estimate_s if self.estimate_s > 0 else 0.0


def search(
    space: SearchSpace | str | Path,
    platforms: Sequence[Platform | str | Path] | Platform | str | Path,
    *,
    objective: str | Objective = "operations",
    strategy: str = "random",
    count: int | None = None,
    max_latency_s: float | None = None,
    jointly: str = "slowest",
    seed: int = 0,
    batch: int = 1,
    model: str | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
    progress: Callable[[int], None] | None = None,
) -> SearchResult:
    """Searches a space for candidates that are fast and have a high score.

    Args:
        space: A space, or what `annette.spaces.load.load_space` finds one by.
        platforms: One or more platforms.
        objective: The score (`annette.spaces.objectives.load_objective`), the higher the better.
        strategy: ``random``, ``evolutionary`` or ``exhaustive``.
        count: How many candidates are looked at; 10,000 where absent. An exhaustive search takes none.
        max_latency_s: What a candidate may take at most, seconds.
        jointly: On several platforms: ``slowest`` optimises the latency of the slowest, ``each`` has a front for each.
        seed: The same seed finds the same candidates.
        batch: Samples processed together; for a space that is not loaded yet.
        model: Model family; None takes the platforms' preference per kind.
        fallback: ``error`` refuses kinds that a platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability that the intervals of the front are meant to hold with.
        progress: Is told how many candidates were looked at since the last time.

    Returns:
        The front, and how fast it was found.

    Raises:
        OptionError: An argument is out of its range, or there is no such space or objective.
        PlatformError: A platform cannot be found or used.
        UnsupportedKernelError: A platform has no model for a kind in a candidate.

    Example:
        >>> result = search("nasbench201", "kirin970-tvm", count=4)
        >>> result.candidates, len(result.front) > 0
        (4, True)
    """
    loaded = space if isinstance(space, SearchSpace) else load_space(space, batch=batch)
    targets = _targets(platforms)
    _check(targets, jointly, max_latency_s)
    if strategy != "exhaustive" and count is None:
        count = 10_000
    scored_by = load_objective(objective) if isinstance(objective, str) else objective
    run = _Run(loaded, _prices(loaded, targets, count, model, fallback), scored_by, jointly)
    run.look_over(proposals(strategy, loaded, count, np.random.default_rng(seed), run.best), max_latency_s, progress)
    said = objective if isinstance(objective, str) else getattr(objective, "__name__", "given")
    front = tuple(run.found(model, fallback, confidence))
    return SearchResult(
        strategy=strategy, objective=said, max_latency_s=max_latency_s, seed=seed, front=front, **run.counts()
    )


_WORTH_COMPILING: Final = 200
"""Fewer candidates than this are sooner priced one by one."""

_TOO_FEW: Final = f"fewer than {_WORTH_COMPILING} candidates are sooner priced one by one"


def _targets(platforms: Sequence[Platform | str | Path] | Platform | str | Path) -> list[Platform]:
    listed = [platforms] if isinstance(platforms, Platform | str | Path) else platforms
    return [each if isinstance(each, Platform) else load_platform(each) for each in listed]


def _prices(
    space: SearchSpace, platforms: Sequence[Platform], count: int | None, model: str | None, fallback: str
) -> list[SpacePrices]:
    """What prices the candidates on each platform."""
    if count is not None and count < _WORTH_COMPILING:
        return [FullRoad(space, platform, model, fallback, reason=_TOO_FEW) for platform in platforms]
    return [compile_space(space, platform, model=model, fallback=fallback) for platform in platforms]


def _check(platforms: Sequence[Platform], jointly: str, max_latency_s: float | None) -> None:
    if not platforms:
        raise OptionError("a search needs at least one platform")
    if len({platform.name for platform in platforms}) < len(platforms):
        raise OptionError("a search has each platform once")
    if jointly not in JOINTLY:
        raise OptionError(f"several platforms go together as {' or '.join(JOINTLY)}, not {jointly!r}")
    if max_latency_s is not None and not max_latency_s > 0:
        raise OptionError(f"a latency of at most {max_latency_s} s leaves nothing")


class _Front:
    """Candidates that nothing beats so far, the fastest first."""

    def __init__(self, decisions: int) -> None:
        self.rows: IntArray = np.empty((0, decisions), dtype=np.int64)
        self.latency_s, self.score = np.empty(0), np.empty(0)

    def add(self, rows: IntArray, latency_s: FloatArray, score: FloatArray) -> None:
        """Takes in candidates; of equally good ones the first stays."""
        rows = np.concatenate([self.rows, rows])
        latency_s, score = np.concatenate([self.latency_s, latency_s]), np.concatenate([self.score, score])
        order = np.lexsort((np.arange(len(rows)), -score, latency_s))
        best = np.maximum.accumulate(score[order])
        keep = order[np.concatenate([[True], best[1:] > best[:-1]])] if len(order) else order
        self.rows, self.latency_s, self.score = rows[keep], latency_s[keep], score[keep]


class _Run:
    """A search while it goes on."""

    def __init__(self, space: SearchSpace, prices: list[SpacePrices], objective: Objective, jointly: str) -> None:
        self.prices = prices
        self.candidates = self.unscored = self.too_slow = 0
        self.estimate_s = 0.0
        self._space, self._objective, self._jointly = space, objective, jointly
        names = [each.platform.name for each in prices]
        self._names: list[str | None] = [*names] if jointly == "each" or len(names) == 1 else [None]
        self._fronts = [_Front(len(space.options)) for _ in self._names]

    def counts(self) -> dict[str, Any]:
        """How much was looked at, and what it took: fields of a `SearchResult`."""
        return {
            "space": self._space.name,
            "jointly": self._jointly,
            "platforms": tuple(
                PlatformUse(each.platform.name, each.compiled, each.reason, each.compile_s) for each in self.prices
            ),
            "candidates": self.candidates,
            "unscored": self.unscored,
            "too_slow": self.too_slow,
            "compile_s": sum(each.compile_s for each in self.prices),
            "estimate_s": self.estimate_s,
        }

    def best(self) -> IntArray:
        """The candidates of all fronts."""
        return np.concatenate([front.rows for front in self._fronts])

    def look_over(
        self, batches: Iterable[IntArray], max_latency_s: float | None, progress: Callable[[int], None] | None
    ) -> None:
        """Looks at candidates as they come, and tells how many they were."""
        for candidates in batches:
            self.look_at(candidates, max_latency_s)
            if progress is not None:
                progress(len(candidates))

    def look_at(self, candidates: IntArray, max_latency_s: float | None) -> None:
        """Prices candidates, scores them, and keeps those that nothing beats."""
        started = time.perf_counter()
        priced = [each.price(candidates) for each in self.prices]
        self.estimate_s += time.perf_counter() - started
        score = np.asarray(self._objective(self._space, candidates, priced[0]), dtype=np.float64)
        latency_s = np.array([each.latency_s for each in priced])
        self.candidates += len(candidates)
        scored = ~np.isnan(score)
        self.unscored += int((~scored).sum())
        sides = latency_s if len(self._fronts) == len(priced) else latency_s.max(axis=0, keepdims=True)
        slow = sides > (np.inf if max_latency_s is None else max_latency_s)
        self.too_slow += int(slow.all(axis=0).sum())
        for front, side, late in zip(self._fronts, sides, slow, strict=True):
            taken = scored & ~late
            front.add(candidates[taken], side[taken], score[taken])

    def found(self, model: str | None, fallback: str, confidence: float) -> list[Found]:
        """The fronts, estimated once more by the full road, with intervals."""
        found = []
        for name, front in zip(self._names, self._fronts, strict=True):
            for row, score in zip(front.rows.tolist(), front.score.tolist(), strict=True):
                network = self._space.build(row).network
                estimates = {
                    each.platform.name: estimate_network(
                        network, each.platform, model=model, fallback=fallback, confidence=confidence
                    )
                    for each in self.prices
                }
                by_platform_s = {platform: each.latency_s for platform, each in estimates.items()}
                found.append(
                    Found(
                        candidate=self._space.label(row),
                        decisions=tuple(row),
                        platform=name,
                        score=score,
                        latency_s=max(by_platform_s.values()) if name is None else by_platform_s[name],
                        by_platform_s=by_platform_s,
                        intervals_s={platform: each.interval_s for platform, each in estimates.items()},
                    )
                )
        return found
