"""Candidates of a search space priced on a cluster, where one machine is not enough."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from annette._version import __version__
from annette.cluster import connected
from annette.documents import Document, read_json
from annette.errors import AnnetteError, ClusterError, OptionError
from annette.estimation.estimator import check_options
from annette.platforms import Platform, dumps_platform, load_platform, loads_platform
from annette.spaces.blocks import space_from_json
from annette.spaces.compiled import compile_space
from annette.spaces.full_road import Priced
from annette.spaces.load import SPACES, load_space
from annette.spaces.prepared import Prepared, prepared, prices_received

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from annette.cluster import Tls
    from annette.spaces.full_road import SpacePrices
    from annette.spaces.space import IntArray, SearchSpace

__all__ = [
    "check_version",
    "number_type",
    "prepare_candidates",
    "price_on_cluster",
    "rows_received",
    "serve_candidates",
    "space_as_sent",
    "space_received",
]

_TOGETHER: Final = 16_384
"""Candidates of one request: a tenth of a second where they are look-ups, and what a worker that is lost costs."""

_FLOATS: Final = np.dtype("<f8")


class _Shared(Document, frozen=True):
    """What all requests have in common.

    Attributes:
        version: Of the annette that asks.
        space: Name of a built-in space, or the description of one (`annette.spaces.blocks`).
        batch: Samples processed together.
        platform: A platform file's text.
        model: Model family; None takes the platform's preference.
        fallback: ``error`` or ``roofline``.
    """

    version: str
    space: str | dict[str, Any]
    batch: int
    platform: str
    model: str | None
    fallback: str


class _Answer(Document, frozen=True):
    """Prices of candidates as little-endian doubles; or why there are none, with the name of the error's class."""

    latency_s: bytes = b""
    weight_bytes: bytes = b""
    ops: bytes = b""
    error: str = ""


