"""Sums of works of many models at once: one matrix of works, one of coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from annette.kept import kept
from annette.models.features import FeatureSet
from annette.models.work_sum import WorkSum, is_computing, work_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel

    _Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]

__all__ = ["StackedWorks"]


class StackedWorks:
    """The sums of works among some formulas; what each says is defined by `annette.models.work_sum.WorkSum`.

    Args:
        formulas: Any formulas; rows name theirs by its place in this sequence.
    """

    def __init__(self, formulas: Sequence[LayerModel]) -> None:
        own = {number: each for number, each in enumerate(formulas) if type(each) is WorkSum}
        self._own = np.array([number in own for number in range(len(formulas))], dtype=bool)
        names = tuple(dict.fromkeys(name for each in own.values() for name in each.seconds))
        self._seconds = np.zeros((len(formulas), len(names)))
        for number, each in own.items():
            self._seconds[number] = [each.seconds.get(name, 0.0) for name in names]
        computing = np.array([is_computing(name) for name in names], dtype=bool)
        self._computing = computing
        self._moving = ~computing & np.array([name != "kernels" for name in names], dtype=bool)
        parts = [work_parts(name) for name in names]
        features = tuple(dict.fromkeys(part for pair in parts for part in pair))
        self._features = FeatureSet(features) if features else None
        place = {name: index for index, name in enumerate(features)}
        self._work = np.array([place[pair[0]] for pair in parts], dtype=np.intp)
        self._divided = np.flatnonzero([len(pair) > 1 for pair in parts])
        self._share = np.array([place[pair[1]] for pair in parts if len(pair) > 1], dtype=np.intp)

    def rows(self, of: _Numbers) -> _Numbers:
        """The rows that are sums of works."""
        return np.flatnonzero(self._own[of])

    def seconds(self, table: KernelTable, of: _Numbers, rows: _Numbers) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Latency of some rows, and the parts of it that compute and that move, each of shape ``(len(rows),)``.

        Args:
            table: Any kernels.
            of: Number of the formula of each row.
            rows: What `rows` gives for it.
        """
        seconds = self._seconds[of[rows]]
        # What a formula does not name may be no number for its rows.
        each_s = np.where(seconds > 0, _works_of(self, table)[rows], 0.0) * seconds
        return each_s.sum(axis=1), each_s[:, self._computing].sum(axis=1), each_s[:, self._moving].sum(axis=1)

    def works(self, table: KernelTable) -> FloatArray:
        """Amounts of all works, shape ``(rows, works)``."""
        if self._features is None:
            return np.empty((len(table), 0))
        columns = self._features.matrix(table)
        works: FloatArray = columns[:, self._work]
        works[:, self._divided] /= columns[:, self._share]
        return works


@kept
def _works_of(stacked: StackedWorks, table: KernelTable) -> FloatArray:
    """The works of a table, which every estimate of its network asks for again."""
    return stacked.works(table)
