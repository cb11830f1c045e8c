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
"""Unequal kernels of one kind that are compared pair by pair; of more, all are compared with a sample."""
_SAMPLE: Final = 256
"""Kernels in the sample. On random tables of 3,000 kernels the root of the sum is then within 2 % of that over all."""


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

    Of very many kernels it is estimated, so that cost grows with their number: all are compared with a sample that has
    each with a probability in proportion to its weight, drawn at equal steps through the kernels in order of size.

    Args:
        coordinates: Of each kernel (`similarity_coordinates`), shape ``(rows, 6)``.
        weights: Weight of each row, shape ``(rows,)``.
    """
    total, others, other_weights = 0.0, coordinates, weights
    if len(weights) > _MOST_COMPARED:
        order = np.lexsort(coordinates.T)
        reached = np.cumsum(weights[order])
        at = np.searchsorted(reached, (np.arange(_SAMPLE) + 0.5) / _SAMPLE * reached[-1])
        others = coordinates[order[np.minimum(at, len(order) - 1)]]
        other_weights = np.full(_SAMPLE, reached[-1] / _SAMPLE)
    for start in range(0, len(weights), _CHUNK):
        own = slice(start, start + _CHUNK)
        total += float(weights[own] @ similarity(coordinates[own, None], others[None]) @ other_weights)
    return total


@dataclass(frozen=True, eq=False)
class Likeness:
    """Which kernels of a table are equal, of one kind, and similar; see `likeness_of`.

    Attributes:
        equal: A number for each row that rows with the same kind and features share, shape ``(rows,)``.
        kind: A number for each row that rows of the same kind share, shape ``(rows,)``.
        kind_of: The number of the kind of each of the unequal kernels.
        coordinates: Of each of the unequal kernels (`similarity_coordinates`).
        pairs: Numbers of both kernels of each pair of unequal kernels of one kind, each with itself among them, and how
            similar they are; None where there are too many pairs to keep.
    """

    equal: npt.NDArray[np.intp]
    kind: npt.NDArray[np.intp]
    kind_of: npt.NDArray[np.intp]
    coordinates: FloatArray
    pairs: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray] | None

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
        if self.pairs is not None:
            left, right, similar = self.pairs
            return float((parts[left] * parts[right] * similar).sum())
        of_kind = (np.flatnonzero(self.kind_of == number) for number in range(int(self.kind_of.max()) + 1))
        return sum(weighted_similarity(self.coordinates[own], parts[own]) for own in of_kind)


@kept
def likeness_of(table: KernelTable) -> Likeness:
    """Which kernels of a table are alike, found once.

    Args:
        table: Any kernels.
    """
    equal, (_, kind) = equal_rows(table), table.numbered_kinds
    first = np.empty(int(equal.max(initial=-1)) + 1, dtype=np.intp)
    first[equal[::-1]] = np.arange(len(equal))[::-1]  # Of equal kernels the last one written counts: the first.
    kind_of, coordinates, pairs = kind[first], similarity_coordinates(table)[first], None
    if len(first) <= _MOST_COMPARED:
        left, right = np.nonzero(kind_of[:, None] == kind_of[None])
        if len(left) <= _CHUNK * _CHUNK:
            pairs = left, right, similarity(coordinates[left], coordinates[right])
    return Likeness(equal, kind, kind_of, coordinates, pairs)
