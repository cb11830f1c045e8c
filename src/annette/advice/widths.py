"""More channels: sizes that fill the vectors or the multipliers of a device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Final

from annette.advice.changes import Change, Retraining
from annette.advice.editing import Edit, is_transposed
from annette.advice.ties import Axis, Ties, tie_sizes
from annette.errors import NetworkShapeError
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from annette.network import AttributeValue, Layer, Network

__all__ = ["Widen", "widenings"]

_WIDTHS: Final = (4, 8, 16, 32, 64)
"""What vectors, blocks of channels and rows of multipliers count: the next multiples of these are tried."""
_MOST: Final = 1.5
"""How many times as many channels are tried at most."""
_PRODUCTS: Final = kinds_in(Category.CONVOLUTION) | {"fully_connected"}


@dataclass(frozen=True)
class Widen(Change):
    """More channels at one place, and wherever these flow.

    Attributes:
        layer: The layer whose channels are named.
        tensor: One of its activations.
        axis: Where the channels are.
        size: Channels now.
        wanted: Channels to have.
        throughout: Whether all that is concatenated with them grows in proportion.
    """

    what: ClassVar[str] = "channels"
    retraining: ClassVar[Retraining] = "none"

    layer: str
    tensor: str
    axis: int
    size: int
    wanted: int
    throughout: bool = False

    @property
    def title(self) -> str:
        """What is changed."""
        further = ", and all that is concatenated with them in proportion" if self.throughout else ""
        return f"widen the {self.size} channels of {self.tensor!r} to {self.wanted}{further}"

    @property
    def reason(self) -> str:
        """Why."""
        return f"{self.size} channels do not fill what the device computes at once; zeros for the further ones are free"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer whose channels are named."""
        return (self.layer,)

    def apply(self, network: Network) -> Network:
        """The network with more channels wherever these flow."""
        tensor = network.tensors.get(self.tensor)
        if tensor is None or tensor.shape[self.axis : self.axis + 1] != (self.size,):
            raise NetworkShapeError(f"tensor {self.tensor!r} does not have {self.size} channels any more")
        ties = tie_sizes(network, throughout=self.throughout)
        factors = _factors(ties, (self.tensor, self.axis), Fraction(self.wanted, self.size))
        return _resized(network, ties, factors)


def widenings(network: Network, layers: Iterable[Layer], refused: dict[str, str]) -> list[Widen]:
    """Wider channels that could be tried around some layers.

    Args:
        network: The network.
        layers: Layers whose channels matter, the heaviest first.
        refused: Takes what cannot be widened, with the reason.
    """
    if network.channels_last:
        return []
    layers = [layer for layer in layers if layer.kind in _PRODUCTS]
    ties = tie_sizes(network)
    found = list(_of_groups(ties, layers, refused, throughout=False))
    if ties.joined:
        found += _of_groups(tie_sizes(network, throughout=True), layers, {}, throughout=True)
    return found


