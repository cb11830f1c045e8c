"""Branches that one layer can compute: those that read the same with equal windows, and sums of linear ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from annette.advice.changes import Change, Retraining
from annette.advice.editing import Edit, is_transposed, layer_named, sole_reader
from annette.errors import NetworkStructureError
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.shapes import integers
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.network import Layer, Network

__all__ = ["JoinBranches", "MergeSiblings", "branch_changes"]

_MERGED: Final = ("conv", "fully_connected")
_LINEAR: Final = ("conv", "grouped_conv", "depthwise_conv")
_BEHIND: Final = (kinds_in(Category.ACTIVATION) - {"prelu"}) | {"batch_norm"}


@dataclass(frozen=True)
class MergeSiblings(Change):
    """One layer of all filters in place of several that read the same tensor; its result is split.

    Attributes:
        siblings: The layers.
    """

    what: ClassVar[str] = "siblings"
    retraining: ClassVar[Retraining] = "none"

    siblings: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is changed."""
        names = ", ".join(map(repr, self.siblings))
        return f"compute {names} as one layer and split its result"

    @property
    def reason(self) -> str:
        """Why."""
        return "layers of equal windows read the same tensor one after the other"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers."""
        return self.siblings

    def apply(self, network: Network) -> Network:
        """The network with one layer."""
        chains = _chains(network, [layer_named(network, name) for name in self.siblings])
        first, edit = chains[0][0], Edit(network)
        if len({(layer.inputs[0], _likeness(layer)) for layer in (chain[0] for chain in chains)}) > 1:
            raise NetworkStructureError(f"layers {', '.join(self.siblings)} do not read the same any more")
        axis = 1 if first.kind == "conv" else len(network.tensors[first.outputs[0]].shape) - 1
        source = first.inputs[0]
        for layers in zip(*chains, strict=True):
            source = _merged(edit, network, layers, source, axis)
        ends = [chain[-1].outputs[0] for chain in chains]
        edit.remove(*(layer.name for chain in chains[1:] for layer in chain))
        sizes = tuple(network.tensors[name].shape[axis] for name in ends)
        split = describe_layer(
            "split",
            edit.fresh(f"{first.name}/split"),
            inputs=[edit.tensors[source]],
            outputs=[network.tensors[name] for name in ends],
            attributes={"axis": axis, "split": sizes},
        )
        edit.add(split)
        return edit.build()


def _merged(edit: Edit, network: Network, layers: Sequence[Layer], source: str, axis: int) -> str:
    """Puts one layer in the place of the first of several, which does what all do; returns what it writes."""
    first = layers[0]
    tensors, result = network.tensors, network.tensors[first.outputs[0]]
    count = sum(tensors[layer.outputs[0]].shape[axis] for layer in layers)
    shape = (*result.shape[:axis], count, *result.shape[axis + 1 :])
    name = edit.activation(first.outputs[0], shape, name=f"{first.outputs[0]}_all")
    inputs = [source]
    for position, constant in enumerate(first.inputs[1:], start=1):
        sizes = list(tensors[constant].shape)
        plain = first.kind == "fully_connected" and position == 1
        along = int(plain and not is_transposed(first, sizes, tensors[first.inputs[0]].shape[-1]))
        sizes[along] = count
        inputs.append(edit.constant(constant, sizes, owner=first.name, label=f"all{position}"))
    attributes = dict(first.attributes)
    if first.kind == "fully_connected":
        attributes["transposed_weights"] = is_transposed(
            first, tensors[first.inputs[1]].shape, tensors[first.inputs[0]].shape[-1]
        )
    edit.put(replace(first, outputs=(name,)), inputs=inputs, attributes=attributes)
    return name


def _likeness(layer: Layer) -> tuple[object, ...]:
    """What layers must have in common to be merged."""
    return layer.kind, len(layer.inputs), tuple(sorted(layer.attributes.items(), key=str))


def _chains(network: Network, siblings: Sequence[Layer]) -> list[list[Layer]]:
    """Each of some layers with what follows it, as far as all have equal layers behind them."""
    chains = [[layer] for layer in siblings]
    while True:
        readers = [sole_reader(network, chain[-1].outputs[0]) for chain in chains]
        behind = [layer for layer in readers if layer is not None and layer.kind in _BEHIND and len(layer.outputs) == 1]
        if len(behind) < len(chains) or len({_likeness(layer) for layer in behind}) > 1:
            return chains
        for chain, layer in zip(chains, behind, strict=True):
            chain.append(layer)


class _Branch(NamedTuple):
    """A linear way from one tensor to a sum.

    Attributes:
        source: The tensor.
        convolution: The convolution on it; None where there is none.
        layers: All its layers.
    """

    source: str
    convolution: Layer | None
    layers: tuple[str, ...]


@dataclass(frozen=True)
class JoinBranches(Change):
    """One convolution in place of parallel linear branches whose results are added.

    Attributes:
        total: The layer that adds.
        count: How many branches there are.
    """

    what: ClassVar[str] = "branches"
    retraining: ClassVar[Retraining] = "none"

    total: str
    count: int

    @property
    def title(self) -> str:
        """What is changed."""
        return f"compute the {self.count} branches that {self.total!r} adds as one convolution"

    @property
    def reason(self) -> str:
        """Why."""
        return "the branches are linear and read the same tensor: their weights can be added beforehand"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer that adds."""
        return (self.total,)

    def apply(self, network: Network) -> Network:
        """The network with one convolution."""
        total = layer_named(network, self.total)
        found = _branches(network, total)
        if found is None:
            raise NetworkStructureError(f"what layer {self.total!r} adds are no linear branches any more")
        branches, adds = found
        widest, edit = _widest(network, branches), Edit(network)
        edit.remove(*adds, *(name for branch in branches for name in branch.layers if name != widest.name))
        filters = network.tensors[widest.inputs[1]].shape[0]
        bias = edit.constant(widest.inputs[1], (filters,), owner=widest.name, label="sum")
        edit.put(replace(widest, outputs=total.outputs), inputs=[*widest.inputs[:2], bias])
        return edit.build()


