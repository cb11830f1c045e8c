"""The walk through the slots of many candidates: from piece to piece, with the state of every tensor on the way.

What becomes of a piece follows from the piece, from the state in which it finds its operands and from what reads its
result. The three together are its key; a `PieceBook` knows for each key that was seen what became of the piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from annette.documents import Document
from annette.spaces.entries import NO_CHANGE, Entries
from annette.spaces.keys import KeyTable, among, face_keys, mixed, reader_keys
from annette.spaces.observation import AMOUNTS, INSIDE, OPEN, Content
from annette.spaces.space import ABSENT
from annette.spaces.tensor_states import TensorStates, is_open

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from annette.spaces.keys import Hashes
    from annette.spaces.space import IntArray, Pieces

__all__ = ["BookState", "NotLocal", "PieceBook", "Surroundings", "Walked"]

_AROUND_READERS: Final = 2
"""How far keys look ahead where a tensor and all of its readers may run in one kernel."""

_EVERY_CODE: Final = range(2**62)
_KEYS, _NUMBERS = np.dtype("<u8"), np.dtype("<i4")
_NOTHING: Final = Content((), (0.0,) * len(AMOUNTS), ("outside",), (), (), ())
"""What becomes of a slot that a candidate does not have."""


class NotLocal(Exception):  # noqa: N818 - a signal within the package, which reaches no user
    """The same piece in the same surrounding became something else: what decides lies farther away."""


class Walked(NamedTuple):
    """Where candidates lead.

    Attributes:
        entries: Entry of the book for each slot and candidate, 0 without a piece, shape ``(slots, candidates)``.
        missing: Key of the first piece of each candidate that the book does not know, 0 where it knows all.
    """

    entries: npt.NDArray[np.int32]
    missing: Hashes


class Looks(NamedTuple):
    """What candidates look like slot by slot, whatever is known of their pieces.

    Attributes:
        codes: As of `annette.spaces.space.Pieces`.
        sources: As there.
        readers: A key of what reads each slot (`annette.spaces.keys.reader_keys`), shape ``(slots, candidates)``.
        faces: A key of the only reader of each slot (`annette.spaces.keys.face_keys`), shape ``(slots, candidates)``;
            None where these are not told apart.
        later: For each operand of each slot a key of those who read it later, shape ``(candidates,)``; none where there
            are none, or these are not told apart.
    """

    codes: tuple[IntArray | int, ...]
    sources: tuple[tuple[IntArray | int, ...], ...]
    readers: Hashes
    faces: Hashes | None
    later: list[list[Hashes]]

    @property
    def candidates(self) -> int:
        """How many candidates there are."""
        return int(self.readers.shape[1])

    def select(self, which: npt.NDArray[np.intp]) -> Looks:
        """Those of some candidates."""
        return Looks(
            tuple(_of_some(self.codes, which)),
            tuple(tuple(_of_some(sources, which)) for sources in self.sources),
            self.readers[:, which],
            None if self.faces is None else self.faces[:, which],
            [[each[which] for each in fellows] for fellows in self.later],
        )


class Surroundings(NamedTuple):
    """How far the surroundings of a piece are looked at.

    Attributes:
        depth: How far keys look ahead at readers (`annette.spaces.keys.reader_keys`).
        fellows: Whether keys say how a piece's only reader looks, and the others that read its operands: a kernel finds
            the copies that kernels before it have made.
        detailed: Whether they say which piece wrote a tensor, and all else that is known, whether or not it is known to
            make a difference.
    """

    depth: int
    fellows: bool
    detailed: bool


class BookState(Document, frozen=True):
    """What a `PieceBook` knows, for other processes; arrays are little-endian.

    Attributes:
        keys: All keys, of 64 bits.
        numbers: Entry of each, of 32 bits.
        states: State of tensors by their numbers: what it is, and the copies that exist.
        contents: `Content` by its number.
        content_of: Number of the content of each entry, of 64 bits.
        state_of: Number of the state that each entry leaves, of 32 bits.
        changes: New state of each operand of each entry, of 32 bits.
    """

    keys: bytes
    numbers: bytes
    states: tuple[Any, ...]
    contents: tuple[Any, ...]
    content_of: bytes
    state_of: bytes
    changes: bytes


class PieceBook:
    """What became of pieces, by key.

    Args:
        surroundings: What keys tell apart.
        open_codes: Codes of pieces that may run in one kernel with their reader.
        late_codes: Those of them whose kernel reads what they read, so that others may read it before.
        copying_codes: Codes of pieces for which copies of their operands are made.
        inside_codes: Codes of pieces with several readers that may all run in one kernel with them.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        open_codes: Collection[int] = (),
        late_codes: Collection[int] = (),
        copying_codes: Collection[int] = (),
        inside_codes: Collection[int] = (),
    ) -> None:
        self._depth, self._fellows, self._detailed = surroundings
        self._open_codes, self._late_codes, self._inside_codes = open_codes, late_codes, inside_codes
        self._copying_codes = _EVERY_CODE if self._detailed else copying_codes
        self._table = KeyTable()
        self._states = TensorStates()
        self._content_numbers: dict[Content, int] = {}
        self.contents: list[Content] = []
        self._entries = Entries()
        self._states.number(("outside",), ())
        self._entries.append(self.content_number(_NOTHING), 0, ())

    def __len__(self) -> int:
        """Number of entries."""
        return self._entries.count

    @property
    def content_of(self) -> npt.NDArray[np.intp]:
        """For each entry, the number of its content in ``contents``."""
        return self._entries.content_of[: self._entries.count]

    def content_number(self, content: Content) -> int:
        """A number that equal contents share."""
        number = self._content_numbers.get(content)
        if number is None:
            number = self._content_numbers[content] = len(self.contents)
            self.contents.append(content)
        return number

    def state(self) -> BookState:
        """What it knows."""
        keys, numbers = self._table.items()
        return BookState(
            keys.astype(_KEYS).tobytes(),
            numbers.astype(_NUMBERS).tobytes(),
            self._states.all(),
            tuple(map(tuple, self.contents)),
            *self._entries.as_bytes(),
        )

    def resume(self, known: BookState) -> None:
        """Takes over what another book of the same surroundings and codes knows; forgets what it knew.

        Raises:
            ValueError: The parts do not fit each other.
        """
        self._states = TensorStates()
        for base, made in map(_as_tuples, known.states):
            self._states.number(base, made)
        self.contents = [Content(*each) for each in map(_as_tuples, known.contents)]
        self._content_numbers = {each: number for number, each in enumerate(self.contents)}
        self._entries = Entries.from_bytes(known.content_of, known.state_of, known.changes)
        self._table = KeyTable()
        keys, numbers = np.frombuffer(known.keys, _KEYS), np.frombuffer(known.numbers, _NUMBERS)
        for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
            self._table.add(key, number)
        if not self._entries.refer_to(len(self.contents), len(self._states)) or numbers.max(initial=0) >= len(self):
            raise ValueError("a book of pieces names entries, contents or states that it does not have")

    def looks(self, pieces: Pieces, count: int) -> Looks:
        """What candidates look like, as far as this book tells them apart.

        Args:
            pieces: What they are made of.
            count: How many there are.
        """
        readers = np.array(reader_keys(pieces, count, self._depth))
        if self._inside_codes and self._depth < _AROUND_READERS:
            # Whether all readers run in one kernel follows from what they are and what they read beside.
            closely = reader_keys(pieces, count, _AROUND_READERS)
            for slot, (code, several) in enumerate(zip(pieces.codes, reader_keys(pieces, count, 0), strict=True)):
                inside = among(code, self._inside_codes) & (several > 1)
                readers[slot] = np.where(inside, closely[slot], readers[slot])
        faces: Hashes | None = None
        later: list[list[Hashes]] = [[] for _ in pieces.codes]
        if self._fellows:
            faces, later = face_keys(pieces, count, self._copying_codes, self._late_codes)
        return Looks(pieces.codes, pieces.sources, readers, faces, later)

    def walk(self, looks: Looks) -> Walked:
        """Finds the entries of candidates.

        Args:
            looks: What they look like to this book.
        """
        return self._walk(looks, None)

    def learn(self, looks: Looks, observed: npt.NDArray[np.intp]) -> None:
        """Takes in what became of candidates.

        Args:
            looks: What they look like to this book.
            observed: Number of the content of each slot (`content_number`), shape ``(slots, candidates)``.

        Raises:
            NotLocal: A key is known already, but with another content.
        """
        self._walk(looks, observed)

    def _walk(self, looks: Looks, observed: npt.NDArray[np.intp] | None) -> Walked:
        count, slots = looks.candidates, len(looks.codes)
        everyone = np.arange(count)
        states = np.zeros((slots + 1, count), dtype=np.int32)
        entries = np.zeros((slots, count), dtype=np.int32)
        missing = np.zeros(count, dtype=np.uint64)
        for slot, code in enumerate(looks.codes):
            some = everyone if isinstance(code, int) else np.flatnonzero(code)
            if (isinstance(code, int) and code == ABSENT) or not len(some):
                continue
            own = np.asarray(code) if isinstance(code, int) else code[some]
            sources = list(_of_some(looks.sources[slot], some))
            operands = [states[source, some] for source in sources]
            twice = _twice(sources)
            key, beside = self._key(looks, slot, some, own, operands)
            key = mixed(key, twice)
            known = self._table.find(key)
            if known.min(initial=0) < 0:
                new = np.flatnonzero(known < 0)
                if observed is not None:
                    about = np.broadcast_to(own, some.shape)[new], np.broadcast_to(twice, some.shape)[new]
                    seen = observed[slot, some[new]], [each[new] for each in operands], [each[new] for each in beside]
                    known[new] = self._add(key[new], about, *seen)
                else:
                    missing[some[new]] = np.where(missing[some[new]] == 0, key[new], missing[some[new]])
                    known[new] = 0
            arrays = self._entries
            if observed is not None and (arrays.content_of[known] != observed[slot, some]).any():
                raise NotLocal
            entries[slot, some], states[slot, some] = known, arrays.state_of[known]
            if arrays.any_changing:
                _change(states, arrays, known, sources, some)
        return Walked(entries, missing)

    def _key(
        self,
        looks: Looks,
        slot: int,
        some: npt.NDArray[np.intp],
        code: IntArray,
        operands: Sequence[npt.NDArray[np.int32]],
    ) -> tuple[Hashes, list[Hashes]]:
        """Keys of what stands in a slot, and of who reads its operands later, where that counts.

        Args:
            looks: What the candidates look like.
            slot: The slot.
            some: Which candidates have a piece there.
            code: Its code, of all of them or of each.
            operands: States of its operands.
        """
        key = mixed(looks.readers[slot, some], code)
        in_company = np.asarray(False)
        for found in operands:
            key = mixed(key, found)
            in_company = in_company | self._states.crowded[found]
        beside = [np.zeros(len(some), dtype=np.uint64)] * len(operands)
        if looks.later[slot]:
            late = among(code, self._late_codes)
            beside = [np.where(late, each[some], np.uint64(0)) for each in looks.later[slot]]
            for place, fellows in enumerate(beside):
                key = np.where(fellows != 0, mixed(mixed(key, place), fellows), key)
                in_company = in_company | (fellows != 0)
        if looks.faces is not None and (self._detailed or in_company.any()):
            # When a kernel runs makes a difference only where others copy what it reads.
            opens = (in_company | self._detailed) & among(code, self._open_codes)
            key = np.where(opens, mixed(key, looks.faces[slot, some]), key)
        return key, beside

    def _add(
        self,
        keys: Hashes,
        about: tuple[IntArray, IntArray],
        observed: npt.NDArray[np.intp],
        operands: Sequence[npt.NDArray[np.int32]],
        beside: Sequence[Hashes],
    ) -> npt.NDArray[np.int32]:
        """Makes an entry for each unequal key, from the first candidate that has it; the entries of all keys."""
        unequal, first, place = np.unique(keys, return_index=True, return_inverse=True)
        numbers = np.empty(len(unequal), dtype=np.int32)
        for index, (key, at) in enumerate(zip(unequal.tolist(), first.tolist(), strict=True)):
            number = int(observed[at])
            content, entry = self.contents[number], len(self)
            code, twice = (int(each[at]) for each in about)
            base: Hashable = content.state
            if content.state[0] == OPEN:
                seen = [(int(states[at]), int(fellows[at])) for states, fellows in zip(operands, beside, strict=True)]
                base = (content.state, code, twice, self._group(content, seen))
            elif content.state[0] == INSIDE:
                base = (content.state, entry)
            elif self._detailed:
                base = (base, code)
            changes = tuple(
                self._states.copied(int(states[at]), copies) if copies else NO_CHANGE
                for states, copies in zip(operands, content.copies, strict=True)
            )
            self._entries.append(number, self._states.number(base, ()), changes)
            self._table.add(key, entry)
            numbers[index] = entry
        return numbers[place.ravel()]

    def _group(self, content: Content, operands: Sequence[tuple[int, int]]) -> tuple[Hashable, ...]:
        """What is known of the kernel that an open piece may end: what runs in it so far, and what that reads.

        Of what it reads, also which copies exist and who else reads it: a kernel may look for the layout of an operand.
        """
        known: list[Hashable] = []
        for (state, fellows), decided, reads in zip(operands, content.operands, content.reads, strict=True):
            base, made = self._states[state]
            if decided is None:
                known.append((state, fellows))  # by its number: what has been joined since the input may be long
            elif not reads:
                known.append(None)
            else:
                known.append((decided if is_open(base) else base, made, fellows))
        return tuple(known)


