"""What each piece of a space costs in a network of given weights and operations: sums of its kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.spaces.observation import Content
    from annette.spaces.row_prices import Around, RowPrices

    _Numbers: TypeAlias = npt.NDArray[np.intp]

__all__ = ["PiecePrices"]

_MOST_IN_TABLE: Final = 2**22
"""Numbers in the table of a kind, 32 MB: what would need more is added up where it occurs."""


class PiecePrices:
    """Prices of pieces as functions of the network around them.

    The kernels of each kind are priced on a grid of their own (`RowPrices`), so that a piece has a price for each kind
    of kernel in it.

    Args:
        prices: Of the kernels.
        rows: The kernels.
        left_out: Kinds whose time does not count.
    """

    def __init__(self, prices: RowPrices, rows: KernelTable, left_out: Collection[str]) -> None:
        self._prices, self._rows = prices, len(rows)
        self._kinds = {
            kind: _Kind(numbers[~prices.varying[numbers]], prices.points_s[kind][:, ~prices.varying[numbers]])
            for kind, numbers in rows.rows_by_kind.items()
            if kind not in left_out
        }
        self._varying = {
            row: kind
            for kind, numbers in rows.rows_by_kind.items()
            for row in numbers[prices.varying[numbers]].tolist()
            if kind not in left_out
        }
        self._times = np.zeros((len(self._varying), 0), dtype=np.int64)  # how often each is in each content

    def covers(self, rows: int, around: Around) -> bool:
        """Whether these are the prices of that many kernels, in networks of such sizes."""
        return self._rows == rows and self._prices.covers(around)

    def follow(self, contents: Sequence[Content]) -> None:
        """Takes over pieces that were learned since.

        Args:
            contents: Those known before, and further ones.
        """
        new = contents[self._times.shape[1] :]
        if not new:
            return
        for kind in self._kinds.values():
            kind.add([content.rows for content in new])
        times = [[content.rows.count(row) for content in new] for row in self._varying]
        further = np.array(times, dtype=np.int64).reshape(len(self._varying), len(new))
        self._times = np.concatenate([self._times, further], axis=1)

    def kernels_s(self, contents: npt.NDArray[np.int32], around: Around) -> FloatArray:
        """Sum of the kernels of each candidate, seconds, shape ``(candidates,)``.

        Args:
            contents: Number of the content of each slot, shape ``(slots, candidates)``; of 0 there are no kernels.
            around: The networks.
        """
        points = self._prices.points(around)
        candidate = np.nonzero(contents)[1]
        content = contents[contents != 0].astype(np.intp)
        total_s = np.zeros(contents.shape[1])
        for kind, pieces in self._kinds.items():
            total_s += pieces.sums(content, candidate, points[kind])
        for (row, kind), times_in in zip(self._varying.items(), self._times, strict=True):
            times = np.bincount(candidate, times_in[content], minlength=len(total_s))
            some = np.flatnonzero(times)
            if len(some):
                seen = type(around)(*(each[some] for each in around))
                total_s[some] += times[some] * self._prices.of_varying(row, seen, points[kind][some])
        return total_s


class _Kind:
    """The kernels of one kind in pieces: *parts*, which several pieces may have alike.

    Args:
        rows: Numbers of the kernels, ascending.
        points_s: Seconds of each at each point of the kind's grid, shape ``(points, rows)``.
    """

    def __init__(self, rows: _Numbers, points_s: FloatArray) -> None:
        self._place = {row: place for place, row in enumerate(rows.tolist())}
        self._points_s = np.ascontiguousarray(points_s)
        self._numbers: dict[tuple[int, ...], int] = {(): 0}
        self._part_of = np.zeros(0, dtype=np.intp)
        self._table: FloatArray | None = None

    def add(self, contents: Sequence[tuple[int, ...]]) -> None:
        """Takes in the kernels of further pieces."""
        parts, known = [], len(self._numbers)
        for rows in contents:
            part = tuple(self._place[row] for row in rows if row in self._place)
            parts.append(self._numbers.setdefault(part, len(self._numbers)))
        self._part_of = np.concatenate([self._part_of, np.array(parts, dtype=np.intp)])
        if len(self._numbers) == known and known > 1:
            return
        self._lengths = np.array([len(part) for part in self._numbers], dtype=np.intp)
        self._first = np.cumsum(self._lengths) - self._lengths
        self._rows_of = np.array([row for part in self._numbers for row in part], dtype=np.intp)
        self._table = None
        if len(self._points_s) * len(self._numbers) <= _MOST_IN_TABLE and len(self._rows_of):
            sums = np.add.reduceat(self._points_s[:, self._rows_of], self._first[1:], axis=1)
            self._table = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)

    def sums(self, content: _Numbers, candidate: _Numbers, points: _Numbers) -> FloatArray:
        """Seconds of the kernels of this kind in each candidate, shape as ``points``.

        Args:
            content: Of all pieces of all candidates.
            candidate: Whose each is.
            points: Where each candidate lies in the grid.
        """
        part = self._part_of[content]
        some = np.flatnonzero(part)
        part, candidate = part[some], candidate[some]
        if self._table is not None:
            found_s = self._table.ravel()[points[candidate] * self._table.shape[1] + part]
        else:
            lengths = self._lengths[part]
            candidate = np.repeat(candidate, lengths)
            starts = self._first[part] - (np.cumsum(lengths) - lengths)
            rows = self._rows_of[np.repeat(starts, lengths) + np.arange(len(candidate))]
            found_s = self._points_s[points[candidate], rows]
        total_s: FloatArray = np.bincount(candidate, found_s, minlength=len(points)).astype(np.float64)
        return total_s
