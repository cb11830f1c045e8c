"""How similar kernels are: a model that errs on one kernel errs in the same way on similar ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.kept import kept

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Likeness", "equal_rows", "likeness_of", "similarity", "similarity_coordinates", "weighted_similarity"]

_COMPARED: Final = ("ops", "input_bytes", "weight_bytes", "output_bytes", "kernel_height", "stride_height")
_CHUNK: Final = 512
"""Rows compared with all others at once: memory stays small for networks of any size."""
_MOST_COMPARED: Final = 2048
"""Unequal kernels of one kind that are compared pair by pair; of more, those of nearly equal sizes count as one."""
_FINEST: Final = 1 / 16
"""Octaves within which sizes are nearly equal, where that leaves few enough; else twice, four times, … as many."""


@kept
def equal_rows(table: KernelTable) -> npt.NDArray[np.intp]:
    """A number for each row that rows with the same kind and features share, shape ``(rows,)``.

    Args:
        table: Any kernels.
    """
    columns = table.values
    if table.context:
        columns = np.column_stack([columns, *(table.context[name] for name in sorted(table.context))])
    width, rows = columns.shape[1] * columns.itemsize, columns.tobytes()
    starts = range(0, len(rows), width)
    numbers: dict[tuple[str, bytes], int] = {}
    return np.array(
        [
            numbers.setdefault((kind, rows[start : start + width]), len(numbers))
            for kind, start in zip(table.kinds.tolist(), starts, strict=True)
        ],
        dtype=np.intp,
    )


def similarity_coordinates(table: KernelTable) -> FloatArray:
    """Base-2 logarithms of the sizes that kernels of one kind are compared by: operations, bytes, window and stride.

    Args:
        table: Any kernels.

    Returns:
        Coordinates, shape ``(rows, 6)``.
    """
    columns = [np.log2(np.maximum(table[name], 1.0)) for name in _COMPARED]
    return np.column_stack(columns)


def similarity(first: FloatArray, second: FloatArray) -> FloatArray:
    """Similarity of pairs of kernels of one kind: 1 for equal sizes, and e times less with every doubling of a size.

    Args:
        first: Coordinates (`similarity_coordinates`), shape ``(..., 6)``.
        second: Others, of a shape that broadcasts with ``first``.
    """
    distance: FloatArray = np.sqrt(((first - second) ** 2).sum(axis=-1))
    return np.exp(-distance)


def weighted_similarity(coordinates: FloatArray, weights: FloatArray) -> float:
    """Sum of the similarities of all pairs of kernels, each times the weights of both.

    Args:
        coordinates: Of each kernel (`similarity_coordinates`), shape ``(rows, 6)``.
        weights: Weight of each row, shape ``(rows,)``.
    """
    total = 0.0
    for start in range(0, len(weights), _CHUNK):
        own = slice(start, start + _CHUNK)
        total += float(weights[own] @ similarity(coordinates[own, None], coordinates[None]) @ weights)
    return total


@dataclass(frozen=True, eq=False)
class Likeness:
    """Which kernels of a table are equal, of one kind, and similar; see `likeness_of`.

    Attributes:
        equal: A number for each row that rows with the same kind and features share, shape ``(rows,)``.
        kind: A number for each row that rows of the same kind share, shape ``(rows,)``.
        groups: By kind, the numbers of its unequal kernels, where there are several.
        cells: For each kernel of a group, which of ``coordinates`` it counts as; None where each has its own.
        coordinates: What is compared of each group (`similarity_coordinates`).
        matrices: Similarities of all pairs of each group, or None where the group is too large to keep them.
        alone: Numbers of kernels that differ from all others of their kind by being its only ones.
    """

    equal: npt.NDArray[np.intp]
    kind: npt.NDArray[np.intp]
    groups: tuple[npt.NDArray[np.intp], ...]
    cells: tuple[npt.NDArray[np.intp] | None, ...]
    coordinates: tuple[FloatArray, ...]
    matrices: tuple[FloatArray | None, ...]
    alone: npt.NDArray[np.intp]

    def sums(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of the weights of all kernels of one kind, and of all equal kernels.

        Args:
            weights: Weight of each row, shape ``(rows,)``.
        """
        by_kind, parts = np.bincount(self.kind, weights=weights), np.bincount(self.equal, weights=weights)
        return by_kind.astype(np.float64), parts.astype(np.float64)

    def weighted(self, parts: FloatArray) -> float:
        """Sum of the similarities of all pairs of kernels of one kind, each times the weights of both.

        Args:
            parts: Weight of each of the unequal kernels.
        """
        total = float((parts[self.alone] * parts[self.alone]).sum())
        compared = zip(self.groups, self.cells, self.coordinates, self.matrices, strict=True)
        for group, cells, coordinates, matrix in compared:
            own = (
                parts[group] if cells is None else np.bincount(cells, weights=parts[group], minlength=len(coordinates))
            )
            total += weighted_similarity(coordinates, own) if matrix is None else float(own @ matrix @ own)
        return total


@kept
def likeness_of(table: KernelTable) -> Likeness:
    """Which kernels of a table are alike, found once.

    Args:
        table: Any kernels.
    """
    equal = equal_rows(table)
    kind = np.empty(len(table), dtype=np.intp)
    groups: list[npt.NDArray[np.intp]] = []
    alone: list[npt.NDArray[np.intp]] = []
    _, first = np.unique(equal, return_index=True)
    for number, rows in enumerate(table.rows_by_kind.values()):
        kind[rows] = number
        unequal = np.unique(equal[rows])
        (groups if len(unequal) > 1 else alone).append(unequal)
    places = similarity_coordinates(table)[first]
    merged = [_merged(places[group]) for group in groups]
    cells, coordinates = tuple(each[0] for each in merged), tuple(each[1] for each in merged)
    matrices = tuple(similarity(at[:, None], at[None]) if len(at) <= _CHUNK else None for at in coordinates)
    return Likeness(
        equal, kind, tuple(groups), cells, coordinates, matrices, np.concatenate([*alone, np.zeros(0, dtype=np.intp)])
    )


def _merged(coordinates: FloatArray) -> tuple[npt.NDArray[np.intp] | None, FloatArray]:
    """What is compared of the kernels of a kind: of very many, the cells of a grid.

    Kernels of one cell count as equally large, which makes an interval wider, if anything.

    Args:
        coordinates: Of each kernel, shape ``(rows, 6)``.

    Returns:
        The cell of each kernel and the coordinates of each cell, or None and the given ones.
    """
    if len(coordinates) <= _MOST_COMPARED:
        return None, coordinates
    step = _FINEST
    while True:
        cells, cell_of = np.unique(np.rint(coordinates / step), axis=0, return_inverse=True)
        if len(cells) <= _MOST_COMPARED:
            return cell_of.ravel(), cells * step
        step *= 2.0
