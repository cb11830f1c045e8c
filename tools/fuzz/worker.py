"""The process that tries cases: ``python -m tools.fuzz.worker DESCRIPTOR FOLDER [SEED FILE...]``.

It gets requests and sends answers as JSON over a pipe whose descriptor it inherits. What it takes no care of itself (a
crash, a hang) its `tools.fuzz.pool.Pool` notices.
"""

from __future__ import annotations

import base64
import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tools.fuzz.case import Case, Format, build
from tools.fuzz.formats import FORMATS
from tools.fuzz.formats.onnx_seeds import DATA_FILE
from tools.fuzz.formats.tables import NETWORK_FILE, network_file
from tools.fuzz.oracle import Violation, check_error, platforms

import annette
from annette.errors import AnnetteError

__all__ = ["MEMORY_BYTES", "TRACE_FILE", "CaseRunner", "main"]

MEMORY_BYTES: Final = 2**30
"""What the process may use in all, and a case may ask for beyond what there is."""

TRACE_FILE: Final = "hang.txt"
"""Where a process that hangs writes what it does, on SIGUSR1."""

_SOURCE: Final = str(Path(annette.__file__).parent)


class CaseRunner:
    """Tries cases in this process.

    Args:
        folder: Where their files are written.
        extra: Files of a user's that join the seeds.
    """

    def __init__(self, folder: Path, extra: tuple[Path, ...] = ()) -> None:
        self._folder = folder
        self._extra = extra
        self._forms: dict[str, Format] = {}
        _furnish(folder)

    def form(self, name: str) -> Format:
        """A format with its seeds, made when it is first asked for."""
        if name not in self._forms:
            self._forms[name] = FORMATS[name](self._extra)
        return self._forms[name]

    def attempt(self, case: Case, *, kept: list[str] | None = None, data: bytes | None = None) -> dict[str, Any]:
        """Tries one case.

        Args:
            case: The case.
            kept: Mutations to make; None makes all.
            data: The file instead of the one that follows from the case.

        Returns:
            ``outcome``, ``seconds``, ``peak_bytes``, and for a finding ``kind``, ``key``, ``text``.
        """
        form = self.form(case.format)
        if data is None:
            try:
                data = build(form, case, kept)
            except Exception as error:  # noqa: BLE001 - a mistake of a mutation's is told apart from annette's
                key = f"{type(error).__name__} while the case was made"
                return {
                    "outcome": "fault",
                    "seconds": 0.0,
                    "peak_bytes": 0,
                    **_finding("fault", key, error, str(error)),
                }
        file = self._folder / f"case{form.suffix}"
        file.write_bytes(data)
        started_s = time.perf_counter()
        finding = None
        try:
            outcome = form.attempt(file, case.dice("attempt"))
        except Exception as error:  # noqa: BLE001 - to find these is what it is for
            outcome, finding = _judged(error)
        seconds = time.perf_counter() - started_s
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if peak_bytes > MEMORY_BYTES:
            finding = finding or {"kind": "memory", "key": f"memory {case.format}", "text": f"{peak_bytes} bytes"}
            _forget_peak()
        answer = {"outcome": outcome, "seconds": seconds, "peak_bytes": peak_bytes}
        return answer | finding if finding else answer


def _judged(error: Exception) -> tuple[str, dict[str, str] | None]:
    """What an exception says of its case: refused in an orderly way, or a finding."""
    if isinstance(error, AnnetteError):
        try:
            check_error(error)
        except Violation as wrong:
            return f"refused: {type(error).__name__}", _finding(wrong.kind, wrong.what, error, str(wrong))
        return f"refused: {type(error).__name__}", None
    if isinstance(error, Violation):
        return "finding", _finding(error.kind, error.what, error, str(error))
    name = type(error).__name__
    kind = "memory" if isinstance(error, MemoryError) else "traceback"
    return "finding", _finding(kind, f"{name} in {_place(error)}", error, str(error)[:500])


def _finding(kind: str, key: str, error: Exception, text: str) -> dict[str, str]:
    trace = "".join(traceback.format_exception(error, limit=-40))
    return {"kind": kind, "key": key, "text": ascii(text)[:600], "trace": ascii_lines(trace)[-20_000:]}


def ascii_lines(text: str) -> str:
    """A text that any terminal and any file takes."""
    return "\n".join(line.encode("ascii", "backslashreplace").decode() for line in text.split("\n"))


def _place(error: BaseException) -> str:
    """The innermost function of annette that an exception came through."""
    place = "the campaign's own code"
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(_SOURCE):
            place = f"{Path(frame.filename).relative_to(_SOURCE)}:{frame.name}"
    return place


def _forget_peak() -> None:
    """Begins to count the peak of memory anew; the files of Linux say how."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _furnish(folder: Path) -> None:
    """What models and tables may refer to: data, a network, a folder, a pipe and links."""
    (folder / DATA_FILE).write_bytes(bytes(range(256)) * 16)
    (folder / NETWORK_FILE).write_bytes(network_file())
    (folder / "folder").mkdir(exist_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(folder / "pipe")
    for name, target in (("link", "/etc/passwd"), ("loop", "loop")):
        with suppress(FileExistsError):
            (folder / name).symlink_to(target)


def _limit_memory() -> None:
    """Makes an allocation beyond the limit fail, which is cheaper to find than a machine without memory."""
    sizes = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    )
    used = int(sizes["VmSize"].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Serves one pool until it closes the pipe."""
    requests = Connection(int(sys.argv[1]))
    folder = Path(sys.argv[2])
    with (folder / TRACE_FILE).open("w", encoding="utf-8") as trace:
        faulthandler.register(signal.SIGUSR1, trace)
        runner = CaseRunner(folder, tuple(map(Path, sys.argv[3:])))
        platforms()  # Loaded before any case, so that none is blamed for it.
        if sys.platform == "linux":
            _limit_memory()
            _forget_peak()
        requests.send_bytes(b"{}")
        with suppress(EOFError):
            while True:
                _serve(runner, requests)
    shutil.rmtree(folder, ignore_errors=True)  # Where the pool has gone, nobody else does.


def _serve(runner: CaseRunner, requests: Connection) -> None:
    """Tries what one request lists, and answers for each case."""
    asked = json.loads(requests.recv_bytes())
    data = base64.b64decode(asked["data"]) if asked.get("data") is not None else None
    for number in range(asked["first"], asked["first"] + asked["count"]):
        case = Case(asked["format"], asked["seed"], number)
        requests.send_bytes(json.dumps(runner.attempt(case, kept=asked.get("kept"), data=data)).encode())


if __name__ == "__main__":
    main()
