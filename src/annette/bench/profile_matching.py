"""Profile matching: which layers of the network did each profiled kernel run?

In the order of how much they prove: the layers that the runtime itself names; the part of the graph between the
tensors that it reads and writes; a layer of the same name. Never by position. What the runtime put in by itself
(layout changes, copies) is marked as added; what nothing explains stays without layers and lowers the matched share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.bench.records import KernelRecord, midmean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.backend import ProfileEntry
    from annette.network import Network

__all__ = ["ADDED", "ProfileMatch", "layers_between", "match_profile"]

ADDED = "added"
"""Key in a profile entry's ``info`` by which a backend says that the runtime put the kernel in by itself."""


@dataclass(frozen=True, slots=True)
class ProfileMatch:
    """Profiled kernels with their layers.

    Attributes:
        kernels: One record per profile entry, in order of execution.
        matched_share: Share of the profiled time whose layers are known or that the runtime added; NaN where the
            profile has no time in it.
        unmatched: Names of the entries that nothing explains.
        not_run: Names of the layers that no kernel claims: folded away, views, or lost.
    """

    kernels: tuple[KernelRecord, ...]
    matched_share: float
    unmatched: tuple[str, ...]
    not_run: tuple[str, ...]


def match_profile(network: Network, entries: Sequence[ProfileEntry]) -> ProfileMatch:
    """Finds the layers of each profiled kernel.

    Args:
        network: The network that was sent to the runtime.
        entries: What the runtime reported.
    """
    names = {layer.name for layer in network.layers}
    kernels = []
    for entry in entries:
        layers = _layers(network, names, entry)
        kernels.append(
            KernelRecord(
                name=entry.name,
                operator=entry.operator,
                layers=layers,
                latency_s=midmean(entry.latency_s),
                samples_s=entry.latency_s,
                added=not layers and ADDED in entry.info,
                info={key: value for key, value in entry.info.items() if key != ADDED},
            )
        )
    total_s = math.fsum(kernel.latency_s for kernel in kernels)
    known_s = math.fsum(kernel.latency_s for kernel in kernels if kernel.layers or kernel.added)
    claimed = {layer for kernel in kernels for layer in kernel.layers}
    return ProfileMatch(
        kernels=tuple(kernels),
        matched_share=known_s / total_s if total_s > 0 else math.nan,
        unmatched=tuple(kernel.name for kernel in kernels if not kernel.layers and not kernel.added),
        not_run=tuple(layer.name for layer in network.layers if layer.name not in claimed),
    )


def layers_between(network: Network, inputs: Iterable[str], outputs: Iterable[str]) -> tuple[str, ...]:
    """The layers between tensors: everything that ``outputs`` need and that does not lie behind ``inputs``.

    Args:
        network: The network.
        inputs: Tensors at which the search stops.
        outputs: Tensors from which it starts, backwards.

    Returns:
        Names of layers in topological order; empty where the search runs into an input of the network that is not
        among ``inputs``, for then the tensors do not bound a region.
    """
    border = set(inputs)
    needed: set[str] = set()
    stack = [tensor for tensor in outputs if tensor not in border]
    while stack:
        tensor = stack.pop()
        producer = network.producers.get(tensor)
        if producer is None:
            if tensor in network.inputs:
                return ()
            continue
        if producer.name in needed:
            continue
        needed.add(producer.name)
        stack.extend(operand for operand in network.activations[producer.name] if operand not in border)
    return tuple(layer.name for layer in network.layers if layer.name in needed)


def _layers(network: Network, names: set[str], entry: ProfileEntry) -> tuple[str, ...]:
    named = {layer for layer in entry.layers if layer in names}
    if named:
        return tuple(layer.name for layer in network.layers if layer.name in named)
    if entry.outputs:
        computed = layers_between(network, entry.inputs, entry.outputs)
        if computed:
            return computed
    return (entry.name,) if entry.name in names else ()