def _of_groups(ties: Ties, layers: Iterable[Layer], refused: dict[str, str], *, throughout: bool) -> Iterator[Widen]:
    """Wider channels of each group of sizes that some layers have."""
    network, members = ties.network, ties.members()
    sums, groups = {ties.group(joined.whole) for joined in ties.joined}, _groups(network)
    concatenated = {ties.group((name, axis)) for name, axis in _concatenations(network)} if throughout else None
    seen: set[Axis] = set()
    for layer in layers:
        for tensor in (layer.outputs[0], layer.inputs[0]):
            shape = network.tensors[tensor].shape
            axis = len(shape) - 1 if layer.kind == "fully_connected" else 1
            group, size = ties.group((tensor, axis)), shape[axis]
            if group in seen or group in sums or size == 1 or (concatenated is not None and group not in concatenated):
                continue
            seen.add(group)
            why = ties.fixed(group)
            if why is not None:
                refused.setdefault(f"other channels of {tensor!r} ({size})", f"fixed by {why}")
                continue
            step = math.lcm(
                *(size // math.gcd(size, ties.size(each) // groups.get(each, 1)) for each in members[group])
            )
            for wanted in sorted({_next(size, math.lcm(step, width)) for width in _WIDTHS}):
                if wanted <= max(_MOST * size, 8):
                    yield Widen(layer.name, tensor, axis, size, wanted, throughout)


def _concatenations(network: Network) -> list[Axis]:
    """What layers join, by the axis along which they do."""
    return [
        (layer.outputs[0], integers(layer.attributes, "axis")[0] % len(network.tensors[layer.outputs[0]].shape))
        for layer in network.layers
        if layer.kind == "concat"
    ]


def _next(size: int, step: int) -> int:
    """The next multiple of a step."""
    return (size // step + 1) * step


def _groups(network: Network) -> dict[Axis, int]:
    """By how many groups the filters of a convolution must be divided, where these are fewer than channels."""
    return {
        (layer.outputs[0], 1): int(layer.attributes["groups"])  # type: ignore[arg-type]
        for layer in network.layers
        if layer.kind == "grouped_conv"
    }


def _factors(ties: Ties, axis: Axis, factor: Fraction) -> dict[Axis, Fraction]:
    """By how much each group grows where one size does, concatenations included.

    Raises:
        NetworkShapeError: A size would have to grow that cannot, or in two ways.
    """
    factors = {ties.group(axis): factor}
    changed = True
    while changed:
        changed = False
        for joined in ties.joined:
            whole = sum(ties.size(part) * factors.get(ties.group(part), Fraction(1)) for part in joined.parts)
            wanted = whole / ties.size(joined.whole)
            group = ties.group(joined.whole)
            if wanted == factors.get(group, 1):
                continue
            if group in factors:
                raise NetworkShapeError(f"what layer {joined.layer!r} joins would have to grow in two ways")
            factors[group] = Fraction(wanted)
            changed = True
    for group in factors:
        why = ties.fixed(group)
        if why is not None:
            raise NetworkShapeError(f"the channels of {axis[0]!r} are fixed by {why}")
    return factors


def _resized(network: Network, ties: Ties, factors: Mapping[Axis, Fraction]) -> Network:
    """The network with sizes that are so many times as large.

    Raises:
        NetworkShapeError: A size would not be a whole number, or layers do not take it.
    """
    edit, changed = Edit(network), set[str]()
    for name, tensor in network.tensors.items():
        sizes = [size * factors.get(ties.group((name, axis)), Fraction(1)) for axis, size in enumerate(tensor.shape)]
        if any(size.denominator != 1 for size in sizes):
            raise NetworkShapeError(f"tensor {name!r} cannot grow in proportion: {tensor.shape} has no such multiple")
        shape = tuple(map(int, sizes))
        if shape != tensor.shape:
            edit.reshape(name, shape)
            changed.add(name)
    for layer in network.layers:
        if not changed.isdisjoint((*layer.inputs, *layer.outputs)):
            edit.put(layer, attributes=_attributes(edit, network, layer))
    return edit.build()


def _place(place: int, factor: Fraction, size: int) -> int:
    """Where a cut is then.

    Raises:
        NetworkShapeError: Between two elements.
    """
    moved = place * factor
    if abs(place) < size and moved.denominator != 1:
        raise NetworkShapeError(f"a cut at {place} of {size} has no place in proportion")
    return place if abs(place) > size else int(moved)


def _attributes(edit: Edit, network: Network, layer: Layer) -> Mapping[str, AttributeValue]:
    """Attributes of a layer whose tensors have other sizes: those that repeat sizes follow."""
    attributes = dict(layer.attributes)
    if layer.kind in ("reshape", "expand") and "shape" in attributes:
        attributes["shape"] = edit.tensors[layer.outputs[0]].shape
    elif layer.kind == "split":
        axis = attributes["axis"]
        assert isinstance(axis, int)  # noqa: S101 - narrows the type; the kind says so
        attributes["split"] = tuple(edit.tensors[name].shape[axis] for name in layer.outputs)
    elif layer.kind == "fully_connected":
        weights, depth = network.tensors[layer.inputs[1]].shape, network.tensors[layer.inputs[0]].shape[-1]
        attributes["transposed_weights"] = is_transposed(layer, weights, depth)
    elif layer.kind == "slice" and len(integers(attributes, "starts", ())) == 1:
        axis = integers(attributes, "axes")[0]
        factor = Fraction(edit.tensors[layer.inputs[0]].shape[axis], network.tensors[layer.inputs[0]].shape[axis])
        for key in ("starts", "ends"):
            if key in attributes:
                place = _place(integers(attributes, key)[0], factor, network.tensors[layer.inputs[0]].shape[axis])
                attributes[key] = (place,)
    elif layer.kind in ("depthwise_conv", "conv_transpose"):
        before = network.tensors[layer.inputs[0]].shape[1]
        if attributes.get("groups", 1) == before > 1:
            attributes["groups"] = edit.tensors[layer.inputs[0]].shape[1]
    elif layer.kind == "group_norm":
        channels, groups = edit.tensors[layer.inputs[0]].shape[1], attributes.get("num_groups", 1)
        assert isinstance(groups, int)  # noqa: S101 - narrows the type; the kind says so
        if channels % groups:
            raise NetworkShapeError(f"layer {layer.name!r}: {groups} groups do not divide {channels} channels")
    return attributes
