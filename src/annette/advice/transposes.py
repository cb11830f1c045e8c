"""Transpositions that undo each other, with layers in between that do not mind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from annette.advice.changes import Change, Retraining
from annette.advice.editing import Edit, is_transposed, layer_named
from annette.errors import NetworkStructureError
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.network import AttributeValue, Layer, Network

__all__ = ["DropTransposes", "transpose_changes"]

_ALIKE: Final = (kinds_in(Category.ACTIVATION, Category.UNARY) | {"identity", "copy"}) - {"prelu", "rotary_embedding"}
_BINARY: Final = kinds_in(Category.BINARY)
_CHANNELS_FIRST: Final = ((0, 2, 3, 1), (0, 2, 1))
"""Transpositions that bring channels to the end."""


class _Region(NamedTuple):
    """What lies between a transposition and those that undo it.

    Attributes:
        inside: Layers that can run without being transposed.
        ends: The transpositions that undo it.
    """

    inside: tuple[Layer, ...]
    ends: tuple[Layer, ...]


@dataclass(frozen=True)
class DropTransposes(Change):
    """A transposition and those that undo it left out; products on channels become convolutions of 1x1.

    Attributes:
        first: The transposition.
        count: How many go.
    """

    what: ClassVar[str] = "transposition"
    retraining: ClassVar[Retraining] = "none"

    first: str
    count: int

    @property
    def title(self) -> str:
        """What is changed."""
        return f"leave out transposition {self.first!r} and {self.count - 1} that undo it"

    @property
    def reason(self) -> str:
        """Why."""
        return "layers in between compute the same on the map as it was"

    @property
    def layers(self) -> tuple[str, ...]:
        """The transposition."""
        return (self.first,)

    def apply(self, network: Network) -> Network:
        """The network without them."""
        first = layer_named(network, self.first)
        region = _region(network, first)
        if region is None:
            raise NetworkStructureError(f"nothing undoes transposition {self.first!r} any more")
        edit = Edit(network)
        back = _inverse(integers(first.attributes, "perm"))
        edit.remove(first.name, *(layer.name for layer in region.ends))
        edit.redirect(first.outputs[0], first.inputs[0])
        for end in region.ends:
            edit.redirect(end.outputs[0], end.inputs[0])
        for layer in region.inside:
            result = layer.outputs[0]
            edit.reshape(result, _moved(network.tensors[result].shape, back))
        for layer in region.inside:
            _put(edit, network, layer, back, first)
        return edit.build()


def _put(edit: Edit, network: Network, layer: Layer, back: Sequence[int], first: Layer) -> None:
    """Describes a layer anew that works on the map as it was."""
    inputs = [first.inputs[0] if name == first.outputs[0] else name for name in layer.inputs]
    if layer.kind == "fully_connected":
        weights = network.tensors[inputs[1]].shape
        turned = is_transposed(layer, weights, network.tensors[layer.inputs[0]].shape[-1])
        depth, features = weights[::-1] if turned else weights
        taps = (1,) * (len(back) - 2)
        inputs[1] = edit.constant(inputs[1], (features, depth, *taps), owner=layer.name, label="point")
        attributes: dict[str, AttributeValue] = {
            "kernel_shape": taps,
            "strides": taps,
            "dilations": taps,
            "pads": (0,) * 2 * len(taps),
            "groups": 1,
        }
        edit.put(layer, kind="conv", inputs=inputs, attributes=attributes)
        return
    for position, name in enumerate(inputs):
        tensor = network.tensors[name]
        if tensor.constant and tensor.elements > 1:
            shape = (1,) * (len(back) - len(tensor.shape)) + tensor.shape
            inputs[position] = edit.constant(name, _moved(shape, back), owner=layer.name, label="moved")
    edit.put(replace(layer), inputs=inputs)


def _moved(shape: Sequence[int], perm: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in perm)


def _inverse(perm: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(perm)), key=lambda axis: perm[axis]))


def _region(network: Network, first: Layer) -> _Region | None:
    """What lies between a transposition and those that undo it; None where something minds."""
    perm = integers(first.attributes, "perm")
    if "equation" in first.attributes or first.outputs[0] in network.outputs:
        return None
    inside: dict[str, Layer] = {}
    ends: dict[str, Layer] = {}
    open_ = [first.outputs[0]]
    while open_:
        tensor = open_.pop()
        readers = network.consumers.get(tensor, ())
        if not readers or tensor in network.outputs:
            return None
        for reader in readers:
            if reader.kind == "transpose" and _undoes(reader, perm):
                if reader.outputs[0] in network.outputs:
                    return None
                ends[reader.name] = reader
            elif reader.name not in inside:
                if not _may_move(network, reader, perm, tensor):
                    return None
                inside[reader.name] = reader
                open_.append(reader.outputs[0])
    made = {first.outputs[0], *(layer.outputs[0] for layer in inside.values())}
    for layer in inside.values():
        if any(name not in made and not network.tensors[name].constant for name in layer.inputs):
            return None
    return _Region(tuple(inside.values()), tuple(ends.values())) if ends else None


def _undoes(layer: Layer, perm: Sequence[int]) -> bool:
    return "equation" not in layer.attributes and integers(layer.attributes, "perm") == _inverse(perm)


def _may_move(network: Network, layer: Layer, perm: tuple[int, ...], tensor: str) -> bool:
    """Whether a layer computes the same on a map that is not transposed."""
    if len(layer.outputs) != 1 or "equation" in layer.attributes:
        return False
    if layer.kind in _ALIKE or layer.kind in _BINARY:
        return len(network.tensors[layer.outputs[0]].shape) == len(perm)
    weights = network.tensors[layer.inputs[1]] if len(layer.inputs) > 1 else None
    return (
        layer.kind == "fully_connected"
        and not network.channels_last
        and perm in _CHANNELS_FIRST
        and layer.inputs[0] == tensor
        and weights is not None
        and weights.constant
        and len(weights.shape) == 2
    )


def transpose_changes(network: Network, layers: Iterable[Layer]) -> list[Change]:
    """Transpositions that could go.

    Args:
        network: The network.
        layers: Layers that matter; of these, transpositions are looked at.
    """
    found: list[Change] = []
    for layer in layers:
        if layer.kind == "transpose":
            region = _region(network, layer)
            if region is not None:
                found.append(DropTransposes(layer.name, 1 + len(region.ends)))
    return found
