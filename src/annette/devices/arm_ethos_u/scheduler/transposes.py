"""How the compiler transposes tensors of more than three dimensions: step by step, each step in three dimensions.

From Vela's graph optimiser: the dimensions are brought into their places one after another by swapping two of them; a
swap that three dimensions do not hold moves one to an end, swaps, and moves it back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.op_shape import OpShape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TransposeStep", "merged_axes", "transpose_steps"]

_AXES: Final = 3


class TransposeStep(NamedTuple):
    """A transpose in three dimensions.

    Attributes:
        ifm: Height, width and depth of what it reads.
        first: The dimension that changes places with `second`.
        second: The other one, behind it.
    """

    ifm: tuple[int, int, int]
    first: int
    second: int

    @property
    def ofm(self) -> tuple[int, int, int]:
        """Height, width and depth of what it writes."""
        sizes = list(self.ifm)
        sizes[self.first], sizes[self.second] = sizes[self.second], sizes[self.first]
        return (sizes[0], sizes[1], sizes[2])

    @property
    def half_speed(self) -> bool:
        """Whether rows move, which halves the speed of writing."""
        return self.first == 0

    @property
    def shape(self) -> OpShape:
        """Its shape as an operator: a pooling of single elements."""
        return OpShape("pool", *self.ofm, self.ifm[2], self.ifm[0], self.ifm[1], 1, 1, 1, 1, 1)


def merged_axes(shape: Sequence[int], perm: Sequence[int]) -> tuple[list[int], list[int]]:
    """A transpose without dimensions of one, those that stay together taken as one.

    Args:
        shape: Of what is read.
        perm: Which dimension of it comes where.
    """
    runs: list[list[int]] = []
    for axis in perm:
        if shape[axis] == 1:
            continue
        if runs and axis > runs[-1][-1] and all(shape[other] == 1 for other in range(runs[-1][-1] + 1, axis)):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(range(len(runs)), key=lambda run: runs[run][0])
    return [math.prod(shape[axis] for axis in runs[run]) for run in order], [
        order.index(run) for run in range(len(runs))
    ]


def transpose_steps(shape: Sequence[int], perm: Sequence[int]) -> list[TransposeStep]:
    """The steps of a transpose.

    Args:
        shape: Of what is read.
        perm: Which dimension of it comes where.
    """
    sizes, steps = list(shape), []
    order = list(perm)
    while len(sizes) < _AXES:  # Leading dimensions of one.
        sizes, order = [1, *sizes], [0, *(axis + 1 for axis in order)]
    target = [order.index(axis) for axis in range(len(order))]  # The place that each dimension goes to.
    for place in range(len(sizes)):
        if target[place] == place:
            continue
        other = target.index(place)
        steps += _swap(sizes, place, other)
        target[place], target[other] = target[other], target[place]
    return steps


def _swap(sizes: list[int], first: int, second: int) -> list[TransposeStep]:
    """Swaps two dimensions, ``first`` before ``second``; changes ``sizes``."""
    last = len(sizes) - 1
    whole = math.prod(sizes)
    if math.prod(sizes[:-_AXES]) == 1 and first >= len(sizes) - _AXES:
        start = len(sizes) - _AXES
        step = TransposeStep((sizes[start], sizes[start + 1], sizes[start + 2]), first - start, second - start)
    elif (first, second) == (0, 1):
        step = TransposeStep((sizes[0], sizes[1], whole // (sizes[0] * sizes[1])), 0, 1)
    elif (first, second) == (last - 1, last):
        step = TransposeStep((whole // (sizes[-2] * sizes[-1]), sizes[-2], sizes[-1]), 1, 2)
    elif first:
        return _swap_through_front(sizes, first, second)
    elif second != last:
        return _swap_through_back(sizes, second)
    else:
        step = TransposeStep((sizes[0], whole // (sizes[0] * sizes[-1]), sizes[-1]), 0, 2)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return [step]


def _swap_through_front(sizes: list[int], first: int, second: int) -> list[TransposeStep]:
    """Moves ``first`` to the front, swaps, and moves what came there back."""
    whole = math.prod(sizes)
    before, size = math.prod(sizes[:first]), sizes.pop(first)
    sizes.insert(0, size)
    inner = _swap(sizes, 0, second)
    moved = sizes.pop(0)
    sizes.insert(first, moved)
    between = math.prod(sizes[:first])
    there = TransposeStep((before, size, whole // (before * size)), 0, 1)
    return [there, *inner, TransposeStep((moved, between, whole // (moved * between)), 0, 1)]


def _swap_through_back(sizes: list[int], second: int) -> list[TransposeStep]:
    """Moves ``second`` to the back, swaps it with the first dimension, and moves what came there back."""
    whole = math.prod(sizes)
    before, size = math.prod(sizes[:second]), sizes.pop(second)
    sizes.append(size)
    inner = _swap(sizes, 0, len(sizes) - 1)
    moved = sizes.pop()
    sizes.insert(second, moved)
    again = math.prod(sizes[:second])
    there = TransposeStep((before, size, whole // (before * size)), 1, 2)
    return [there, *inner, TransposeStep((again, whole // (again * moved), moved), 1, 2)]
