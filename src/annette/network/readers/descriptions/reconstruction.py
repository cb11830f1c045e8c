"""Finds what is broken in a JSON network description and mends what the file itself proves.

A repair needs evidence in the file and leaves a note; without evidence the description is refused. Known faults of
the published descriptions: lists of children left empty, layers whose type a converter did not know stored as
``DataInput``, shape arithmetic kept as layers, groups lost.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.errors import NetworkShapeError, NetworkStructureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.network.readers.descriptions.described_layer import DescribedLayer

__all__ = ["INPUT", "Notes", "drop_shape_arithmetic", "ordered", "refuse_lost_groups", "retype_inputs"]

INPUT: Final = "DataInput"
_SHAPE_SOURCE: Final = "Shape"
_POINTWISE: Final = frozenset({"BatchNorm", "Relu", "Relu6", "LeakyRelu", "Clip", "Relu6 (stored as DataInput)"})
_LOST_GROUPS_FROM: Final = 3


class Notes:
    """Collects repairs; each kind of repair becomes one sentence with a count and an example."""

    def __init__(self) -> None:
        self._layers_by_repair: dict[str, list[str]] = {}

    def add(self, sentence: str, layer: str) -> None:
        """Records a repair of one layer; ``sentence`` speaks of "N layers" as ``{}``."""
        self._layers_by_repair.setdefault(sentence, []).append(layer)

    def sentences(self) -> tuple[str, ...]:
        """One sentence for each kind of repair."""
        return tuple(
            f"{sentence.format('1 layer' if len(layers) == 1 else f'{len(layers)} layers')} (first: {layers[0]!r})"
            for sentence, layers in self._layers_by_repair.items()
        )


def ordered(layers: Iterable[DescribedLayer], network: str, notes: Notes) -> dict[str, DescribedLayer]:
    """Layers by name, producers first, with every edge checked.

    Raises:
        NetworkStructureError: A name occurs twice, an edge leads nowhere, a layer reads nothing, or there is a cycle.
    """
    by_name: dict[str, DescribedLayer] = {}
    for layer in layers:
        if layer.name in by_name:
            raise NetworkStructureError(f"network {network!r} has two layers named {layer.name!r}")
        by_name[layer.name] = layer
    readers: dict[str, list[str]] = {name: [] for name in by_name}
    for layer in by_name.values():
        for parent in layer.parents:
            if parent not in by_name:
                raise NetworkStructureError(
                    f"layer {layer.name!r} of network {network!r} reads {parent!r}, which is not a layer"
                )
            readers[parent].append(layer.name)
    _check_children(by_name, readers, network, notes)
    for layer in by_name.values():
        if not layer.parents and layer.operator != INPUT:
            raise NetworkStructureError(
                f"layer {layer.name!r} ({layer.operator}) of network {network!r} reads nothing and is no input: "
                "the graph was cut there"
            )
    return _sorted(by_name, readers, network)


def _check_children(
    by_name: Mapping[str, DescribedLayer], readers: Mapping[str, list[str]], network: str, notes: Notes
) -> None:
    """Compares the stated children, where the format has them, with those that follow from the parents."""
    parents: dict[str, frozenset[str]] = {}
    for layer in by_name.values():
        if layer.children is None:
            continue
        for child in dict.fromkeys(layer.children):
            if child not in by_name:
                raise NetworkStructureError(
                    f"layer {layer.name!r} of network {network!r} has a child {child!r}, which is not a layer"
                )
            if child not in parents:
                parents[child] = frozenset(by_name[child].parents)
            if layer.name not in parents[child]:
                raise NetworkStructureError(
                    f"layer {child!r} of network {network!r} dangles: {layer.name!r} lists it as a child, "
                    "but it does not list that layer as a parent"
                )
        if set(readers[layer.name]) - set(layer.children):
            notes.add("the list of children of {} was incomplete; it was recomputed from the parents", layer.name)


def _sorted(
    by_name: Mapping[str, DescribedLayer], readers: Mapping[str, list[str]], network: str
) -> dict[str, DescribedLayer]:
    waiting = {name: len(layer.parents) for name, layer in by_name.items()}
    ready = deque(name for name, count in waiting.items() if count == 0)
    order: dict[str, DescribedLayer] = {}
    while ready:
        name = ready.popleft()
        order[name] = by_name[name]
        for reader in readers[name]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    if len(order) < len(by_name):
        stuck = next(name for name in by_name if name not in order)
        raise NetworkStructureError(
            f"network {network!r} has a cycle through or before layer {stuck!r}: only acyclic networks can be estimated"
        )
    return order


def drop_shape_arithmetic(layers: dict[str, DescribedLayer], notes: Notes) -> dict[str, DescribedLayer]:
    """Leaves out layers that compute shapes only: Shape and what follows from it alone."""
    dropped: set[str] = set()
    for layer in layers.values():
        if layer.operator == _SHAPE_SOURCE or (layer.parents and all(parent in dropped for parent in layer.parents)):
            dropped.add(layer.name)
            notes.add("{} of shape arithmetic left out: known before the network runs", layer.name)
    kept = {name: layer for name, layer in layers.items() if name not in dropped}
    for layer in kept.values():
        layer.parents = tuple(parent for parent in layer.parents if parent not in dropped)
    return kept


def retype_inputs(layers: Mapping[str, DescribedLayer], network: str, notes: Notes) -> None:
    """Gives layers that are stored as inputs although they read something the type that their shapes prove.

    Raises:
        NetworkStructureError: The shapes prove none.
    """
    for layer in layers.values():
        if layer.operator != INPUT or not layer.parents:
            continue
        sources = [layers[parent].shape for parent in layer.parents]
        operator, what = _proven(sources, layer.shape, any(not layers[parent].parents for parent in layer.parents))
        if operator is None:
            raise NetworkStructureError(
                f"layer {layer.name!r} of network {network!r} is stored as an input but reads {layer.parents[0]!r}: "
                f"its type was lost, and shapes {[list(s) for s in sources]} -> {list(layer.shape)} do not prove one"
            )
        layer.operator = operator
        notes.add(f"{{}} stored as DataInput although reading another layer: taken for {what}", layer.name)


def _proven(sources: list[tuple[int, ...]], written: tuple[int, ...], reads_an_input: bool) -> tuple[str | None, str]:
    """What turns the given shapes into the written one."""
    if len(sources) == 2 and reads_an_input and len(written) == 4 and written[2:] == (1, 2):
        return "PriorBox", "prior boxes, which depend on shapes alone"
    if len(sources) == 1 and sources[0] == written:
        return "Relu6 (stored as DataInput)", "ReLU6, the element-wise layer that this converter did not know"
    if len(sources) == 1 and len(sources[0]) == len(written) == 4:
        return _proven_resampling(sources[0], written)
    return None, ""


def _proven_resampling(read: tuple[int, ...], written: tuple[int, ...]) -> tuple[str | None, str]:
    """Which movement of elements turns one feature map's shape into another."""
    (_, height, width, channels), (_, out_height, out_width, out_channels) = read, written
    grows = out_height > height and out_height % height == 0 and out_height * width == out_width * height
    if grows and out_channels == channels:
        return "ResizeNearestNeighbor", "nearest-neighbour upsampling"
    shrinks = out_height < height and height % out_height == 0 and out_height * width == out_width * height
    if shrinks and math.prod(read) == math.prod(written):
        return "SpaceToDepth", "a reorganisation of positions into channels"
    if sorted(read) == sorted(written):
        return "Permute", "a permutation of dimensions"
    return None, ""


