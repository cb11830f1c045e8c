"""Keys: what a piece, its operands and its readers are, as one number, for many candidates at once.

Two surroundings share a key of 64 bits by chance with a probability of 1 in 10^12 where there are thousands of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Collection

    from annette.spaces.space import Pieces

__all__ = ["Hashes", "KeyTable", "among", "face_keys", "mixed", "reader_keys"]

Hashes: TypeAlias = npt.NDArray[np.uint64]

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio in 64 bits, whose multiples are spread evenly (Knuth, The Art of Computer Programming 3, 6.4)."""

_HALF: Final = np.uint64(32)
_LEAST_BITS: Final = 12
_FULLEST: Final = 0.25
_UNUSED: Final = np.uint64(0)


def mixed(key: Hashes, number: npt.NDArray[np.generic] | int) -> Hashes:
    """A key that tells apart what ``key`` did and a further number; the order of mixing counts.

    Args:
        key: Keys.
        number: Whole numbers from -1 on, of a shape that broadcasts with the keys.
    """
    # An array of one: numpy warns where a lone number wraps around, which is meant here.
    added = np.atleast_1d(number).astype(np.uint64) + np.uint64(2)
    product: Hashes = (key ^ added * _ODD) * _ODD
    product ^= product >> _HALF
    return product


def reader_keys(pieces: Pieces, count: int, depth: int) -> list[Hashes]:
    """For each slot, what reads it.

    Args:
        pieces: Of the candidates.
        count: How many candidates there are.
        depth: What is seen: 0 whether there is more than one reader, 1 the readers' codes and places, 2 also what they
            read beside and what reads them, and so on.

    Returns:
        A key for each slot, each of shape ``(candidates,)``.
    """
    if not depth:
        return _several_readers(pieces, count)
    everyone = np.arange(count)
    codes = np.zeros((len(pieces.codes) + 1, count), dtype=np.uint64)
    for slot, code in enumerate(pieces.codes):
        codes[slot] = code
    # Outside the network, in the last row, nothing is known and nothing changes.
    keys = codes
    for step in range(depth):
        sums = np.zeros_like(codes)
        for slot, sources in enumerate(pieces.sources):
            present = codes[slot] != 0
            if not sources or not present.any():
                continue
            own = mixed(keys[slot], codes[slot])
            known = [keys[source] if isinstance(source, int) else keys[source, everyone] for source in sources]
            for place, source in enumerate(sources):
                read = mixed(own, place)
                for fellow in known[:place] + known[place + 1 :] if step else ():
                    read = mixed(read, fellow)
                read = np.where(present, read, np.uint64(0))
                if isinstance(source, int):
                    sums[source] += read
                else:
                    sums[source, everyone] += read
        sums[-1] = 0
        keys = mixed(sums, codes)
    return list(keys[:-1])


def _several_readers(pieces: Pieces, count: int) -> list[Hashes]:
    """How many slots read each slot, two standing for more; one that reads a tensor twice counts once."""
    everyone = np.arange(count)
    readers = np.zeros((len(pieces.codes) + 1, count), dtype=np.int16)
    for code, sources in zip(pieces.codes, pieces.sources, strict=True):
        present = np.asarray(code) != 0
        for place, source in enumerate(sources):
            counted = present
            for earlier in sources[:place]:
                counted = counted & (np.asarray(earlier) != source)
            if isinstance(source, int):
                readers[source] += counted
            else:
                readers[source, everyone] += counted
    return list(np.minimum(readers[:-1], 2).astype(np.uint64))


