"""Smaller inputs that still show a finding: fewer mutations first, then fewer bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tools.fuzz.case import build, steps
from tools.fuzz.pool import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.fuzz.case import Case, Format
    from tools.fuzz.pool import Worker

__all__ = ["minimised"]

_LARGEST: Final = 20_000
"""Bytes of a file that is still made smaller byte by byte."""


def minimised(worker: Worker, form: Format, case: Case, key: str, *, seconds: float = 20.0) -> tuple[bytes, list[str]]:
    """The smallest file found that shows the same finding.

    Args:
        worker: Tries files.
        form: The case's format.
        case: What showed it.
        key: The finding.
        seconds: Time after which the smallest so far is good enough.

    Returns:
        The file, and the mutations that are left in it.
    """
    end_s = time.monotonic() + seconds
    kept = steps(form, case)

    def shows(request: Request) -> bool:
        return bool(worker.try_one(request).get("key") == key)

    for step in list(kept):
        fewer = [other for other in kept if other != step]
        if time.monotonic() < end_s and shows(Request(case.format, case.seed, case.number, kept=fewer)):
            kept = fewer
    data = build(form, case, kept)
    if len(data) <= _LARGEST:
        data = _shrunk(data, lambda tried: shows(Request(case.format, case.seed, case.number, data=tried)), end_s)
    return data, kept


def _shrunk(data: bytes, shows: Callable[[bytes], bool], end_s: float) -> bytes:
    """Delta debugging (Zeller and Hildebrandt, IEEE Trans. on Software Engineering 28, 2002), without complements."""
    size = max(1, len(data) // 2)
    while time.monotonic() < end_s:
        start = 0
        while start < len(data) and time.monotonic() < end_s:
            tried = data[:start] + data[start + size :]
            if tried and shows(tried):
                data = tried
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return data
