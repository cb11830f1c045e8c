"""States of tensors between pieces: what is known of the kernel that writes one, and which copies of it exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from annette.spaces.observation import OPEN

if TYPE_CHECKING:
    from collections.abc import Hashable

    State: TypeAlias = tuple[Hashable, tuple[str, ...]]

__all__ = ["TensorStates", "is_open"]

_FIRST_ROOM: Final = 1024


def is_open(base: Hashable) -> bool:
    """Whether it was for the reader of a tensor to decide what became of it."""
    return isinstance(base, tuple) and isinstance(base[0], tuple) and base[0][0] == OPEN


class TensorStates:
    """States by numbers that equal ones share.

    Attributes:
        crowded: Of each, whether others read what the kernel that writes it reads, and copy that; with room behind.
    """

    def __init__(self) -> None:
        self._numbers: dict[State, int] = {}
        self._all: list[State] = []
        self.crowded = np.zeros(_FIRST_ROOM, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> State:
        return self._all[number]

    def all(self) -> tuple[State, ...]:
        """The states in the order of their numbers."""
        return tuple(self._all)

    def number(self, base: Hashable, copies: tuple[str, ...]) -> int:
        """The number of a state.

        Args:
            base: What is known of the kernel.
            copies: Kinds of the copies, sorted.
        """
        number = self._numbers.get((base, copies))
        if number is None:
            number = self._numbers[base, copies] = len(self._all)
            self._all.append((base, copies))
            if number == len(self.crowded):
                self.crowded = np.concatenate([self.crowded, np.zeros_like(self.crowded)])
            self.crowded[number] = self._is_crowded(base)
        return number

    def copied(self, number: int, copies: tuple[str, ...]) -> int:
        """The state of a tensor of which further copies were made."""
        base, made = self._all[number]
        return self.number(base, tuple(sorted({*made, *copies})))

    def _is_crowded(self, base: Hashable) -> bool:
        if not is_open(base):
            return False
        assert isinstance(base, tuple)  # noqa: S101 - narrows the type
        return any(
            each is not None and (each[-1] != 0 or (len(each) == 2 and self.crowded[each[0]])) for each in base[3]
        )
