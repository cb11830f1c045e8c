"""A cluster that somebody has started with Dask (https://distributed.dask.org): the only module that knows it.

Workers are given bytes and give bytes: which function of annette is called is named, not sent, and what it is called
with is JSON, read as strictly as a file of a stranger. What Dask itself sends, and what follows for whoever opens a
port, is in docs/decisions/what-travels-to-workers.md.
"""

from __future__ import annotations

import asyncio
import pydoc
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from annette._version import __version__
from annette.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Cluster", "Task", "Tls", "connected"]

_CONNECT_S: Final = 20.0
"""Time to reach a scheduler in: one that runs answers within milliseconds, over slow networks within seconds."""

_GLANCE_S: Final = 1.0
"""Between two looks whether an answer that was there is there still: Dask takes one that was lost as not yet given."""

_LOOK_S: Final = 5.0
"""Between two looks whether a cluster that gives no result still has workers."""

_WITHOUT_WORKERS_S: Final = 60.0
"""Time in which workers that were lost are waited for: a worker's nanny starts a new one within seconds."""

_OUR_VERSION: Final = "annette._version.__version__"
"""Where a version is found: by a function of Python's own library, which is there whatever else is not."""

_PER_THREAD: Final = 3
"""Payloads in flight for each thread of the workers: one runs, one waits there, and one is on its way."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates for a cluster whose address begins with ``tls://``, as ``dask worker`` takes them.

    What is empty is taken from Dask's own configuration (files, environment variables).

    Attributes:
        ca_file: Certificates of the authority that has signed those of the cluster.
        cert: Our certificate.
        key: Our private key.
    """

    ca_file: str = ""
    cert: str = ""
    key: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What of it is given, by Dask's names."""
        named = {"tls_ca_file": self.ca_file, "tls_client_cert": self.cert, "tls_client_key": self.key}
        return {name: value for name, value in named.items() if value}


@contextmanager
def connected(scheduler: str, tls: Tls | None = None) -> Iterator[Cluster]:
    """Connects to a cluster, and leaves it as it was.

    Args:
        scheduler: Address of its scheduler, ``tcp://host:8786`` or ``tls://host:8786``.
        tls: Certificates; None takes what Dask is configured with.

    Raises:
        ClusterError: Dask is not installed, or there is no scheduler.
    """
    try:
        from distributed import Client, Security  # noqa: PLC0415 - an extra, which nothing else needs
        from distributed.comm import connect  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"a cluster needs {error.name}, which is not installed: pip install 'annette[cluster]'"
        ) from error

    async def reach(security: Security) -> None:
        await (await connect(scheduler, timeout=_CONNECT_S, **security.get_connection_args("client"))).close()

    try:
        security = Security(require_encryption=True, **tls.settings) if tls is not None and tls.settings else Security()
        # A client that fails to start is not closed before the garbage collector finds it, perhaps while another one
        # starts, which then waits for it for ever. The thread is for callers that have an event loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, reach(security)).result()
        client = Client(scheduler, timeout=_CONNECT_S, security=security, set_as_default=False)
    except (OSError, TypeError, ValueError, RuntimeError) as error:  # TypeError: TLS without certificates.
        raise ClusterError(f"there is no cluster at {scheduler!r}: {error}") from error
    with client:
        found = client.run_on_scheduler(pydoc.locate, _OUR_VERSION)
        if found != __version__:
            raise ClusterError(f"the scheduler at {scheduler!r} {_lacks(found)}")
        yield Cluster(scheduler, client)


def _lacks(found: object) -> str:
    """What is wrong with a process of a cluster that does not have our version."""
    has = f"has annette {found}" if isinstance(found, str) else "has no annette that can be imported"
    return f"{has}, and this is annette {__version__}: install the same there"


class Task:
    """A call that a worker has been asked for."""

    def __init__(self, future: Any) -> None:
        self.future = future

    def when_done(self, tell: Callable[[Task], None]) -> None:
        """Has ``tell`` called, in another thread, when there is a result, an error, or it was given up."""
        self.future.add_done_callback(lambda _: tell(self))

    def result(self, timeout_s: float) -> bytes:
        """What the worker answered.

        Args:
            timeout_s: Time in which an answer that is there arrives.

        Raises:
            TimeoutError: There is no answer yet, or no longer: the worker that had it was lost.
            ClusterError: The call failed before or after annette's part of it.
        """
        try:
            answer = self.future.result(timeout=min(timeout_s, _GLANCE_S))
        except TimeoutError:
            if timeout_s <= _GLANCE_S or not self.future.done():
                raise
            return self.result(timeout_s - _GLANCE_S)
        except BaseException as error:  # Whatever was raised on the worker is raised here, the cancelled included.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise ClusterError(f"a worker of the cluster failed: {type(error).__name__}: {error}") from error
        if not isinstance(answer, bytes):
            raise ClusterError(
                f"a worker of the cluster answered with {type(answer).__name__!r}: it has another annette"
            )
        return answer

    def give_up(self) -> None:
        """Lets it not be run any more; one that runs already goes on, and nobody hears of it."""
        self.future.cancel()


