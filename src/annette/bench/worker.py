"""The process that measures: ``python -m annette.bench.worker``.

It reads a header and then cases as lines of JSON from standard input, and writes one line per case to standard
output. A crash, a hang or an out-of-memory kill here costs the case at hand and nothing else. Whatever the runtime
prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from annette.bench.backend import Subject
from annette.bench.host import die_with_parent, exclusive_use, pin_process
from annette.bench.measurement import CaseMeasurer, CaseResult, Settings
from annette.bench.named_backends import backend_class, open_backend
from annette.bench.plan import Case
from annette.bench.processes import adopt_orphans
from annette.bench.records import Status
from annette.errors import AnnetteError
from annette.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["main", "serve"]


def main() -> None:
    """Serves the campaign that started this process until it closes our standard input."""
    die_with_parent()
    sys.excepthook = _tell
    adopt_orphans()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What a runtime prints on standard output must not end up between the answers.
    serve(sys.stdin, answers)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ends the traceback with a line that says it all: the campaign records that as the reason."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.write(f"{kind.__name__}: {one_line(str(error))}\n")


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Measures the cases that ``requests`` lists.

    Args:
        requests: A header line ``{"backend", "options", "settings"}``, perhaps with a ``folder`` for temporary
            files, then one case a line.
        answers: Gets a line ``{"environment"}`` or ``{"error"}`` first, then one `CaseResult` a line.
    """
    lines = iter(requests)
    header = json.loads(next(lines))
    settings = msgspec.convert(header["settings"], Settings)
    shared = Path(tempfile.gettempdir())
    tempfile.tempdir = header.get("folder")  # Where backends put theirs: it is removed when this process is killed.
    try:
        estimates = backend_class(header["backend"]).estimates
        details = {} if estimates else pin_process(settings.cpus)
        backend = open_backend(header["backend"], header["options"])
        measurer = CaseMeasurer(backend, settings)
    except AnnetteError as error:
        _send(answers, {"error": str(error), "type": type(error).__name__})
        return
    _send(answers, {"environment": dict(backend.environment())})
    for line in lines:
        case = Case.from_json(json.loads(line))
        with exclusive_use(() if estimates else settings.cpus, shared):
            result = _measure(measurer, case)
        _send(answers, asdict(replace(result, details={**result.details, **details})))
    measurer.close()


def _measure(measurer: CaseMeasurer, case: Case) -> CaseResult:
    subject = Subject(case.network, Path(case.path) if case.path else None)
    try:
        return measurer.measure(case, subject)
    except (AnnetteError, MemoryError) as error:
        return CaseResult(case.id, Status.FAILED, f"{type(error).__name__}: {error}")


def _send(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
