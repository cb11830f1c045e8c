"""How alike kernels are: what errs in one way on one kernel errs in the same way on others that resemble it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["alike", "equal_rows", "places", "weighted_likeness"]

_MEASURED_BY: Final = ("ops", "input_bytes", "weight_bytes", "output_bytes", "kernel_height", "stride_height")
_CHUNK: Final = 512
"""Rows compared with all others at once: memory stays small for networks of any size."""


def equal_rows(table: KernelTable) -> npt.NDArray[np.intp]:
    """A number for each row that rows with the same kind and features share, shape ``(rows,)``.

    Args:
        table: Any kernels.
    """
    columns = np.column_stack([table.values, *(table.context[name] for name in sorted(table.context))])
    numbers: dict[tuple[str, bytes], int] = {}
    found = [
        numbers.setdefault((kind, row.tobytes()), len(numbers))
        for kind, row in zip(table.kinds.tolist(), columns, strict=True)
    ]
    return np.array(found, dtype=np.intp)


def places(table: KernelTable) -> FloatArray:
    """Where each kernel stands among those of its kind: operations, bytes, window and stride in powers of two.

    Args:
        table: Any kernels.

    Returns:
        Coordinates, shape ``(rows, 6)``.
    """
    columns = [np.log2(np.maximum(table[name], 1.0)) for name in _MEASURED_BY]
    return np.column_stack(columns)


def alike(first: FloatArray, second: FloatArray) -> FloatArray:
    """Likeness of pairs of kernels of one kind: 1 in the same place, and e times less with every doubling of a size.

    Args:
        first: Places (`places`), shape ``(..., 6)``.
        second: Others, of a shape that broadcasts with ``first``.
    """
    likeness: FloatArray = np.exp(-np.sqrt(((first - second) ** 2).sum(axis=-1)))
    return likeness


def weighted_likeness(place: FloatArray, parts: FloatArray) -> float:
    """Sum of the likeness of all pairs, each weighted by the product of its two parts.

    Args:
        place: Places, shape ``(rows, 6)``.
        parts: Weight of each row, shape ``(rows,)``.
    """
    total = 0.0
    for start in range(0, len(parts), _CHUNK):
        own = slice(start, start + _CHUNK)
        total += float(parts[own] @ alike(place[own, None], place[None]) @ parts)
    return total