def price_on_cluster(
    space: str | Path,
    platform: Platform | str | Path,
    candidates: Iterable[IntArray],
    *,
    scheduler: str,
    tls: Tls | None = None,
    batch: int = 1,
    model: str | None = None,
    fallback: str = "error",
) -> Iterator[tuple[IntArray, Priced]]:
    """Prices candidates of a space on the workers of a Dask cluster; one worker compiles the space for all.

    Args:
        space: Name of a built-in space, or a JSON file that describes one. One that is written in Python is not sent:
            workers run nobody's code but annette's.
        platform: A loaded platform, a file here, or the name of a known platform.
        candidates: Rows of decisions, some at a time (`SearchSpace.sample`); taken as they are needed.
        scheduler: Address of the cluster.
        tls: Certificates; None takes what Dask is configured with.
        batch: Samples processed together.
        model: Model family; None takes the platform's preference per kind.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.

    Returns:
        An iterator over candidates and what is known of them, in the order given, in parts of at most 16,384. It raises
        `ClusterError` where the cluster cannot be reached, has lost all workers, or cannot price the space.

    Raises:
        OptionError: There is no such space, or an argument is out of its range.
        PlatformError: The platform cannot be found or used.
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    check_options(target, model, fallback, 0.9)
    shared = _Shared(
        version=__version__,
        space=space_as_sent(space, batch),
        batch=batch,
        platform=dumps_platform(target),
        model=model,
        fallback=fallback,
    )
    return _priced(candidates, load_space(space, batch=batch).options, msgspec.json.encode(shared), scheduler, tls)


def space_as_sent(space: str | Path, batch: int) -> str | dict[str, Any]:
    """A space as it travels.

    Raises:
        OptionError: There is no such space, or it is written in Python.
    """
    text = str(space)
    if ":" in text and text not in SPACES and not text.endswith(".json"):
        raise OptionError(
            f"space {text!r} is written in Python, which workers are not sent: describe it in a JSON file"
        )
    load_space(space, batch=batch)
    if text in SPACES:
        return text
    document: dict[str, Any] = read_json(Path(text), error=OptionError)
    return document


def _priced(
    candidates: Iterable[IntArray], options: tuple[int, ...], shared: bytes, scheduler: str, tls: Tls | None
) -> Iterator[tuple[IntArray, Priced]]:
    waiting: deque[IntArray] = deque()
    numbers = number_type(options)

    def requests() -> Iterator[bytes]:
        for rows in candidates:
            for start in range(0, len(rows), _TOGETHER):
                waiting.append(rows[start : start + _TOGETHER])
                yield waiting[-1].astype(numbers).tobytes()

    with connected(scheduler, tls) as cluster:
        for text in cluster.map(serve_candidates, requests(), shared, prepare_candidates):
            rows = waiting.popleft()
            yield rows, _prices(text, len(rows))


def _prices(text: bytes, count: int) -> Priced:
    """What a worker answered.

    Raises:
        ClusterError: It could not price the candidates, or its answer cannot be read.
    """
    try:
        answer = msgspec.msgpack.decode(text, type=_Answer)
        if answer.error:
            raise ClusterError(f"a worker of the cluster cannot price candidates: {answer.error}")
        arrays = [np.frombuffer(each, _FLOATS) for each in (answer.latency_s, answer.weight_bytes, answer.ops)]
    except (msgspec.DecodeError, ValueError) as error:
        raise ClusterError(f"the answer of a worker of the cluster cannot be read: {error}") from error
    if any(len(array) != count for array in arrays):
        raise ClusterError(f"a worker of the cluster was asked for {count} candidates, and answers with another number")
    return Priced(*arrays)


def prepare_candidates(shared: bytes) -> bytes:
    """Compiles a space on a worker, for all workers.

    Args:
        shared: A `_Shared` as JSON.

    Returns:
        A `Prepared` as MessagePack, whatever happens.
    """
    return prepared(shared, _compiled)


def serve_candidates(request: bytes, made: bytes) -> bytes:
    """Prices candidates on a worker.

    Args:
        request: Rows of decisions as numbers of `number_type`, one row after the other.
        made: What `prepare_candidates` gave.

    Returns:
        An `_Answer` as MessagePack, whatever happens.
    """
    try:
        known = _received(made)
        if isinstance(known, str):
            answer = _Answer(error=known)
        else:
            priced = known.price(rows_received(request, known.space.options))
            latency_s, weight_bytes, ops = (each.astype(_FLOATS).tobytes() for each in priced)
            answer = _Answer(latency_s, weight_bytes, ops)
    except (AnnetteError, msgspec.DecodeError, ValueError) as error:  # ValueError: rows of another length.
        answer = _Answer(error=f"{type(error).__name__}: {error}")
    return msgspec.msgpack.encode(answer)


class _Asked(NamedTuple):
    """What a client asks for."""

    space: SearchSpace
    platform: Platform
    model: str | None
    fallback: str


def _asked(shared: bytes) -> _Asked:
    asked = msgspec.json.decode(shared, type=_Shared)
    check_version(asked.version)
    platform = loads_platform(asked.platform.encode(), source="the platform that the client sent")
    return _Asked(space_received(asked.space, asked.batch), platform, asked.model, asked.fallback)


def _compiled(shared: bytes) -> list[SpacePrices]:
    asked = _asked(shared)
    return [compile_space(asked.space, asked.platform, model=asked.model, fallback=asked.fallback)]


@lru_cache(maxsize=2)
def _received(made: bytes) -> SpacePrices | str:
    """What prices candidates, or why nothing does."""
    known = msgspec.msgpack.decode(made, type=Prepared)
    if known.error:
        return known.error
    asked = _asked(known.shared)
    return prices_received(known, asked.space, [asked.platform], asked.model, asked.fallback)[0]


def check_version(version: str) -> None:
    """Refuses what another version of annette asks for.

    Raises:
        ClusterError: It is another one.
    """
    if version != __version__:
        raise ClusterError(f"it has annette {__version__}, and was asked by {version}")


def number_type(options: tuple[int, ...]) -> np.dtype[Any]:
    """How decisions travel: as the least unsigned little-endian integers that hold the options of a space."""
    return np.min_scalar_type(max(options, default=1) - 1).newbyteorder("<")


def rows_received(data: bytes, options: tuple[int, ...]) -> IntArray:
    """Rows of decisions that travelled as numbers of `number_type`.

    Raises:
        ValueError: They are no whole rows.
    """
    return np.frombuffer(data, number_type(options)).reshape(-1, len(options)).astype(np.int64)


def space_received(space: str | dict[str, Any], batch: int) -> SearchSpace:
    """A space that was sent (`space_as_sent`).

    Raises:
        OptionError: It is none.
    """
    if isinstance(space, dict):
        return space_from_json(space, batch=batch)
    if space not in SPACES:
        raise OptionError(f"there is no built-in space {space!r}")
    return SPACES[space](batch=batch)
