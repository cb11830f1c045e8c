"""ONNX Runtime's arena: which chunk each buffer gets, and so how much of the arena is in use.

As ``BFCArena`` (onnxruntime/core/framework/bfc_arena.cc) with its default options: sizes are rounded up to 256 bytes,
the smallest free chunk that is large enough is taken, and split only if it is twice as large as needed or 128 MB
larger; where none is, the arena grows by a region, by powers of two from 1 MB on. So a chunk may be nearly twice as
large as what lies in it.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Final

__all__ = ["Arena", "rounded"]

_GRANULE: Final = 256
_FIRST_REGION: Final = 1 << 20
_LARGEST_GROWTH: Final = 1 << 30
_MOST_UNUSED: Final = 128 << 20


@dataclass(eq=False, slots=True)
class _Chunk:
    address: int
    size: int
    used: bool = False
    before: _Chunk | None = None
    after: _Chunk | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.size, self.address


def rounded(size_bytes: int) -> int:
    """What the arena makes of a size."""
    return -(-size_bytes // _GRANULE) * _GRANULE


class Arena:
    """An arena that is empty at first.

    Attributes:
        in_use_bytes: Chunks that are taken.
        most_bytes: The most that ever were (the runtime's ``MaxInUse``).
        total_bytes: All regions.
    """

    def __init__(self) -> None:
        self.in_use_bytes = self.most_bytes = self.total_bytes = 0
        self._region_bytes = _FIRST_REGION
        self._next_address = 0
        self._free: list[tuple[int, int, _Chunk]] = []
        self._taken: dict[object, _Chunk] = {}

    def allocate(self, name: object, size_bytes: int) -> None:
        """Takes a chunk.

        Args:
            name: What it is called until it is given back.
            size_bytes: At least 0; nothing is taken for 0.
        """
        if size_bytes <= 0:
            return
        needed = rounded(size_bytes)
        chunk = self._found(needed) or self._extended(needed)
        if chunk.size >= 2 * needed or chunk.size - needed >= _MOST_UNUSED:
            rest = _Chunk(chunk.address + needed, chunk.size - needed, before=chunk, after=chunk.after)
            if rest.after is not None:
                rest.after.before = rest
            chunk.after, chunk.size = rest, needed
            self._insert(rest)
        chunk.used = True
        self._taken[name] = chunk
        self.in_use_bytes += chunk.size
        self.most_bytes = max(self.most_bytes, self.in_use_bytes)

    def release(self, name: object) -> None:
        """Gives a chunk back, if one was taken under that name."""
        chunk = self._taken.pop(name, None)
        if chunk is None:
            return
        self.in_use_bytes -= chunk.size
        chunk.used = False
        after, before = chunk.after, chunk.before
        if after is not None and not after.used:
            self._remove(after)
            _merge(chunk, after)
        if before is not None and not before.used:
            self._remove(before)
            _merge(before, chunk)
            chunk = before
        self._insert(chunk)

    def _found(self, needed: int) -> _Chunk | None:
        for place, (size, _, chunk) in enumerate(self._free):
            if size >= needed:
                del self._free[place]
                return chunk
        return None

    def _extended(self, needed: int) -> _Chunk:
        grown = needed > self._region_bytes
        while needed > self._region_bytes:
            self._region_bytes *= 2
        chunk = _Chunk(self._next_address, self._region_bytes)
        self._next_address += self._region_bytes
        self.total_bytes += self._region_bytes
        if not grown:
            self._region_bytes = min(2 * self._region_bytes, max(_LARGEST_GROWTH, self._region_bytes))
        return chunk

    def _insert(self, chunk: _Chunk) -> None:
        insort(self._free, (chunk.size, chunk.address, chunk), key=lambda entry: entry[:2])

    def _remove(self, chunk: _Chunk) -> None:
        self._free.remove((chunk.size, chunk.address, chunk))


def _merge(first: _Chunk, second: _Chunk) -> None:
    first.size += second.size
    first.after = second.after
    if second.after is not None:
        second.after.before = first
