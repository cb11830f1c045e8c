"""Subnormal numbers, which make arithmetic slow on many processors: tells what a network takes without them.

A processor may compute with numbers below 1e-38 in microcode, a hundred times slower than with others (Intel, *64 and
IA-32 Architectures Optimization Reference Manual*, on floating-point assists). Random weights and inputs make many
where trained ones make none, and no estimate knows of them: what counts is the time with ordinary numbers, and what
they cost is said beside it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import struct
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from annette.bench.records import Run

__all__ = ["SUBNORMAL_LATENCY", "can_flush", "flushed", "slowed_by"]

SUBNORMAL_LATENCY: Final = "subnormal_latency_s"
"""Of a run's details: what a network took with subnormal numbers, seconds, where they make it slow."""


class _Register(NamedTuple):
    """Where the C library keeps a processor's floating-point control word in ``fenv_t``, and the bits to set in it."""

    offset: int
    bits: int


_REGISTERS: Final = {
    "x86_64": _Register(28, 1 << 15 | 1 << 6),
    "aarch64": _Register(0, 1 << 24),
}
"""``fenv.h`` of glibc and musl: of x86-64 the register MXCSR, flush-to-zero and denormals-are-zero; of Arm FPCR, FZ."""

_FENV_BYTES: Final = 64
"""More than ``fenv_t`` has anywhere."""


def can_flush() -> bool:
    """Whether this processor can be told, through the C library, to take subnormal numbers as zero."""
    return platform.machine() in _REGISTERS and _library() is not None


@contextmanager
def flushed() -> Iterator[None]:
    """Takes subnormal numbers as zero in this thread; does nothing where `can_flush` is false."""
    library = _library() if can_flush() else None
    if library is None:
        yield
        return
    before, changed = ctypes.create_string_buffer(_FENV_BYTES), ctypes.create_string_buffer(_FENV_BYTES)
    library.fegetenv(before)
    library.fegetenv(changed)
    offset, bits = _REGISTERS[platform.machine()]
    (word,) = struct.unpack_from("<I", changed, offset)
    struct.pack_into("<I", changed, offset, word | bits)
    library.fesetenv(changed)
    try:
        yield
    finally:
        library.fesetenv(before)


def slowed_by(runs: Iterable[Run]) -> float | None:
    """How many times as long the rounds of a network took with subnormal numbers; None where they made no difference.

    Args:
        runs: The rounds.
    """
    slowed = [run for run in runs if SUBNORMAL_LATENCY in run.details]
    return min((float(run.details[SUBNORMAL_LATENCY]) / run.latency_s for run in slowed), default=None)


@cache
def _library() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("m")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    return library if hasattr(library, "fegetenv") and hasattr(library, "fesetenv") else None
