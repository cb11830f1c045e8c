"""Estimates on a cluster: many networks, shared out over its workers; what comes back is the document of each."""

from __future__ import annotations

from collections import deque
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from annette import errors
from annette._version import __version__
from annette.cluster import connected
from annette.documents import Document
from annette.errors import AnnetteError, ClusterError, OptionError, nearest
from annette.estimation.estimator import check_options
from annette.estimation.many import Estimated, estimate_many
from annette.files import is_file
from annette.network import Network
from annette.network.graph_json import graph_from_json, graph_to_json
from annette.network.inputs import given_text, parse_given
from annette.platforms import Platform, dumps_platform, load_platform, loads_platform
from annette.report.estimates import estimate_document
from annette.report.schemas.estimates import EstimateDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from annette.cluster import Tls
    from annette.estimation.estimate import Estimate
    from annette.network.inputs import Given

__all__ = ["estimate_on_cluster", "serve_estimates"]

_TOGETHER: Final = 16
"""Networks of one request: kernels of as many are priced together (`annette.estimation.many`), and a worker that is
lost costs no more than that."""

_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(EstimateDocument))


class _Request(Document, frozen=True):
    """What a worker is asked for.

    Attributes:
        version: Of the annette that asks.
        networks: Files, names of the zoo, or graphs (`annette.network.graph_json`).
        fields: What is wanted of each document; none are all.
        how: Options of `annette.estimate_many`.
        inputs: Shapes and values of inputs as texts (`annette.network.inputs.given_text`).
    """

    version: str
    networks: tuple[str | dict[str, Any], ...]
    fields: tuple[str, ...]
    how: dict[str, Any]
    inputs: dict[str, str]


class _Entry(Document, frozen=True):
    """What became of one network: a document, or why there is none, with the name of the error's class."""

    document: dict[str, Any] | None = None
    error: str = ""
    kind: str = ""


class _Answer(Document, frozen=True):
    """What became of each network; or, where nothing can be estimated at all, why."""

    entries: tuple[_Entry, ...] = ()
    error: str = ""


def estimate_on_cluster(
    networks: Iterable[Network | str | Path],
    platform: Platform | str | Path,
    *,
    scheduler: str,
    tls: Tls | None = None,
    fields: Sequence[str] = (),
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Iterator[Estimated[dict[str, Any]]]:
    """Estimates how long each of many networks takes on a platform, on the workers of a Dask cluster.

    As `annette.estimate_many`, with the same numbers in the same order; of each network the document is given that
    ``annette estimate --json`` prints: plain data. A few requests for each worker are under way at a time, so that
    memory does not grow with the number of networks. Requests of a worker that is lost are made by another one.

    Args:
        networks: Loaded networks, files that workers find under the same absolute path, or names of the zoo.
        platform: A loaded platform, a file here, or the name of a known platform; workers are sent its contents.
        scheduler: Address of the cluster, ``tcp://host:8786`` (docs/cluster.md).
        tls: Certificates; None takes what Dask is configured with.
        fields: Fields of the document to keep, such as ``latency_s``; none keep all, kernels included.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for networks that are not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for networks that are not loaded yet.
        lenient: Whether invalid ONNX files are priced nevertheless; as above.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Returns:
        An iterator over what became of each network; what is wrong with one is in its place. It raises `ClusterError`
        where the cluster cannot be reached, has another annette, or has lost all workers.

    Raises:
        PlatformError: The platform cannot be found or used.
        OptionError: An argument is out of its range, or a document has no such field.
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    check_options(target, model, fallback, confidence)
    for field in fields:
        if field not in _FIELDS:
            raise OptionError(f"the document of an estimate has no field {field!r}{nearest(field, _FIELDS)}")
    how = {"model": model, "batch": batch, "lenient": lenient, "fallback": fallback, "confidence": confidence}
    given = {name: given_text(value) for name, value in (inputs or {}).items()}
    template = _Request(version=__version__, networks=(), fields=tuple(fields), how=how, inputs=given)
    return _estimated(networks, dumps_platform(target).encode(), scheduler, tls, template)


def _estimated(
    networks: Iterable[Network | str | Path], platform: bytes, scheduler: str, tls: Tls | None, template: _Request
) -> Iterator[Estimated[dict[str, Any]]]:
    names: deque[str] = deque()
    number = 0

    def requests() -> Iterator[bytes]:
        waiting = iter(networks)
        while part := tuple(islice(waiting, _TOGETHER)):
            names.extend(network.name if isinstance(network, Network) else str(network) for network in part)
            yield msgspec.json.encode(msgspec.structs.replace(template, networks=tuple(map(_sent, part))))

    with connected(scheduler, tls) as cluster:
        for text in cluster.map(serve_estimates, requests(), platform):
            for entry in _entries(text):
                error = getattr(errors, entry.kind, AnnetteError)(entry.error) if entry.kind else None
                yield Estimated(number, names.popleft(), entry.document, error)
                number += 1


def _sent(network: Network | str | Path) -> str | dict[str, Any]:
    """A network as it travels: a graph, a name, or the whole path of a file."""
    if isinstance(network, Network):
        return graph_to_json(network)
    path = Path(network)
    return str(path.absolute()) if isinstance(network, Path) or is_file(path) else network


def _entries(text: bytes) -> tuple[_Entry, ...]:
    """What a worker answered.

    Raises:
        ClusterError: It could not estimate anything, or its answer cannot be read.
    """
    try:
        answer = msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError as error:
        raise ClusterError(f"the answer of a worker of the cluster cannot be read: {error}") from error
    if answer.error:
        raise ClusterError(f"a worker of the cluster cannot estimate: {answer.error}")
    return answer.entries


def serve_estimates(request: bytes, platform: bytes) -> bytes:
    """Estimates some networks on a worker.

    Args:
        request: JSON, as `estimate_on_cluster` writes it.
        platform: A platform file's contents.

    Returns:
        An entry for each network, as JSON, whatever happens.
    """
    try:
        asked = msgspec.json.decode(request, type=_Request)
        if asked.version != __version__:
            raise ClusterError(f"it has annette {__version__}, and was asked by {asked.version}")
        answer = _Answer(entries=tuple(_answered(asked, _loaded_platform(platform))))
    except (AnnetteError, msgspec.DecodeError, TypeError) as error:  # TypeError: an option that there is not.
        answer = _Answer(error=f"{type(error).__name__}: {error}")
    return msgspec.json.encode(answer)


@lru_cache(maxsize=2)
def _loaded_platform(contents: bytes) -> Platform:
    return loads_platform(contents, source="the platform that the client sent")


def _answered(asked: _Request, platform: Platform) -> Iterator[_Entry]:
    inputs = {name: parse_given(text) for name, text in asked.inputs.items()}
    networks = [graph_from_json(each) if isinstance(each, dict) else each for each in asked.networks]
    keep = partial(_document, fields=asked.fields)
    for each in estimate_many(networks, platform, inputs=inputs or None, keep=keep, **asked.how):
        if each.error is None:
            yield _Entry(document=each.value)
        else:
            yield _Entry(error=str(each.error), kind=type(each.error).__name__)


def _document(estimate: Estimate, fields: Sequence[str]) -> dict[str, Any]:
    document = estimate_document(estimate, memory=not fields or "memory" in fields)
    return {field: document[field] for field in fields} if fields else document
