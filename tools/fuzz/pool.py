"""Workers, and what they cannot say of themselves: that they hang, or died."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.fuzz.case import Case
from tools.fuzz.worker import TRACE_FILE, ascii_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HANG_S", "Answer", "Pool", "Request", "Worker"]

HANG_S: Final = 20.0
"""A case that takes longer hangs."""
_ERRORS: Final = "stderr.txt"
_START_S: Final = 600.0
_TRACE_S: Final = 0.5
_ROOT: Final = Path(__file__).parents[2]
_FRAME: Final = re.compile(r'File ".*/annette/(?P<file>[^"]+)", line \d+ in (?P<function>\w+)')


@dataclass(frozen=True)
class Request:
    """Cases of one format that follow each other.

    Attributes:
        format: Its name.
        seed: Of the campaign.
        first: Number of the first case.
        count: How many.
        kept: Mutations to make; None makes all.
        data: The file instead of the one that follows from the case.
    """

    format: str
    seed: int
    first: int
    count: int = 1
    kept: Sequence[str] | None = None
    data: bytes | None = None

    def encoded(self) -> bytes:
        """As the worker reads it."""
        data = None if self.data is None else base64.b64encode(self.data).decode()
        kept = None if self.kept is None else list(self.kept)
        values = {"format": self.format, "seed": self.seed, "first": self.first, "count": self.count}
        return json.dumps({**values, "kept": kept, "data": data}).encode()


Answer = tuple[Case, dict[str, Any]]
"""A case, and what `tools.fuzz.worker.CaseRunner.attempt` says of it."""


class Worker:
    """One worker process, started again when it is lost; a context manager that ends it.

    Args:
        extra: Files of a user's that join the seeds.
        hang_s: Time after which a case hangs.
        module: What is run; `tools.fuzz.worker` or something that ends in its ``main``.
    """

    def __init__(self, extra: Sequence[Path] = (), hang_s: float = HANG_S, module: str = "tools.fuzz.worker") -> None:
        self._module = module
        self._extra = [str(path.absolute()) for path in extra]
        self._hang_s = hang_s
        self._request: Request | None = None
        self._lost: Case | None = None
        self._done = 0
        self._since_s = 0.0
        self._start()

    @property
    def connection(self) -> Connection:
        """To wait on."""
        return self._connection

    @property
    def busy(self) -> bool:
        """Whether answers are to come."""
        return self._request is not None

    @property
    def left_s(self) -> float:
        """Time until the current case hangs."""
        return max(0.0, self._since_s + self._hang_s - time.monotonic())

    def ask(self, request: Request) -> None:
        """Sends a request; its answers come one by one."""
        self._request, self._done = request, 0
        self._since_s = time.monotonic()
        self._connection.send_bytes(request.encoded())

    def answer(self) -> Answer | None:
        """The next answer, if there is one or the worker was lost twice over the case; None while it works.

        A worker that is lost may have been killed from outside, or held up by others: its case is tried once more.
        """
        request = self._request
        if request is None:
            return None
        case = Case(request.format, request.seed, request.first + self._done)
        if self._connection.poll():
            try:
                answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                answer = self._buried()
        elif self.left_s > 0:
            return None
        else:
            answer = self._killed()
        lost = answer["outcome"] in ("hang", "death")
        again = lost and self._lost != case
        self._lost = case if lost else None
        if not again:
            self._done += 1
        self._since_s = time.monotonic()
        self._request = request if self._done < request.count else None
        if lost:
            self._start()
            if self._request is not None:
                first, count = request.first + self._done, request.count - self._done
                self.ask(replace(request, first=first, count=count))
        return None if again else (case, answer)

    def try_one(self, request: Request) -> dict[str, Any]:
        """Asks for one case and waits for its answer."""
        self.ask(request)
        while True:
            wait([self._connection], timeout=self.left_s)
            answer = self.answer()
            if answer is not None:
                return answer[1]

    def close(self) -> None:
        """Ends the process and removes its folder."""
        self._connection.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        shared = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
        self._folder = Path(tempfile.mkdtemp(prefix="annette-fuzz-", dir=shared if shared.is_dir() else None))
        self._connection, theirs = Pipe()
        own = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TMPDIR": str(self._folder)}
        with (self._folder / _ERRORS).open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", self._module, str(theirs.fileno()), str(self._folder), *self._extra],
                cwd=_ROOT,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, **own},
                start_new_session=True,
            )
        theirs.close()
        try:
            ready = self._connection.poll(_START_S) and self._connection.recv_bytes()
        except (EOFError, OSError):
            ready = b""
        if not ready:
            words = self._errors()
            self.close()
            raise RuntimeError(f"a worker does not start: {words}")

    def _errors(self) -> str:
        return ascii_lines((self._folder / _ERRORS).read_text(encoding="utf-8", errors="replace"))[-4000:]

    def _killed(self) -> dict[str, Any]:
        """Ends a process that hangs, and says where it was."""
        self._process.send_signal(signal.SIGUSR1)
        time.sleep(_TRACE_S)
        trace = (self._folder / TRACE_FILE).read_text(encoding="utf-8", errors="replace")
        self.close()
        frame = _FRAME.search(trace)
        where = f"{frame['file']}:{frame['function']}" if frame else "?"
        finding = {
            "kind": "hang",
            "key": f"hang in {where}",
            "text": f"more than {self._hang_s:g} s",
            "trace": ascii_lines(trace),
        }
        return {"outcome": "hang", "seconds": self._hang_s, "peak_bytes": 0, **finding}

    def _buried(self) -> dict[str, Any]:
        code = self._process.wait()
        trace = self._errors()
        self.close()
        finding = {"kind": "death", "key": f"death with {code}", "text": f"exit code {code}", "trace": trace}
        return {"outcome": "death", "seconds": 0.0, "peak_bytes": 0, **finding}


class Pool:
    """Several workers.

    Args:
        jobs: How many.
        extra: Files of a user's that join the seeds.
        hang_s: Time after which a case hangs.
    """

    def __init__(self, jobs: int, extra: Sequence[Path] = (), hang_s: float = HANG_S) -> None:
        self.workers = [Worker(extra, hang_s) for _ in range(jobs)]

    def run(self, requests: Iterator[Request]) -> Iterator[Answer]:
        """Answers to all requests, as they come; requests are taken when a worker has nothing to do."""
        while True:
            for worker in self.workers:
                if not worker.busy:
                    request = next(requests, None)
                    if request is not None:
                        worker.ask(request)
            busy = [worker for worker in self.workers if worker.busy]
            if not busy:
                return
            wait([worker.connection for worker in busy], timeout=min(worker.left_s for worker in busy))
            for worker in busy:
                answer = worker.answer()
                if answer is not None:
                    yield answer

    def close(self) -> None:
        """Ends all workers."""
        for worker in self.workers:
            worker.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
