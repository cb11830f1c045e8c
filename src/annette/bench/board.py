"""A board's side of a campaign on a cluster: runs on the worker that the board hangs on.

`serve_board` is all that a campaign calls, once a case. The process in which a backend measures lives from one case to
the next, as on one machine, and ends when nobody has asked for a while.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from typing import Any, Final

import msgspec

from annette._version import __version__
from annette.bench.host import default_cpus, exclusive_use_of_board
from annette.bench.measurement import CaseResult, Settings  # noqa: TC001 - msgspec reads annotations
from annette.bench.plan import Case
from annette.bench.supervisor import Supervisor
from annette.documents import Document
from annette.errors import AnnetteError, ClusterError

__all__ = ["BOARD_VARIABLE", "Answer", "Request", "serve_board"]

BOARD_VARIABLE: Final = "ANNETTE_BOARD"
"""Environment variable that tells a backend, and programs that it starts, which board to use."""

_IDLE_S: Final = 60.0
"""A process that has had no case for so long ends: the campaign is over, or has lost its way here."""


class Request(Document, frozen=True):
    """What a campaign asks a board for.

    Attributes:
        version: Of the annette that asks.
        board: Name of the board.
        backend: Name of the backend.
        options: Its options.
        settings: How to measure; its processors are chosen here.
        pinned: Whether to measure on the last processors that this process may use, one per thread.
        visit: Number of the round of visits: each has a process of its own.
        case: What to measure (`annette.bench.plan.Case.to_json`); None only asks for the environment.
    """

    version: str
    board: str
    backend: str
    options: dict[str, Any]
    settings: Settings
    pinned: bool = True
    visit: int = 0
    case: dict[str, Any] | None = None


class Answer(Document, frozen=True):
    """What a board answers.

    Attributes:
        environment: What measurements depend on.
        result: What came of the case; None where there was none.
        error: Why nothing can be measured here at all; empty where that is not so.
    """

    environment: dict[str, str] = msgspec.field(default_factory=dict)
    result: CaseResult | None = None
    error: str = ""


def serve_board(request: bytes) -> bytes:
    """Measures one case on a board of this worker; what two campaigns ask of a board is done one after the other.

    Args:
        request: A `Request` as JSON.

    Returns:
        An `Answer` as JSON, whatever happens.
    """
    try:
        asked = msgspec.json.decode(request, type=Request)
        if asked.version != __version__:
            raise ClusterError(f"its worker has annette {__version__}, and the campaign is one of {asked.version}")
        answer = _lane(asked.board).ask(asked)
    except (AnnetteError, msgspec.DecodeError) as error:
        answer = Answer(error=f"{type(error).__name__}: {error}")
    return msgspec.json.encode(answer)


@cache
def _lane(board: str) -> _Lane:
    return _Lane(board)


class _Lane:
    """What is done on one board, one thing after the other, in a thread of its own.

    Linux ends a process that asked for it when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG), so the
    thread must live as long as the processes that measure.
    """

    def __init__(self, board: str) -> None:
        self._board = board
        self._requests: queue.SimpleQueue[tuple[Request, Future[Answer]]] = queue.SimpleQueue()
        self._supervisor: Supervisor | None = None
        self._serves: Request | None = None
        threading.Thread(target=self._serve, name=f"annette-board-{board}", daemon=True).start()

    def ask(self, request: Request) -> Answer:
        """Waits for the board's turn, and for what comes of it."""
        answer: Future[Answer] = Future()
        self._requests.put((request, answer))
        return answer.result()

    def _serve(self) -> None:
        while True:
            try:
                request, answer = self._requests.get(timeout=_IDLE_S)
            except queue.Empty:
                self._end()
                continue
            try:
                with exclusive_use_of_board(self._board):
                    answer.set_result(self._measured(request))
            except BaseException as error:  # noqa: BLE001 - whoever asked raises it
                answer.set_exception(error)

    def _measured(self, request: Request) -> Answer:
        supervisor = self._supervisor_for(request)
        if request.case is None:
            return Answer(environment=supervisor.probe())
        result = supervisor.measure(Case.from_json(request.case))
        return Answer(environment=supervisor.environment, result=result)

    def _supervisor_for(self, request: Request) -> Supervisor:
        """The one that serves this round of visits of this campaign; another one's ends."""
        serves = msgspec.structs.replace(request, case=None)
        if self._supervisor is None or self._serves != serves:
            self._end()
            threads = request.options.get("threads", 1)
            cpus = default_cpus(threads if isinstance(threads, int) else 1) if request.pinned else ()
            settings = replace(request.settings, cpus=cpus)
            variables = {BOARD_VARIABLE: request.board}
            self._supervisor, self._serves = Supervisor(request.backend, request.options, settings, variables), serves
        return self._supervisor

    def _end(self) -> None:
        if self._supervisor is not None:
            self._supervisor.renew()
        self._supervisor = self._serves = None
