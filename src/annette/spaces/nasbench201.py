"""The cells of NAS-Bench-201 (Dong and Yang, arXiv:2001.00326): 15,625 networks."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import numpy.typing as npt

from annette.network.zoo.nasbench201 import OPERATIONS, nasbench201, parse_cell
from annette.spaces.space import ABSENT, OUTSIDE, Built, IntArray, Pieces, SearchSpace, chained

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NasBench201"]

_EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From which node to which, in the order of the benchmark's strings."""

_NONE, _SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
_STEM, _TAIL, _ADD, _ZERO, _REDUCTION, _OPERATION = 1, 2, 3, 4, 5, 8
"""Codes of pieces; that of a reduction counts on by its stage, that of an operation by its number."""

_FACE_OF: Final = np.arange(_OPERATION + len(OPERATIONS))
_FACE_OF[_OPERATION + OPERATIONS.index("nor_conv_3x3")] = _OPERATION + OPERATIONS.index("nor_conv_1x1")
"""How the piece of each code looks from what it reads: the convolutions begin with the same activation."""

_CELL: Final = 16
"""Codes of cells where these are pieces: they count on by their number."""

_STAGES: Final = 3
_NODES: Final = (1, 2, 3)
_CELL_SLOTS: Final = sum(2 * node for node in _NODES)
"""Slots of a cell: for each node one for each edge, one in place of none, and one for each operand but the first."""

_LAYERS: Final = {"avg_pool_3x3": 1}
"""Layers of an operation on an edge, where it is not two: an activation and a convolution."""


