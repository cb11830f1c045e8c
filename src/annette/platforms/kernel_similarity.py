"""How similar kernels are: a model that errs on one kernel errs in the same way on similar ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["equal_rows", "similarity", "similarity_coordinates", "weighted_similarity"]

_COMPARED: Final = ("ops", "input_bytes", "weight_bytes", "output_bytes", "kernel_height", "stride_height")
_CHUNK: Final = 512
"""Rows compared with all others at once: memory stays small for networks of any size."""


def equal_rows(table: KernelTable) -> npt.NDArray[np.intp]:
    """A number for each row that rows with the same kind and features share, shape ``(rows,)``.

    Args:
        table: Any kernels.
    """
    columns = np.column_stack([table.values, *(table.context[name] for name in sorted(table.context))])
    numbers: dict[tuple[str, bytes], int] = {}
    rows = [
        numbers.setdefault((kind, row.tobytes()), len(numbers))
        for kind, row in zip(table.kinds.tolist(), columns, strict=True)
    ]
    return np.array(rows, dtype=np.intp)


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
