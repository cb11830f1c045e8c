"""Activations that run as kernels of their own, and others that the platform would compute on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from annette.advice.changes import Change
from annette.advice.editing import Edit
from annette.errors import NetworkStructureError
from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.mapping.kernel import Kernel
    from annette.network import AttributeValue, Layer, Network

__all__ = ["Place", "ReplaceActivation", "activation_changes", "activations_of"]

_ACTIVATIONS: Final = kinds_in(Category.ACTIVATION)
_GATES: Final = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
"""What a map times a function of itself is."""

CHOICES: Final[Mapping[str, Mapping[str, AttributeValue]]] = {
    "relu": {},
    "clip": {"min": 0.0, "max": 6.0},
    "leaky_relu": {"alpha": 0.1},
    "hard_swish": {},
}
"""Activations that may take another one's place, with their attributes."""
_ALIKE: Final = frozenset(
    {"silu", "gelu", "mish", "hard_swish", "elu", "celu", "selu", "leaky_relu", "prelu", "relu", "clip", "softplus"}
)
"""Activations between layers, one of which can mostly take the place of another: not those of gates."""
_NAMES: Final = {"clip": "ReLU6"}


class Place(NamedTuple):
    """Where a network has an activation.

    Attributes:
        kind: Its kind.
        layers: Layers that compute it, in topological order.
        source: The tensor it reads.
        result: The tensor it writes.
    """

    kind: str
    layers: tuple[str, ...]
    source: str
    result: str


@dataclass(frozen=True)
class ReplaceActivation(Change):
    """Another activation wherever a network has one of a kind.

    Attributes:
        before: Its kind.
        after: The kind that takes its place.
        places: Where it is.
        told: What the platform does with it as it is, a phrase.
    """

    what: ClassVar[str] = "activation"

    before: str
    after: str
    places: tuple[Place, ...]
    told: str

    def singly(self) -> list[ReplaceActivation]:
        """The same at each place alone; none where there is one place only."""
        return [replace(self, places=(place,)) for place in self.places] if len(self.places) > 1 else []

    @property
    def title(self) -> str:
        """What is changed."""
        where = f"at {len(self.places)} places" if len(self.places) > 1 else f"behind {self.places[0].source!r}"
        return f"use {_NAMES.get(self.after, self.after)} instead of {self.before} {where}"

    @property
    def reason(self) -> str:
        """Why."""
        return self.told

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that compute the activation."""
        return tuple(layer for place in self.places for layer in place.layers)

    def apply(self, network: Network) -> Network:
        """The network with the other activation."""
        edit = Edit(network)
        known = network.layers_by_name
        for place in self.places:
            if any(name not in known for name in place.layers):
                continue  # Another change has taken it.
            source = known[place.layers[0]].inputs[0] if place.source not in edit.tensors else place.source
            last = known[place.layers[-1]]
            edit.remove(*place.layers[:-1])
            edit.put(
                replace(last, outputs=(place.result,)), kind=self.after, inputs=[source], attributes=CHOICES[self.after]
            )
        if all(any(name not in known for name in place.layers) for place in self.places):
            raise NetworkStructureError(
                f"network {network.name!r} has no {self.before} any more that could be replaced"
            )
        return edit.build()


def activations_of(network: Network, kernels: Iterable[Kernel]) -> list[Place]:
    """Where a network has activations: layers, and what a platform or this module recognises as one.

    Args:
        network: The network.
        kernels: Its kernels on some platform, which may have recognised an activation in several layers.
    """
    places: dict[str, Place] = {}
    for kernel in kernels:
        composed = (
            kernel.kind in _ACTIVATIONS and len(kernel.layers) > 1 and kernel.anchor.name not in network.layers_by_name
        )
        if composed and len(kernel.inputs) == len(kernel.outputs) == 1 and _is_whole(kernel, network):
            names = tuple(layer.name for layer in kernel.layers)
            places[kernel.outputs[0]] = Place(kernel.kind, names, kernel.inputs[0], kernel.outputs[0])
    for layer in network.layers:
        gated = _gated(network, layer)
        if gated is not None:
            places.setdefault(gated.result, gated)
    within = {name for place in places.values() for name in place.layers}
    for layer in network.layers:
        if layer.kind in _ACTIVATIONS and layer.name not in within:
            places[layer.outputs[0]] = Place(layer.kind, (layer.name,), layer.inputs[0], layer.outputs[0])
    order = {layer.name: number for number, layer in enumerate(network.layers)}
    return sorted(places.values(), key=lambda place: order[place.layers[-1]])


def _is_whole(kernel: Kernel, network: Network) -> bool:
    """Whether the last layer of a kernel writes what it hands out, and nothing but activations feed it."""
    last = kernel.layers[-1]
    return (
        last.outputs == kernel.outputs
        and network.tensors[kernel.inputs[0]].shape == network.tensors[last.outputs[0]].shape
    )


def _gated(network: Network, layer: Layer) -> Place | None:
    """A product of a map and a function of it, as one activation."""
    if layer.kind != "mul" or len(layer.inputs) != 2:
        return None
    for source, gate in (layer.inputs, layer.inputs[::-1]):
        function = network.producers.get(gate)
        if function is None or function.kind not in _GATES or function.inputs[0] != source:
            continue
        if len(network.consumers[gate]) == 1 and gate not in network.outputs:
            return Place(_GATES[function.kind], (function.name, layer.name), source, layer.outputs[0])
    return None


def activation_changes(network: Network, kernels: Iterable[Kernel], told: Mapping[str, str]) -> list[Change]:
    """Other activations that could be tried.

    Args:
        network: The network.
        kernels: Its kernels on the platform.
        told: By the name of a layer that runs without what it follows, why.
    """
    by_kind: dict[str, list[Place]] = {}
    for place in activations_of(network, kernels):
        by_kind.setdefault(place.kind, []).append(place)
    found: list[Change] = []
    for kind, places in by_kind.items():
        reasons = [told[name] for place in places for name in place.layers if name in told]
        if kind not in _ALIKE or not reasons:
            continue
        pairs = any(len(place.layers) == 2 for place in places)
        reason = (
            f"{kind} runs as a function and a product, which is two kernels: the platform has none of it"
            if pairs
            else reasons[0]
        )
        found += [ReplaceActivation(kind, other, tuple(places), reason) for other in CHOICES if other != kind]
    return found
