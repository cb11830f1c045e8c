"""The network: an immutable directed acyclic graph of layers over named tensors."""

from __future__ import annotations

from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from annette.errors import NetworkStructureError
from annette.network.links import Links, origins
from annette.notebook import card
from annette.number_text import bytes_text, count_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.network.layer import Layer
    from annette.network.loop import Loop
    from annette.network.sizes import DataSize
    from annette.network.tensor import DType, Tensor

__all__ = ["Network"]


class Network:
    """A network with every shape known, its layers in topological order.

    Instances are immutable and may be shared between threads.

    Args:
        name: For people and reports.
        layers: In any order; stored in topological order (stable: layers that may stay where they are do).
        tensors: Every tensor that a layer reads or writes.
        inputs: Names of the activations fed in.
        outputs: Names of the activations handed out.
        batch: Number of samples processed together.
        channels_last: Whether feature maps are stored as N, …spatial…, C.
        source_format: Where it came from: ``onnx``, ``annette-json``, ``mmdnn-json``, ``tflite``, ``zoo``, ….
        notes: Repairs and assumptions the reader made, one sentence each, to be shown to the user.
        branches: Where the file chooses by data what runs: each choice, a node and its branch, as it was read here.
        variants: What the file is with other branches; estimates look at all of them.
        loops: Loops whose rounds are layers, each time that one is run, and branches that a condition chooses then.
        size_nodes: Nodes of the file that compute with sizes which it leaves open, and that are no layers: a runtime
            that takes the file as it is runs them every time.
        data_sizes: Sizes that data decide when it runs, and what they count as here.
        extremes: The network with the least and with the largest of those sizes that nobody gave; intervals span both.
        values: Contents of inputs that were given because they decide what runs, row by row, by the input's name.
        empty_inputs: Shapes of inputs that were given no elements, such as the cache of a decoder before its first
            token, by name. They are no tensors of the network; a runtime must be fed with them.

    Attributes:
        links: The edges as plain numbers, layers named by position.

    Raises:
        NetworkStructureError: The graph is empty, cyclic, reads a tensor that nothing produces, or produces a
            tensor or names a layer twice.
    """

    def __init__(
        self,
        *,
        name: str,
        layers: Iterable[Layer],
        tensors: Mapping[str, Tensor],
        inputs: Sequence[str],
        outputs: Sequence[str],
        batch: int = 1,
        channels_last: bool = False,
        source_format: str = "",
        notes: Sequence[str] = (),
        branches: Sequence[tuple[str, str]] = (),
        variants: Sequence[Network] = (),
        loops: Sequence[Loop] = (),
        size_nodes: int = 0,
        data_sizes: Sequence[DataSize] = (),
        extremes: Sequence[Network] = (),
        values: Mapping[str, Sequence[bool | int | float]] | None = None,
        empty_inputs: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.tensors: Mapping[str, Tensor] = MappingProxyType(dict(tensors))
        self.batch = batch
        self.channels_last = channels_last
        self.source_format = source_format
        self.notes = tuple(notes)
        self.branches = tuple(branches)
        self.variants = tuple(variants)
        self.loops = tuple(loops)
        self.size_nodes = size_nodes
        self.data_sizes = tuple(data_sizes)
        self.extremes = tuple(extremes)
        self.values = MappingProxyType({name: tuple(numbers) for name, numbers in (values or {}).items()})
        self.empty_inputs: Mapping[str, tuple[int, ...]] = MappingProxyType(dict(empty_inputs or {}))
        unordered = tuple(layers)
        if not unordered:
            raise NetworkStructureError(f"network {name!r} has no layers: there is nothing to estimate")
        links = Links.of(unordered, self.tensors, self.inputs, self.outputs)
        if links is None:
            unordered = self._sort(unordered, self._check(unordered))
            links = Links.of(unordered, self.tensors, self.inputs, self.outputs)
            assert links is not None  # noqa: S101 - narrows the type; `_check` has looked
        self.layers = unordered
        self.links = links

    def _check(self, layers: tuple[Layer, ...]) -> dict[str, Layer]:
        producers: dict[str, Layer] = {}
        names: set[str] = set()
        given = set(self.inputs)
        for layer in layers:
            if layer.name in names:
                raise NetworkStructureError(f"network {self.name!r} has two layers named {layer.name!r}")
            names.add(layer.name)
            for output in layer.outputs:
                if output in producers or output in given:
                    raise NetworkStructureError(
                        f"tensor {output!r} in network {self.name!r} is produced twice, by "
                        f"{producers[output].name if output in producers else 'the network input'!r} "
                        f"and {layer.name!r}"
                    )
                producers[output] = layer
        available = producers.keys() | given
        for layer in layers:
            for tensor in (*layer.inputs, *layer.outputs):
                if tensor not in self.tensors:
                    raise NetworkStructureError(
                        f"layer {layer.name!r} in network {self.name!r} refers to {tensor!r}, which is not described"
                    )
            for tensor in layer.inputs:
                if tensor not in available and not self.tensors[tensor].constant:
                    raise NetworkStructureError(
                        f"layer {layer.name!r} in network {self.name!r} reads {tensor!r}, which nothing produces"
                    )
        for output in self.outputs:
            if output not in available and not (output in self.tensors and self.tensors[output].constant):
                raise NetworkStructureError(f"output {output!r} of network {self.name!r} is produced by nothing")
        return producers

    def _sort(self, layers: tuple[Layer, ...], producers: Mapping[str, Layer]) -> tuple[Layer, ...]:
        """Topological order by repeated depth-first walks, without recursion; raises on a cycle."""
        order: list[Layer] = []
        done: set[str] = set()
        open_: set[str] = set()
        for root in layers:
            stack = [(root, False)]
            while stack:
                layer, expanded = stack.pop()
                if layer.name in done:
                    continue
                if expanded:
                    open_.discard(layer.name)
                    done.add(layer.name)
                    order.append(layer)
                    continue
                open_.add(layer.name)
                stack.append((layer, True))
                for tensor in reversed(layer.inputs):
                    producer = producers.get(tensor)
                    if producer is not None and producer.name not in done:
                        if producer.name in open_:
                            raise NetworkStructureError(
                                f"network {self.name!r} has a cycle through layer {producer.name!r}: "
                                "only acyclic networks can be estimated"
                            )
                        stack.append((producer, False))
        return tuple(order)

    def replaced(
        self,
        *,
        name: str | None = None,
        notes: Sequence[str] | None = None,
        branches: Sequence[tuple[str, str]] | None = None,
        variants: Sequence[Network] | None = None,
        extremes: Sequence[Network] | None = None,
    ) -> Network:
        """The same layers with another name, other notes, branches, variants or extremes; None keeps what there is."""
        return Network(
            name=self.name if name is None else name,
            layers=self.layers,
            tensors=self.tensors,
            inputs=self.inputs,
            outputs=self.outputs,
            batch=self.batch,
            channels_last=self.channels_last,
            source_format=self.source_format,
            notes=self.notes if notes is None else notes,
            branches=self.branches if branches is None else branches,
            variants=self.variants if variants is None else variants,
            loops=self.loops,
            size_nodes=self.size_nodes,
            data_sizes=self.data_sizes,
            extremes=self.extremes if extremes is None else extremes,
            values=self.values,
            empty_inputs=self.empty_inputs,
        )

    @property
    def fed_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of everything that a runtime is fed with, by the input's name: empty inputs, too."""
        return {**{name: self.tensors[name].shape for name in self.inputs}, **self.empty_inputs}

    @cached_property
    def producers(self) -> Mapping[str, Layer]:
        """The layer that writes each tensor that one writes."""
        return MappingProxyType({tensor: layer for layer in self.layers for tensor in layer.outputs})

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Layer, ...]]:
        """The layers that read each tensor, in topological order, each once."""
        readers: dict[str, list[Layer]] = {}
        for layer in self.layers:
            for tensor in dict.fromkeys(layer.inputs):
                readers.setdefault(tensor, []).append(layer)
        return MappingProxyType({tensor: tuple(layers) for tensor, layers in readers.items()})

    @cached_property
    def activation_dtypes(self) -> frozenset[DType]:
        """Element types of all tensors that are no constants."""
        return frozenset([tensor.dtype for tensor in self.tensors.values() if not tensor.constant])

    @cached_property
    def dtypes(self) -> frozenset[DType]:
        """Element types of all tensors."""
        return frozenset(map(attrgetter("dtype"), self.tensors.values()))

    @cached_property
    def activations(self) -> Mapping[str, tuple[str, ...]]:
        """For each layer's name, the activations it reads, each once, in operand order."""
        return MappingProxyType(dict(zip([layer.name for layer in self.layers], self.links.reads, strict=True)))

    @cached_property
    def origins(self) -> Mapping[str, tuple[str, ...]]:
        """For each activation, the kinds of layers that it comes from (`annette.network.links.origins`)."""
        return MappingProxyType(origins(self.layers, self.activations, self.inputs))

    @cached_property
    def layers_by_name(self) -> Mapping[str, Layer]:
        """The layers by their names."""
        return MappingProxyType({layer.name: layer for layer in self.layers})

    @cached_property
    def kinds_by_layer(self) -> Mapping[str, str]:
        """Kind of each layer by its name."""
        return MappingProxyType({layer.name: layer.kind for layer in self.layers})

    @property
    def ops(self) -> int:
        """Operations of all layers (1 multiply-accumulate = 2 operations)."""
        return sum([layer.workload.ops for layer in self.layers])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and matrix products."""
        return sum(layer.workload.macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Learned values: elements of all constants, each tensor once, running statistics of batch_norm left out."""
        learned: set[str] = set()
        for layer in self.layers:
            operands = layer.inputs[:3] if layer.kind == "batch_norm" else layer.inputs
            learned.update(t for t in operands if self.tensors[t].constant and self.tensors[t].learned)
        return sum(self.tensors[tensor].elements for tensor in learned)

    @cached_property
    def constant_elements(self) -> int:
        """Elements of all constants that layers read, each tensor once."""
        read = set().union(*[layer.inputs for layer in self.layers])
        return sum([tensor.elements for tensor in map(self.tensors.__getitem__, read) if tensor.constant])

    @property
    def bytes(self) -> int:
        """Bytes moved by all layers one by one, in the network's own element types."""
        return sum(layer.workload.bytes for layer in self.layers)

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {len(self.layers)} layers, {self.macs / 1e9:.3g} GMACs, batch {self.batch})"

    def _repr_html_(self) -> str:
        kinds: dict[str, list[Layer]] = {}
        for layer in self.layers:
            kinds.setdefault(layer.kind, []).append(layer)
        counted = {kind: (len(layers), sum(layer.workload.ops for layer in layers)) for kind, layers in kinds.items()}
        return card(
            f"{self.name}: {count_text(self.macs)}MACs, {count_text(self.parameters)} parameters, batch {self.batch}",
            (f"{len(self.layers)} layers, {bytes_text(self.bytes)} moved", *self.notes),
            ("kind", "layers", "ops"),
            (
                (kind, str(count), count_text(ops))
                for kind, (count, ops) in sorted(counted.items(), key=lambda entry: -entry[1][1])
            ),
        )
