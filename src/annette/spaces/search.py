"""Searches a space for the candidates that nothing beats: no other is as fast and has as high a score."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.errors import OptionError
from annette.platforms import Platform, load_platform
from annette.spaces.load import load_space
from annette.spaces.members import estimated_members
from annette.spaces.objectives import load_objective
from annette.spaces.remote_search import SearchOnCluster
from annette.spaces.space import SearchSpace
from annette.spaces.strategies import parts, proposals
from annette.spaces.survey import PlatformUse, Survey, Wanted, prices_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from annette.cluster import Tls
    from annette.spaces.members import Member
    from annette.spaces.objectives import Objective
    from annette.spaces.strategies import Part

__all__ = ["JOINTLY", "Found", "PlatformUse", "SearchResult", "search"]

_DEFAULT_COUNT: Final = 10_000

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
        peak_activation_bytes: Activations alive at once at the most, on each platform; None where that is not known.
    """

    candidate: str
    decisions: tuple[int, ...]
    platform: str | None
    score: float
    latency_s: float
    by_platform_s: dict[str, float]
    intervals_s: dict[str, tuple[float, float] | None]
    peak_activation_bytes: dict[str, int | None]


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
        estimate_s: What pricing took, for all platforms, seconds; on a cluster, of all workers together.
        search_s: From the first candidate to the last, seconds: drawing, pricing, scoring and comparing them, compiling
            left out.
        front_s: What estimating the front anew took, seconds.
        front: The candidates that nothing beats, the fastest first, front by front.
        front_size: How many there are, if not all of them were kept.
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
    search_s: float
    front_s: float
    front: tuple[Found, ...]
    front_size: int

    @property
    def candidates_per_s(self) -> float:
        """Candidates looked at in a second, on all platforms together."""
        return self.candidates / self.search_s if self.search_s > 0 else 0.0


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
    most: int | None = None,
    progress: Callable[[int], None] | None = None,
    scheduler: str | None = None,
    tls: Tls | None = None,
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
        most: Candidates kept of each front, spread evenly, its ends among them; None keeps all (an estimate each).
        progress: Is told how many candidates were looked at since the last time.
        scheduler: Address of a Dask cluster whose workers look at the candidates (docs/cluster.md); None does so here.
        tls: Certificates for the cluster; None takes what Dask is configured with.

    Raises:
        OptionError: An argument is out of its range, or there is no such space or objective.
        PlatformError: A platform cannot be found or used.
        UnsupportedKernelError: A platform has no model for a kind in a candidate.
        ClusterError: The cluster cannot be reached, has lost all workers, or cannot price the space.

    Example:
        >>> result = search("nasbench201", "kirin970-tvm", count=4)
        >>> result.candidates, len(result.front) > 0
        (4, True)
    """
    loaded = space if isinstance(space, SearchSpace) else load_space(space, batch=batch)
    targets = _targets(platforms)
    _check(targets, jointly, max_latency_s, most)
    asked = _Asked(
        space, loaded, targets, objective, strategy, count, max_latency_s, jointly, seed, batch, model, fallback,
        confidence, most,
    )  # fmt: skip
    return _searched(asked, progress) if scheduler is None else _searched_on_cluster(asked, progress, scheduler, tls)


_WORTH_COMPILING: Final = 200
"""Fewer candidates than this are sooner priced one by one."""


@dataclass(frozen=True)
class _Asked:
    """What `search` was asked for; ``space`` as it was given, and loaded."""

    space: SearchSpace | str | Path
    loaded: SearchSpace
    platforms: list[Platform]
    objective: str | Objective
    strategy: str
    count: int | None
    max_latency_s: float | None
    jointly: str
    seed: int
    batch: int
    model: str | None
    fallback: str
    confidence: float
    most: int | None

    @property
    def names(self) -> list[str]:
        """Those of the platforms."""
        return [each.name for each in self.platforms]

    @property
    def compiled(self) -> bool:
        """Whether there are enough candidates for compiling to pay."""
        return self.count is None or self.count >= _WORTH_COMPILING

    def parts(self, *, apart: bool) -> Iterator[Part]:
        """What is to be looked at."""
        default = None if self.strategy == "exhaustive" else _DEFAULT_COUNT
        return parts(self.strategy, self.loaded, default if self.count is None else self.count, apart=apart)


def _searched(asked: _Asked, progress: Callable[[int], None] | None) -> SearchResult:
    """A search in this process."""
    space = asked.loaded
    todo, survey = asked.parts(apart=False), Survey(asked.loaded, asked.names, asked.jointly)
    objective = load_objective(asked.objective) if isinstance(asked.objective, str) else asked.objective
    wanted = Wanted(objective, asked.jointly, asked.max_latency_s)
    prices = prices_on(asked.platforms, space, compiled=asked.compiled, model=asked.model, fallback=asked.fallback)
    started_s = time.perf_counter()
    for part in todo:
        for candidates in proposals(asked.strategy, space, part, asked.seed, survey.best):
            survey.look_at(candidates, prices, wanted)
            _tell(progress, len(candidates))
    seen_s = time.perf_counter()
    size = survey.keep(asked.most)
    how: dict[str, Any] = {"model": asked.model, "fallback": asked.fallback, "confidence": asked.confidence}
    members = list(estimated_members(space, asked.platforms, survey.best().tolist(), **how))
    return _result(asked, survey, size, members, seen_s - started_s, time.perf_counter() - seen_s)


def _searched_on_cluster(
    asked: _Asked, progress: Callable[[int], None] | None, scheduler: str, tls: Tls | None
) -> SearchResult:
    """A search by the workers of a cluster."""
    survey, todo = Survey(asked.loaded, asked.names, asked.jointly), asked.parts(apart=True)
    fields = ("strategy", "seed", "jointly", "max_latency_s", "compiled", "model", "fallback", "confidence")
    how = {field: getattr(asked, field) for field in fields}
    sent = (asked.space, asked.platforms, asked.objective)
    with SearchOnCluster(scheduler, tls, *sent, batch=asked.batch, how=how) as cluster:
        started_s = time.perf_counter()
        for seen in cluster.surveys(todo):
            survey.join(seen)
            _tell(progress, seen.candidates)
        seen_s = time.perf_counter()
        size = survey.keep(asked.most)
        members = list(cluster.members(survey.best()))
    compile_s = max((use.compile_s for use in survey.uses), default=0.0)
    search_s = max(seen_s - started_s - compile_s, 0.0)
    return _result(asked, survey, size, members, search_s, time.perf_counter() - seen_s)


def _result(
    asked: _Asked, survey: Survey, size: int, members: list[tuple[Member, ...]], search_s: float, front_s: float
) -> SearchResult:
    return SearchResult(
        space=asked.loaded.name,
        strategy=asked.strategy,
        objective=asked.objective
        if isinstance(asked.objective, str)
        else getattr(asked.objective, "__name__", "given"),
        jointly=asked.jointly,
        max_latency_s=asked.max_latency_s,
        seed=asked.seed,
        platforms=survey.uses,
        candidates=survey.candidates,
        unscored=survey.unscored,
        too_slow=survey.too_slow,
        compile_s=sum(use.compile_s for use in survey.uses),
        estimate_s=survey.estimate_s,
        search_s=search_s,
        front_s=front_s,
        front=tuple(_found(asked.loaded, survey, asked.names, members)),
        front_size=size,
    )


def _tell(progress: Callable[[int], None] | None, count: int) -> None:
    if progress is not None:
        progress(count)


def _targets(platforms: Sequence[Platform | str | Path] | Platform | str | Path) -> list[Platform]:
    listed = [platforms] if isinstance(platforms, Platform | str | Path) else platforms
    return [each if isinstance(each, Platform) else load_platform(each) for each in listed]


def _check(platforms: Sequence[Platform], jointly: str, max_latency_s: float | None, most: int | None) -> None:
    if not platforms:
        raise OptionError("a search needs at least one platform")
    if len({platform.name for platform in platforms}) < len(platforms):
        raise OptionError("a search has each platform once")
    if jointly not in JOINTLY:
        raise OptionError(f"several platforms go together as {' or '.join(JOINTLY)}, not {jointly!r}")
    if max_latency_s is not None and not max_latency_s > 0:
        raise OptionError(f"a latency of at most {max_latency_s} s leaves nothing")
    if most is not None and most < 2:
        raise OptionError(f"of a front at least 2 candidates are kept, its ends, not {most}")


def _found(
    space: SearchSpace, survey: Survey, platforms: Sequence[str], members: Iterable[tuple[Member, ...]]
) -> Iterator[Found]:
    """The fronts, one after the other, with what the full road says of each candidate."""
    known = iter(members)
    for name, front in zip(survey.names, survey.fronts, strict=True):
        for row, score in zip(front.rows.tolist(), front.score.tolist(), strict=True):
            on_each = dict(zip(platforms, next(known), strict=True))
            by_platform_s = {platform: each.latency_s for platform, each in on_each.items()}
            yield Found(
                candidate=space.label(row),
                decisions=tuple(row),
                platform=name,
                score=score,
                latency_s=max(by_platform_s.values()) if name is None else by_platform_s[name],
                by_platform_s=by_platform_s,
                intervals_s={platform: each.interval_s for platform, each in on_each.items()},
                peak_activation_bytes={platform: each.peak_activation_bytes for platform, each in on_each.items()},
            )
