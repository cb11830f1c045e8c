"""The process that exports: ``python -m annette.network.readers.frameworks.worker EXPORTER PATH FOLDER``.

It answers on standard output with a byte that says what follows, and a model or a message, and writes in FOLDER only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import warnings
from pathlib import Path
from typing import Final

from annette.errors import NetworkError, NetworkExportError
from annette.network.readers.frameworks.confinement import confine, limit
from annette.network.readers.frameworks.process import EXPORTED, FAILED, REFUSED
from annette.plain_text import one_line
from annette.references import resolve

__all__ = ["first_line", "main"]

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Answers for one file."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a framework prints must not end up in the answer.
    exporter, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    limit(path)
    confine(folder)
    try:
        answer = EXPORTED + bytes(resolve(exporter)(path))
    except NetworkExportError as error:
        answer = FAILED + str(error).encode()
    except NetworkError as error:
        answer = REFUSED + str(error).encode()
    except MemoryError:
        answer = FAILED + b"it takes too much memory"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a framework raises is the answer
        answer = FAILED + first_line(error).encode("utf-8", "replace")
    answers.write(answer)
    answers.flush()
    os._exit(0)  # frameworks take seconds to end, and some of their threads do not


def first_line(error: BaseException) -> str:
    """What an exception of a framework says first that is not empty, on one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next((line for line in lines if any(map(str.isalnum, line))), "")
    return one_line(f"{type(error).__name__}: {said}" if said else type(error).__name__)


if __name__ == "__main__":
    main()
