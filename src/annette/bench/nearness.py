"""How near a benchmark plan comes to the kernels of networks, and which of these it lacks most.

Distances are those by which corrections of fitted models fade (`annette.models.reach`): the root of the sum of squared
differences of sizes in octaves, to the nearest kernel of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.mapping.kernel import KernelTable, known_rows
from annette.models.features import FeatureSet
from annette.models.reach import SIZES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray
    from annette.mapping.model import MappingModel
    from annette.mapping.precision import Precision
    from annette.network import Network

__all__ = ["NEAR", "Lack", "PlannedSizes", "kernel_sizes", "most_lacking"]

NEAR: Final = 0.5
"""Distance, octaves, within which a kernel counts as benchmarked itself: half an octave in one size, or a quarter in
each of four."""

_FAR: Final = 8.0
"""Distance, octaves, beyond which a kernel is missed no more than at it; that of kinds that the plan does not have.
Corrections have faded to 1/e there (`annette.fitting.reach`)."""

_NEARER: Final = 0.5
"""Octaves by which a kernel is brought nearer where it is told at all (`Lack.nearer`)."""

_FEATURES: Final = FeatureSet(SIZES)
_BLOCK: Final = 4_000_000
"""Differences that are held at once."""


def kernel_sizes(table: KernelTable) -> FloatArray:
    """The sizes that kernels of one kind are told apart by, octaves, shape ``(rows, sizes)``."""
    return _FEATURES.matrix(table)


@dataclass(frozen=True, eq=False)
class PlannedSizes:
    """What kernels the cases of a plan have.

    Attributes:
        points: By kind, sizes of its kernels (`kernel_sizes`), each once, shape ``(kernels, sizes)``.
    """

    points: Mapping[str, FloatArray]

    @classmethod
    def of(cls, networks: Iterable[Network], mapping: MappingModel, precision: Precision) -> PlannedSizes:
        """Those of the networks of a plan's cases.

        Args:
            networks: The networks; of no two cases that differ in what is between runs only, both count once.
            mapping: What runs as one kernel.
            precision: Of the platform.
        """
        known, tables = known_rows(), []
        for network in networks:
            kernels = [kernel for kernel in mapping.apply(network) if not kernel.free]
            if kernels:
                tables.append(KernelTable.from_kernels(kernels, network, precision, known=known))
        if not tables:
            return cls({})
        table = KernelTable.concatenate(tables)
        rows_by_kind = table.rows_by_kind.items()
        return cls({kind: np.unique(kernel_sizes(table.select(rows)), axis=0) for kind, rows in rows_by_kind})

    def nearest(self, kind: str, sizes: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
        """Distance of kernels to the nearest planned one, and which of ``points[kind]`` that is.

        Args:
            kind: Their kind.
            sizes: Theirs (`kernel_sizes`), shape ``(rows, sizes)``.

        Returns:
            Octaves, infinite where the plan does not have the kind, and positions, shapes ``(rows,)``.
        """
        distance = np.full(len(sizes), np.inf)
        position = np.zeros(len(sizes), dtype=np.intp)
        points = self.points.get(kind)
        if points is None or not len(points):
            return distance, position
        for start in range(0, len(sizes), step := max(1, _BLOCK // points.size)):
            part = slice(start, start + step)
            squares = ((sizes[part, None] - points[None]) ** 2).sum(axis=-1)
            position[part] = squares.argmin(axis=1)
            distance[part] = np.sqrt(squares.min(axis=1))
        return distance, position


class Lack(NamedTuple):
    """A kernel that a plan lacks.

    Attributes:
        row: Which one it is.
        gain: What it would bring: the sum over all kernels of their weight times the octaves that they would be nearer.
        nearer: Rows that it would bring nearer by half an octave or more, itself included.
    """

    row: int
    gain: float
    nearer: tuple[int, ...]


def most_lacking(
    kinds: Sequence[str], sizes: FloatArray, weights: FloatArray, distances: FloatArray, count: int
) -> list[Lack]:
    """Chooses the kernels whose measurement would bring all of them nearest to what is measured, one after the other.

    The next one is always that with the largest gain: heavy kernels far from the plan that others resemble come first,
    and of two that resemble each other the second brings little. (Greedy choice for a submodular gain, which is within
    1 - 1/e of the best set: Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978.)

    Args:
        kinds: Kind of each kernel.
        sizes: Sizes of each (`kernel_sizes`), shape ``(rows, sizes)``.
        weights: What each counts, such as its share of time; at least 0, shape ``(rows,)``.
        distances: To the plan (`PlannedSizes.nearest`), octaves, may be infinite, shape ``(rows,)``.
        count: How many are chosen at the most.

    Returns:
        The choices, the largest gain first; fewer where no other would gain anything.
    """
    need = np.clip(distances - NEAR, 0.0, _FAR - NEAR)
    by_kind: dict[str, list[int]] = {}
    for row, kind in enumerate(kinds):
        by_kind.setdefault(kind, []).append(row)
    found: list[Lack] = []
    for rows in by_kind.values():
        found += _of_one_kind(np.array(rows), sizes, weights, need, count)
    found.sort(key=lambda lack: (-lack.gain, lack.row))
    return found[:count]


def _of_one_kind(
    rows: npt.NDArray[np.intp], sizes: FloatArray, weights: FloatArray, need: FloatArray, count: int
) -> list[Lack]:
    """The choices among kernels of one kind: those of other kinds do not change what they gain."""
    own, weight, left = sizes[rows], weights[rows], need[rows].copy()
    # One row stands for all of equal sizes: exports repeat a block a hundred times.
    candidates = np.unique(own.round(3), axis=0, return_index=True)[1]
    candidates = candidates[left[candidates] > 0]
    if not len(candidates):
        return []
    after = np.stack([np.maximum(np.sqrt(((own - own[row]) ** 2).sum(axis=1)) - NEAR, 0.0) for row in candidates])
    found: list[Lack] = []
    while len(found) < count:
        gains = (np.maximum(left - after, 0.0) * weight).sum(axis=1)
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        nearer = rows[left - after[best] >= _NEARER]
        found.append(Lack(int(rows[candidates[best]]), float(gains[best]), tuple(nearer.tolist())))
        left = np.minimum(left, after[best])
    return found
