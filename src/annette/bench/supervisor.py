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
from typing import IO, TYPE_CHECKING, Any, Final, Self

import msgspec

from annette import errors
from annette.bench.measurement import CaseResult
from annette.bench.processes import end_processes, marked_environment, new_token, working_folder
from annette.bench.records import Status
from annette.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.bench.measurement import Settings
    from annette.bench.plan import Case

__all__ = ["CASES_PER_WORKER", "Supervisor"]

CASES_PER_WORKER: Final = 100
"""A worker is renewed after so many cases: what a runtime leaks or fragments does not reach the rest."""

_START_TIMEOUT_S: Final = 120.0
_LONGEST_REASON: Final = 300
_LAST_BYTES: Final = 1 << 16
"""Of what a worker wrote on standard error, only the end is looked at: runtimes may write gigabytes."""
_DEATHS_TO_FAIL: Final = 2
_DYING_S: Final = 10.0
"""Time that a worker may take to end after it has closed its output: to write a traceback or a core dump."""
_SIGNALS: Final = {number.value: number.name for number in signal.Signals}


class Supervisor:
    """Measures cases in worker processes; a context manager that ends the last one.

    Args:
        backend: Name of the backend.
        options: Its options.
        settings: How cases are measured.
        variables: Further environment variables of the workers, and of the programs that they start.
    """

    def __init__(
        self,
        backend: str,
        options: Mapping[str, Any],
        settings: Settings,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._header = {"backend": backend, "options": dict(options), "settings": asdict(settings)}
        self._timeout_s = settings.timeout_s
        self._variables = dict(variables or {})
        self._worker: _Worker | None = None
        self._served = 0
        self.environment: dict[str, str] = {}

    def measure(self, case: Case) -> CaseResult:
        """Measures a case; it gets exactly one result, whatever happens to the worker.

        A worker that dies may have been killed from outside: the case is tried once more in a new one, and has
        failed if that dies as well. A case that takes too long is not tried again.

        Raises:
            BackendError: The worker cannot even start the backend.
        """
        for _ in range(_DEATHS_TO_FAIL):
            worker = self._ready()
            self._served += 1
            result = worker.ask(case, self._timeout_s)
            if not worker.died:
                break
        return result

    def probe(self) -> dict[str, str]:
        """The environment that a worker reports; nothing is measured.

        Raises:
            BackendError: The worker cannot start the backend.
        """
        self._ready()
        return self.environment

    def renew(self) -> None:
        """Ends the worker: what comes next is measured in a process of its own."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.renew()

    def _ready(self) -> _Worker:
        """A worker that lives and has not served too many cases."""
        if self._worker is None or not self._worker.alive or self._served >= CASES_PER_WORKER:
            self.renew()
            self._worker = _Worker(self._header, self._variables)
            self._served = 0
            self.environment = self._worker.environment
        return self._worker


class _Worker:
    """One worker process, until it is closed."""

    def __init__(self, header: dict[str, Any], variables: Mapping[str, str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._folder = working_folder()
        self._token = new_token()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "annette.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**marked_environment(self._token), **variables},
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
            return CaseResult(case.id, Status.FAILED, self._cause_of_death())
        try:
            return msgspec.json.decode(answer, type=CaseResult)
        except msgspec.DecodeError as error:
            return CaseResult(case.id, Status.FAILED, f"the worker's answer cannot be read: {error}")

    def close(self) -> None:
        """Ends the process and everything that it has started."""
        self._end()
        self._errors.close()

    def _start(self, header: dict[str, Any]) -> None:
        try:
            self._send({**header, "folder": self._folder.name})
            answer = self._answers.get(timeout=_START_TIMEOUT_S)
        except queue.Empty:
            raise BackendError(f"backend {header['backend']!r} did not start in {_START_TIMEOUT_S:g} s") from None
        except OSError:
            answer = None
        if answer is None:
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
            if line.endswith("\n"):  # Else the worker died over it.
                self._answers.put(line)
        self._answers.put(None)

    def _end(self) -> None:
        self.alive = False
        end_processes(self._process, self._token)
        self._process.wait()
        self._reader.join()
        self._folder.cleanup()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # Unsent input of a dead worker.
                    stream.close()

    def _cause_of_death(self) -> str:
        """Why a worker that answers no more has ended: its signal or exit code, and the last line it wrote."""
        try:
            self._process.wait(_DYING_S)  # Else it would be our signal that ended it.
            code = self._process.returncode
        except subprocess.TimeoutExpired:
            code = None
        self._end()
        if code is None:
            how = "ended: it closed its output and went on"
        elif code < 0:
            name = _SIGNALS.get(-code, f"signal {-code}")
            how = f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
        else:
            how = f"ended with exit code {code}"
        printed = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, printed - _LAST_BYTES))
        words = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the runtime's process was {how}" + (f": {words[-1][:_LONGEST_REASON]}" if words else "")
