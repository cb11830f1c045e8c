"""Files of strangers, opened so that opening never blocks and never starts a device."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

    from annette.errors import AnnetteError

__all__ = ["exists", "is_file", "open_regular"]

_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"))
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path, *, error: type[AnnetteError]) -> BinaryIO:
    """Opens a regular file for reading; a pipe, which would block, or a device is refused before it is touched.

    Args:
        path: The file.
        error: Raised where it cannot be opened or is no regular file.

    Raises:
        AnnetteError: As ``error``.
    """
    try:
        _require_regular(path, path.stat(), error)
        descriptor = os.open(path, _FLAGS)
    except OSError as cause:
        raise error(f"cannot read {str(path)!r}: {cause.strerror or cause}") from cause
    except ValueError as cause:  # a null character, or one that the file system has no code for
        raise error(f"cannot read {str(path)!r}: no file can have this name") from cause
    file = os.fdopen(descriptor, "rb")
    try:
        # Asked again of what was opened: it may have changed places with something else in between.
        _require_regular(path, os.fstat(descriptor), error)
    except BaseException:
        file.close()
        raise
    return file


def exists(path: Path) -> bool:
    """Whether there is something of this name; not where no file can have such a name, or it may not be looked for."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is a regular file of this name; not where no file can have such a name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _require_regular(path: Path, status: os.stat_result, error: type[AnnetteError]) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise error(f"cannot read {str(path)!r}: it is {kind}, not a file")
