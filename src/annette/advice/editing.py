"""Networks with some layers changed: what all changes share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.errors import NetworkStructureError
from annette.network import Network
from annette.network.kinds import KINDS, output_shapes
from annette.network.kinds.shapes import integers
from annette.network.tensor import Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.network import AttributeValue, Layer
    from annette.network.kinds.shapes import Shape

__all__ = ["Edit", "is_transposed", "layer_named", "sole_reader"]


def layer_named(network: Network, name: str) -> Layer:
    """A layer of a network.

    Raises:
        NetworkStructureError: There is none of that name.
    """
    layer = network.layers_by_name.get(name)
    if layer is None:
        raise NetworkStructureError(f"network {network.name!r} has no layer {name!r} any more: another change took it")
    return layer


def sole_reader(network: Network, tensor: str) -> Layer | None:
    """The one layer that reads an activation; None where several do, none does, or the network hands it out."""
    readers = network.consumers.get(tensor, ())
    return readers[0] if len(readers) == 1 and tensor not in network.outputs else None


class Edit:
    """A network that is written anew with changes.

    Args:
        network: The network as it is.

    Attributes:
        tensors: All tensors; changed ones replace those of the same name.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.tensors: dict[str, Tensor] = dict(network.tensors)
        self._layers: dict[str, Layer | None] = {}
        self._further: list[Layer] = []
        self._redirected: dict[str, str] = {}

    def remove(self, *layers: str) -> None:
        """Leaves layers out."""
        self._layers |= dict.fromkeys(layers)

    def redirect(self, tensor: str, to: str) -> None:
        """Lets readers of one activation, and the network where it hands it out, take another one."""
        self._redirected[tensor] = to

    def reshape(self, tensor: str, shape: Sequence[int]) -> None:
        """Gives a tensor another shape; layers around it have to be put anew.

        Raises:
            NetworkShapeError: The shape has too many elements.
        """
        self.tensors[tensor] = replace(self.tensors[tensor], shape=tuple(shape))

    def put(
        self,
        layer: Layer,
        *,
        kind: str | None = None,
        inputs: Sequence[str] | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        """Describes a layer anew, from its tensors as they are now.

        Args:
            layer: The layer as it was.
            kind: Its new kind; None leaves it.
            inputs: Its new operands; None leaves them.
            attributes: Its new attributes; None leaves them.

        Raises:
            NetworkShapeError: Its operands, attributes and results do not fit.
        """
        self._layers[layer.name] = self._described(
            layer,
            layer.kind if kind is None else kind,
            layer.inputs if inputs is None else inputs,
            layer.attributes if attributes is None else attributes,
        )

    def add(self, layer: Layer) -> None:
        """Appends a layer that describes itself already; its tensors must be in ``tensors``."""
        self._further.append(layer)

    def constant(self, like: str, shape: Sequence[int], *, owner: str, label: str) -> str:
        """Makes a constant that belongs to a layer, of the element type of another tensor, and returns its name."""
        name = self.fresh(f"{owner}.{label}")
        self.tensors[name] = Tensor(name, tuple(shape), self.tensors[like].dtype, constant=True)
        return name

    def activation(self, like: str, shape: Sequence[int], *, name: str) -> str:
        """Makes an activation of the element type of another one and returns its name."""
        name = self.fresh(name)
        self.tensors[name] = Tensor(name, tuple(shape), self.tensors[like].dtype)
        return name

    def fresh(self, name: str) -> str:
        """A name that no tensor and no layer has so far."""
        taken, number, found = self.tensors.keys() | self.network.layers_by_name.keys(), 1, name
        while found in taken:
            number += 1
            found = f"{name}_{number}"
        return found

    def build(self) -> Network:
        """The changed network.

        Raises:
            NetworkStructureError: What is left is no network.
            NetworkShapeError: Layers do not fit each other.
        """
        kept = [self._layers.get(layer.name, layer) for layer in self.network.layers]
        layers = [self._reading(layer) for layer in (*kept, *self._further) if layer is not None]
        used = {name for layer in layers for name in (*layer.inputs, *layer.outputs)}
        outputs = [self._now(name) for name in self.network.outputs]
        self._check(layers)
        old = self.network
        return Network(
            name=old.name,
            layers=layers,
            tensors={name: each for name, each in self.tensors.items() if name in used or name in old.inputs},
            inputs=old.inputs,
            outputs=outputs,
            batch=old.batch,
            channels_last=old.channels_last,
            source_format=old.source_format,
            notes=old.notes,
            loops=old.loops,
            data_sizes=old.data_sizes,
            values=old.values,
        )

    def _now(self, tensor: str) -> str:
        while tensor in self._redirected:
            tensor = self._redirected[tensor]
        return tensor

    def _reading(self, layer: Layer) -> Layer:
        """A layer that reads what its operands were redirected to."""
        now = tuple(map(self._now, layer.inputs))
        return layer if now == layer.inputs else self._described(layer, layer.kind, now, layer.attributes)

    def _described(
        self, layer: Layer, kind: str, inputs: Sequence[str], attributes: Mapping[str, AttributeValue]
    ) -> Layer:
        stated = KINDS[kind].macs is None or "equation" in attributes
        made = describe_layer(
            kind,
            layer.name,
            inputs=[self.tensors[name] for name in inputs],
            outputs=[self.tensors[name] for name in layer.outputs],
            attributes=attributes,
            channels_last=self.network.channels_last,
            dimensions=layer.workload.dimensions if stated else None,
            macs=layer.workload.macs if stated else None,
        )
        return replace(made, module=layer.module)

    def _check(self, layers: Iterable[Layer]) -> None:
        """Infers the shapes of changed layers, which must be those that their results have."""
        if self.network.channels_last:
            return
        before = self.network.layers_by_name
        for layer in layers:
            unsaid = "equation" in layer.attributes or (layer.kind == "slice" and "starts" not in layer.attributes)
            if before.get(layer.name) is layer or KINDS[layer.kind].shapes is None or unsaid:
                continue
            read, written = ([self.tensors[name].shape for name in names] for names in (layer.inputs, layer.outputs))
            attributes = {**_implied(layer, read, written), **layer.attributes}
            shapes = output_shapes(layer.kind, read, attributes, name=layer.name)
            if shapes[: len(written)] != written:
                raise NetworkStructureError(
                    f"layer {layer.name!r} ({layer.kind}) would write {shapes} where {written} are expected"
                )


def is_transposed(layer: Layer, weights: Sequence[int], depth: int) -> bool:
    """Whether the weights of a product are features by depth: said so, or because they fit in no other way."""
    return bool(layer.attributes.get("transposed_weights")) or weights[0] != depth


def _implied(layer: Layer, read: Sequence[Shape], written: Sequence[Shape]) -> dict[str, AttributeValue]:
    """Attributes that follow from the shapes of a layer, which readers may leave out."""
    kind, attributes = layer.kind, layer.attributes
    if kind in ("reshape", "expand"):
        return {"shape": written[0]}
    if kind.startswith("resize_"):
        return {"sizes": written[0][2:]}
    if kind == "fully_connected":
        return {"transposed_weights": is_transposed(layer, read[1], read[0][-1])}
    if kind == "split":
        axis = integers(attributes, "axis")[0]
        return {"split": tuple(shape[axis] for shape in written)}
    if kind == "slice" and "starts" in attributes:
        starts, axes = integers(attributes, "starts"), integers(attributes, "axes")
        steps = integers(attributes, "steps", (1,) * len(starts))
        firsts = [
            min(start + read[0][axis] if start < 0 else start, read[0][axis] - 1)
            for start, axis in zip(starts, axes, strict=True)
        ]
        ends = [first + written[0][axis] * step for first, axis, step in zip(firsts, axes, steps, strict=True)]
        return {"ends": tuple(end if end >= 0 else -read[0][axis] - 1 for end, axis in zip(ends, axes, strict=True))}
    return {}
