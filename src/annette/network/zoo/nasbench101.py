"""NAS-Bench-101 (Ying et al., arXiv:1902.09635): cells are small graphs with an operation on each vertex."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError, nearest
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["MAX_EDGES", "MAX_VERTICES", "OPERATIONS", "Cell", "nasbench101", "parse_cell", "random_cell"]

MAX_VERTICES: Final = 7
MAX_EDGES: Final = 9
OPERATIONS: Final = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
"""What a vertex between input and output may do."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, with the vertices that lie on no way from input to output removed.

    Attributes:
        matrix: Upper-triangular adjacency matrix: ``matrix[i][j]`` is 1 where vertex j reads vertex i. Vertex 0 is the
            input, the last the output.
        operations: Operations of the vertices between input and output.

    Raises:
        OptionError: The matrix is not square, upper-triangular and of zeros and ones, the cell is larger than the
            benchmark allows after pruning, an operation is unknown, or the output does not depend on the input.
    """

    matrix: tuple[tuple[int, ...], ...]
    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        size = len(self.matrix)
        if size < 2 or any(len(row) != size for row in self.matrix) or len(self.operations) != size - 2:
            raise OptionError(
                f"a NAS-Bench-101 cell has a square matrix and an operation for each inner vertex, not "
                f"{[len(row) for row in self.matrix]} columns and {len(self.operations)} operations"
            )
        for i, row in enumerate(self.matrix):
            if any(value not in (0, 1) or (value and j <= i) for j, value in enumerate(row)):
                raise OptionError(f"row {i} of the adjacency matrix, {row}, is not upper-triangular zeros and ones")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise OptionError(f"{operation!r} is not a NAS-Bench-101 operation{nearest(operation, OPERATIONS)}")
        self._prune()
        edges = sum(map(sum, self.matrix))
        if len(self.matrix) > MAX_VERTICES or edges > MAX_EDGES:
            raise OptionError(
                f"the cell has {len(self.matrix)} vertices and {edges} edges; the benchmark allows "
                f"{MAX_VERTICES} and {MAX_EDGES}"
            )

    def _prune(self) -> None:
        """Removes vertices that the input does not reach or that do not reach the output."""
        size = len(self.matrix)
        forward, backward = {0}, {size - 1}
        for j in range(size):
            if any(self.matrix[i][j] for i in forward if i < j):
                forward.add(j)
        for i in reversed(range(size)):
            if any(self.matrix[i][j] for j in backward if j > i):
                backward.add(i)
        kept = sorted(forward & backward)
        if 0 not in kept or size - 1 not in kept:
            raise OptionError("no way leads from the input of the NAS-Bench-101 cell to its output")
        object.__setattr__(self, "matrix", tuple(tuple(self.matrix[i][j] for j in kept) for i in kept))
        object.__setattr__(self, "operations", tuple(self.operations[i - 1] for i in kept[1:-1]))

    def __str__(self) -> str:
        rows = ".".join("".join(map(str, row)) for row in self.matrix)
        return f"{rows}:{','.join(operation.removesuffix('-bn-relu') for operation in self.operations)}"

    def vertex_channels(self, inputs: int, outputs: int) -> list[int]:
        """Channels of every vertex, by the benchmark's rule.

        Those of the output are shared evenly by the vertices it joins, the first ones taking one more where they do
        not divide; any other vertex has as many as the widest that reads it.

        Args:
            inputs: Channels of the cell's input.
            outputs: Channels of its output.
        """
        size = len(self.matrix)
        channels = [0] * size
        channels[0], channels[-1] = inputs, outputs
        joined = [v for v in range(1, size - 1) if self.matrix[v][-1]]
        for position, vertex in enumerate(joined):
            channels[vertex] = outputs // len(joined) + (position < outputs % len(joined))
        for vertex in range(size - 3, 0, -1):
            if not self.matrix[vertex][-1]:
                channels[vertex] = max(channels[j] for j in range(vertex + 1, size - 1) if self.matrix[vertex][j])
        return channels


def parse_cell(text: str) -> Cell:
    """Reads a cell from a string.

    Args:
        text: ``seed7`` for the cell of a seed, or the rows of the matrix joined by ``.``, a colon, and the operations
            (``conv1x1``, ``conv3x3``, ``maxpool3x3``) joined by ``,``, as ``str`` of a `Cell` has it.

    Raises:
        OptionError: It is neither.

    Example:
        >>> parse_cell("011.001.000:conv3x3").operations
        ('conv3x3-bn-relu',)
    """
    if text.startswith("seed") and text.removeprefix("seed").isdecimal():
        return random_cell(int(text.removeprefix("seed")))
    rows, _, names = text.partition(":")
    if not rows or not set(rows) <= set("01."):
        raise OptionError(f"{text!r} is not a NAS-Bench-101 cell: give 'seed7' or rows as in '011.001.000:conv3x3'")
    operations = [name if name == "maxpool3x3" else f"{name}-bn-relu" for name in names.split(",") if name]
    return Cell(tuple(tuple(map(int, row)) for row in rows.split(".")), tuple(operations))


def random_cell(seed: int) -> Cell:
    """Draws a cell as the benchmark's authors did: seven vertices, edges and operations by lot, until one is valid.

    Args:
        seed: The same seed always gives the same cell.
    """
    draw = random.Random(f"nasbench101/{seed}")  # noqa: S311 - sampling architectures, not secrets
    while True:
        matrix = tuple(
            tuple(draw.randrange(2) if j > i else 0 for j in range(MAX_VERTICES)) for i in range(MAX_VERTICES)
        )
        operations = tuple(draw.choice(OPERATIONS) for _ in range(MAX_VERTICES - 2))
        try:
            return Cell(matrix, operations)
        except OptionError:
            continue


def nasbench101(
    cell: Cell | str,
    batch: int = 1,
    *,
    batch_norm: bool = False,
    classes: int = 10,
    channels: int = 128,
    stacks: int = 3,
    cells: int = 3,
) -> Network:
    """The network the benchmark makes of a cell, for 32 x 32 images.

    Args:
        cell: A cell, or a string for `parse_cell`.
        batch: Number of samples.
        batch_norm: Keeps batch normalization as layers of its own.
        classes: Classes told apart.
        channels: Channels of the stem and of the first stack.
        stacks: Stacks, each with half the resolution and twice the channels of the one before.
        cells: Cells a stack.

    Raises:
        OptionError: The cell is not one of the benchmark's.
    """
    cell = parse_cell(cell) if isinstance(cell, str) else cell
    net = FoldingBuilder(f"nasbench101:{cell}", batch, batch_norm=batch_norm)
    x = _unit(net, net.image(32), channels, 3, "stem")
    for stack in range(stacks):
        if stack:
            x = net.max_pool(x, 2, stride=2, padding="same")
        for index in range(cells):
            with net.scope(f"stack{stack}/cell{index}"):
                x = _build_cell(net, x, cell, channels << stack)
    x = net.reduce("reduce_mean", x, (2, 3), keep=False)
    return net.build(net.fully_connected(x, classes, name="classifier"))


def _unit(net: FoldingBuilder, x: Tensor, filters: int, kernel: int, name: str) -> Tensor:
    return net.conv_norm(x, filters, kernel, activation="relu", name=name)


def _build_cell(net: FoldingBuilder, x: Tensor, cell: Cell, outputs: int) -> Tensor:
    matrix, last = cell.matrix, len(cell.matrix) - 1
    channels = cell.vertex_channels(x.shape[1], outputs)
    tensors = [x]
    for vertex in range(1, last):
        with net.scope(f"vertex{vertex}"):
            parts = [_truncate(net, tensors[i], channels[vertex]) for i in range(1, vertex) if matrix[i][vertex]]
            if matrix[0][vertex]:
                parts.append(_unit(net, x, channels[vertex], 1, "projection"))
            y = net.add(parts[0], *parts[1:])
            tensors.append(_operate(net, y, cell.operations[vertex - 1], channels[vertex]))
    joined: Sequence[Tensor] = [tensors[v] for v in range(1, last) if matrix[v][last]]
    projected = [_unit(net, x, outputs, 1, "projection")] if matrix[0][last] else []
    if not joined:
        return projected[0]
    y = net.concat(joined) if len(joined) > 1 else joined[0]
    return net.add(y, *projected)


def _truncate(net: FoldingBuilder, x: Tensor, channels: int) -> Tensor:
    """The first channels, where the reader has one fewer than the vertex it reads."""
    return net.slice(x, [0], [channels], [1]) if x.shape[1] > channels else x


def _operate(net: FoldingBuilder, x: Tensor, operation: str, channels: int) -> Tensor:
    if operation == "maxpool3x3":
        return net.max_pool(x, 3, stride=1, padding=1)
    return _unit(net, x, channels, 1 if operation.startswith("conv1x1") else 3, "conv")
