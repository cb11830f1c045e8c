"""A search on a cluster: workers draw candidates from seeds and price them, and send what nothing beats.

What travels is the number of a part one way and a front the other way, so that the client has little to do.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

import msgspec
import numpy as np

from annette._version import __version__
from annette.cluster import connected
from annette.documents import Document
from annette.errors import AnnetteError, ClusterError, OptionError
from annette.estimation.estimator import check_options
from annette.platforms import Platform, dumps_platform, loads_platform
from annette.spaces.members import Member, estimated_members
from annette.spaces.objectives import load_objective, objective_as_sent
from annette.spaces.prepared import Prepared, prepared, prices_received
from annette.spaces.remote import check_version, number_type, rows_received, space_as_sent, space_received
from annette.spaces.space import SearchSpace
from annette.spaces.strategies import Part, proposals
from annette.spaces.survey import Front, PlatformUse, Survey, Wanted, prices_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from annette.cluster import Cluster, Tls
    from annette.spaces.full_road import SpacePrices
    from annette.spaces.objectives import Objective
    from annette.spaces.space import IntArray

__all__ = ["SearchOnCluster", "prepare_search", "serve_members", "serve_part"]

_MEMBERS: Final = 16
"""Candidates of the front of one request: built and mapped, they take a fraction of a second."""

_FLOATS: Final = np.dtype("<f8")


class _Shared(Document, frozen=True):
    """What all requests have in common: arguments of `annette.search`.

    Attributes:
        version: Of the annette that asks.
        space: Name of a built-in space, or the description of one.
        batch: Samples processed together.
        platforms: Platform files' texts.
        objective: A proxy, or a file of scores.
        strategy: How candidates are chosen.
        seed: Where randomness begins.
        jointly: What is optimised on several platforms.
        max_latency_s: What candidates may take at most.
        compiled: Whether there are enough candidates for compiling to pay.
        model: Model family; None takes the platforms' preference.
        fallback: ``error`` or ``roofline``.
        confidence: For the intervals of the front.
    """

    version: str
    space: str | dict[str, Any]
    batch: int
    platforms: tuple[str, ...]
    objective: str
    strategy: str
    seed: int
    jointly: str
    max_latency_s: float | None
    compiled: bool
    model: str | None
    fallback: str
    confidence: float


class _FrontPart(Document, frozen=True):
    """A front: decisions (`annette.spaces.remote.number_type`), latencies and scores as little-endian doubles."""

    rows: bytes
    latency_s: bytes
    score: bytes


class _Seen(Document, frozen=True):
    """What a worker saw of a part, as `Survey` has it; or why nothing."""

    candidates: int = 0
    unscored: int = 0
    too_slow: int = 0
    estimate_s: float = 0.0
    uses: tuple[PlatformUse, ...] = ()
    fronts: tuple[_FrontPart, ...] = ()
    error: str = ""


class _Members(Document, frozen=True):
    """What is known of candidates, on each platform; or why nothing."""

    members: tuple[tuple[Member, ...], ...] = ()
    error: str = ""


_T = TypeVar("_T", _Seen, _Members)


class SearchOnCluster:
    """A search whose candidates are looked at by the workers of a Dask cluster; a context manager.

    Args:
        scheduler: Address of the cluster.
        tls: Certificates; None takes what Dask is configured with.
        space: Name of a built-in space, or a JSON file that describes one.
        platforms: The platforms.
        objective: A proxy, or a file of scores that the workers have under the same path.
        batch: Samples processed together.
        how: Further fields of `_Shared`.

    Raises:
        OptionError: The space or the scores are code, which workers are not sent, or an argument is out of its range.
        ClusterError: The cluster cannot be reached.
    """

    def __init__(
        self,
        scheduler: str,
        tls: Tls | None,
        space: SearchSpace | str | Path,
        platforms: Sequence[Platform],
        objective: str | Objective,
        *,
        batch: int,
        how: Mapping[str, Any],
    ) -> None:
        if isinstance(space, SearchSpace):
            raise OptionError("workers of a cluster take a space by name or from a JSON file, not as an object")
        for platform in platforms:
            check_options(platform, how["model"], how["fallback"], how["confidence"])
        shared = _Shared(
            version=__version__,
            space=space_as_sent(space, batch),
            batch=batch,
            platforms=tuple(map(dumps_platform, platforms)),
            objective=objective_as_sent(objective),
            **how,
        )
        self._shared = msgspec.json.encode(shared)
        self._space = space_received(shared.space, batch)
        self._names, self._jointly = [platform.name for platform in platforms], shared.jointly
        self._address, self._tls = scheduler, tls
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._cluster: Cluster = self._stack.enter_context(connected(self._address, self._tls))
        return self

    def __exit__(self, *what: object) -> None:
        self._stack.close()

    def surveys(self, todo: Iterable[Part]) -> Iterator[Survey]:
        """Has parts looked at; what was seen of each, in order."""
        requests = map(msgspec.json.encode, todo)
        for text in self._cluster.map(serve_part, requests, self._shared, prepare_search):
            yield self._survey(_answer(text, _Seen))

    def members(self, rows: IntArray) -> Iterator[tuple[Member, ...]]:
        """Has candidates estimated anew: what is known of each on each platform, in order."""
        numbers = number_type(self._space.options)
        requests = (rows[start : start + _MEMBERS].astype(numbers).tobytes() for start in range(0, len(rows), _MEMBERS))
        for text in self._cluster.map(serve_members, requests, self._shared):
            yield from _answer(text, _Members).members

    def _survey(self, seen: _Seen) -> Survey:
        survey = Survey(self._space, self._names, self._jointly)
        survey.candidates, survey.unscored, survey.too_slow = seen.candidates, seen.unscored, seen.too_slow
        survey.estimate_s, survey.uses = seen.estimate_s, seen.uses
        try:
            for front, sent in zip(survey.fronts, seen.fronts, strict=True):
                rows = rows_received(sent.rows, self._space.options)
                front.add(rows, np.frombuffer(sent.latency_s, _FLOATS), np.frombuffer(sent.score, _FLOATS))
        except (ValueError, IndexError) as error:  # another number of fronts, rows, latencies or scores
            raise ClusterError(f"the answer of a worker of the cluster cannot be read: {error}") from error
        return survey


def _answer(text: bytes, kind: type[_T]) -> _T:
    """What a worker answered.

    Raises:
        ClusterError: It could not do what it was asked for, or its answer cannot be read.
    """
    try:
        answer = msgspec.msgpack.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ClusterError(f"the answer of a worker of the cluster cannot be read: {error}") from error
    if answer.error:
        raise ClusterError(f"a worker of the cluster cannot search: {answer.error}")
    return answer


class _Loaded(NamedTuple):
    """What a worker needs for every part of a search."""

    asked: _Shared
    space: SearchSpace
    platforms: tuple[Platform, ...]


def prepare_search(shared: bytes) -> bytes:
    """Compiles the space of a search on a worker, for all workers.

    Args:
        shared: A `_Shared` as JSON.

    Returns:
        A `Prepared` as MessagePack, whatever happens.
    """
    return prepared(shared, _compiled)


def serve_part(request: bytes, made: bytes) -> bytes:
    """Looks at one part of a search on a worker.

    Args:
        request: A `Part` as JSON.
        made: What `prepare_search` gave.

    Returns:
        A `_Seen` as MessagePack, whatever happens.
    """
    try:
        known = _received(made)
        answer = _Seen(error=known) if isinstance(known, str) else _seen(msgspec.json.decode(request, type=Part), known)
    except (AnnetteError, msgspec.DecodeError, ValueError) as error:  # ValueError: no such part
        answer = _Seen(error=f"{type(error).__name__}: {error}")
    return msgspec.msgpack.encode(answer)


def _seen(part: Part, known: _Ready) -> _Seen:
    asked, space = known.asked, known.space
    survey = Survey(space, [each.platform.name for each in known.prices], asked.jointly)
    for candidates in proposals(asked.strategy, space, part, asked.seed, survey.best):
        survey.look_at(candidates, known.prices, known.wanted)
    numbers = number_type(space.options)
    return _Seen(
        survey.candidates,
        survey.unscored,
        survey.too_slow,
        survey.estimate_s,
        survey.uses,
        tuple(_sent(front, numbers) for front in survey.fronts),
    )


def _sent(front: Front, numbers: np.dtype[Any]) -> _FrontPart:
    floats = (each.astype(_FLOATS).tobytes() for each in (front.latency_s, front.score))
    return _FrontPart(front.rows.astype(numbers).tobytes(), *floats)


def serve_members(request: bytes, shared: bytes) -> bytes:
    """Estimates candidates of a front on a worker, by the full road.

    Args:
        request: Rows of decisions (`annette.spaces.remote.number_type`).
        shared: A `_Shared` as JSON.

    Returns:
        A `_Members` as MessagePack, whatever happens.
    """
    try:
        asked, space, platforms = _loaded(shared)
        rows = rows_received(request, space.options).tolist()
        how: dict[str, Any] = {"model": asked.model, "fallback": asked.fallback, "confidence": asked.confidence}
        answer = _Members(tuple(estimated_members(space, platforms, rows, **how)))
    except (AnnetteError, msgspec.DecodeError, ValueError) as error:  # ValueError: rows of another length
        answer = _Members(error=f"{type(error).__name__}: {error}")
    return msgspec.msgpack.encode(answer)


@lru_cache(maxsize=2)
def _loaded(shared: bytes) -> _Loaded:
    asked = msgspec.json.decode(shared, type=_Shared)
    check_version(asked.version)
    source = "the platform that the client sent"
    platforms = tuple(loads_platform(text.encode(), source=source) for text in asked.platforms)
    return _Loaded(asked, space_received(asked.space, asked.batch), platforms)


def _compiled(shared: bytes) -> list[SpacePrices]:
    asked, space, platforms = _loaded(shared)
    return prices_on(platforms, space, compiled=asked.compiled, model=asked.model, fallback=asked.fallback)


class _Ready(NamedTuple):
    """All that looking at candidates takes."""

    asked: _Shared
    space: SearchSpace
    prices: list[SpacePrices]
    wanted: Wanted


@lru_cache(maxsize=2)
def _received(made: bytes) -> _Ready | str:
    """What looks at candidates, or why nothing does."""
    known = msgspec.msgpack.decode(made, type=Prepared)
    if known.error:
        return known.error
    asked, space, platforms = _loaded(known.shared)
    prices = prices_received(known, space, platforms, asked.model, asked.fallback)
    objective = load_objective(objective_as_sent(asked.objective))
    return _Ready(asked, space, prices, Wanted(objective, asked.jointly, asked.max_latency_s))
