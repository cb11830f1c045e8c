"""The walk through the slots of many candidates: from piece to piece, with the state of every tensor on the way.

What becomes of a piece follows from the piece, from the state in which it finds its operands and from what reads its
result. The three together are its key; a `PieceBook` knows for each key that was seen what became of the piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from annette.documents import Document
from annette.spaces.keys import KeyTable, among, face_keys, mixed, reader_keys
from annette.spaces.observation import AMOUNTS, INSIDE, OPEN, Content
from annette.spaces.space import ABSENT

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from annette.spaces.keys import Hashes
    from annette.spaces.space import IntArray, Pieces

__all__ = ["BookState", "NotLocal", "PieceBook", "Surroundings", "Walked"]

_NO_CHANGE: Final = -1
_FIRST_ROOM: Final = 1024
_KEYS, _NUMBERS, _CONTENTS = np.dtype("<u8"), np.dtype("<i4"), np.dtype("<i8")
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


class Surroundings(NamedTuple):
    """How far the surroundings of a piece are looked at.

    Attributes:
        depth: How far keys look ahead at readers (`annette.spaces.keys.reader_keys`).
        fellows: Whether keys say how a piece's only reader looks, and the others that read its operands: a kernel finds
            the copies that kernels before it have made.
        detailed: Whether they say which piece wrote a tensor.
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
    """

    def __init__(
        self,
        surroundings: Surroundings,
        open_codes: Collection[int] = (),
        late_codes: Collection[int] = (),
        copying_codes: Collection[int] = (),
    ) -> None:
        self._open_codes, self._late_codes, self._copying_codes = open_codes, late_codes, copying_codes
        self._depth, self._fellows, self._detailed = surroundings
        self._table = KeyTable()
        self._state_numbers: dict[Hashable, int] = {}
        self._states: list[tuple[Hashable, tuple[str, ...]]] = []
        self._crowded: list[bool] = []  # whether others read what the kernel of a state reads, and copy it
        self._content_numbers: dict[Content, int] = {}
        self.contents: list[Content] = []
        self._entries = _Entries()
        self._state(("outside",), ())
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
            tuple(self._states),
            tuple(map(tuple, self.contents)),
            *self._entries.as_bytes(),
        )

    def resume(self, known: BookState) -> None:
        """Takes over what another book of the same surroundings and codes knows; forgets what it knew.

        Raises:
            ValueError: The parts do not fit each other.
        """
        self._states = [(base, made) for base, made in map(_as_tuples, known.states)]
        self._state_numbers = {each: number for number, each in enumerate(self._states)}
        self._crowded = []
        for base, _ in self._states:
            self._crowded.append(self._is_crowded(base))
        self.contents = [Content(*each) for each in map(_as_tuples, known.contents)]
        self._content_numbers = {each: number for number, each in enumerate(self.contents)}
        self._entries = _Entries.from_bytes(known.content_of, known.state_of, known.changes)
        self._table = KeyTable()
        keys, numbers = np.frombuffer(known.keys, _KEYS), np.frombuffer(known.numbers, _NUMBERS)
        for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
            self._table.add(key, number)
        if not self._entries.refer_to(len(self.contents), len(self._states)) or numbers.max(initial=0) >= len(self):
            raise ValueError("a book of pieces names entries, contents or states that it does not have")

    def walk(self, pieces: Pieces, count: int) -> Walked:
        """Finds the entries of candidates.

        Args:
            pieces: What they are made of.
            count: How many there are.
        """
        return self._walk(pieces, count, None)

    def learn(self, pieces: Pieces, observed: npt.NDArray[np.intp]) -> None:
        """Takes in what became of candidates.

        Args:
            pieces: What they are made of.
            observed: Number of the content of each slot (`content_number`), shape ``(slots, candidates)``.

        Raises:
            NotLocal: A key is known already, but with another content.
        """
        self._walk(pieces, observed.shape[1], observed)

    def _walk(self, pieces: Pieces, count: int, observed: npt.NDArray[np.intp] | None) -> Walked:
        readers = reader_keys(pieces, count, self._depth)
        faces: Hashes | None = None
        later: list[list[Hashes]] = [[] for _ in pieces.codes]
        if self._fellows:
            faces, later = face_keys(pieces, count, self._copying_codes)
        everyone, slots = np.arange(count), len(pieces.codes)
        states = np.zeros((slots + 1, count), dtype=np.int32)
        entries = np.zeros((slots, count), dtype=np.int32)
        missing = np.zeros(count, dtype=np.uint64)
        crowded = np.array(self._crowded)
        for slot, (code, sources) in enumerate(zip(pieces.codes, pieces.sources, strict=True)):
            if isinstance(code, int) and code == ABSENT:
                continue
            key = mixed(readers[slot], np.asarray(code))
            late = among(code, self._late_codes)
            in_company: npt.NDArray[np.bool_] = np.asarray(False)
            for source in sources:
                found = states[source] if isinstance(source, int) else states[source, everyone]
                key = mixed(key, found)
                in_company = in_company | crowded[found]
            for fellows in later[slot] if np.any(late) else ():
                key = np.where(late, mixed(key, fellows), key)
                in_company = in_company | (late & (fellows != 0))
            # When a kernel runs makes a difference only where others copy what it reads.
            if faces is not None and np.any(opens := in_company & among(code, self._open_codes)):
                key = np.where(opens, mixed(key, faces[slot]), key)
            twice = _twice(sources)
            key = mixed(key, twice)
            present = None if isinstance(code, int) else code != ABSENT
            known = self._table.find(key)
            if present is not None:
                known[~present] = 0
            if known.min(initial=0) < 0:
                new = np.flatnonzero(known < 0)
                if observed is not None:
                    operands = [states[source, new] for source in _columns(sources, new)]
                    seen = np.broadcast_to(late, (count,))[new]
                    beside = [np.where(seen, each[new], 0) for each in later[slot]] or [new * 0] * len(sources)
                    known[new] = self._add(key[new], (np.asarray(code), twice), new, observed[slot], operands, beside)
                else:
                    missing[new] = np.where(missing[new] == 0, key[new], missing[new])
                    known[new] = 0
            arrays = self._entries
            if observed is not None and (arrays.content_of[known] != observed[slot]).any():
                raise NotLocal
            entries[slot], states[slot] = known, arrays.state_of[known]
            if arrays.any_changing:
                _change(states, arrays, known, sources)
            if len(crowded) < len(self._crowded):
                crowded = np.array(self._crowded)
        return Walked(entries, missing)

    def _add(
        self,
        keys: Hashes,
        about: tuple[IntArray, IntArray],
        which: npt.NDArray[np.intp],
        observed: npt.NDArray[np.intp],
        operands: Sequence[npt.NDArray[np.int32]],
        beside: Sequence[npt.NDArray[np.generic]],
    ) -> npt.NDArray[np.int32]:
        """Makes an entry for each unequal key, from the first candidate that has it; the entries of all keys."""
        unequal, first, place = np.unique(keys, return_index=True, return_inverse=True)
        numbers = np.empty(len(unequal), dtype=np.int32)
        for index, (key, at) in enumerate(zip(unequal.tolist(), first.tolist(), strict=True)):
            candidate = int(which[at])
            number = int(observed[candidate])
            content, entry = self.contents[number], len(self)
            code, twice = (int(each if each.ndim == 0 else each[candidate]) for each in about)
            base: Hashable = content.state
            if content.state[0] == OPEN:
                seen = [(int(states[at]), int(fellows[at])) for states, fellows in zip(operands, beside, strict=True)]
                base = (content.state, code, twice, self._group(content, seen))
            elif content.state[0] == INSIDE:
                base = (content.state, entry)
            elif self._detailed:
                base = (base, code)
            changes = tuple(
                self._copied(int(states[at]), copies) if copies else _NO_CHANGE
                for states, copies in zip(operands, content.copies, strict=True)
            )
            self._entries.append(number, self._state(base, ()), changes)
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
                known.append((decided if _is_open(base) else base, made, fellows))
        return tuple(known)

    def _copied(self, state: int, copies: tuple[str, ...]) -> int:
        """The state of a tensor that further copies were made of."""
        base, made = self._states[state]
        return self._state(base, tuple(sorted({*made, *copies})))

    def _state(self, base: Hashable, copies: tuple[str, ...]) -> int:
        """A number that equal states share."""
        number = self._state_numbers.get((base, copies))
        if number is None:
            number = self._state_numbers[base, copies] = len(self._states)
            self._states.append((base, copies))
            self._crowded.append(self._is_crowded(base))
        return number

    def _is_crowded(self, base: Hashable) -> bool:
        """Whether others read what the kernel of a state reads, and copy it."""
        if not _is_open(base):
            return False
        _, _, _, group = base
        return any(each is not None and (each[-1] != 0 or (len(each) == 2 and self._crowded[each[0]])) for each in group)


def _is_open(base: Hashable) -> bool:
    """Whether it was for the reader of a tensor to decide what became of it."""
    return isinstance(base, tuple) and isinstance(base[0], tuple) and base[0][0] == OPEN


class _Entries:
    """Entries as arrays that grow.

    Attributes:
        count: How many there are; the arrays are longer.
        content_of: Number of the content of each.
        state_of: State of what it writes.
        changes: New state of each operand, or `_NO_CHANGE`, shape ``(entries, operands)``.
        changing: Whether any operand has a new state.
        any_changing: Whether any entry changes the state of an operand.
    """

    def __init__(self) -> None:
        self.count = 0
        self.any_changing = False
        self.content_of = np.zeros(_FIRST_ROOM, dtype=np.intp)
        self.state_of = np.zeros(_FIRST_ROOM, dtype=np.int32)
        self.changes = np.full((_FIRST_ROOM, 1), _NO_CHANGE, dtype=np.int32)
        self.changing = np.zeros(_FIRST_ROOM, dtype=np.bool_)

    @classmethod
    def from_bytes(cls, content_of: bytes, state_of: bytes, changes: bytes) -> Self:
        """Entries that came as `BookState` has them.

        Raises:
            ValueError: They are not of one number.
        """
        entries = cls()
        entries.content_of = np.frombuffer(content_of, _CONTENTS).astype(np.intp)
        entries.state_of = np.frombuffer(state_of, _NUMBERS).astype(np.int32)
        entries.count = len(entries.content_of)
        entries.changes = np.frombuffer(changes, _NUMBERS).reshape(entries.count, -1).astype(np.int32)
        entries.changing = np.any(entries.changes >= 0, axis=1).reshape(entries.count)
        entries.any_changing = bool(entries.changing.any())
        if len(entries.state_of) != entries.count:
            raise ValueError(f"{entries.count} entries have {len(entries.state_of)} states")
        return entries

    def as_bytes(self) -> tuple[bytes, bytes, bytes]:
        """Contents, states and changes of the entries, as `BookState` has them."""
        some = slice(0, self.count)
        states, changes = (each[some].astype(_NUMBERS).tobytes() for each in (self.state_of, self.changes))
        return self.content_of[some].astype(_CONTENTS).tobytes(), states, changes

    def refer_to(self, contents: int, states: int) -> bool:
        """Whether all contents and states are among so many."""
        some = slice(0, self.count)
        named = max(self.state_of[some].max(initial=0), self.changes[some].max(initial=0))
        return self.count > 0 and int(self.content_of[some].max(initial=0)) < contents and int(named) < states

    def append(self, content: int, state: int, changes: Sequence[int]) -> None:
        """Adds an entry."""
        if self.count == len(self.content_of):
            for name in ("content_of", "state_of", "changes", "changing"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.full_like(array, 0)]))
        if len(changes) > self.changes.shape[1]:
            more = np.full((len(self.changes), len(changes) - self.changes.shape[1]), _NO_CHANGE, dtype=np.int32)
            self.changes = np.concatenate([self.changes, more], axis=1)
        at = self.count
        self.content_of[at], self.state_of[at] = content, state
        self.changes[at] = _NO_CHANGE
        self.changes[at, : len(changes)] = changes
        self.changing[at] = max(changes, default=_NO_CHANGE) >= 0
        self.any_changing |= bool(self.changing[at])
        self.count += 1


def _as_tuples(part: Any) -> Any:
    """Lists of lists as tuples of tuples."""
    return tuple(map(_as_tuples, part)) if isinstance(part, list | tuple) else part


def _columns(sources: tuple[IntArray | int, ...], which: npt.NDArray[np.intp]) -> list[npt.NDArray[np.int64] | int]:
    """The sources of some candidates."""
    return [source if isinstance(source, int) else source[which] for source in sources]


def _twice(sources: tuple[IntArray | int, ...]) -> IntArray:
    """Which operands are the same tensor, as bits: a sum of a tensor with itself reads one."""
    bits, bit = np.asarray(0, dtype=np.int64), 1
    for place, source in enumerate(sources):
        for earlier in sources[:place]:
            bits = bits + bit * (np.asarray(source) == np.asarray(earlier))
            bit *= 2
    return bits


def _change(
    states: npt.NDArray[np.int32],
    arrays: _Entries,
    entries: npt.NDArray[np.int32],
    sources: tuple[IntArray | int, ...],
) -> None:
    """Notes the copies that a slot made of its operands."""
    which = np.flatnonzero(arrays.changing[entries])
    if not len(which):
        return
    for place, source in enumerate(sources[: arrays.changes.shape[1]]):
        new = arrays.changes[entries[which], place]
        some = which[new >= 0]
        states[source if isinstance(source, int) else source[some], some] = new[new >= 0]
