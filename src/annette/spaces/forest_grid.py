"""Forests over a grid: what they say of kernels for every size of the network around them, in one pass.

A forest that looks at the whole network (its weights, its operations) says another thing of the same kernel in another
network. As a function of these sizes it is a staircase. Here each tree is walked once for each kernel, both ways where
it asks for such a size, and the steps are added up.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import FloatArray
    from annette.models.forest import Forest

    _Boxes = tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.intp]]

__all__ = ["Axis", "grid_sums"]

_BLOCK: Final = 2**20
"""Numbers in the grids that are added up at once."""


class Axis:
    """A size of the network, cut where trees ask for it.

    Args:
        thresholds: What trees compare it with.
        least: Smallest value that occurs.
        most: Largest value that occurs.

    Attributes:
        cuts: Those of the thresholds that values lie on both sides of, ascending.
        least: As given.
        most: As given.
    """

    def __init__(self, thresholds: FloatArray, least: float, most: float) -> None:
        inside = (thresholds >= least) & (thresholds < most)
        self.cuts: FloatArray = np.unique(thresholds[inside])
        self.least, self.most = least, most

    @classmethod
    def joined(cls, axes: Sequence[Axis]) -> Axis:
        """An axis with the cuts of all of several over the same size."""
        least, most = min(axis.least for axis in axes), max(axis.most for axis in axes)
        return cls(np.concatenate([axis.cuts for axis in axes]), least, most)

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.cuts) + 1

    def steps(self, values: FloatArray) -> npt.NDArray[np.intp]:
        """On which step each value lies, compared as trees do it, shape as ``values``."""
        return np.searchsorted(self.cuts, values.astype(np.float32).astype(np.float64), side="left")

    def splits(self, thresholds: FloatArray) -> npt.NDArray[np.intp]:
        """For each threshold, the number of the first step that is beyond it."""
        split = np.searchsorted(self.cuts, thresholds, side="right")
        return np.where(thresholds < self.least, 0, np.where(thresholds >= self.most, len(self), split))


def grid_sums(forest: Forest, features: FloatArray, axes: Sequence[Axis], axis_of: Sequence[int]) -> FloatArray:
    """Sum over the trees of each row, at every point of a grid.

    Args:
        forest: The trees.
        features: Shape ``(rows, columns)``; columns of axes are not looked at.
        axes: The sizes that make the grid.
        axis_of: For each column the number of its axis, or -1.

    Returns:
        Without the forest's constant part, shape ``(rows, points)``, the last axis changing fastest.
    """
    sizes = tuple(len(axis) + 1 for axis in axes)
    points = int(np.prod([size - 1 for size in sizes], dtype=np.intp))
    sums = np.empty((len(features), points))
    block = max(1, _BLOCK // int(np.prod(sizes, dtype=np.intp)))
    for start in range(0, len(features), block):
        sums[start : start + block] = _sums(forest, features[start : start + block], axes, axis_of, sizes, points)
    return sums


def _sums(
    forest: Forest,
    features: FloatArray,
    axes: Sequence[Axis],
    axis_of: Sequence[int],
    sizes: tuple[int, ...],
    points: int,
) -> FloatArray:
    trees, rows = forest.trees, len(features)
    column_axis = np.asarray(axis_of, dtype=np.intp)
    leaf = trees.left == np.arange(len(trees.left))
    node_axis = np.where(leaf, -1, column_axis[trees.feature])
    node_split = np.zeros(len(trees.feature), dtype=np.intp)
    for number, axis in enumerate(axes):
        own = np.flatnonzero(node_axis == number)
        node_split[own] = axis.splits(trees.threshold[own].astype(np.float64))
    seen = features.astype(np.float32)
    row = np.repeat(np.arange(rows), len(forest.roots))
    node = np.tile(forest.roots.astype(np.intp), rows)
    low = np.zeros((len(row), len(axes)), dtype=np.intp)
    high = np.tile(np.array([len(axis) for axis in axes], dtype=np.intp), (len(row), 1))
    boxes: list[_Boxes] = []
    while len(row):
        done = leaf[node]
        if done.any():
            boxes.append((row[done], trees.value[node[done]], low[done], high[done]))
            row, node, low, high = row[~done], node[~done], low[~done], high[~done]
        at = node_axis[node]
        plain = at < 0
        beyond = seen[row, trees.feature[node]] > trees.threshold[node]
        split, place = node_split[node], np.arange(len(row))
        first = np.where(plain, ~beyond, low[place, at] < split if len(axes) else False)
        second = np.where(plain, beyond, high[place, at] > split if len(axes) else False)
        halves = []
        for taken, after in ((first, 0), (second, 1)):
            some = np.flatnonzero(taken)
            lower, upper = low[some], high[some]
            cut = np.flatnonzero(~plain[some])
            where = at[some[cut]]
            if after:
                lower[cut, where] = np.maximum(lower[cut, where], split[some[cut]])
            else:
                upper[cut, where] = np.minimum(upper[cut, where], split[some[cut]])
            halves.append((row[some], trees.left[node[some]] + after, lower, upper))
        row, node, low, high = (np.concatenate(parts) for parts in zip(*halves, strict=True))
    row, value, low, high = (np.concatenate(parts) for parts in zip(*boxes, strict=True))
    grid = _corners(row, value, low, high, sizes, rows)
    for axis_number in range(len(axes)):
        grid = grid.cumsum(axis=axis_number + 1)
    inner = grid[(slice(None), *(slice(0, size - 1) for size in sizes))]
    return np.ascontiguousarray(inner).reshape(rows, points)


def _corners(
    row: npt.NDArray[np.intp],
    value: npt.NDArray[np.float32],
    low: npt.NDArray[np.intp],
    high: npt.NDArray[np.intp],
    sizes: tuple[int, ...],
    rows: int,
) -> FloatArray:
    """Where values begin and end to count, so that running sums give each inside its box; shape ``(rows, *sizes)``."""
    places, values = [], []
    for corner in product((0, 1), repeat=len(sizes)):
        place = row
        for axis, end in enumerate(corner):
            place = place * sizes[axis] + (high if end else low)[:, axis]
        places.append(place)
        values.append(value.astype(np.float64) * (-1.0 if sum(corner) % 2 else 1.0))
    count = rows * int(np.prod(sizes, dtype=np.intp))
    sums: FloatArray = np.bincount(np.concatenate(places), np.concatenate(values), minlength=count).astype(np.float64)
    return sums.reshape(rows, *sizes)
