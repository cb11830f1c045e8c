"""The boards of a cluster as a place where a campaign measures: split over them, one case at a time on each.

A worker says which boards hang on it by its resources: ``dask worker ADDRESS --resources board:NAME=1``. Every visit
takes its board's resource, so that two campaigns on one cluster share a board case by case. Boards may come and go: one
that is lost is waited for, then its cases go to the others; one that fails where others do not is left out.
"""

from __future__ import annotations

import queue
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from annette._version import __version__
from annette.bench.board import Request
from annette.bench.dataset import differing_fact
from annette.bench.lane import RESOURCE, Lane
from annette.bench.measurement import CaseResult
from annette.bench.places import Measured, Visit
from annette.bench.records import Status
from annette.bench.schedule import Schedule
from annette.cluster import connected
from annette.errors import ClusterError, DatasetError, OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from annette.bench.board import Answer
    from annette.bench.measurement import Settings
    from annette.cluster import Cluster, Task, Tls

__all__ = ["Boards", "open_boards", "place_of"]

_IN_FLIGHT: Final = 2
"""Visits that a board has at a time: one is measured, and the next one waits on the worker, so that the board does not
wait for the network in between."""

_LOOK_S: Final = 2.0
"""Between two looks which boards there are."""

_START_S: Final = 150.0
"""Time in which a board answers that it can measure: as long as a backend may take to start, and half a minute."""

_AWAITED_S: Final = 60.0
"""Time in which a board that was lost is waited for, before others make its visits: its worker's nanny starts a new one
within seconds, a host within a minute."""

_FAULTS: Final = 3
"""A board that fails so often in a row where another one does not is left out."""


