"""What the process that exports a stranger's file may do: bounds of memory and time, no place to write, no connection.

A framework is a large program that was not written against hostile files. Whatever one makes it do, the kernel lets it
change nothing but one temporary folder: Landlock (https://docs.kernel.org/userspace-api/landlock.html, in Linux 5.13
and newer) takes the right to write, to run programs and to open TCP connections from the process and all its children.
Other systems have the bounds only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path
from typing import Final

__all__ = ["confine", "limit"]

_MEMORY_BYTES: Final = 6 << 30
"""Memory for Python and a framework, which reserve more than they use."""
_TIMES_THE_WEIGHTS: Final = 6
"""Copies of the weights of a saved model that loading them may take; those of other files are not loaded."""
_PROCESSOR_S: Final = 900

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of Landlock's system calls, the same on all architectures."""
_ABI_VERSION: Final = 1
"""Flag with which creating a ruleset answers which version of Landlock there is."""
_BENEATH: Final = 1
_NO_NEW_PRIVILEGES: Final = 38
_EXECUTE, _WRITE = 1 << 0, 1 << 1
_CHANGES: Final = {1: sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: 1 << 14}
"""Rights to remove and make files (1), to move them elsewhere (2), to cut them (3), by the version that knows them."""
_TCP: Final = 0b11
"""Rights to bind and to connect a TCP socket, known from version 4 on."""
_TCP_SINCE: Final = 4


def limit(path: Path) -> None:
    """Bounds memory, the time of processors and the size of files written.

    Args:
        path: What is exported: a file, of which weights are not loaded, or the folder of a saved model.
    """
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return
    weights = sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else 0
    memory = _MEMORY_BYTES + min(_TIMES_THE_WEIGHTS * weights, _physical_bytes())
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _physical_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def confine(folder: Path) -> bool:
    """Lets this process, from now on, write in one folder only, run no program and connect to nobody.

    Args:
        folder: Where it may write.

    Returns:
        Whether the system could do so; where it could not, nothing has changed.
    """
    if platform.system() != "Linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ABI_VERSION))
    if version < 1:
        return False
    changes = _WRITE | sum(rights for since, rights in _CHANGES.items() if since <= version)
    with_tcp = version >= _TCP_SINCE
    handled = struct.pack("<QQ" if with_tcp else "<Q", changes | _EXECUTE, *((_TCP,) if with_tcp else ()))
    ruleset = call(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint(0))
    if ruleset < 0:
        return False
    try:
        allowed = _allow(call, ruleset, folder, changes) and _allow(call, ruleset, Path(os.devnull), _WRITE)
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return allowed and call(_RESTRICT_SELF, ruleset, ctypes.c_uint(0)) == 0
    finally:
        os.close(ruleset)


def _allow(call: ctypes._NamedFuncPointer, ruleset: int, path: Path, rights: int) -> bool:
    descriptor = os.open(path, os.O_PATH)
    try:
        rule = struct.pack("<Qi", rights, descriptor)
        return bool(call(_ADD_RULE, ruleset, _BENEATH, rule, ctypes.c_uint(0)) == 0)
    finally:
        os.close(descriptor)
