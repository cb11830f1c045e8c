"""Gives the layers of a network to the nodes of an optimised graph, where rewrites have invented tensors in between.

Nodes that are joined by invented tensors form a segment; the segment computes the part of the network between the
original tensors that it reads and writes. Its layers go to the node that does the work; the others are marked as
added by the runtime.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.bench.match import ADDED, region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.backends.base import ProfileEntry
    from annette.bench.backends.ort_graph import OptimisedNode
    from annette.network import Network

__all__ = ["assign"]

_WORKERS: Final = (
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "FusedMatMul",
    "Attention",
    "LSTM",
    "GRU",
    "Split",
    "Softmax",
)
"""Operators that do the work of a segment, most likely first."""


def assign(pairs: Sequence[tuple[ProfileEntry, OptimisedNode | None]], network: Network) -> tuple[ProfileEntry, ...]:
    """Fills in ``layers``, ``inputs`` and ``outputs`` of profile entries.

    Args:
        pairs: Profile entries in order of execution, each with its node where that is known.
        network: The original network.
    """
    known = network.tensors
    entries = [entry for entry, _ in pairs]
    for segment in _segments(pairs, network):
        nodes = {position: node for position in segment if (node := pairs[position][1]) is not None}
        written = {tensor for node in nodes.values() for tensor in node.outputs if tensor in known}
        read = {tensor for node in nodes.values() for tensor in node.inputs if tensor in known} - written
        layers = region(network, read, written)
        worker = min(
            segment, key=lambda position: (_rank(entries[position].operator), -sum(entries[position].latency_s))
        )
        for position in segment:
            alone = len(segment) == 1
            node = pairs[position][1]
            change = node is not None and node.layout_change
            if position == worker and layers:
                entries[position] = replace(
                    entries[position], layers=layers, inputs=tuple(sorted(read)), outputs=tuple(sorted(written))
                )
            elif change or (not alone and node is not None):
                entries[position] = replace(entries[position], info={**entries[position].info, **_added(node)})
    return tuple(entries)


def _added(node: OptimisedNode | None) -> dict[str, str]:
    """What is kept of a kernel that the runtime put in: for a layout change, its kind and the tensor that it copies."""
    if node is None or not node.layout_change:
        return {ADDED: "1"}
    kind = "reorder_input" if node.operator.endswith("ReorderInput") else "reorder_output"
    return {ADDED: "1", "kind": kind, "tensor": node.outputs[0]}


def _rank(operator: str) -> int:
    name = operator.rpartition(".")[2]
    return _WORKERS.index(name) if name in _WORKERS else len(_WORKERS)


def _segments(pairs: Sequence[tuple[ProfileEntry, OptimisedNode | None]], network: Network) -> list[list[int]]:
    """Positions of entries, grouped by the invented tensors that join them; each group in order of execution."""
    parent = list(range(len(pairs)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    touched: dict[str, int] = {}
    for position, (_, node) in enumerate(pairs):
        if node is None:
            continue
        for tensor in (*node.inputs, *node.outputs):
            if tensor in network.tensors:
                continue
            if tensor in touched:
                parent[root(position)] = root(touched[tensor])
            touched[tensor] = position
    groups: dict[int, list[int]] = defaultdict(list)
    for position in range(len(pairs)):
        groups[root(position)].append(position)
    return list(groups.values())
