"""The cells of NAS-Bench-101 (Ying et al., arXiv:1902.09635): small graphs with an operation on each vertex."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.network.zoo.nasbench101 import MAX_EDGES, MAX_VERTICES, OPERATIONS, Cell, nasbench101, parse_cell
from annette.spaces.space import ABSENT, OUTSIDE, Built, IntArray, Pieces, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NasBench101"]

_Flags: TypeAlias = npt.NDArray[np.bool_]

_PAIRS: Final = tuple((i, j) for i in range(MAX_VERTICES) for j in range(i + 1, MAX_VERTICES))
_LAST: Final = MAX_VERTICES - 1
_INNER: Final = range(1, _LAST)

_STEM, _HALVE, _TAIL, _ADD, _CONCAT = 1, 2, 3, 4, 5
_WIDE: Final = 4096
"""Codes of pieces with channels: the sort of piece times this, and the channels that it writes."""

_SLICE, _PROJECT, _OPERATE = 1, 2, 3
_STACKS: Final = 3


class NasBench101(SearchSpace):
    """Cells of at most seven vertices and nine edges; decisions are the edges of the upper triangle and the operations.

    Args:
        batch: Samples that are processed together.
        channels: Channels of the stem and of the first stack.
        cells: Cells of each of the three stacks.
        classes: Classes told apart.
    """

    name: ClassVar[str] = "nasbench101"

    def __init__(self, *, batch: int = 1, channels: int = 128, cells: int = 3, classes: int = 10) -> None:
        self.options = (*(2,) * len(_PAIRS), *(len(OPERATIONS),) * len(_INNER))
        self.batch, self._channels, self._cells, self._classes = batch, channels, cells, classes

    def valid(self, candidates: IntArray) -> _Flags:
        """Whether a way leads from input to output and the cell is within the benchmark's limits once it is pruned."""
        graph = _Graph(candidates)
        edges = sum(edge.astype(np.int64) for edge in graph.edges.values())
        valid: _Flags = graph.kept[0] & graph.kept[_LAST] & (edges <= MAX_EDGES)
        return valid

    def decision_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The edges, such as ``0->1``, absent or present, and the operations of the inner vertices."""
        edges = tuple((f"{i}->{j}", ("absent", "present")) for i, j in _PAIRS)
        return (*edges, *((f"vertex{vertex}", OPERATIONS) for vertex in _INNER))

    def label(self, candidate: Sequence[int]) -> str:
        """The pruned cell as ``annette.network.zoo.nasbench101.parse_cell`` reads it."""
        return str(self._cell(self.checked(candidate)))

    def parse(self, label: str) -> tuple[int, ...]:
        """The candidate of a cell: its vertices in order, the rest unconnected.

        Raises:
            OptionError: The label is not a cell of the benchmark.
        """
        cell = parse_cell(label)
        inner = len(cell.operations)
        place = [*range(inner + 1), _LAST]
        edges = {(place[i], place[j]) for i, row in enumerate(cell.matrix) for j, value in enumerate(row) if value}
        operations = [OPERATIONS.index(operation) for operation in cell.operations]
        return (*(int(pair in edges) for pair in _PAIRS), *operations, *(0,) * (len(_INNER) - inner))

    def build(self, candidate: Sequence[int]) -> Built:
        """The network, as the zoo builds it."""
        row = self.checked(candidate)
        codes = self.pieces(np.array([row], dtype=np.int64)).codes
        return self.build_from(row, [int(code if isinstance(code, int) else code[0]) for code in codes])

    def build_from(self, candidate: Sequence[int], codes: Sequence[int]) -> Built:
        """The network, whose layers follow from the codes."""
        network = nasbench101(
            self._cell(tuple(candidate)), self.batch, classes=self._classes, channels=self._channels, cells=self._cells
        )
        owners = tuple(slot for slot, code in enumerate(codes) for _ in range(_layer_count(code)))
        return Built(network, owners)

    def pieces(self, candidates: IntArray) -> Pieces:
        """A slot for each slice, projection, sum and operation of all cells; stem, poolings and classifier."""
        slots = _Slots(_Graph(candidates))
        last: IntArray | int = slots.add(_STEM, OUTSIDE)
        for stack in range(_STACKS):
            outputs = self._channels << stack
            if stack:
                last = slots.add(_HALVE, last)
            for _ in range(self._cells):
                last = slots.cell(last, outputs)
        slots.add(_TAIL, last)
        return Pieces(tuple(slots.codes), tuple(slots.sources))

    def _cell(self, row: tuple[int, ...]) -> Cell:
        matrix = [[0] * MAX_VERTICES for _ in range(MAX_VERTICES)]
        for (i, j), value in zip(_PAIRS, row, strict=False):
            matrix[i][j] = value
        return Cell(tuple(map(tuple, matrix)), tuple(OPERATIONS[option] for option in row[len(_PAIRS) :]))


def _layer_count(code: int) -> int:
    """Layers of a piece: a convolution has its activation."""
    if code == ABSENT:
        return 0
    sort, operation = divmod(code // _WIDE, len(OPERATIONS))
    if sort == _PROJECT or (sort == _OPERATE and OPERATIONS[operation] != "maxpool3x3"):
        return 2
    return 2 if code in (_STEM, _TAIL) else 1


class _Graph:
    """Cells without what lies on no way from input to output.

    Attributes:
        edges: Whether a cell has an edge, by its vertices.
        kept: Whether it has a vertex.
        operations: Operation of each inner vertex.
    """

    def __init__(self, candidates: IntArray) -> None:
        count = len(candidates)
        given = {pair: candidates[:, place] != 0 for place, pair in enumerate(_PAIRS)}
        none, all_ = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
        forward, backward = [all_, *(none,) * _LAST], [*(none,) * _LAST, all_]
        for i, j in _PAIRS:
            forward[j] = forward[j] | (forward[i] & given[i, j])
        for i, j in reversed(_PAIRS):
            backward[i] = backward[i] | (backward[j] & given[i, j])
        self.kept = [a & b for a, b in zip(forward, backward, strict=True)]
        self.edges = {(i, j): edge & self.kept[i] & self.kept[j] for (i, j), edge in given.items()}
        self.operations = {vertex: candidates[:, len(_PAIRS) + vertex - 1] for vertex in _INNER}

    def channels(self, outputs: int) -> dict[int, IntArray]:
        """Channels of the inner vertices (`annette.network.zoo.nasbench101.Cell.vertex_channels`)."""
        joined = {vertex: self.edges[vertex, _LAST] for vertex in _INNER}
        parts = np.maximum(sum(each.astype(np.int64) for each in joined.values()), 1)
        before = np.zeros(len(parts), dtype=np.int64)
        channels: dict[int, IntArray] = {}
        for vertex in _INNER:
            channels[vertex] = np.where(joined[vertex], outputs // parts + (before < outputs % parts), 0)
            before += joined[vertex]
        for vertex in reversed(_INNER):
            widest = np.zeros(len(parts), dtype=np.int64)
            for reader in range(vertex + 1, _LAST):
                widest = np.maximum(widest, np.where(self.edges[vertex, reader], channels[reader], 0))
            channels[vertex] = np.where(joined[vertex], channels[vertex], widest)
        return channels


class _Slots:
    """Slots in the order in which the zoo builds cells."""

    def __init__(self, graph: _Graph) -> None:
        self.codes: list[IntArray | int] = []
        self.sources: list[tuple[IntArray | int, ...]] = []
        self._graph = graph

    def add(self, code: IntArray | int, *sources: IntArray | int) -> int:
        """Adds a slot and returns its number."""
        self.codes.append(code)
        self.sources.append(sources)
        return len(self.codes) - 1

    def cell(self, x: IntArray | int, outputs: int) -> IntArray:
        """Adds the slots of a cell and returns the slot of its result, shape ``(candidates,)``."""
        graph, channels = self._graph, self._graph.channels(outputs)
        count = len(graph.kept[0])
        source = np.broadcast_to(np.asarray(x, dtype=np.int64), (count,))
        vertices: dict[int, IntArray] = {}
        for vertex in _INNER:
            parts = [
                self._cut(vertices[i], channels[i], channels[vertex], graph.edges[i, vertex]) for i in range(1, vertex)
            ]
            parts.append(self._project(source, graph.edges[0, vertex], channels[vertex]))
            total = self._sum(parts)
            sort = _WIDE * (_OPERATE * len(OPERATIONS) + graph.operations[vertex])
            vertices[vertex] = self._optional(graph.kept[vertex], sort + channels[vertex], total)
        joined = [np.where(graph.edges[vertex, _LAST], vertices[vertex], OUTSIDE) for vertex in _INNER]
        projected = self._project(source, graph.edges[0, _LAST], np.full(count, outputs))
        several = sum((each != OUTSIDE).astype(np.int64) for each in joined) > 1
        whole = self._optional(several, np.full(count, _CONCAT), *joined)
        single = np.max(joined, axis=0)
        return self._sum([np.where(several, whole, single), projected])

    def _optional(self, present: _Flags, code: IntArray, *sources: IntArray) -> IntArray:
        slot = self.add(np.where(present, code, ABSENT), *sources)
        return np.where(present, slot, OUTSIDE)

    def _cut(self, source: IntArray, wide: IntArray, narrow: IntArray, edge: _Flags) -> IntArray:
        """The first channels, where the reader has fewer."""
        cut = self._optional(edge & (wide > narrow), _WIDE * _SLICE * len(OPERATIONS) + narrow, source)
        return np.where(edge, np.where(cut == OUTSIDE, source, cut), OUTSIDE)

    def _project(self, source: IntArray, edge: _Flags, channels: IntArray) -> IntArray:
        return self._optional(edge, _WIDE * _PROJECT * len(OPERATIONS) + channels, source)

    def _sum(self, parts: Sequence[IntArray]) -> IntArray:
        """Adds what exists of the parts, one after the other."""
        total = parts[0]
        for part in parts[1:]:
            both = (total != OUTSIDE) & (part != OUTSIDE)
            slot = self.add(np.where(both, _ADD, ABSENT), total, part)
            total = np.where(both, slot, np.where(total == OUTSIDE, part, total))
        return total
