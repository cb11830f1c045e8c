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
    with subprocess.Popen(  # noqa: S603 - our own module, and a path as an argument
        [sys.executable, "-m", "annette.network.readers.frameworks.worker", exporter, str(path.absolute())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            answer, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise NetworkExportError(
                f"{str(path)!r} was exported to ONNX for {timeout_s:g} s without an end: export it where it was made, "
                "and estimate the ONNX file"
            ) from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
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
