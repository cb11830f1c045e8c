"""The same network in other words, and networks that do less: what an estimate must not, or only rarely, mind."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from annette.network.network import Network
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.network.layer import Layer
    from annette.network.tensor import Tensor

__all__ = ["listed_otherwise", "renamed", "results_reversed", "reversed_names", "scrambled_names", "shorter", "without"]


def renamed(network: Network, name: Callable[[str], str]) -> Network:
    """The same network, every layer and tensor under another name.

    Args:
        network: The network.
        name: A new name for each, no two alike.
    """
    layers = [
        replace(
            layer, name=name(layer.name), inputs=tuple(map(name, layer.inputs)), outputs=tuple(map(name, layer.outputs))
        )
        for layer in network.layers
    ]
    tensors = {name(old): replace(tensor, name=name(old)) for old, tensor in network.tensors.items()}
    return _like(network, layers, tensors, [*map(name, network.inputs)], [*map(name, network.outputs)])


def scrambled_names(seed: int) -> Callable[[str], str]:
    """Names without rhyme or reason, the same for the same seed."""
    return lambda name: "n" + hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:16]


def reversed_names(network: Network) -> Callable[[str], str]:
    """Names in the reverse of the alphabetical order that a network's layers and tensors have."""
    held = sorted({*network.tensors, *network.layers_by_name}, reverse=True)
    places = {name: f"n{place:07d}" for place, name in enumerate(held)}
    return places.__getitem__


def listed_otherwise(network: Network, seed: int) -> Network:
    """The same network, its layers in another topological order, its inputs and tensors shuffled.

    Args:
        network: The network.
        seed: Of the orders.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    waiting = {
        layer.name: {network.producers[t].name for t in layer.inputs if t in network.producers}
        for layer in network.layers
    }
    readers: dict[str, list[Layer]] = {}
    for layer in network.layers:
        for before in waiting[layer.name]:
            readers.setdefault(before, []).append(layer)
    ready = [layer for layer in network.layers if not waiting[layer.name]]
    order: list[Layer] = []
    while ready:
        layer = ready.pop(chance.randrange(len(ready)))
        order.append(layer)
        for reader in readers.get(layer.name, ()):
            waiting[reader.name].discard(layer.name)
            if not waiting[reader.name]:
                ready.append(reader)
    tensors = {name: network.tensors[name] for name in _shuffled(network.tensors, chance)}
    return _like(network, order, tensors, _shuffled(network.inputs, chance), network.outputs)


def results_reversed(network: Network) -> Network:
    """The same network, its results handed out in the reverse order."""
    return _like(network, network.layers, network.tensors, network.inputs, network.outputs[::-1])


def _like(
    network: Network,
    layers: Iterable[Layer],
    tensors: Mapping[str, Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> Network:
    return Network(
        name=network.name,
        layers=layers,
        tensors=tensors,
        inputs=inputs,
        outputs=outputs,
        batch=network.batch,
        channels_last=network.channels_last,
        source_format=network.source_format,
        notes=network.notes,
    )


def without(network: Network, name: str) -> Network | None:
    """The network without one layer that writes what it reads in shape and type: its readers read that instead.

    What nobody reads any more goes as well, such as the gate of a product.

    Args:
        network: The network.
        name: The layer's name.

    Returns:
        The smaller network; None where the layer is of no such kind, or nothing would be left.
    """
    layer = network.layers_by_name[name]
    if len(layer.outputs) != 1:
        return None
    written = network.tensors[layer.outputs[0]]
    alike = [
        tensor
        for tensor in network.activations[name]
        if (network.tensors[tensor].shape, network.tensors[tensor].dtype) == (written.shape, written.dtype)
    ]
    if not alike:
        return None
    stands_for = {written.name: alike[0]}
    layers = [_rewired(other, stands_for, network) for other in network.layers if other.name != name]
    return _pruned(network, layers, [stands_for.get(output, output) for output in network.outputs])


def shorter(network: Network) -> Network | None:
    """The network without its last layer, what that read being handed out instead.

    Returns:
        The smaller network; None where nothing would be left, or more bytes would be handed out.
    """
    last = network.layers[-1]
    kept = [output for output in network.outputs if output not in last.outputs]
    read = [tensor for tensor in network.activations[last.name] if tensor in network.producers and tensor not in kept]
    smaller = _pruned(network, network.layers[:-1], [*kept, *read])
    if smaller is None or _handed_out(smaller) > _handed_out(network):
        return None
    return smaller


def _handed_out(network: Network) -> int:
    return sum(network.tensors[output].size_bytes for output in network.outputs)


def _rewired(layer: Layer, stands_for: Mapping[str, str], network: Network) -> Layer:
    """A layer that reads other tensors of the same shapes; it is described anew where it now reads one twice."""
    if stands_for.keys().isdisjoint(layer.inputs):
        return layer
    inputs = tuple(stands_for.get(tensor, tensor) for tensor in layer.inputs)
    if len(set(inputs)) == len(set(layer.inputs)):
        return replace(layer, inputs=inputs)
    return describe_layer(
        layer.kind,
        layer.name,
        inputs=[network.tensors[tensor] for tensor in inputs],
        outputs=[network.tensors[tensor] for tensor in layer.outputs],
        attributes=layer.attributes,
        channels_last=network.channels_last,
    )


def _pruned(network: Network, layers: Sequence[Layer], outputs: Sequence[str]) -> Network | None:
    """A network of what the outputs need of the layers, which are in topological order."""
    wanted = set(outputs)
    kept: list[Layer] = []
    for layer in reversed(layers):
        if not wanted.isdisjoint(layer.outputs):
            kept.append(layer)
            wanted.update(layer.inputs)
    if not kept:
        return None
    used = {tensor for layer in kept for tensor in (*layer.inputs, *layer.outputs)} | set(outputs)
    return _like(
        network,
        kept[::-1],
        {name: tensor for name, tensor in network.tensors.items() if name in used},
        [name for name in network.inputs if name in used],
        tuple(dict.fromkeys(outputs)),
    )


def _shuffled(items: Iterable[str], chance: random.Random) -> list[str]:
    shuffled = list(items)
    chance.shuffle(shuffled)
    return shuffled