@contextmanager
def open_boards(
    scheduler: str,
    *,
    backend: str,
    options: Mapping[str, Any],
    settings: Settings,
    pinned: bool = True,
    names: Sequence[str] = (),
    tls: Tls | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Boards]:
    """Connects to the boards of a cluster, each of which shows that it can measure.

    Args:
        scheduler: Address of the cluster.
        backend: Name of the backend.
        options: Its options.
        settings: How cases are measured; which processors of its host are used is left to each worker.
        pinned: Whether workers measure on the last processors that they may use, one per thread.
        names: The boards to use; none are all that there are, and those that come later.
        tls: Certificates.
        tell: Told in one line what happens to boards meanwhile.

    Raises:
        ClusterError: There is no cluster, or it does not have the boards; one cannot measure.
        DatasetError: Two boards do not measure the same: their environments differ.
        OptionError: A board is named twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"board {name!r} is named twice")
    request = Request(
        version=__version__,
        board="",
        backend=backend,
        options=dict(options),
        settings=replace(settings, cpus=()),
        pinned=pinned,
    )
    with connected(scheduler, tls) as cluster:
        yield Boards(cluster, request, names, tell)


@contextmanager
def place_of(
    scheduler: str | None,
    cpus: Sequence[int] | None,
    *,
    names: Sequence[str] = (),
    tls: Tls | None = None,
    **how: Any,
) -> Iterator[Boards | None]:
    """Where a campaign measures that may be on a cluster: its boards, while connected.

    Args:
        scheduler: Address of the cluster; None is this machine.
        cpus: Processors to measure on; None are the last ones, one per thread, and none leaves it to the scheduler.
        names: The boards to use.
        tls: Certificates.
        **how: Everything else that `open_boards` takes.

    Yields:
        The boards; None where there is no cluster.

    Raises:
        ClusterError: As `open_boards` does, and DatasetError.
        OptionError: Boards are named without a cluster, or processors for one.
    """
    if scheduler is None:
        if names or tls:
            raise OptionError("boards and certificates are those of a cluster, whose address (--scheduler) is missing")
        yield None
        return
    if cpus:
        raise OptionError(
            "processors are chosen where a board hangs: start its worker on them (taskset), not with cpus"
        )
    with open_boards(scheduler, names=names, pinned=cpus is None, tls=tls, **how) as boards:
        yield boards


class Boards:
    """Measures the cases of a campaign on the boards of a cluster (`annette.bench.places.Place`).

    Args:
        cluster: While connected.
        request: What every request has in common.
        names: The boards to use; none are all.
        tell: Told in one line what happens to boards.

    Raises:
        ClusterError: The cluster does not have the boards, or one cannot measure.
        DatasetError: The environments of two boards differ.
    """

    def __init__(
        self, cluster: Cluster, request: Request, names: Sequence[str], tell: Callable[[str], None] | None = None
    ) -> None:
        self._cluster, self._request, self._names = cluster, request, tuple(names)
        self._tell = tell or (lambda _: None)
        self._lanes: dict[str, Lane] = {}
        self._left_out: set[str] = set()
        self._done: queue.SimpleQueue[tuple[Lane, Task]] = queue.SimpleQueue()
        self._environment: dict[str, str] = {}
        self._looked_s = -_LOOK_S
        self._begin()

    def probe(self) -> Mapping[str, str]:
        """The environment that all boards have."""
        return self._environment

    @property
    def names(self) -> tuple[str, ...]:
        """The boards that are used now."""
        return tuple(self._lanes)

    def measure(self, waiting: Sequence[Visit], boards: Mapping[str, str]) -> Generator[Measured]:
        """Measures visits on all boards at once, and gives them as they are finished.

        A case that fails on one board is tried on another one, if there is one, before it counts as failed. One that is
        a file is looked for under the same path on the board's host.

        Raises:
            ClusterError: No board is left.
        """
        schedule = Schedule(waiting, boards)
        try:
            while not schedule.finished:
                self._look(schedule)
                for board, visit, result in schedule.given_up(self._lanes):
                    yield Measured(visit, result, self._environment, board)
                for lane in self._lanes.values():
                    self._fill(lane, schedule)
                try:
                    lane, task = self._done.get(timeout=_LOOK_S)
                except queue.Empty:
                    continue
                if task in lane.tasks:  # Else it was given up meanwhile.
                    measured = self._take(lane, task, schedule)
                    if measured is not None:
                        yield measured
        finally:
            for lane in self._lanes.values():
                lane.give_up()

    def _begin(self) -> None:
        """Finds the boards and has each start the backend."""
        everything = self._hanging()
        missing = [name for name in self._names if name not in everything]
        if missing:
            raise ClusterError(
                f"no worker of {self._cluster.address} has a board {missing[0]!r}{nearest(missing[0], everything)} "
                f"(there are: {', '.join(everything) or 'none'})"
            )
        offered = self._offered(everything)
        for board, workers in offered.items():
            if len(workers) > 1:
                raise ClusterError(
                    f"board {board!r} hangs on two workers, {' and '.join(workers)}: name each board once"
                )
        if not offered:
            address = self._cluster.address
            raise ClusterError(
                f"no worker of {address} has a board: 'dask worker {address} --resources {RESOURCE}NAME=1' starts one"
            )
        self._cluster.check({worker for (worker,) in offered.values()})
        for board, (worker,) in offered.items():
            lane = self._lanes[board] = Lane(board, worker)
            self._ask(lane, None)
        deadline_s = time.monotonic() + _START_S
        while not all(lane.checked for lane in self._lanes.values()):
            try:
                lane, task = self._done.get(timeout=max(deadline_s - time.monotonic(), 0.0))
            except queue.Empty:
                late = [lane.name for lane in self._lanes.values() if not lane.checked]
                raise ClusterError(f"board {late[0]!r} did not answer in {_START_S:g} s") from None
            lane.tasks.pop(task)
            try:
                self._check(lane, lane.answer(task))
            except TimeoutError:
                raise ClusterError(f"board {lane.name!r} was lost before it could measure") from None

    def _hanging(self) -> dict[str, list[str]]:
        """The workers that each board of the cluster hangs on, in the order of the names of the boards."""
        hanging: dict[str, list[str]] = {}
        for worker, resources in self._cluster.workers().items():
            for resource, amount in resources.items():
                if resource.startswith(RESOURCE) and amount >= 1:
                    hanging.setdefault(resource.removeprefix(RESOURCE), []).append(worker)
        return dict(sorted(hanging.items()))

    def _offered(self, hanging: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """What of it may be used."""
        return {
            board: workers
            for board, workers in hanging.items()
            if (not self._names or board in self._names) and board not in self._left_out
        }

    def _look(self, schedule: Schedule) -> None:
        """Notices boards that were lost, came back or are new."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        offered = self._offered(self._hanging())
        for lane in list(self._lanes.values()):
            workers = offered.pop(lane.name, [])
            if lane.worker in workers:
                continue
            self._put_back(lane, schedule)
            if workers and self._has_annette(lane.name, workers[0]):
                lane.worker, lane.lost_s = workers[0], None
                self._tell(f"board {lane.name!r} is back")
                if not lane.checked:
                    self._ask(lane, None)
            elif lane.lost_s is None:
                lane.worker, lane.lost_s = "", now_s
                self._tell(f"board {lane.name!r} is lost; others make its visits if it is not back in {_AWAITED_S:g} s")
            elif now_s - lane.lost_s > _AWAITED_S:
                self._remove(lane, schedule)
        for board, workers in offered.items():
            if self._has_annette(board, workers[0]):
                lane = self._lanes[board] = Lane(board, workers[0])
                self._ask(lane, None)
        for board in schedule.boards() - self._lanes.keys():  # Of a campaign that is continued without it.
            schedule.release(board)
        if not self._lanes:
            raise ClusterError(f"no board of {self._cluster.address} is left; what was measured is kept: use --resume")

    def _has_annette(self, board: str, worker: str) -> bool:
        """Whether a worker that has come has our annette; one that has not is left out."""
        try:
            self._cluster.check([worker])
        except ClusterError as error:
            self._left_out.add(board)
            self._tell(f"board {board!r}: {error}; it is left out")
            return False
        return True

    def _fill(self, lane: Lane, schedule: Schedule) -> None:
        """Asks a board for as many visits as it may have."""
        while lane.checked and lane.lost_s is None and len(lane.tasks) < _IN_FLIGHT:
            visit = schedule.next(lane.name)
            if visit is None:
                return
            self._ask(lane, visit)

    def _ask(self, lane: Lane, visit: Visit | None) -> None:
        lane.ask(self._cluster, self._request, visit, lambda done: self._done.put((lane, done)))

    def _take(self, lane: Lane, task: Task, schedule: Schedule) -> Measured | None:
        """What came of a visit; None where it is not settled yet, or was no visit."""
        visit = lane.tasks.pop(task)
        try:
            answer = lane.answer(task)
            if visit is None:
                self._check(lane, answer)
                return None
            self._require_environment(lane, answer)
        except TimeoutError:  # Its worker was lost with the answer; whether it comes back shows.
            if visit is None:
                self._ask(lane, None)
            else:
                schedule.lost(visit)
            return None
        except (ClusterError, DatasetError) as error:
            if visit is not None:
                schedule.put_back(visit)
            self._leave_out(lane, str(error), schedule)
            if not self._lanes:
                raise
            return None
        return self._settle(lane, visit, answer, schedule)

    def _settle(self, lane: Lane, visit: Visit, answer: Answer, schedule: Schedule) -> Measured | None:
        """What a result means; None where the visit is to be made on another board."""
        result = answer.result or CaseResult(visit.case.id, Status.FAILED, "the board's answer has no result")
        if result.status is Status.FAILED:
            schedule.failed(lane.name, visit, result)
            return None
        lane.faults = 0
        for board in schedule.succeeded(lane.name, visit):
            self._blame(board, schedule)
        return Measured(visit, result, answer.environment, lane.name)

    def _check(self, lane: Lane, answer: Answer) -> None:
        """Notes that a board can measure.

        Raises:
            DatasetError: Not in the environment of the others.
        """
        self._environment = self._environment or answer.environment
        self._require_environment(lane, answer)
        lane.checked = True

    def _require_environment(self, lane: Lane, answer: Answer) -> None:
        ours, theirs = self._environment, answer.environment
        key = differing_fact(ours, theirs)
        if key is not None:
            raise DatasetError(
                f"board {lane.name!r} has {key} {theirs.get(key)!r}, and others have {ours.get(key)!r}: results do not "
                "compare; name boards of one kind (--board)"
            )

    def _blame(self, board: str, schedule: Schedule) -> None:
        """Notes that a board failed where another one did not."""
        lane = self._lanes.get(board)
        if lane is None:
            return
        lane.faults += 1
        if lane.faults >= _FAULTS:
            self._leave_out(lane, f"board {board!r} fails where others do not", schedule)

    def _leave_out(self, lane: Lane, why: str, schedule: Schedule) -> None:
        self._left_out.add(lane.name)
        self._put_back(lane, schedule)
        self._remove(lane, schedule)
        self._tell(f"{why}; it is left out")

    def _remove(self, lane: Lane, schedule: Schedule) -> None:
        del self._lanes[lane.name]
        schedule.release(lane.name)

    def _put_back(self, lane: Lane, schedule: Schedule) -> None:
        """Has the visits of a board that are under way made again."""
        visits = lane.give_up()
        for visit in visits[:1]:  # It was being measured, the others were waiting.
            schedule.lost(visit)
        for visit in visits[1:]:
            schedule.put_back(visit)
