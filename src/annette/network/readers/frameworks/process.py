"""A stranger's file and a framework's exporter, in a process of their own with limits of time and of memory.

The answer is the ONNX model that the exporter made, without its weights.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkExportError, NetworkFormatError
from annette.network.readers.onnx.reader import parsed_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import ModelProto

    from annette.references import Reference

__all__ = ["EXPORTED", "FAILED", "REFUSED", "exported", "require_extra"]

EXPORTED: Final = b"+"
"""First byte of an answer that is a model."""
REFUSED: Final = b"-"
"""First byte of an answer that says what is wrong with the file."""
FAILED: Final = b"!"
"""First byte of an answer that says why it could not be exported."""
_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")
"""Where a program looks for the folder of its temporary files."""
_TIMEOUT_S: Final = 1800.0
"""Time that an export may take on a machine that does other things, too: alone, importing a framework takes up to half
a minute on a cold disk, and a large transformer some minutes. The worker limits the time of processors."""


def require_extra(what: str, extra: str, packages: Sequence[str]) -> None:
    """Refuses what needs packages that are not installed, before any of them is imported.

    Args:
        what: What needs them, for the message.
        extra: Name of the extra of annette that installs them.
        packages: The packages, as they are imported.

    Raises:
        NetworkExportError: One is not installed.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise NetworkExportError(
            f"{what} needs {' and '.join(missing)}, which {verb} not installed: pip install 'annette[{extra}]'"
        )


def exported(path: Path, exporter: Reference, *, timeout_s: float = _TIMEOUT_S) -> ModelProto:
    """Has a file exported.

    Args:
        path: The file or folder; its content is untrusted data.
        exporter: A function that takes the path and gives a serialized ``ModelProto`` without the data of its large
            tensors.
        timeout_s: Time that it may take, seconds.

    Raises:
        NetworkFormatError: The file is not what its name says.
        NetworkExportError: The framework cannot load or export it, or needs more time or memory than it may.
    """
    with TemporaryDirectory(prefix="annette-export-", ignore_cleanup_errors=True) as folder:
        answer = _answer(path, exporter, folder, timeout_s)
    kind, content = answer[:1], answer[1:]
    if kind == EXPORTED:
        return parsed_model(content, str(path))
    if kind == REFUSED:
        raise NetworkFormatError(content.decode("utf-8", "replace"))
    if kind == FAILED:
        raise NetworkExportError(f"{str(path)!r} cannot be exported to ONNX: {content.decode('utf-8', 'replace')}")
    raise NetworkExportError(
        f"{str(path)!r} cannot be exported to ONNX: the process ended without an answer; it may have needed more time "
        "or memory than it may have"
    )


def _answer(path: Path, exporter: Reference, folder: str, timeout_s: float) -> bytes:
    """What the exporting process says before it ends; it writes in a folder that goes with it, however it ends."""
    worker = "annette.network.readers.frameworks.worker"
    with subprocess.Popen(  # noqa: S603 - our own module, and paths as arguments
        [sys.executable, "-m", worker, exporter, str(path.absolute()), folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **dict.fromkeys(_TEMPORARY, folder)},
        start_new_session=True,
    ) as process:
        try:
            return process.communicate(timeout=timeout_s)[0]
        except subprocess.TimeoutExpired:
            raise NetworkExportError(
                f"{str(path)!r} was exported to ONNX for {timeout_s:g} s without an end: export it where it was made, "
                "and estimate the ONNX file"
            ) from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
