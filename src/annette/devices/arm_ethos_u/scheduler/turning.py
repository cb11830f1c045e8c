"""How the compiler transposes maps of more than three dimensions: step by step, each step in three dimensions.

From the compiler's published source: the dimensions are brought into their places one after another by exchanging
two of them; an exchange that three dimensions do not hold moves one to an end, exchanges, and moves it back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.tiling import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Turn", "merged", "turns"]

_AXES: Final = 3


class Turn(NamedTuple):
    """A transpose in three dimensions.

    Attributes:
        read: Height, width and channels of what it reads.
        first: The dimension that changes places with `second`.
        second: The other one, behind it.
    """

    read: tuple[int, int, int]
    first: int
    second: int

    @property
    def written(self) -> tuple[int, int, int]:
        """Height, width and channels of what it writes."""
        sizes = list(self.read)
        sizes[self.first], sizes[self.second] = sizes[self.second], sizes[self.first]
        return (sizes[0], sizes[1], sizes[2])

    @property
    def slow(self) -> bool:
        """Whether lines move, which halves the speed of writing."""
        return self.first == 0

    @property
    def window(self) -> Window:
        """It as tiles see it."""
        return Window("pool", *self.written, self.read[2], self.read[0], self.read[1], 1, 1, 1, 1, 1)


def merged(shape: Sequence[int], perm: Sequence[int]) -> tuple[list[int], list[int]]:
    """A transpose without dimensions of one, those that stay together taken as one.

    Args:
        shape: Of what is read.
        perm: Which dimension of it comes where.
    """
    runs: list[list[int]] = []
    for axis in perm:
        if shape[axis] == 1:
            continue
        if runs and axis > runs[-1][-1] and all(shape[between] == 1 for between in range(runs[-1][-1] + 1, axis)):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(range(len(runs)), key=lambda run: runs[run][0])
    return [math.prod(shape[axis] for axis in runs[run]) for run in order], [
        order.index(run) for run in range(len(runs))
    ]


def turns(shape: Sequence[int], perm: Sequence[int]) -> list[Turn]:
    """The steps of a transpose.

    Args:
        shape: Of what is read.
        perm: Which dimension of it comes where.
    """
    sizes, found = list(shape), []
    order = list(perm)
    while len(sizes) < _AXES:  # Leading dimensions of one.
        sizes, order = [1, *sizes], [0, *(axis + 1 for axis in order)]
    where = [order.index(axis) for axis in range(len(order))]  # The place that each dimension goes to.
    for place in range(len(sizes)):
        if where[place] == place:
            continue
        other = where.index(place)
        found += _exchange(sizes, place, other)
        where[place], where[other] = where[other], where[place]
    return found


def _exchange(sizes: list[int], first: int, second: int) -> list[Turn]:
    """Exchanges two dimensions, `first` before `second`; changes the sizes."""
    last = len(sizes) - 1
    whole = math.prod(sizes)
    if math.prod(sizes[:-_AXES]) == 1 and first >= len(sizes) - _AXES:
        start = len(sizes) - _AXES
        turn = Turn((sizes[start], sizes[start + 1], sizes[start + 2]), first - start, second - start)
    elif (first, second) == (0, 1):
        turn = Turn((sizes[0], sizes[1], whole // (sizes[0] * sizes[1])), 0, 1)
    elif (first, second) == (last - 1, last):
        turn = Turn((whole // (sizes[-2] * sizes[-1]), sizes[-2], sizes[-1]), 1, 2)
    elif first:
        before, size = math.prod(sizes[:first]), sizes.pop(first)
        sizes.insert(0, size)
        inner = _exchange(sizes, 0, second)
        moved = sizes.pop(0)
        sizes.insert(first, moved)
        between = math.prod(sizes[:first])
        return [
            Turn((before, size, whole // (before * size)), 0, 1),
            *inner,
            Turn((moved, between, whole // (moved * between)), 0, 1),
        ]
    elif second != last:
        before, size = math.prod(sizes[:second]), sizes.pop(second)
        sizes.append(size)
        inner = _exchange(sizes, 0, last)
        moved = sizes.pop()
        sizes.insert(second, moved)
        before_again = math.prod(sizes[:second])
        return [
            Turn((before, size, whole // (before * size)), 1, 2),
            *inner,
            Turn((before_again, whole // (before_again * moved), moved), 1, 2),
        ]
    else:
        turn = Turn((sizes[0], whole // (sizes[0] * sizes[-1]), sizes[-1]), 0, 2)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return [turn]
