"""A campaign's side of one board of a cluster: what it is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from annette.bench.board import Answer, Request, serve_board
from annette.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.bench.places import Visit
    from annette.cluster import Cluster, Task

__all__ = ["RESOURCE", "Lane"]

RESOURCE: Final = "board:"
"""How the resource of a worker begins that stands for a board, whose name follows."""

_FETCH_S: Final = 30.0
"""Time in which an answer arrives that a worker has ready, and is there still."""


@dataclass(eq=False)
class Lane:
    """A board as a campaign sees it.

    Attributes:
        name: Its name.
        worker: Address of the worker that it hangs on.
        tasks: What it has been asked for, and which visit each is; None asks for its environment.
        checked: Whether it has shown that it can measure.
        faults: How often in a row it failed where another board did not.
        lost_s: Since when it has no worker, as `time.monotonic` counts; None where it has one.
    """

    name: str
    worker: str
    tasks: dict[Task, Visit | None] = field(default_factory=dict)
    checked: bool = False
    faults: int = 0
    lost_s: float | None = None

    def ask(self, cluster: Cluster, request: Request, visit: Visit | None, done: Callable[[Task], None]) -> None:
        """Asks the board for a visit, or for its environment.

        Args:
            cluster: That of the board.
            request: What every request has in common.
            visit: What to measure; None only asks for the environment.
            done: Told, in another thread, when there is an answer or it was given up.
        """
        own = msgspec.structs.replace(
            request,
            board=self.name,
            visit=visit.number if visit else 0,
            case=visit.case.to_json() if visit else None,
        )
        payload = msgspec.json.encode(own)
        task = cluster.submit(serve_board, payload, worker=self.worker, resource=f"{RESOURCE}{self.name}")
        self.tasks[task] = visit
        task.when_done(done)

    def answer(self, task: Task) -> Answer:
        """What the board answered.

        Raises:
            ClusterError: Nothing can be measured on it, or it cannot be asked.
            TimeoutError: The answer was lost.
        """
        try:
            answer = msgspec.json.decode(task.result(_FETCH_S), type=Answer)
        except msgspec.DecodeError as error:
            raise ClusterError(f"the answer of board {self.name!r} cannot be read: {error}") from error
        except ClusterError as error:
            raise ClusterError(f"board {self.name!r} cannot be asked: {error}") from error
        if answer.error:
            raise ClusterError(f"nothing can be measured on board {self.name!r}: {answer.error}")
        return answer

    def give_up(self) -> list[Visit]:
        """Lets what the board was asked for not be done any more; gives the visits."""
        visits = [visit for visit in self.tasks.values() if visit is not None]
        for task in self.tasks:
            task.give_up()
        self.tasks.clear()
        return visits