def face_keys(
    pieces: Pieces, count: int, copying: Collection[int], late: Collection[int]
) -> tuple[Hashes, list[list[Hashes]]]:
    """How the readers of tensors look, and which of their operands these are.

    Args:
        pieces: Of the candidates.
        count: How many candidates there are.
        copying: Codes of pieces for which copies of their operands are made.
        late: Codes of pieces of which it counts who else reads their operands.

    Returns:
        For each slot that one piece reads, a key of that piece, 0 for all others, shape ``(slots + 1, candidates)``;
        and for each operand of each slot with a piece of ``late`` a key of those of ``copying`` who read it in later
        slots, 0 where none does, each of shape ``(candidates,)``; none where there is none in any candidate.
    """
    everyone, nothing = np.arange(count), np.zeros(1, dtype=np.uint64)
    keys = np.zeros((len(pieces.codes) + 1, count), dtype=np.uint64)
    copies = np.zeros_like(keys)
    readers = np.zeros(keys.shape, dtype=np.int16)
    later: list[list[Hashes]] = []
    slots = list(zip(pieces.codes, pieces.faces or pieces.codes, pieces.sources, strict=True))
    for code, face, sources in reversed(slots):
        some = everyone if isinstance(code, int) else np.flatnonzero(code)
        copying_some = among(code if isinstance(code, int) else code[some], copying)
        places = [source if isinstance(source, int) else source[some] for source in sources]
        fellows = np.zeros((0, count), dtype=np.uint64)
        if among(code if isinstance(code, int) else code[some], late).any():
            found = [copies[source, some] for source in places]
            if any(each.any() for each in found):
                fellows = np.zeros((len(sources), count), dtype=np.uint64)
                for place, each in enumerate(found):
                    fellows[place, some] = each
        for place, source in enumerate(places if not isinstance(code, int) or code else ()):
            look = mixed(nothing, np.asarray(face if isinstance(face, int) else face[some]) * 8 + place)
            keys[source, some] += look
            if copying_some.any():
                copies[source, some] += np.where(copying_some, look, np.uint64(0))
            readers[source, some] += 1
            keys[-1] = copies[-1] = 0  # outside, nothing is known
        later.append(list(fellows))
    return np.where(readers == 1, keys, np.uint64(0)), later[::-1]


def among(code: npt.NDArray[np.int64] | int, codes: Collection[int]) -> npt.NDArray[np.bool_]:
    """Which pieces are of some codes; of the shape of ``code``."""
    if isinstance(codes, range):
        return np.ones(np.shape(code), dtype=np.bool_)
    if isinstance(code, int):
        return np.asarray(code in codes)
    return np.isin(code, list(codes))


class KeyTable:
    """Numbers by key, looked up for many keys at once: open addressing, so that a look-up is a few array operations."""

    def __init__(self) -> None:
        self._count = 0
        self._resize(_LEAST_BITS)

    def __len__(self) -> int:
        return self._count

    def items(self) -> tuple[Hashes, npt.NDArray[np.int32]]:
        """All keys, and the number of each."""
        used = self._keys != _UNUSED
        return self._keys[used], self._numbers[used]

    def find(self, keys: Hashes) -> npt.NDArray[np.int32]:
        """The number of each key, -1 where there is none."""
        at = (keys >> self._shift).astype(np.intp)
        found = self._keys[at]
        numbers = np.where(found == keys, self._numbers[at], np.int32(-1))
        open_ = np.flatnonzero((found != keys) & (found != _UNUSED))
        while len(open_):
            at[open_] = (at[open_] + 1) & self._mask
            found = self._keys[at[open_]]
            hit = found == keys[open_]
            numbers[open_[hit]] = self._numbers[at[open_[hit]]]
            open_ = open_[~hit & (found != _UNUSED)]
        return numbers

    def add(self, key: int, number: int) -> None:
        """Stores the number of a key that has none yet."""
        if self._count >= _FULLEST * len(self._keys):
            used = np.flatnonzero(self._keys != _UNUSED)
            keys, numbers = self._keys[used].tolist(), self._numbers[used].tolist()
            self._resize(int(self._mask).bit_length() + 2)
            for old, value in zip(keys, numbers, strict=True):
                self._place(old, value)
        self._place(key, number)
        self._count += 1

    def _place(self, key: int, number: int) -> None:
        at = key >> int(self._shift)
        while self._keys[at] != _UNUSED:
            at = (at + 1) & self._mask
        self._keys[at], self._numbers[at] = key, number

    def _resize(self, bits: int) -> None:
        self._shift, self._mask = np.uint64(64 - bits), 2**bits - 1
        self._keys = np.full(2**bits, _UNUSED, dtype=np.uint64)
        self._numbers = np.full(2**bits, -1, dtype=np.int32)