def _widest(network: Network, branches: Sequence[_Branch]) -> Layer:
    """The convolution of the largest window."""
    layers = [branch.convolution for branch in branches if branch.convolution is not None]
    return max(layers, key=lambda layer: network.tensors[layer.inputs[1]].elements)


def _branches(network: Network, total: Layer) -> tuple[list[_Branch], list[str]] | None:
    """The branches of a sum and the layers that add; None where one convolution cannot do the same."""
    adds, open_, branches = [total.name], list(total.inputs), []
    while open_:
        tensor = open_.pop()
        producer = network.producers.get(tensor)
        if network.tensors[tensor].constant:
            return None
        if (
            producer is not None
            and producer.kind == "add"
            and len(producer.inputs) == 2
            and sole_reader(network, tensor)
        ):
            adds.append(producer.name)
            open_ += producer.inputs
            continue
        branches.append(_branch(network, tensor))
    sources = _common(branches)
    if sources is None or not any(branch.convolution for branch in sources):
        return None
    widest = _widest(network, sources)
    return (sources, adds) if all(_fits(network, branch, widest) for branch in sources) else None


def _branch(network: Network, tensor: str) -> _Branch:
    """The way to a tensor over at most a normalization and a convolution that nothing else reads."""
    layers: list[str] = []
    producer, reader = network.producers.get(tensor), sole_reader(network, tensor)
    if producer is not None and reader is not None and producer.kind == "batch_norm":
        layers.append(producer.name)
        tensor = producer.inputs[0]
        producer, reader = network.producers.get(tensor), sole_reader(network, tensor)
    if producer is not None and reader is not None and producer.kind in _LINEAR and len(producer.inputs) <= 3:
        return _Branch(producer.inputs[0], producer, (*layers, producer.name))
    return _Branch(tensor, None, tuple(layers))


def _common(branches: Sequence[_Branch]) -> list[_Branch] | None:
    """The branches, if there are several that all begin at one tensor."""
    sources = {branch.source for branch in branches}
    return list(branches) if len(branches) > 1 and len(sources) == 1 else None


def _fits(network: Network, branch: _Branch, widest: Layer) -> bool:
    """Whether a branch is a part of what a convolution can compute."""
    kernel = integers(widest.attributes, "kernel_shape")
    rank = len(kernel)
    strides, pads = (
        integers(widest.attributes, "strides", (1,) * rank),
        integers(widest.attributes, "pads", (0,) * 2 * rank),
    )
    if max(integers(widest.attributes, "dilations", (1,) * rank)) > 1 or "activation" in widest.attributes:
        return False
    layer = branch.convolution
    if layer is None:
        same = network.tensors[branch.source].shape == network.tensors[widest.outputs[0]].shape
        middle = all(pads[i] == (kernel[i] - 1) // 2 and kernel[i] % 2 for i in range(rank))
        return same and middle and max(strides) == 1
    own, own_pads = integers(layer.attributes, "kernel_shape"), integers(layer.attributes, "pads", (0,) * 2 * rank)
    return (
        layer.kind == widest.kind
        and layer.attributes.get("groups", 1) == widest.attributes.get("groups", 1)
        and integers(layer.attributes, "strides", (1,) * rank) == strides
        and max(integers(layer.attributes, "dilations", (1,) * rank)) == 1
        and all(0 <= pads[i] - own_pads[i] <= kernel[i] - own[i] for i in range(rank))
    )


def branch_changes(network: Network, layers: Iterable[Layer]) -> list[Change]:
    """Branches that could be computed as one layer.

    Args:
        network: The network.
        layers: Layers that matter, the heaviest first.
    """
    if network.channels_last:
        return []
    found: dict[Change, None] = {}
    for layer in layers:
        if layer.kind in _MERGED and "equation" not in layer.attributes:
            alike = [each for each in network.consumers[layer.inputs[0]] if _mergeable(network, each, layer)]
            if len(alike) > 1:
                found[MergeSiblings(tuple(each.name for each in alike))] = None
        if layer.kind in _LINEAR:
            total = _sum_behind(network, layer)
            branches = None if total is None else _branches(network, total)
            if total is not None and branches is not None:
                found[JoinBranches(total.name, len(branches[0]))] = None
    return list(found)


def _mergeable(network: Network, layer: Layer, like: Layer) -> bool:
    constant = all(network.tensors[name].constant for name in layer.inputs[1:])
    return layer.inputs[0] == like.inputs[0] and _likeness(layer) == _likeness(like) and constant


def _sum_behind(network: Network, layer: Layer) -> Layer | None:
    """The last of the sums that alone read a convolution, perhaps normalized."""
    found, reader = None, sole_reader(network, layer.outputs[0])
    if reader is not None and reader.kind == "batch_norm":
        reader = sole_reader(network, reader.outputs[0])
    while reader is not None and reader.kind == "add" and len(reader.inputs) == 2:
        found, reader = reader, sole_reader(network, reader.outputs[0])
    return found
