"""The cells of NAS-Bench-201 (Dong and Yang, arXiv:2001.00326): 15,625 networks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from annette.network.zoo.nasbench201 import OPERATIONS, nasbench201, parse_cell
from annette.spaces.space import ABSENT, Built, IntArray, Pieces, SearchSpace, chained

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NasBench201"]

_EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From which node to which, in the order of the benchmark's strings."""

_NONE, _SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
_STEM, _REDUCTION, _TAIL, _CELL = 1, 2, 4, 5
"""Codes of pieces; that of a reduction counts on by its stage, that of a cell by its number."""

_STAGES: Final = 3


class NasBench201(SearchSpace):
    """Cells of four nodes with one of five operations on each of six edges; decisions are the edges.

    A cell is one piece: which of its convolutions run in one kernel with a sum depends on all of its edges.

    Args:
        batch: Samples that are processed together.
        cells: Cells of each of the three stages.
        channels: Channels of the first stage.
        classes: Classes told apart.
    """

    name: ClassVar[str] = "nasbench201"
    training: ClassVar[int] = 64  # every cell is a piece of its own: others say nothing of it

    def __init__(self, *, batch: int = 1, cells: int = 5, channels: int = 16, classes: int = 10) -> None:
        self.options = (len(OPERATIONS),) * len(_EDGES)
        self.batch, self._cells, self._channels, self._classes = batch, cells, channels, classes

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
        owner_of = {"stem": 0}
        for stage in range(_STAGES):
            first = 1 + stage * (self._cells + 1)
            owner_of[f"reduction{stage}"] = first - 1
            owner_of.update({f"stage{stage}/cell{index}": first + index for index in range(self._cells)})
        tail = _STAGES * (self._cells + 1)
        scopes = [
            "/".join(layer.name.split("/")[: 2 if layer.name.startswith("stage") else 1]) for layer in network.layers
        ]
        return Built(network, tuple(owner_of.get(scope, tail) for scope in scopes))

    def pieces(self, candidates: IntArray) -> Pieces:
        """A slot for each cell, and for stem, reductions and classifier."""
        numbers = candidates @ len(OPERATIONS) ** np.arange(len(_EDGES) - 1, -1, -1)
        cell = self._codes[numbers]
        codes: list[IntArray | int] = [_STEM]
        for stage in range(_STAGES):
            codes += [_REDUCTION + stage - 1] * (stage > 0) + [cell] * self._cells
        return chained([*codes, _TAIL])

    @cached_property
    def _codes(self) -> IntArray:
        """Code of the cell of each number; a cell that is nothing but its input is absent."""
        codes = _CELL + _distinct(dict(zip(_EDGES, self.numbered(0, self.size).T, strict=True)))
        through = self.parse("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
        number = int(np.array(through) @ len(OPERATIONS) ** np.arange(len(_EDGES) - 1, -1, -1))
        return np.where(codes == codes[number], ABSENT, codes)


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