def _given_back(data: bytes) -> bytes:
    return data


class Cluster:
    """A cluster, while connected.

    Args:
        address: That of its scheduler, for messages.
        client: Dask's.
    """

    def __init__(self, address: str, client: Any) -> None:
        self.address = address
        self._client = client
        self._prefix = f"annette-{uuid4().hex}"
        self._count = 0

    def workers(self) -> dict[str, Mapping[str, float]]:
        """The resources of each worker, by its address, as ``dask worker --resources`` named them.

        Raises:
            ClusterError: The scheduler does not answer any more.
        """
        return {address: worker["resources"] for address, worker in self._workers().items()}

    def check(self, workers: Iterable[str]) -> None:
        """Sees that workers have our annette.

        Dask ends a worker, whoever else uses it, that is sent a function which it cannot import.

        Args:
            workers: Addresses.

        Raises:
            ClusterError: One has none, or another version.
        """
        found = self._client.run(pydoc.locate, _OUR_VERSION, workers=list(workers), on_error="return")
        for worker, version in found.items():
            if version != __version__:
                raise ClusterError(f"the worker at {worker!r} {_lacks(version)}")

    def submit(self, call: Callable[[bytes], bytes], payload: bytes, *, worker: str, resource: str) -> Task:
        """Asks one worker for a call, which takes one unit of a resource of the worker while it runs.

        Args:
            call: A function of annette, by name: the worker has its own.
            payload: What it is called with.
            worker: Address of the worker.
            resource: Name of the resource.
        """
        return self._submit(call, payload, workers=[worker], allow_other_workers=False, resources={resource: 1})

    def map(
        self,
        call: Callable[[bytes, bytes], bytes],
        payloads: Iterable[bytes],
        shared: bytes = b"",
        prepare: Callable[[bytes], bytes] | None = None,
    ) -> Iterator[bytes]:
        """Has the workers call a function with each of many payloads.

        Calls of a worker that is lost are made by another one.

        Args:
            call: A function of annette, by name: the workers have their own.
            payloads: What it is called with; taken as they are needed, so that few are in memory at a time.
            shared: What it is called with beside, the same in all calls: each worker is sent it once.
            prepare: A function of annette that one worker calls with ``shared``; calls are then given what came of it
                instead, which workers send each other.

        Yields:
            The answers, in the order of the payloads.

        Raises:
            ClusterError: There are no workers, one has another annette, or a call failed before or after annette's
                part of it.
        """
        workers = self._workers()
        if not workers:
            raise ClusterError(f"the cluster at {self.address!r} has no workers: dask worker {self.address} starts one")
        self.check(workers)
        most = _PER_THREAD * sum(int(worker["nthreads"]) for worker in workers.values())
        waiting: deque[Task] = deque()
        # A call that gives it back, not data that is put there: Dask repeats calls whose results were lost.
        everywhere = self._submit(prepare or _given_back, shared)
        try:
            for payload in payloads:
                waiting.append(self._submit(call, payload, everywhere))
                if len(waiting) >= most:
                    yield self._answer(waiting.popleft())
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for task in (*waiting, everywhere):
                task.give_up()

    def _submit(self, call: Callable[..., bytes], *arguments: bytes | Task, **where: Any) -> Task:
        self._count += 1
        key = f"{self._prefix}-{self._count}"
        sent = [argument.future if isinstance(argument, Task) else argument for argument in arguments]
        return Task(self._client.submit(call, *sent, key=key, pure=False, **where))

    def _answer(self, task: Task) -> bytes:
        """What came of a task, however long it takes, as long as there are workers."""
        seen_s = time.monotonic()
        while True:
            try:
                return task.result(_LOOK_S)
            except TimeoutError:
                now_s = time.monotonic()
                seen_s = now_s if self._workers() else seen_s
                if now_s - seen_s > _WITHOUT_WORKERS_S:
                    raise ClusterError(f"the cluster at {self.address!r} has lost all its workers") from None

    def _workers(self) -> dict[str, Any]:
        try:
            workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"the scheduler at {self.address!r} does not answer: {error}") from error
        return workers
