"""The order of nodes, which files should store sorted, and what a node reads, its nested graphs included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import NetworkStructureError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from onnx import GraphProto, NodeProto

__all__ = ["names_read", "sorted_nodes"]


def sorted_nodes(nodes: Sequence[NodeProto], available: Container[str], graph: str) -> list[NodeProto]:
    """The nodes in an order in which every operand is produced before it is read.

    Args:
        nodes: Nodes of one graph.
        available: Names that are there before the first node.
        graph: The graph's name, for messages.

    Raises:
        NetworkStructureError: A tensor is produced twice or by nothing, or the nodes form a cycle.
    """
    producers = _producers(nodes, available, graph)
    waiting = [0] * len(nodes)
    readers: dict[int, list[int]] = {}
    in_order = True
    for index, node in enumerate(nodes):
        for name in names_read(node):
            producer = producers.get(name)
            if producer is not None:
                waiting[index] += 1
                readers.setdefault(producer, []).append(index)
                in_order = in_order and producer < index
            elif name not in available:
                raise NetworkStructureError(
                    f"node {_label(node)} in graph {graph!r} reads {name!r}, which nothing produces"
                )
    return list(nodes) if in_order else _by_need(nodes, waiting, readers, graph)


def _producers(nodes: Sequence[NodeProto], available: Container[str], graph: str) -> dict[str, int]:
    producers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in node.output:
            if not name:
                continue
            if name in producers or name in available:
                raise NetworkStructureError(f"tensor {name!r} in graph {graph!r} is produced twice")
            producers[name] = index
    return producers


def _by_need(
    nodes: Sequence[NodeProto], waiting: list[int], readers: dict[int, list[int]], graph: str
) -> list[NodeProto]:
    """Kahn's algorithm: nodes become ready when everything that they wait for is there."""
    ready = [index for index in range(len(nodes) - 1, -1, -1) if not waiting[index]]
    order: list[NodeProto] = []
    while ready:
        index = ready.pop()
        order.append(nodes[index])
        for reader in readers.get(index, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(order) < len(nodes):
        stuck = next(index for index, count in enumerate(waiting) if count)
        raise NetworkStructureError(
            f"graph {graph!r} has a cycle through node {_label(nodes[stuck])}: only acyclic networks can be estimated"
        )
    return order


def _label(node: NodeProto) -> str:
    return f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"


def names_read(node: NodeProto) -> set[str]:
    """Names a node reads, those its nested graphs take from outside included."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        if attribute.HasField("g"):
            names |= _captured(attribute.g)
        for graph in attribute.graphs:
            names |= _captured(graph)
    return names


def _captured(graph: GraphProto) -> set[str]:
    own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
    names: set[str] = {info.name for info in graph.output}
    for node in graph.node:
        names |= names_read(node)
        own.update(node.output)
    return names - own
