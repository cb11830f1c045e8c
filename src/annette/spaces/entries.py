"""What became of pieces, entry by entry, as arrays that grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NO_CHANGE", "Entries"]

NO_CHANGE: Final = -1
"""In place of a new state of an operand."""

_FIRST_ROOM: Final = 1024
_NUMBERS, _CONTENTS = np.dtype("<i4"), np.dtype("<i8")


class Entries:
    """Entries as arrays that grow.

    Attributes:
        count: How many there are; the arrays are longer.
        content_of: Number of the content of each.
        state_of: State of what it writes.
        changes: New state of each operand, or `NO_CHANGE`, shape ``(entries, operands)``.
        changing: Whether any operand has a new state.
        any_changing: Whether any entry changes the state of an operand.
    """

    def __init__(self) -> None:
        self.count = 0
        self.any_changing = False
        self.content_of = np.zeros(_FIRST_ROOM, dtype=np.intp)
        self.state_of = np.zeros(_FIRST_ROOM, dtype=np.int32)
        self.changes = np.full((_FIRST_ROOM, 1), NO_CHANGE, dtype=np.int32)
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
            more = np.full((len(self.changes), len(changes) - self.changes.shape[1]), NO_CHANGE, dtype=np.int32)
            self.changes = np.concatenate([self.changes, more], axis=1)
        at = self.count
        self.content_of[at], self.state_of[at] = content, state
        self.changes[at] = NO_CHANGE
        self.changes[at, : len(changes)] = changes
        self.changing[at] = max(changes, default=NO_CHANGE) >= 0
        self.any_changing |= bool(self.changing[at])
        self.count += 1
