"""In which order ONNX Runtime executes the nodes of a graph.

As ``GraphViewer`` (onnxruntime/core/graph/graph_viewer.cc) in its default order: depth first from the nodes whose
results nobody reads, and of several nodes that a node waits for the one that was added to the graph last comes first.
Nodes of the file are added in its order, nodes that replace others when the graph is optimised later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.onnxruntime_cpu.reuse import Step

__all__ = ["execution_order"]


def execution_order(steps: Sequence[Step], added: Sequence[tuple[int, int]]) -> list[int]:
    """Positions of nodes in the order in which they run.

    Args:
        steps: The nodes, in a topological order.
        added: When each was added to the graph, in any unit.
    """
    writer = {value: place for place, step in enumerate(steps) for value in step.outputs}
    before = [sorted({writer[value] for value in step.inputs if value in writer}, key=added.__getitem__) for step in steps]
    read = {place for places in before for place in places}
    stack = [(place, False) for place in sorted(set(range(len(steps))) - read, key=added.__getitem__)]
    order: list[int] = []
    entered: set[int] = set()
    while stack:
        place, left = stack.pop()
        if left:
            order.append(place)
        elif place not in entered:
            entered.add(place)
            stack.append((place, True))
            stack.extend((other, False) for other in before[place] if other not in entered)
    return order
