"""What a program starts and leaves behind: found, and ended with it.

A program may put its helpers in the background, let them outlive it, or move them to a session of their own. They are
told by three things, any of which is enough: they descend from the program, they are of its session, or they have the
token in their environment that the program was started with. The worker of a campaign adopts orphans
(``PR_SET_CHILD_SUBREAPER``), so that those which shed their environment as well are found when the worker ends.

Beyond reach, without control groups, is what leaves the session, sheds its environment and outlives a worker that was
killed from outside, and what runs as another user. Where there is no ``/proc``, only the program's process group ends.
"""

from __future__ import annotations

import ctypes
import os
import platform
import secrets
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.atomic import lives

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

__all__ = ["adopt_orphans", "end_processes", "marked_environment", "new_token", "working_folder"]

_PR_SET_CHILD_SUBREAPER: Final = 36
_VARIABLE: Final = "ANNETTE_STARTED_BY"
_PROC: Final = Path("/proc")
_ROUNDS: Final = 200
"""How often what is left is looked for, at the most: it may start others while it is being ended."""
_PAUSE_S: Final = 0.005
"""Between two looks: time to die in."""


_FOLDER: Final = "annette-worker-"


@dataclass(frozen=True, slots=True)
class _Process:
    number: int
    parent: int
    session: int
    dead: bool


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for the temporary files of what this process starts; those of processes that were killed are removed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        number = path.name.removeprefix(_FOLDER).partition("-")[0]
        if number.isdecimal() and not lives(int(number)):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-", ignore_cleanup_errors=True)


def new_token() -> str:
    """A word that no other process has in its environment."""
    return secrets.token_hex(16)


def marked_environment(token: str) -> dict[str, str]:
    """This process's environment with a token added, for what is started with it; tokens inherited stay.

    Args:
        token: From `new_token`.
    """
    inherited = os.environ.get(_VARIABLE)
    return {**os.environ, _VARIABLE: f"{inherited} {token}" if inherited else token}


def adopt_orphans() -> None:
    """Makes Linux hand processes whose parents ended to this one, if it started them, instead of to init."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_processes(leader: subprocess.Popen[Any], token: str) -> None:
    """Ends a program, whether or not it runs still, and what it started.

    Args:
        leader: The program, the leader of a session of its own. It stays the caller's to wait for.
        token: In the environment that it was started with.
    """
    if not _PROC.is_dir():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader.pid, signal.SIGKILL)
        return
    leader.send_signal(signal.SIGSTOP)  # It starts no more, and if it adopts orphans, they stay below it.
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        processes = tuple(_processes())
        _bury(processes, ended)
        left = _belonging(processes, leader.pid, token)
        if not left:
            break
        for number in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        ended |= left
        time.sleep(_PAUSE_S)
    leader.kill()


def _belonging(processes: tuple[_Process, ...], leader: int, token: str) -> set[int]:
    """Living processes of a program, without the program itself."""
    mark = token.encode()
    found = {leader} | {each.number for each in processes if each.session == leader or _has(each.number, mark)}
    grown = True
    while grown:
        more = {each.number for each in processes if each.parent in found} - found
        found |= more
        grown = bool(more)
    return {each.number for each in processes if each.number in found and not each.dead} - {leader, os.getpid()}


def _bury(processes: tuple[_Process, ...], ended: set[int]) -> None:
    """Takes the exit codes of ended processes that were handed to this one."""
    for each in processes:
        if each.dead and each.parent == os.getpid() and each.number in ended:
            with suppress(ChildProcessError):
                os.waitpid(each.number, os.WNOHANG)


def _processes() -> Iterator[_Process]:
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            stat = (folder / "stat").read_bytes()
        except OSError:  # It has ended meanwhile.
            continue
        state, parent, _, session = stat.rpartition(b")")[2].split()[:4]  # The name before may hold anything.
        yield _Process(int(folder.name), int(parent), int(session), state in (b"Z", b"X"))


def _has(number: int, mark: bytes) -> bool:
    try:
        return mark in (_PROC / str(number) / "environ").read_bytes()
    except OSError:  # It has ended meanwhile, or is somebody else's.
        return False
