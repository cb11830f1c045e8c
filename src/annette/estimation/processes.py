"""Many network files estimated by several processes, in order, whichever of them is done first."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from annette.errors import NetworkError, OptionError
from annette.estimation.stream import Estimated, estimated_here
from annette.network import Network
from annette.platforms import Platform, dump_platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from annette.estimation.estimate import Estimate

__all__ = ["estimated_in_processes"]

_TOGETHER: Final = 16
"""Networks that a process is given at a time."""
_AHEAD: Final = 2
"""Lots for each process that are given out before the first is done."""

_Lot: TypeAlias = "list[tuple[int, str | Path]]"


def estimated_in_processes(
    networks: Iterable[Network | str | Path],
    platform: Platform | str | Path,
    how: Mapping[str, Any],
    reading: Mapping[str, Any],
    keep: Callable[[Estimate], Any],
    jobs: int,
) -> Iterator[Estimated[Any]]:
    """As `annette.estimation.stream.estimated_here`, by several processes.

    A network whose process is killed, for want of memory perhaps, is told so in its place; the others are estimated.

    Args:
        networks: Files and names.
        platform: What processes load, each once.
        how: Arguments of `annette.estimation.estimate_network`.
        reading: How networks are read.
        keep: What is kept of each estimate; is carried between processes, like its results.
        jobs: How many processes.

    Raises:
        OptionError: A network is loaded already.
    """
    with ExitStack() as stack:
        if isinstance(platform, Platform):
            folder = stack.enter_context(TemporaryDirectory(prefix="annette-estimate-"))
            path = Path(folder) / "platform.json"
            dump_platform(platform, path)
            platform = path
        workers = _Workers((str(platform), dict(how), dict(reading), keep), jobs)
        stack.callback(workers.close)
        numbered = enumerate(networks)
        open_: deque[tuple[_Lot, Future[list[Estimated[Any]]]]] = deque()
        while True:
            while len(open_) < _AHEAD * jobs and (lot := _lot(numbered)):
                open_.append((lot, workers.give(lot)))
            if not open_:
                return
            lot, answer = open_.popleft()
            try:
                found = answer.result()
            except BrokenProcessPool:
                found = [workers.alone(each) for each in lot]
                open_ = deque((other, workers.give(other)) for other, _ in open_)
            yield from found


def _lot(numbered: Iterator[tuple[int, Network | str | Path]]) -> _Lot:
    lot: _Lot = []
    for number, network in islice(numbered, _TOGETHER):
        if isinstance(network, Network):
            raise OptionError(
                f"network {network.name!r} is loaded already: several processes read files and names, one process "
                "(jobs=1) takes loaded networks too"
            )
        lot.append((number, network))
    return lot


class _Workers:
    """Processes that estimate lots of networks, replaced where they break down.

    Args:
        task: Arguments of `_estimated` beside the networks.
        jobs: How many.
    """

    def __init__(self, task: tuple[Any, ...], jobs: int) -> None:
        self._task, self._jobs = task, jobs
        self._pool = self._started(jobs)

    @staticmethod
    def _started(jobs: int) -> ProcessPoolExecutor:
        # Started anew, not forked: numpy's threads would be missing in a copy.
        return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))

    def give(self, lot: _Lot) -> Future[list[Estimated[Any]]]:
        """Hands a lot to the next process that is free."""
        try:
            return self._pool.submit(_estimated, lot, *self._task)
        except BrokenProcessPool:
            self.close()
            self._pool = self._started(self._jobs)
            return self._pool.submit(_estimated, lot, *self._task)

    def alone(self, network: tuple[int, str | Path]) -> Estimated[Any]:
        """Estimates one network in a process of its own, which it may break down."""
        with self._started(1) as pool:
            try:
                return pool.submit(_estimated, [network], *self._task).result()[0]
            except BrokenProcessPool:
                number, name = network
                error = NetworkError(
                    f"the process that estimated {str(name)!r} was ended from outside: is there enough memory for it?"
                )
                return Estimated(number, str(name), None, error)

    def close(self) -> None:
        """Ends the processes; what they have not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _estimated(
    lot: _Lot, platform: str, how: dict[str, Any], reading: dict[str, Any], keep: Callable[[Estimate], Any]
) -> list[Estimated[Any]]:
    """What a process does with a lot."""
    return list(estimated_here(lot, _loaded(platform), how, reading, keep))


@lru_cache(maxsize=1)
def _loaded(platform: str) -> Platform:
    return load_platform(platform)