def refuse_lost_groups(layers: Mapping[str, DescribedLayer], network: str) -> None:
    """Refuses networks of inverted bottlenecks whose middle convolution is dense: their groups were lost.

    A convolution that keeps its channels, right behind a 1x1 convolution that widens and right before one that
    narrows, is depthwise in every known architecture; a dense one there would be the network's whole cost.

    Raises:
        NetworkShapeError: There are three or more of them.
    """
    readers: dict[str, list[DescribedLayer]] = {}
    for layer in layers.values():
        for parent in layer.parents:
            readers.setdefault(parent, []).append(layer)
    suspects = [layer for layer in layers.values() if _is_dense_spatial(layer) and _is_inverted(layer, layers, readers)]
    if len(suspects) >= _LOST_GROUPS_FROM:
        first = suspects[0]
        raise NetworkShapeError(
            f"network {network!r} lost its groups: convolution {first.name!r} and {len(suspects) - 1} more are dense "
            f"(kernel {list(first.kernel)}) between a widening and a narrowing 1x1 convolution, where depthwise ones "
            "belong; convert the network again, or use its MMdnn description"
        )


def _is_dense_spatial(layer: DescribedLayer) -> bool:
    """Whether it is a dense convolution over more than one position, in a format that does not state groups."""
    kernel = layer.kernel
    keeps_channels = len(kernel) == 4 and kernel[0] > 1 and kernel[2] == kernel[3]
    return layer.operator == "Conv" and layer.groups is None and keeps_channels


def _is_inverted(
    layer: DescribedLayer, layers: Mapping[str, DescribedLayer], readers: Mapping[str, list[DescribedLayer]]
) -> bool:
    before = layers[layer.parents[0]]
    while before.operator in _POINTWISE and len(before.parents) == 1:
        spend(f"what surrounds layer {layer.name!r}", steps=1)
        before = layers[before.parents[0]]
    after = layer
    while True:
        following = readers.get(after.name, [])
        if len(following) != 1:
            return False
        spend(f"what surrounds layer {layer.name!r}", steps=1)
        after = following[0]
        if after.operator not in _POINTWISE:
            break
    return all(_is_pointwise_conv(conv) for conv in (before, after)) and (
        before.kernel[2] < before.kernel[3] and after.kernel[2] > after.kernel[3]
    )


def _is_pointwise_conv(layer: DescribedLayer) -> bool:
    return layer.operator == "Conv" and len(layer.kernel) == 4 and layer.kernel[:2] == (1, 1)
