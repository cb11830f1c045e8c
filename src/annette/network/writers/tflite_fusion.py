"""Which layers a TFLite converter writes as one operator.

Batch normalization and the addition of a bias go into the weights of the layer before, rectifiers become attributes of
it, and GELU, which exported networks hold as five or eight layers, is one operator. Only what nothing else reads can
disappear in this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from annette.network.layer import Layer
    from annette.network.network import Network

__all__ = ["Group", "clip_activation", "group_layers"]

_WEIGHTED: Final = kinds_in(Category.CONVOLUTION) - {"deformable_conv"} | {"fully_connected"}
_ACTIVATED: Final = _WEIGHTED - {"conv_transpose"} | {"add", "sub", "mul", "div", "batch_norm"}
_CLIPS: Final = {(0.0, 6.0): "relu6", (-1.0, 1.0): "relu_n1_to_1"}


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that become one operator, or the few that stand for it.

    Attributes:
        anchor: The layer that decides which operator it is.
        layers: All of them, in order.
        activation: The activation that is an attribute of the operator; ``none``, or a name of the format.
        kind: The anchor's kind, or that of a recognised group.
        source: The tensor that a recognised group reads; empty where the anchor's operands count.
    """

    anchor: Layer
    layers: tuple[Layer, ...]
    activation: str = "none"
    kind: str = ""
    source: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the last layer writes."""
        return self.layers[-1].outputs


def group_layers(network: Network) -> list[Group]:
    """Sorts all layers of a network into groups, in an order in which they can be written."""
    finder = _Finder(network)
    taken: set[str] = set()
    groups: dict[str, Group] = {}
    recognised = [group for layer in network.layers if (group := finder.gelu(layer)) is not None]
    for group in recognised:
        if not taken.intersection(group.names):
            taken.update(group.names)
            groups[group.layers[-1].name] = group
    for layer in network.layers:
        if layer.name not in taken:
            group = finder.fused(layer, taken)
            taken.update(group.names)
            groups[group.layers[-1].name] = group
    return [groups[layer.name] for layer in network.layers if layer.name in groups]


def clip_activation(layer: Layer) -> str:
    """The format's name for a rectifier; empty for anything else."""
    if layer.kind == "relu":
        return "relu"
    if layer.kind == "clip":
        return _CLIPS.get((_number(layer, "min"), _number(layer, "max")), "")
    return ""


class _Finder:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._handed_out = set(network.outputs)

    def fused(self, layer: Layer, taken: set[str]) -> Group:
        """A layer and what goes into it."""
        members, activation = [layer], "none"
        if layer.kind in _WEIGHTED:
            reader = self._only_reader(layer)
            if reader is not None and (reader.kind == "batch_norm" or self._adds_bias(layer, reader)):
                members.append(reader)
        if layer.kind in _ACTIVATED:
            reader = self._only_reader(members[-1])
            if reader is not None and reader.name not in taken and clip_activation(reader):
                activation = clip_activation(reader)
                members.append(reader)
        return Group(layer, tuple(members), activation, layer.kind)

    def gelu(self, layer: Layer) -> Group | None:
        """The layers of x · (1 + f(x)) / 2 around an error function, or a hyperbolic tangent of a cubic."""
        if layer.kind not in ("erf", "tanh"):
            return None
        inner = self._error_argument(layer) if layer.kind == "erf" else self._tanh_argument(layer)
        plus_one = self._only_reader(layer)
        if inner is None or plus_one is None or not _has_number(plus_one, "add", 1.0):
            return None
        source, before = inner
        product = self._only_reader(plus_one)
        if product is None or product.kind != "mul" or len(product.inputs) != 2:
            return None
        other = next((tensor for tensor in product.inputs if tensor != plus_one.outputs[0]), "")
        half = self._producer(other)
        if other == source:
            last = self._only_reader(product)
            if last is None or not _has_number(last, "mul", 0.5):
                return None
            members = [*before, layer, plus_one, product, last]
        elif half is not None and _has_number(half, "mul", 0.5) and half.inputs[0] == source:
            members = [*before, layer, half, plus_one, product]
        else:
            return None
        return Group(layer, self._in_order(members), kind="gelu", source=source)

    def _error_argument(self, layer: Layer) -> tuple[str, list[Layer]] | None:
        """The x of erf(x / √2), and the layer that divides."""
        before = self._producer(layer.inputs[0])
        if before is not None and before.kind in ("div", "mul") and "scalar" in before.attributes:
            return (before.inputs[0], [before]) if self._only_reader(before) is layer else None
        return layer.inputs[0], []

    def _tanh_argument(self, layer: Layer) -> tuple[str, list[Layer]] | None:
        """The x of tanh(√(2/π) (x + 0.044715 x³)), and the layers of the cubic."""
        scaled = self._producer(layer.inputs[0])
        total = self._producer(scaled.inputs[0]) if scaled is not None and scaled.kind == "mul" else None
        if scaled is None or total is None or total.kind != "add" or len(total.inputs) != 2:
            return None
        for source, term in (total.inputs, total.inputs[::-1]):
            cubic = self._producer(term)
            power = self._producer(cubic.inputs[0]) if cubic is not None and cubic.kind == "mul" else None
            if cubic is not None and power is not None and _has_number(power, "pow", 3.0):
                chain = [power, cubic, total, scaled]
                if power.inputs[0] == source and all(self._only_reader(link) for link in chain):
                    return source, chain
        return None

    def _adds_bias(self, layer: Layer, reader: Layer) -> bool:
        if layer.kind != "fully_connected" or len(layer.inputs) != 2 or reader.kind != "add":
            return False
        others = [tensor for tensor in reader.inputs if tensor not in layer.outputs]
        units = self._network.tensors[layer.outputs[0]].shape[-1]
        return len(others) == 1 and (
            self._network.tensors[others[0]].constant and self._network.tensors[others[0]].shape == (units,)
        )

    def _only_reader(self, layer: Layer) -> Layer | None:
        """The one layer that reads the one result of a layer, unless it is handed out as well."""
        if len(layer.outputs) != 1 or layer.outputs[0] in self._handed_out:
            return None
        readers = self._network.consumers.get(layer.outputs[0], ())
        return readers[0] if len(readers) == 1 else None

    def _producer(self, tensor: str) -> Layer | None:
        return self._network.producers.get(tensor)

    def _in_order(self, members: list[Layer]) -> tuple[Layer, ...]:
        names = {layer.name for layer in members}
        return tuple(layer for layer in self._network.layers if layer.name in names)


def _has_number(layer: Layer, kind: str, number: float) -> bool:
    return layer.kind == kind and "scalar" in layer.attributes and abs(_number(layer, "scalar") - number) < 1e-6


def _number(layer: Layer, key: str) -> float:
    value = layer.attributes.get(key, float("nan"))
    return float(value) if isinstance(value, int | float) else float("nan")
