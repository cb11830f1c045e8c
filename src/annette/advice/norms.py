"""Batch normalizations that no convolution takes up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from annette.advice.changes import Change, Retraining
from annette.advice.editing import Edit, layer_named
from annette.errors import NetworkStructureError
from annette.network.kinds import Category, kinds_in
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.network import Layer, Network

__all__ = ["NormBehind", "ReadNormalized", "norm_changes"]

_CONVOLUTIONS: Final = frozenset({"conv", "grouped_conv", "depthwise_conv", "conv_transpose"})
_ACTIVATIONS: Final = kinds_in(Category.ACTIVATION)


@dataclass(frozen=True)
class _OfNorm(Change):
    """A change of a batch normalization that is not folded as it stands.

    Attributes:
        norm: The normalization.
        told: Why it is not folded as it is, a phrase.
    """

    what: ClassVar[str] = "normalization"

    norm: str
    told: str

    @property
    def reason(self) -> str:
        """Why."""
        return self.told

    @property
    def layers(self) -> tuple[str, ...]:
        """The normalization."""
        return (self.norm,)


@dataclass(frozen=True)
class NormBehind(_OfNorm):
    """A batch normalization moved from before convolutions to behind them, where it is folded into their weights."""

    retraining: ClassVar[Retraining] = "whole"

    @property
    def title(self) -> str:
        """What is changed."""
        return f"normalize behind the convolutions that read {self.norm!r} instead of before them"

    def apply(self, network: Network) -> Network:
        """The network with the normalization behind."""
        norm, edit = layer_named(network, self.norm), Edit(network)
        readers = _convolutions_behind(network, norm)
        if not readers:
            raise NetworkStructureError(f"no convolution alone reads layer {self.norm!r} any more")
        edit.remove(norm.name)
        edit.redirect(norm.outputs[0], norm.inputs[0])
        for reader in readers:
            result = reader.outputs[0]
            tensor = network.tensors[result]
            channels = (tensor.shape[1],)
            name = edit.fresh(f"{reader.name}/norm")
            raw = edit.activation(result, tensor.shape, name=f"{result}_raw")
            constants = [
                edit.constant(reader.inputs[1], channels, owner=name, label=label)
                for label in ("scale", "bias", "mean", "variance")
            ]
            edit.put(replace(reader, outputs=(raw,)))
            edit.add(
                describe_layer(
                    "batch_norm",
                    name,
                    inputs=[edit.tensors[each] for each in (raw, *constants)],
                    outputs=[tensor],
                    attributes=norm.attributes,
                )
            )
        return edit.build()


@dataclass(frozen=True)
class ReadNormalized(_OfNorm):
    """Other readers of a convolution take its normalized result, so that the normalization is folded into it."""

    @property
    def title(self) -> str:
        """What is changed."""
        return f"let all that reads what {self.norm!r} normalizes read the normalized result"

    def apply(self, network: Network) -> Network:
        """The network whose other readers take the normalized result."""
        norm, edit = layer_named(network, self.norm), Edit(network)
        source, result = norm.inputs[0], norm.outputs[0]
        others = [layer for layer in network.consumers[source] if layer is not norm]
        if not others or source in network.outputs:
            raise NetworkStructureError(f"nothing but layer {self.norm!r} reads {source!r} any more")
        for layer in others:
            edit.put(layer, inputs=[result if name == source else name for name in layer.inputs])
        return edit.build()


def _convolutions_behind(network: Network, norm: Layer) -> list[Layer]:
    """The convolutions that read a normalization, perhaps activated; none where anything else reads it."""
    found: list[Layer] = []
    open_ = [norm.outputs[0]]
    while open_:
        tensor = open_.pop()
        readers = network.consumers.get(tensor, ())
        if not readers or tensor in network.outputs:
            return []
        for reader in readers:
            if reader.kind in _ACTIVATIONS and len(reader.inputs) == 1:
                open_.append(reader.outputs[0])
            elif reader.kind in _CONVOLUTIONS and reader.inputs[0] == tensor:
                found.append(reader)
            else:
                return []
    return found


def norm_changes(network: Network, layers: Iterable[Layer], told: Mapping[str, str]) -> list[Change]:
    """Other places of normalizations that could be tried.

    Args:
        network: The network.
        layers: Layers that matter, the heaviest first.
        told: By the name of a layer that runs without what it follows, why.
    """
    found: list[Change] = []
    for layer in layers:
        if layer.kind != "batch_norm" or layer.name not in told:
            continue
        producer = network.producers.get(layer.inputs[0])
        shared = len(network.consumers[layer.inputs[0]]) > 1 and layer.inputs[0] not in network.outputs
        if producer is not None and producer.kind in _CONVOLUTIONS and shared:
            found.append(ReadNormalized(layer.name, told[layer.name]))
        if not network.channels_last and _convolutions_behind(network, layer):
            found.append(NormBehind(layer.name, told[layer.name]))
    return found
