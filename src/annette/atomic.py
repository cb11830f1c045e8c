"""Files that are there whole or not at all, whenever whoever writes them is killed.

What is written has no name until it is complete: Linux's ``O_TMPFILE`` leaves nothing behind of a process that is
killed. Elsewhere, and for the instant in which an existing file is replaced, its name says whose it is, and whoever
writes there next clears away what processes left that are gone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lives", "replacing", "write_whole"]

_MODE = 0o666
_WRITING = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: str | os.PathLike[str], *, new: bool = False, durable: bool = True) -> Iterator[BinaryIO]:
    """Opens a nameless file that becomes ``path`` when the block ends well, and nothing when it does not.

    A device or a pipe is written to as it is.

    Args:
        path: Where; its folder must exist.
        new: Whether it must not exist yet.
        durable: Whether the content is on the disk before it has a name, so that it survives a loss of power too.

    Raises:
        FileExistsError: The file exists, and ``new`` is set.
        OSError: It cannot be written.
    """
    target = Path(path)
    if not target.name:
        raise IsADirectoryError(21, "it is a folder, or nothing is named", os.fspath(path))
    if new and target.exists():
        raise FileExistsError(17, "it exists already", str(target))
    if target.exists() and not target.is_file() and not target.is_dir():
        with target.open("wb") as file:
            yield file
        return
    prefix = f".annette-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-"
    partial = target.with_name(f"{prefix}{os.getpid()}-{secrets.token_hex(4)}")
    _clear(target.parent, prefix)
    descriptor, named = _open(partial)
    try:
        with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(descriptor)
            if not named:
                # The folder is of no consequence to a whole path, but makes Python follow the link to the file.
                os.link(f"/proc/self/fd/{descriptor}", partial, src_dir_fd=descriptor, follow_symlinks=True)
                named = True
        os.link(partial, target) if new else partial.replace(target)
    finally:
        if named:
            with suppress(OSError):  # Where nothing can be written, nothing can be removed.
                partial.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], content: bytes | str, *, new: bool = False) -> None:
    """Writes a file, whole or not at all; texts as UTF-8.

    Args:
        path: Where; its folder must exist.
        content: All of it.
        new: Whether it must not exist yet.

    Raises:
        OSError: It cannot be written, or exists and ``new`` is set.
    """
    with replacing(path, new=new) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _clear(folder: Path, prefix: str) -> None:
    """Removes what processes that are gone have left of a file."""
    for path in folder.glob(f"{prefix}*"):
        number = path.name.removeprefix(prefix).partition("-")[0]
        if number.isdecimal() and not lives(int(number)):
            with suppress(OSError):
                path.unlink()


def lives(process: int) -> bool:
    """Whether there is a process of this number, whoever's it is.

    Args:
        process: Its number, at least 1.
    """
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # Somebody else's.
        return True
    return True


def _open(partial: Path) -> tuple[int, bool]:
    """A descriptor to write to, and whether its file has a name."""
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        with suppress(OSError):  # Some file systems have no such thing; what else is wrong shows in a moment.
            return os.open(partial.parent, _WRITING | os.O_TMPFILE, _MODE), False
    return os.open(partial, _WRITING | os.O_CREAT | os.O_EXCL, _MODE), True
