"""Fitted ranges: whether a kernel lies among those that its models were fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.mapping.kernel import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import KernelTable

__all__ = ["RangeStack", "within"]

_SLACK: Final = 1e-9


def within(value: float, least: float, most: float) -> bool:
    """Whether a value lies inside a fitted range, but for rounding: as `RangeStack.contain`, for one number."""
    return least * (1 - _SLACK) <= value <= most * (1 + _SLACK)


class RangeStack:
    """The ranges of several kinds that are checked together.

    Args:
        ranges: For each kind, smallest and largest value of each column that its models were fitted on; a column that
            is missing has no known range, and None is a range that nothing lies in. Rows name theirs by its place.
    """

    def __init__(self, ranges: Sequence[Mapping[str, tuple[float, float]] | None]) -> None:
        context = {name: None for each in ranges for name in each or () if name not in _PLACES}
        self._context = {name: len(COLUMNS) + number for number, name in enumerate(context)}
        places = {**_PLACES, **self._context}
        self._least = np.full((len(ranges), len(places)), -np.inf)
        self._most = np.full((len(ranges), len(places)), np.inf)
        for row, each in enumerate(ranges):
            if each is None:
                self._most[row] = -np.inf
            for name, (least, most) in (each or {}).items():
                self._least[row, places[name]] = least * (1 - _SLACK)
                self._most[row, places[name]] = most * (1 + _SLACK)

    def contain(self, table: KernelTable, of: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Whether every column of each row lies inside the range of its kind, shape ``(rows,)``.

        Args:
            table: Any kernels.
            of: Number of the kind of each row.
        """
        values = np.column_stack([table.values, *(table[name] for name in self._context)])
        each = (values >= self._least[of]) & (values <= self._most[of])
        inside: npt.NDArray[np.bool_] = np.logical_and.reduce(each, axis=1)
        return inside


_PLACES: Final = {column: place for place, column in enumerate(COLUMNS)}
