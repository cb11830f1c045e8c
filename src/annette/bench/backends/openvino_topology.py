"""Finds the layers of nodes that OpenVINO's compiler has named itself, from the nodes before and behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.bench.match import ADDED, region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.backends.base import ProfileEntry
    from annette.network import Network

__all__ = ["adopted", "explained"]


def explained(
    entries: Sequence[ProfileEntry], edges: Mapping[str, Sequence[str]], network: Network
) -> list[ProfileEntry]:
    """Gives every entry without layers those between its neighbours, or joins it to the one entry that reads it.

    The runtime takes some layers apart and gives the parts names of its own: a layer normalisation becomes a
    normalisation and a product, three slices of one tensor become a split.

    Args:
        entries: In order of execution.
        edges: For each node of the runtime model, the nodes that it reads.
        network: The network that was compiled.
    """
    result = list(entries)
    place = {entry.name: position for position, entry in enumerate(entries)}
    before = {name: _nearest(name, edges, place) for name in place}
    behind: dict[str, list[str]] = {name: [] for name in place}
    for name, read in before.items():
        for source in read:
            behind[source].append(name)
    for position in reversed(range(len(result))):
        entry = result[position]
        if entry.layers or ADDED in entry.info:
            continue
        readers = [result[place[name]] for name in behind[entry.name]]
        claimed = {name for other in result for name in other.layers}
        sources = [result[place[name]] for name in before[entry.name]]
        between = [name for name in _between(sources, readers, network) if name not in claimed]
        if between:
            result[position] = replace(entry, layers=tuple(between))
        elif len({reader.name for reader in readers}) == 1 and readers[0].layers:
            result[position] = replace(entry, layers=readers[0].layers)
    return _joined(result)


def _nearest(name: str, edges: Mapping[str, Sequence[str]], executed: Mapping[str, int]) -> list[str]:
    """The executed nodes that a node reads, through those that do not run."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    stack = list(edges.get(name, ()))
    while stack:
        source = stack.pop()
        if source in executed:
            found[source] = None
        elif source not in seen:
            seen.add(source)
            stack.extend(edges.get(source, ()))
    return list(found)


def _between(sources: Sequence[ProfileEntry], readers: Sequence[ProfileEntry], network: Network) -> tuple[str, ...]:
    layers = network.layers_by_name
    written = {output for entry in sources for name in entry.layers for output in layers[name].outputs}
    inside = {output for entry in readers for name in entry.layers for output in layers[name].outputs}
    read = {tensor for entry in readers for name in entry.layers for tensor in network.activations[name]}
    return region(network, written | set(network.inputs), read - inside - written)


def _joined(entries: Sequence[ProfileEntry]) -> list[ProfileEntry]:
    """Entries of the same layers as one, at the place of the slowest."""
    groups: dict[tuple[str, ...], list[ProfileEntry]] = {}
    for entry in entries:
        key = entry.layers or ("", entry.name)
        groups.setdefault(key, []).append(entry)
    kept = []
    for entry in entries:
        group = groups[entry.layers or ("", entry.name)]
        main = max(group, key=lambda member: sum(member.latency_s))
        if entry is main:
            total = sum(member.latency_s[0] for member in group)
            parts = {"parts": str(len(group))} if len(group) > 1 else {}
            kept.append(replace(entry, latency_s=(total,), info={**entry.info, **parts}))
    return kept


def adopted(entries: Sequence[ProfileEntry], network: Network) -> tuple[ProfileEntry, ...]:
    """Gives layers that no entry names to the one entry that needs their results.

    The runtime forgets the name of a product whose bias is a layer of its own, and those of a shuffle's first two
    layers. A layer that nothing claims, and whose results a single kernel reads, can only have run there.

    Args:
        entries: In order of execution.
        network: The network that was compiled.
    """
    owners = {name: place for place, entry in enumerate(entries) for name in entry.layers}
    handed_out = set(network.outputs)
    for layer in reversed(network.layers):
        if layer.name in owners or handed_out.intersection(layer.outputs):
            continue
        readers = [reader.name for output in layer.outputs for reader in network.consumers.get(output, ())]
        places = {owners.get(name) for name in readers}
        if len(places) == 1 and (place := places.pop()) is not None:
            owners[layer.name] = place
    members: dict[int, list[str]] = {}
    for layer in network.layers:
        if layer.name in owners:
            members.setdefault(owners[layer.name], []).append(layer.name)
    return tuple(replace(entry, layers=tuple(members.get(place, ()))) for place, entry in enumerate(entries))
