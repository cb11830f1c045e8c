"""Convolutions of other windows, of fewer groups, or in place of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from annette.advice.changes import Change, Retraining
from annette.advice.editing import Edit, layer_named, sole_reader
from annette.errors import NetworkShapeError, NetworkStructureError
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.convolution import convolution_kind
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.network import AttributeValue, Layer, Network

__all__ = ["Densify", "JoinConvolutions", "Rewindow", "window_changes"]

_CONVOLUTIONS: Final = ("conv", "grouped_conv", "depthwise_conv")
_SIDES: Final = (1, 3, 5, 7)
_MOST_TAPS: Final = 2.6
"""How many times as many taps are tried at most."""
_BETWEEN: Final = kinds_in(Category.ACTIVATION) | {"batch_norm"}


def _sizes(values: Sequence[int]) -> str:
    return "x".join(map(str, values))


@dataclass(frozen=True)
class Rewindow(Change):
    """A convolution of another window with at least as many taps, which writes maps of the same size.

    Attributes:
        layer: The convolution.
        before: Its window now.
        after: Its window then, without gaps between taps.
        dilated: Distance between taps now.
    """

    what: ClassVar[str] = "window"

    layer: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilated: tuple[int, ...]

    @property
    def title(self) -> str:
        """What is changed."""
        gaps = f" at distance {_sizes(self.dilated)}" if max(self.dilated) > 1 else ""
        return (
            f"give convolution {self.layer!r} a window of {_sizes(self.after)} instead of {_sizes(self.before)}{gaps}"
        )

    @property
    def reason(self) -> str:
        """Why."""
        what = "taps at a distance are" if max(self.dilated) > 1 else f"a window of {_sizes(self.before)} is"
        return f"{what} slower here than a window of {_sizes(self.after)}, which has more taps"

    @property
    def layers(self) -> tuple[str, ...]:
        """The convolution."""
        return (self.layer,)

    def apply(self, network: Network) -> Network:
        """The network with the other window."""
        layer, edit = layer_named(network, self.layer), Edit(network)
        weights = network.tensors[layer.inputs[1]].shape
        if weights[2:] != self.before:
            raise NetworkShapeError(f"layer {self.layer!r} does not have a window of {_sizes(self.before)} any more")
        inputs = [
            layer.inputs[0],
            edit.constant(layer.inputs[1], (*weights[:2], *self.after), owner=self.layer, label="window"),
        ]
        edit.put(layer, inputs=[*inputs, *layer.inputs[2:]], attributes=_window(network, layer, self.after))
        return edit.build()


def _window(network: Network, layer: Layer, kernel: Sequence[int]) -> dict[str, AttributeValue]:
    """Attributes of a convolution with another window, padded so that it writes maps of the same size.

    Raises:
        NetworkShapeError: There is no such padding.
    """
    rank = len(kernel)
    sizes, written = network.tensors[layer.inputs[0]].shape[2:], network.tensors[layer.outputs[0]].shape[2:]
    strides, pads = (
        integers(layer.attributes, "strides", (1,) * rank),
        integers(layer.attributes, "pads", (0,) * 2 * rank),
    )
    old, gaps = integers(layer.attributes, "kernel_shape"), integers(layer.attributes, "dilations", (1,) * rank)
    fronts, backs = [], []
    for i in range(rank):
        further = kernel[i] - ((old[i] - 1) * gaps[i] + 1)
        fronts.append(max(0, pads[i] + further // 2))
        needed = (written[i] - 1) * strides[i] + kernel[i] - sizes[i] - fronts[-1]
        backs.append(max(needed, 0, min(pads[rank + i] + further - further // 2, needed + strides[i] - 1)))
        if (sizes[i] + fronts[-1] + backs[-1] - kernel[i]) // strides[i] + 1 != written[i]:
            raise NetworkShapeError(
                f"layer {layer.name!r}: no padding lets a window of {_sizes(kernel)} take its place"
            )
    return {
        **layer.attributes, "kernel_shape": tuple(kernel), "dilations": (1,) * rank, "pads": (*fronts, *backs)
    }  # fmt: skip


@dataclass(frozen=True)
class Densify(Change):
    """A convolution in fewer groups: what the groups did not see has weights of zero.

    Attributes:
        layer: The convolution.
        before: Groups now.
        after: Groups then.
    """

    what: ClassVar[str] = "groups"
    retraining: ClassVar[Retraining] = "none"

    layer: str
    before: int
    after: int

    @property
    def title(self) -> str:
        """What is changed."""
        into = f"{self.after} groups" if self.after > 1 else "one group"
        return f"compute convolution {self.layer!r} in {into} instead of {self.before}"

    @property
    def reason(self) -> str:
        """Why."""
        return (
            f"{self.before} groups leave the device's multipliers idle; weights of zero between them change no result"
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The convolution."""
        return (self.layer,)

    def apply(self, network: Network) -> Network:
        """The network with fewer groups."""
        layer, edit = layer_named(network, self.layer), Edit(network)
        channels, weights = network.tensors[layer.inputs[0]].shape[1], network.tensors[layer.inputs[1]].shape
        if layer.attributes.get("groups", 1) != self.before:
            raise NetworkShapeError(f"layer {self.layer!r} does not have {self.before} groups any more")
        shape = (weights[0], channels // self.after, *weights[2:])
        inputs = [
            layer.inputs[0],
            edit.constant(layer.inputs[1], shape, owner=self.layer, label="dense"),
            *layer.inputs[2:],
        ]
        attributes = {**layer.attributes, "groups": self.after}
        edit.put(layer, kind=convolution_kind(self.after, channels), inputs=inputs, attributes=attributes)
        return edit.build()


@dataclass(frozen=True)
class JoinConvolutions(Change):
    """One dense convolution in place of one for each channel and one of 1x1, as in fused inverted bottlenecks.

    Attributes:
        first: The convolution that runs first.
        second: The one that reads it, perhaps normalized and activated.
    """

    what: ClassVar[str] = "join"
    retraining: ClassVar[Retraining] = "whole"

    first: str
    second: str

    @property
    def title(self) -> str:
        """What is changed."""
        return f"put one dense convolution in the place of {self.first!r} and {self.second!r}"

    @property
    def reason(self) -> str:
        """Why."""
        return "a convolution of each channel by itself leaves multipliers idle, and the map in between is moved twice"

    @property
    def layers(self) -> tuple[str, ...]:
        """Both convolutions."""
        return (self.first, self.second)

    def apply(self, network: Network) -> Network:
        """The network with one convolution."""
        first, second = layer_named(network, self.first), layer_named(network, self.second)
        between = _between(network, first)
        if between is None or between[1] is not second:
            raise NetworkStructureError(f"layer {self.second!r} does not read {self.first!r} alone any more")
        edit = Edit(network)
        wide = first if first.kind == "depthwise_conv" else second
        channels = network.tensors[first.inputs[0]].shape[1]
        filters = network.tensors[second.outputs[0]].shape[1]
        shape = (filters, channels, *network.tensors[wide.inputs[1]].shape[2:])
        weights = edit.constant(second.inputs[1], shape, owner=self.second, label="dense")
        edit.remove(first.name, *between[0])
        window = {key: wide.attributes[key] for key in _WINDOW if key in wide.attributes}
        attributes = {**second.attributes, **window, "groups": 1}
        edit.put(second, kind="conv", inputs=[first.inputs[0], weights, *second.inputs[2:]], attributes=attributes)
        return edit.build()


_WINDOW: Final = ("kernel_shape", "strides", "dilations", "pads")


def _between(network: Network, first: Layer) -> tuple[tuple[str, ...], Layer] | None:
    """Layers between a convolution and the next one, which alone reads it, and that one; None where there is none."""
    passed: list[str] = []
    reader = sole_reader(network, first.outputs[0])
    while reader is not None and reader.kind in _BETWEEN and len(reader.outputs) == 1:
        passed.append(reader.name)
        reader = sole_reader(network, reader.outputs[0])
    return None if reader is None or reader.kind not in _CONVOLUTIONS else (tuple(passed), reader)


def _is_point(network: Network, layer: Layer) -> bool:
    """Whether a convolution looks at one position at a time, at all of them."""
    strides, pads = layer.attributes.get("strides", 1), layer.attributes.get("pads", 0)
    plain = all(value == 1 for value in _all(strides)) and not any(_all(pads))
    return layer.kind == "conv" and plain and math.prod(network.tensors[layer.inputs[1]].shape[2:]) == 1


def _all(value: AttributeValue) -> Sequence[object]:
    return value if isinstance(value, tuple) else (value,)


def window_changes(network: Network, layers: Iterable[Layer]) -> list[Change]:
    """Other windows, fewer groups and joined convolutions that could be tried.

    Args:
        network: The network.
        layers: Layers that matter, the heaviest first.
    """
    if network.channels_last:
        return []
    found: dict[Change, None] = {}
    for layer in layers:
        if layer.kind not in _CONVOLUTIONS or not network.tensors[layer.inputs[1]].constant:
            continue
        found |= dict.fromkeys((*_other_windows(network, layer), *_fewer_groups(network, layer)))
        found |= dict.fromkeys(_joined(network, layer))
    return list(found)


def _other_windows(network: Network, layer: Layer) -> list[Change]:
    weights = network.tensors[layer.inputs[1]].shape
    kernel, rank = weights[2:], len(weights) - 2
    gaps = integers(layer.attributes, "dilations", (1,) * rank)
    reach = tuple((taps - 1) * gap + 1 for taps, gap in zip(kernel, gaps, strict=True))
    if max(gaps) > 1:
        return [Rewindow(layer.name, kernel, reach, gaps)] if max(reach) <= 2 * _SIDES[-1] else []
    taps = math.prod(kernel)
    sides = [side for side in _SIDES if taps <= side**rank <= _MOST_TAPS * taps and (side,) * rank != kernel]
    return [Rewindow(layer.name, kernel, (side,) * rank, gaps) for side in sides]


def _fewer_groups(network: Network, layer: Layer) -> list[Change]:
    groups = integers(layer.attributes, "groups", (1,))[0]
    filters = network.tensors[layer.inputs[1]].shape[0]
    if groups == 1:
        return []
    fewer = [groups // 2, groups // 4] if layer.kind == "grouped_conv" else [groups // 8, groups // 16]
    return [
        Densify(layer.name, groups, each)
        for each in dict.fromkeys((*fewer, 1))
        if each >= 1 and groups % each == 0 and filters % each == 0
    ]


def _joined(network: Network, layer: Layer) -> list[Change]:
    """A convolution of each channel with the 1x1 before it, or with the one behind it."""
    if layer.kind != "depthwise_conv":
        return []
    found: list[Change] = []
    after = _between(network, layer)
    if after is not None and _is_point(network, after[1]):
        found.append(JoinConvolutions(layer.name, after[1].name))
    source, producer = layer.inputs[0], network.producers.get(layer.inputs[0])
    while producer is not None and producer.kind in _BETWEEN and sole_reader(network, source) is not None:
        source = producer.inputs[0]
        producer = network.producers.get(source)
    if producer is not None and _is_point(network, producer):
        before = _between(network, producer)
        if before is not None and before[1] is layer:
            found.append(JoinConvolutions(producer.name, layer.name))
    return found
