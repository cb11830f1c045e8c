"""The campaign's side of a worker process: starts it, sends it cases, and replaces it when it dies or hangs."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from annette import errors
from annette.bench.measurement import CaseResult
from annette.bench.records import Status
from annette.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from annette.bench.measurement import Settings
    from annette.bench.plan import Case

__all__ = ["Supervisor"]

_START_TIMEOUT_S: Final = 120.0
_LONGEST_REASON: Final = 300
_DEATHS_TO_FAIL: Final = 2


class Supervisor:
    """Measures cases in worker processes, one process per group of cases.

    Args:
        backend: Name of the backend.
        options: Its options.
        settings: How cases are measured.
    """

    def __init__(self, backend: str, options: Mapping[str, Any], settings: Settings) -> None:
        self._backend = backend
        self._options = options
        self._settings = settings
        self.environment: dict[str, str] = {}

    def measure(self, cases: Sequence[Case]) -> Iterator[CaseResult]:
        """Measures cases in order; every case gets exactly one result, whatever happens to the worker.

        A worker that dies may have been killed from outside: the case is tried once more in a new one, and has
        failed if that dies as well. A case that takes too long is not tried again.

        Raises:
            BackendError: The worker cannot even start the backend.
        """
        waiting = list(cases)
        deaths = 0
        while waiting:
            with _Worker(self._header()) as worker:
                self.environment = worker.environment
                while waiting and worker.alive:
                    result = worker.ask(waiting[0], self._settings.timeout_s)
                    deaths = deaths + 1 if worker.died else 0
                    if 0 < deaths < _DEATHS_TO_FAIL:
                        break
                    deaths = 0
                    waiting.pop(0)
                    yield result

    def probe(self) -> dict[str, str]:
        """The environment that a worker reports; nothing is measured.

        Raises:
            BackendError: The worker cannot start the backend.
        """
        with _Worker(self._header()) as worker:
            self.environment = worker.environment
        return self.environment

    def _header(self) -> dict[str, Any]:
        return {"backend": self._backend, "options": dict(self._options), "settings": asdict(self._settings)}


class _Worker:
    """One worker process; a context manager that ends it."""

    def __init__(self, header: dict[str, Any]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "annette.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.alive = True
        self.died = False
        self.environment: dict[str, str] = {}
        try:
            self._start(header)
        except BaseException:
            self._end()
            self._errors.close()
            raise

    def ask(self, case: Case, timeout_s: float) -> CaseResult:
        """Measures one case; a worker that dies or hangs over it gives a failed result."""
        try:
            self._send(case.to_json())
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._end()
            return CaseResult(case.id, Status.FAILED, f"no result within {timeout_s:g} s")
        except OSError:
            answer = None
        if answer is None:
            self.died = True
            self._end()
            return CaseResult(case.id, Status.FAILED, self._cause_of_death())
        return msgspec.json.decode(answer, type=CaseResult)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._errors.close()

    def _start(self, header: dict[str, Any]) -> None:
        try:
            self._send(header)
            answer = self._answers.get(timeout=_START_TIMEOUT_S)
        except queue.Empty:
            raise BackendError(f"backend {header['backend']!r} did not start in {_START_TIMEOUT_S:g} s") from None
        except OSError:
            answer = None
        if answer is None:
            self._end()
            raise BackendError(f"backend {header['backend']!r} could not be started: {self._cause_of_death()}")
        first = json.loads(answer)
        if "error" in first:
            kind = getattr(errors, first["type"], BackendError)
            raise kind(first["error"])
        self.environment = first["environment"]

    def _send(self, value: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise OSError("the worker has no standard input")
        stdin.write(json.dumps(value) + "\n")
        stdin.flush()

    def _read(self) -> None:
        """Runs in a thread of its own: hands lines over, then None at the end."""
        for line in self._process.stdout or ():
            self._answers.put(line)
        self._answers.put(None)

    def _end(self) -> None:
        self.alive = False
        if self._process.returncode is None:  # Not reaped yet, so that the group is still the worker's own.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # Unsent input of a dead worker.
                    stream.close()

    def _cause_of_death(self) -> str:
        """Why the worker ended: its signal or exit code, and the last line it wrote."""
        code = self._process.returncode
        if code < 0:
            name = signal.Signals(-code).name
            how = f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
        else:
            how = f"ended with exit code {code}"
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the runtime's process was {how}" + (f": {words[-1][:_LONGEST_REASON]}" if words else "")