def _as_tuples(part: Any) -> Any:
    """Lists of lists as tuples of tuples."""
    return tuple(map(_as_tuples, part)) if isinstance(part, list | tuple) else part


def _of_some(parts: Sequence[IntArray | int], which: npt.NDArray[np.intp]) -> tuple[IntArray | int, ...]:
    """Codes or sources of some candidates."""
    return tuple([part if isinstance(part, int) else part[which] for part in parts])


def _twice(sources: Sequence[IntArray | int]) -> IntArray:
    """Which operands are the same tensor, as bits: a sum of a tensor with itself reads one."""
    bits, bit = np.asarray(0, dtype=np.int64), 1
    for place, source in enumerate(sources):
        for earlier in sources[:place]:
            bits = bits + bit * (np.asarray(source) == np.asarray(earlier))
            bit *= 2
    return bits


def _change(
    states: npt.NDArray[np.int32],
    arrays: Entries,
    entries: npt.NDArray[np.int32],
    sources: Sequence[IntArray | int],
    candidates: npt.NDArray[np.intp],
) -> None:
    """Notes the copies that a slot made of its operands in some candidates."""
    which = np.flatnonzero(arrays.changing[entries])
    if not len(which):
        return
    for place, source in enumerate(sources[: arrays.changes.shape[1]]):
        new = arrays.changes[entries[which], place]
        some = which[new >= 0]
        states[source if isinstance(source, int) else source[some], candidates[some]] = new[new >= 0]