class NasBench201(SearchSpace):
    """Cells of four nodes with one of five operations on each of six edges; decisions are the edges.

    Pieces are operations and sums. Where what becomes of them depends on more than their surroundings, whole cells are
    pieces instead (`coarser`).

    Args:
        batch: Samples that are processed together.
        cells: Cells of each of the three stages.
        channels: Channels of the first stage.
        classes: Classes told apart.
        whole_cells: Whether a cell is one piece.
    """

    name: ClassVar[str] = "nasbench201"

    def __init__(
        self, *, batch: int = 1, cells: int = 5, channels: int = 16, classes: int = 10, whole_cells: bool = False
    ) -> None:
        self.options = (len(OPERATIONS),) * len(_EDGES)
        self.batch, self._cells, self._channels, self._classes = batch, cells, channels, classes
        self._whole_cells = whole_cells
        # Cells that differ say all; where whole ones are pieces, each is one of its own and others say nothing of it.
        self.training = 64 if whole_cells else 0

    def _with(self, *, cells: int, whole_cells: bool) -> NasBench201:
        return NasBench201(
            batch=self.batch, cells=cells, channels=self._channels, classes=self._classes, whole_cells=whole_cells
        )

    def covering(self) -> IntArray:
        """One candidate of each of those that are built in the same way, where operations are pieces."""
        rows = self.numbered(0, 0 if self._whole_cells else self.size)
        return rows[np.unique(_distinct(dict(zip(_EDGES, rows.T, strict=True))))]

    def coarser(self) -> NasBench201 | None:
        """The same with cells as pieces."""
        return None if self._whole_cells else self._with(cells=self._cells, whole_cells=True)

    def smaller(self) -> NasBench201 | None:
        """The same with half as many cells a stage: most pieces find there what they find in all cells."""
        return self._with(cells=self._cells // 2, whole_cells=self._whole_cells) if self._cells > 1 else None

    def decision_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The edges, such as ``0->1``, and what they may do."""
        return tuple((f"{source}->{node}", OPERATIONS) for source, node in _EDGES)

    def label(self, candidate: Sequence[int]) -> str:
        """The benchmark's string, ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+…``."""
        parts: list[list[str]] = [[], [], []]
        for (source, node), option in zip(_EDGES, self.checked(candidate), strict=True):
            parts[node - 1].append(f"{OPERATIONS[option]}~{source}")
        return "+".join(f"|{'|'.join(part)}|" for part in parts)

    def parse(self, label: str) -> tuple[int, ...]:
        """The candidate of a benchmark's string.

        Raises:
            OptionError: It is not such a string.
        """
        return tuple(OPERATIONS.index(operation) for node in parse_cell(label) for operation in node)

    def build(self, candidate: Sequence[int]) -> Built:
        """The network, as the zoo builds it."""
        label = self.label(candidate)
        network = nasbench201(label, self.batch, cells=self._cells, channels=self._channels, classes=self._classes)
        per_cell = 1 if self._whole_cells else _CELL_SLOTS
        within = _owners_in_cell(candidate)
        owners: list[int] = []
        slot = 0
        counted = Counter(layer.name.split("/")[0] for layer in network.layers)
        for stage in range(_STAGES):
            owners += [slot] * counted["stem" if stage == 0 else f"reduction{stage}"]
            slot += 1
            for _ in range(self._cells):
                owners += [slot + (0 if self._whole_cells else place) for place in within]
                slot += per_cell
        owners += [slot] * (len(network.layers) - len(owners))
        return Built(network, tuple(owners))

    def pieces(self, candidates: IntArray) -> Pieces:
        """A slot for the stem, each reduction and the classifier, and for each operation and sum, or each cell."""
        if self._whole_cells:
            return self._pieces_of_cells(candidates)
        slots = _Slots(candidates)
        last: IntArray | int = slots.add(_STEM, OUTSIDE)
        for stage in range(_STAGES):
            if stage:
                last = slots.add(_REDUCTION + stage, last)
            for _ in range(self._cells):
                last = slots.cell(last)
        slots.add(_TAIL, last)
        faces = tuple(int(_FACE_OF[code]) if isinstance(code, int) else _FACE_OF[code] for code in slots.codes)
        return Pieces(tuple(slots.codes), tuple(slots.sources), faces)

    def _pieces_of_cells(self, candidates: IntArray) -> Pieces:
        numbers = candidates @ len(OPERATIONS) ** np.arange(len(_EDGES) - 1, -1, -1)
        cell = self._codes[numbers]
        codes: list[IntArray | int] = []
        for stage in range(_STAGES):
            codes += [_REDUCTION + stage if stage else _STEM] + [cell] * self._cells
        return chained([*codes, _TAIL])

    @cached_property
    def _codes(self) -> IntArray:
        """Code of the cell of each number; a cell that is nothing but its input is absent."""
        codes = _CELL + _distinct(dict(zip(_EDGES, self.numbered(0, self.size).T, strict=True)))
        through = self.parse("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
        number = int(np.array(through) @ len(OPERATIONS) ** np.arange(len(_EDGES) - 1, -1, -1))
        return np.where(codes == codes[number], ABSENT, codes)


def _owners_in_cell(candidate: Sequence[int]) -> list[int]:
    """Slot within the cell of each of its layers, in the order in which the zoo builds them."""
    operation = dict(zip(_EDGES, candidate, strict=True))
    needed = {3}
    for node in (3, 2):
        if node in needed:
            needed |= {source for source in range(node) if operation[source, node] != _NONE}
    owners: list[int] = []
    first = 0
    for node in _NODES:
        if node in needed:
            options = [operation[source, node] for source in range(node)]
            for source, option in enumerate(options):
                if option not in (_NONE, _SKIP):
                    owners += [first + source] * _LAYERS.get(OPERATIONS[option], 2)
            existing = [source for source, option in enumerate(options) if option != _NONE]
            if not existing:
                owners.append(first + node)
            owners += [first + node + source for source in existing[1:]]
        first += 2 * node
    return owners


class _Slots:
    """Slots of many candidates, in the order in which the zoo builds their layers."""

    def __init__(self, candidates: IntArray) -> None:
        self.codes: list[IntArray | int] = []
        self.sources: list[tuple[IntArray | int, ...]] = []
        self._count = len(candidates)
        operation = dict(zip(_EDGES, candidates.T, strict=True))
        needed = {3: np.ones(self._count, dtype=np.bool_)}
        needed[2] = operation[2, 3] != _NONE
        needed[1] = (operation[1, 3] != _NONE) | (needed[2] & (operation[1, 2] != _NONE))
        self._operation = {edge: np.where(needed[edge[1]], each, _NONE) for edge, each in operation.items()}
        self._needed = needed

    def add(self, code: IntArray | int, *sources: IntArray | int) -> int:
        """Adds a slot and returns its number."""
        self.codes.append(code)
        self.sources.append(sources)
        return len(self.codes) - 1

    def cell(self, x: IntArray | int) -> IntArray:
        """Adds the slots of a cell that reads a slot; the slot of its result, shape ``(candidates,)``."""
        nodes = {0: np.broadcast_to(np.asarray(x, dtype=np.int64), (self._count,))}
        for node in _NODES:
            parts = [self._edge(nodes[source], self._operation[source, node]) for source in range(node)]
            nothing = self._needed[node] & np.all([part == OUTSIDE for part in parts], axis=0)
            total = np.where(nothing, self._optional(nothing, np.full(self._count, _ZERO), nodes[0]), parts[0])
            for part in parts[1:]:
                both = (total != OUTSIDE) & (part != OUTSIDE)
                slot = self._optional(both, np.full(self._count, _ADD), total, part)
                total = np.where(both, slot, np.where(total == OUTSIDE, part, total))
            nodes[node] = total
        return nodes[3]

    def _edge(self, source: IntArray, option: IntArray) -> IntArray:
        """The slot that a node finds at an edge: that of the operation, the source itself, or none."""
        slot = self._optional((option != _NONE) & (option != _SKIP), _OPERATION + option, source)
        return np.where(option == _SKIP, source, slot)

    def _optional(self, present: npt.NDArray[np.bool_], code: IntArray, *sources: IntArray) -> IntArray:
        slot = self.add(np.where(present, code, ABSENT), *(np.where(present, each, OUTSIDE) for each in sources))
        return np.where(present, slot, OUTSIDE)


def _distinct(operation: dict[tuple[int, int], IntArray]) -> IntArray:
    """For each cell the number of the first cell that is built in the same way.

    Nodes that nothing reads are not built, and a node that is nothing but another one is that other one.

    Args:
        operation: For each edge the operation of every cell, shape ``(cells,)``.
    """
    needed = {3: np.ones(len(operation[0, 1]), dtype=np.bool_)}
    needed[2] = operation[2, 3] != _NONE
    needed[1] = (operation[1, 3] != _NONE) | (needed[2] & (operation[1, 2] != _NONE))
    nodes = {0: np.zeros(len(needed[3]), dtype=np.int64)}
    columns: list[IntArray] = []
    for node in (1, 2, 3):
        options = np.array([np.where(needed[node], operation[source, node], _NONE) for source in range(node)])
        exists = options != _NONE
        sources = np.where(exists, np.array([nodes[source] for source in range(node)]), 0)
        alias = (exists.sum(axis=0) == 1) & (options == _SKIP).any(axis=0)
        nodes[node] = np.where(alias, sources.max(axis=0), node)
        # Operands that do not exist make no difference: those that do come first, in their order.
        operands = np.where(exists, 1 + len(_EDGES) * options + sources, 0)
        operands = np.take_along_axis(operands, np.argsort(~exists, axis=0, kind="stable"), axis=0)
        columns += list(np.where(needed[node] & ~alias, operands, -1))
    columns.append(nodes[3])
    _, first, same = np.unique(np.array(columns).T, axis=0, return_index=True, return_inverse=True)
    return first[same.ravel()].astype(np.int64)
