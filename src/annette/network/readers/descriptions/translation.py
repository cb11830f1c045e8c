"""From described layers to a network: mend, check, translate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError, NetworkStructureError
from annette.network.network import Network
from annette.network.readers.descriptions.operators import plan_layer
from annette.network.readers.descriptions.reconstruction import (
    INPUT,
    Notes,
    drop_shape_arithmetic,
    ordered,
    refuse_lost_groups,
    retype_inputs,
)
from annette.network.tensor import Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import Layer
    from annette.network.readers.descriptions.described_layer import DescribedLayer

__all__ = ["build_network"]


def build_network(name: str, described: Sequence[DescribedLayer], *, batch: int, source_format: str) -> Network:
    """Builds a network from what a JSON description says.

    Args:
        name: The network's name.
        described: Its layers, in any order.
        batch: Samples processed together; already part of the layers' shapes.
        source_format: ``annette-json`` or ``mmdnn-json``.

    Returns:
        The network; its notes tell every repair.

    Raises:
        NetworkStructureError: The graph is empty, cyclic or dangling, or a layer's type was lost.
        NetworkShapeError: A shape is missing or contradicts its neighbours.
    """
    notes = Notes()
    layers = drop_shape_arithmetic(ordered(described, name, notes), notes)
    retype_inputs(layers, name, notes)
    _fill_shapes(layers, notes)
    refuse_lost_groups(layers, name)
    tensors: dict[str, Tensor] = {}
    built: list[Layer] = []
    for layer in layers.values():
        tensors[layer.name] = Tensor(layer.name, layer.shape)
        if layer.operator != INPUT:
            built.append(_build(layer, tensors, notes))
    inputs = [layer.name for layer in layers.values() if layer.operator == INPUT]
    _check_batch(inputs, tensors, batch, name)
    read = {tensor for layer in built for tensor in layer.inputs}
    return Network(
        name=name,
        layers=built,
        tensors=tensors,
        inputs=inputs,
        outputs=[layer.name for layer in built if layer.name not in read],
        batch=batch,
        channels_last=True,
        source_format=source_format,
        notes=notes.sentences(),
    )


def _fill_shapes(layers: Mapping[str, DescribedLayer], notes: Notes) -> None:
    """Gives padding by nothing, which the original writes with shape ``[0]``, the shape that it reads."""
    for layer in layers.values():
        if layer.shape:
            continue
        if layer.operator != "Pad" or any(layer.pads) or len(layer.parents) != 1:
            raise NetworkShapeError(f"layer {layer.name!r} ({layer.operator}) does not say which shape it writes")
        layer.shape = layers[layer.parents[0]].shape
        notes.add("the output shape of {} that pad by nothing was missing; it is the input's", layer.name)


def _build(layer: DescribedLayer, tensors: dict[str, Tensor], notes: Notes) -> Layer:
    sources = [tensors[parent] for parent in layer.parents]
    if not sources:
        raise NetworkStructureError(f"layer {layer.name!r} ({layer.operator}) reads nothing that is computed")
    _check_stated_input(layer, sources)
    plan = plan_layer(layer, sources, notes)
    constants = []
    for role, shape in plan.constants.items():
        constant = Tensor(f"{layer.name}/{role}", shape, constant=True)
        if constant.name in tensors:
            raise NetworkStructureError(f"tensor {constant.name!r} exists twice: rename the layer of that name")
        tensors[constant.name] = constant
        constants.append(constant)
    return describe_layer(
        plan.kind,
        layer.name,
        inputs=[*(sources if plan.reads else ()), *constants],
        outputs=[tensors[layer.name]],
        attributes=plan.attributes,
        channels_last=True,
    )


def _check_stated_input(layer: DescribedLayer, sources: Sequence[Tensor]) -> None:
    """What a layer claims to read must be what arrives; of several operands only the first is stated."""
    if not layer.stated_input or layer.operator == "PriorBox":
        return
    claimed = layer.stated_input
    same = any(source.shape == claimed for source in sources)
    flattened = len(sources) == 1 and math.prod(claimed) == sources[0].elements and min(len(claimed), 3) < 3
    if not same and not flattened:
        read = ", ".join(str(list(source.shape)) for source in sources)
        raise NetworkShapeError(
            f"layer {layer.name!r} ({layer.operator}) claims to read {list(claimed)}, but its parents write {read}"
        )


def _check_batch(inputs: Sequence[str], tensors: Mapping[str, Tensor], batch: int, name: str) -> None:
    for tensor in inputs:
        shape = tensors[tensor].shape
        if shape and shape[0] != batch:
            raise NetworkShapeError(
                f"input {tensor!r} of network {name!r} is fixed to batch {shape[0]}, not {batch}: "
                f"leave the batch size out or export the network anew"
            )
