"""Elements that compete for the same places of a processor's first cache, since they lie a power of two apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray

__all__ = ["collides", "is_crowded", "lines_in_a_set"]

_ELEMENT_BYTES: Final = 4
_LINE_BYTES: Final = 64
_SETS: Final = 64
"""Of the first cache of x86 and of most Arm processors: pages of 4 KiB allow no more sets where addresses are looked up
while they are translated."""

_WAYS: Final = 8
"""Lines that a set holds, 12 on some."""

_FEW_SETS: Final = 2.0


def lines_in_a_set(count: FloatArray, distance: FloatArray) -> FloatArray:
    """How many of so many elements, so many elements apart, compete for the same places, at least 1.

    Where the distance is a multiple of the cache's lines, they fall into few of its sets; at 4096 bytes into one.
    Elements along an axis lie as far apart as what is behind it is large.

    Args:
        count: Elements that are looked at in turn, shape ``(rows,)``.
        distance: Elements from one to the next, shape ``(rows,)``.
    """
    lines = np.maximum(distance, 1.0) * _ELEMENT_BYTES / _LINE_BYTES
    step = np.where(lines == np.floor(lines), lines, 1.0).astype(np.int64)
    sets = _SETS / np.gcd(step, _SETS)
    found: FloatArray = np.where(distance > 1, np.maximum(count / sets, 1.0), 1.0)
    return found


def collides(count: FloatArray, distance: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether more elements compete for the places of a set than it has."""
    found: npt.NDArray[np.bool_] = lines_in_a_set(count, distance) > _WAYS
    return found


def is_crowded(count: FloatArray, distance: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether elements that are looked at in turn all fall into one or two sets, which hold few of them."""
    lines = lines_in_a_set(count, distance)
    crowded: npt.NDArray[np.bool_] = (lines > _WAYS) & (count <= _FEW_SETS * lines)
    return crowded
