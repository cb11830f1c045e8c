"""How many steps it takes to select the largest elements of rows, and which of them a processor cannot foresee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["guessed_steps", "heap_steps", "partition_steps"]

_SMALL_HEAP: Final = 4
_HEAP_SHARE: Final = 0.725
"""Heaps serve fewer elements than this power of a row's length, and any number below `_SMALL_HEAP` (ONNX Runtime)."""

_FORESEEN_STEPS: Final = 52_000.0
"""Of 67 selections on an AMD EPYC (Zen 4), those of 10,000 to 51,041 steps took 1.3 to 2.2 ns a step beside reading,
those of 54,526 and more 5.7 to 8.3: what its branch predictor learns by heart."""


def heap_steps(table: KernelTable, rows: FloatArray) -> FloatArray:
    """Steps through heaps with which the largest elements are selected, shape ``(rows,)``.

    A heap of ``k`` elements is built, each of the ``n - k`` others replaces its root with a probability that falls as
    ``k / i``, and it is taken apart in the end: ``k (2 + ln(n / k)) log2 k`` steps a row.

    Args:
        table: Selections: ``run_length`` is how many of the ``axis_size`` elements of a row are kept.
        rows: Rows of each.
    """
    kept, length = np.maximum(table["run_length"], 1.0), np.maximum(table["axis_size"], 2.0)
    steps = kept * (2.0 + np.log(np.maximum(length / kept, 1.0))) * np.log2(kept)
    heaps: FloatArray = np.where(_in_heaps(kept, length), rows * steps, 0.0)
    return heaps


def partition_steps(table: KernelTable, rows: FloatArray) -> FloatArray:
    """Steps with which rows are partitioned and the part that is kept is sorted, shape ``(rows,)``.

    Args:
        table: Selections, as for `heap_steps`.
        rows: Rows of each.
    """
    kept, length = np.maximum(table["run_length"], 1.0), np.maximum(table["axis_size"], 2.0)
    parted: FloatArray = np.where(_in_heaps(kept, length) | (kept == 1), 0.0, rows * (length + kept * np.log2(kept)))
    return parted


def guessed_steps(table: KernelTable, rows: FloatArray) -> FloatArray:
    """Steps of a selection whose comparisons a processor cannot foresee, shape ``(rows,)``.

    Where the same numbers come again and there are few of them, as in a benchmark and in a measured network, it has
    learned how each comparison ends: a step then takes about 1.5 ns, else 6.

    Args:
        table: Selections, as for `heap_steps`.
        rows: Rows of each.
    """
    steps = heap_steps(table, rows) + partition_steps(table, rows)
    guessed: FloatArray = np.where(steps > _FORESEEN_STEPS, steps, 0.0)
    return guessed


def _in_heaps(kept: FloatArray, length: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether ONNX Runtime keeps the largest elements in a heap (``core/providers/cpu/math/top_k.cc``)."""
    return (kept > 1) & ((kept < _SMALL_HEAP) | (np.log2(kept) < _HEAP_SHARE * np.log2(length)))
