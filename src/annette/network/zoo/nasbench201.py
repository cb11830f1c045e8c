"""NAS-Bench-201 (Dong and Yang, arXiv:2001.00326): cells of four nodes with one of five operations on each edge."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError, nearest
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["OPERATIONS", "nasbench201", "parse_cell", "random_cell"]

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""What an edge may do."""


def parse_cell(cell: str) -> list[list[str]]:
    """Reads the benchmark's string for a cell.

    Args:
        cell: Such as ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|``, or ``seed7``
            for the cell of a seed.

    Returns:
        For nodes 1, 2 and 3 the operations on the edges from nodes 0, 1, ….

    Raises:
        OptionError: It is not such a string.
    """
    if cell.startswith("seed") and cell.removeprefix("seed").isdecimal():
        return random_cell(int(cell.removeprefix("seed")))
    nodes = []
    for number, node in enumerate(cell.split("+"), 1):
        edges = re.fullmatch(r"\|(?:[a-z0-9_]+~\d\|)+", node)
        parts = [edge.split("~") for edge in node.strip("|").split("|")] if edges else []
        if [source for _, source in parts] != [str(i) for i in range(number)]:
            raise OptionError(
                f"{cell!r} is not a NAS-Bench-201 cell: node {number} must be like "
                f"'{'|'.join(['', *(f'nor_conv_3x3~{i}' for i in range(number)), ''])}'"
            )
        for operation, _ in parts:
            if operation not in OPERATIONS:
                raise OptionError(f"{operation!r} is not a NAS-Bench-201 operation{nearest(operation, OPERATIONS)}")
        nodes.append([operation for operation, _ in parts])
    if len(nodes) != 3:
        raise OptionError(f"{cell!r} is not a NAS-Bench-201 cell: it has {len(nodes)} nodes after the input, not 3")
    return nodes


def random_cell(seed: int) -> list[list[str]]:
    """Draws a cell uniformly from the benchmark's 15,625.

    Args:
        seed: The same seed always gives the same cell.
    """
    draw = random.Random(f"nasbench201/{seed}")  # noqa: S311 - sampling architectures, not secrets
    return [[draw.choice(OPERATIONS) for _ in range(number)] for number in (1, 2, 3)]


def nasbench201(
    cell: str, batch: int = 1, *, batch_norm: bool = False, classes: int = 10, channels: int = 16, cells: int = 5
) -> Network:
    """The network the benchmark makes of a cell, for 32 x 32 images.

    Edges that do nothing and nodes that nothing is made of are left out. A node without any other input is its input
    times zero, as in the benchmark's code.

    Args:
        cell: The benchmark's string or a seed, see `parse_cell`.
        batch: Number of samples.
        batch_norm: Keeps batch normalization that follows a convolution as a layer of its own.
        classes: Classes told apart.
        channels: Channels of the first stage.
        cells: Cells a stage.

    Raises:
        OptionError: The string is not a cell.
    """
    nodes = parse_cell(cell)
    net = FoldingBuilder(f"nasbench201:{cell}", batch, batch_norm=batch_norm)
    x = net.conv_norm(net.image(32), channels, 3, name="stem")
    for stage in range(3):
        if stage:
            with net.scope(f"reduction{stage}"):
                x = _reduction(net, x)
        for index in range(cells):
            with net.scope(f"stage{stage}/cell{index}"):
                x = _cell(net, x, nodes)
    return net.build(net.classifier(net.relu(net.batch_norm(x)), classes))


def _cell(net: FoldingBuilder, x: Tensor, nodes: list[list[str]]) -> Tensor:
    """Builds the nodes that the last one needs, in order."""
    needed = {3}
    for number in (3, 2):
        if number in needed:
            needed |= {source for source, operation in enumerate(nodes[number - 1]) if operation != "none"}
    tensors = {0: x}
    for number in (1, 2, 3):
        if number in needed:
            with net.scope(f"node{number}"):
                edges = [(source, op) for source, op in enumerate(nodes[number - 1]) if op != "none"]
                parts = [_edge(net, tensors[source], op) for source, op in edges] or [net.mul(x, 0.0, name="zero")]
                tensors[number] = net.add(parts[0], *parts[1:])
    return tensors[3]


def _edge(net: FoldingBuilder, x: Tensor, operation: str) -> Tensor:
    if operation == "skip_connect":
        return x
    if operation == "avg_pool_3x3":
        return net.average_pool(x, 3, stride=1, padding=1)
    return net.conv_norm(net.relu(x), x.shape[1], 1 if operation == "nor_conv_1x1" else 3)


def _reduction(net: FoldingBuilder, x: Tensor) -> Tensor:
    """A residual block that halves the resolution and doubles the channels."""
    filters = 2 * x.shape[1]
    y = net.conv_norm(net.relu(x), filters, 3, stride=2, name="conv1")
    y = net.conv_norm(net.relu(y), filters, 3, name="conv2")
    shortcut = net.conv(net.average_pool(x, 2, stride=2), filters, 1, bias=False, name="shortcut")
    return net.add(shortcut, y)
