"""In which order ONNX Runtime executes the nodes of a graph.

As ``GraphViewer`` (onnxruntime/core/graph/graph_viewer.cc) in its default order: depth first from the nodes whose
results nobody reads, and of several nodes that a node waits for the one that was added to the graph last comes first.
Nodes of the file are added in its order; each stage of optimisation goes through the graph in the order in which it
would be executed then, and what it puts in the place of others is added last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from annette.network import Network

__all__ = ["depth_first", "layer_order"]


def depth_first(before: Sequence[Collection[int]], added: Sequence[tuple[int, ...]]) -> list[int]:
    """Positions of nodes in the order in which they run.

    Args:
        before: For each node, the positions of those that it waits for.
        added: When each was added to the graph; of equal lengths.
    """
    read = {place for places in before for place in places}
    stack = [(place, False) for place in sorted(set(range(len(before))) - read, key=added.__getitem__)]
    order: list[int] = []
    entered: set[int] = set()
    while stack:
        place, left = stack.pop()
        if left:
            order.append(place)
        elif place not in entered:
            entered.add(place)
            stack.append((place, True))
            waits = sorted(before[place], key=added.__getitem__)
            stack.extend((other, False) for other in waits if other not in entered)
    return order


def layer_order(network: Network, fused: Collection[str]) -> dict[str, int]:
    """Place of each layer, by name, in the order in which the network would run before layouts are blocked.

    Args:
        network: What runs.
        fused: Layers whose nodes were replaced by a fused one.
    """
    layers = network.layers
    position = {layer.name: place for place, layer in enumerate(layers)}
    before = [
        {position[network.producers[tensor].name] for tensor in layer.inputs if tensor in network.producers}
        for layer in layers
    ]
    added = [(0, place) for place in range(len(layers))]
    at = {place: number for number, place in enumerate(depth_first(before, added))}
    added = [(1, at[place]) if layer.name in fused else (0, place) for place, layer in enumerate(layers)]
    return {layers[place].name: number for number, place in enumerate(depth_first(before, added))}
