"""Who reads what, by position: a network's edges as plain numbers, for code that walks it often."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from annette.network.layer import Layer
    from annette.network.tensor import Tensor

__all__ = ["CONSTANT", "FED", "SCALAR", "Links", "origins"]

FED: Final = -1
"""Stands for the producer of an activation that is fed into the network."""

CONSTANT: Final = -2
"""Stands for the producer of a constant."""

_PASSED: Final = kinds_in(Category.ACTIVATION, Category.BINARY, Category.UNARY) | {"batch_norm", "concat", "identity"}
_INPUT: Final = ("input",)

SCALAR: Final = ""
"""Stands for the name of an operand that is a number and held in the layer's attributes."""


class Links(NamedTuple):
    """The edges of a network; a layer is named by its position in topological order.

    Attributes:
        kinds: Kind of each layer.
        operands: For each layer, the producer of each operand: a position, `FED` or `CONSTANT`. Numbers that a
            layer holds in its attributes (``scalar``, …) count as operands in their place.
        operand_names: For each layer, the tensors of ``operands``, `SCALAR` for numbers.
        readers: For each layer, who reads any of its results: positions in ascending order, and at the end the
            number of layers where the network hands a result out.
        reads: For each layer, the activations it reads, each once, in operand order.
        producers: For each layer, the producers of ``reads``.
        by_kind: Positions of the layers of each kind, ascending.
        shares_constants: Whether a constant is read by more than one layer, or more than once by one.
    """

    kinds: tuple[str, ...]
    operands: tuple[tuple[int, ...], ...]
    operand_names: tuple[tuple[str, ...], ...]
    readers: tuple[tuple[int, ...], ...]
    reads: tuple[tuple[str, ...], ...]
    producers: tuple[tuple[int, ...], ...]
    by_kind: Mapping[str, tuple[int, ...]]
    shares_constants: bool

    @classmethod
    def of(
        cls, layers: Sequence[Layer], tensors: Mapping[str, Tensor], inputs: Iterable[str], outputs: Iterable[str]
    ) -> Links | None:
        """Collects the edges of a network.

        Args:
            layers: Its layers.
            tensors: Its tensors by their names.
            inputs: Names of the activations fed in.
            outputs: Names of the activations that it hands out.

        Returns:
            The edges; None where the network is damaged, or a layer reads what one behind it writes.
        """
        given, written = set(inputs), [tensor for layer in layers for tensor in layer.outputs]
        if not _are_apart(layers, written, given) or not all(map(tensors.__contains__, written)):
            return None
        made: dict[str, int] = {name: FED for name in given if name in tensors}
        made |= {name: CONSTANT for name, tensor in tensors.items() if tensor.constant}
        operands, operand_names, reads, producers = [], [], [], []
        by_kind: defaultdict[str, list[int]] = defaultdict(list)
        constants_read: list[str] = []
        for position, layer in enumerate(layers):
            by_kind[layer.kind].append(position)
            own = layer.inputs
            try:
                sources = tuple(map(made.__getitem__, own))
            except KeyError:
                return None
            if layer.attributes and not _SCALARS.isdisjoint(layer.attributes):
                own = _with_numbers(layer)
                sources = tuple([made.get(tensor, CONSTANT) for tensor in own])
            operand_names.append(own)
            operands.append(sources)
            if len(sources) != 1 or sources[0] == CONSTANT:
                own, sources, constants = _activations(own, sources)
                constants_read += constants
            reads.append(own)
            producers.append(sources)
            for tensor in layer.outputs:
                made[tensor] = position
        if not all(tensor in made or tensor in given for tensor in outputs):
            return None
        constants_read = [name for name in constants_read if name != SCALAR]
        readers = _readers(producers)
        for source in {made[tensor] for tensor in outputs if made.get(tensor, FED) >= 0}:
            readers[source].append(len(layers))
        return cls(
            kinds=tuple([layer.kind for layer in layers]),
            operands=tuple(operands),
            operand_names=tuple(operand_names),
            readers=tuple(map(tuple, readers)),
            reads=tuple(reads),
            producers=tuple(producers),
            by_kind={kind: tuple(positions) for kind, positions in by_kind.items()},
            shares_constants=len(set(constants_read)) < len(constants_read),
        )


def _are_apart(layers: Sequence[Layer], written: Sequence[str], given: AbstractSet[str]) -> bool:
    """Whether no two layers have one name, and no tensor is written twice, or written and fed in."""
    names = {layer.name for layer in layers}
    return len(names) == len(layers) and len(set(written)) == len(written) and given.isdisjoint(written)


def _readers(producers: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each layer, who reads any of its results, given the producers of what each reads."""
    readers: list[list[int]] = [[] for _ in producers]
    for position, sources in enumerate(producers):
        for source in sources:
            if source >= 0:
                reading = readers[source]
                if not reading or reading[-1] != position:  # Else it reads another result of the same layer, too.
                    reading.append(position)
    return readers


def _activations(
    own: tuple[str, ...], sources: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[int, ...], Sequence[str]]:
    """Of a layer's operands the activations, each once, with their producers; and the constants."""
    constants = sources.count(CONSTANT)
    if not constants and len(set(own)) == len(own):
        return own, sources, ()
    if constants == len(sources) - 1 and sources[0] != CONSTANT:
        return own[:1], sources[:1], own[1:]
    read = {name: source for name, source in zip(own, sources, strict=True) if source != CONSTANT}
    return tuple(read), tuple(read.values()), [name for name, at in zip(own, sources, strict=True) if at == CONSTANT]


_SCALARS: Final = frozenset({"scalar", "scalar_true", "scalar_false"})
"""Attributes that stand for operands that are numbers."""


def _with_numbers(layer: Layer) -> tuple[str, ...]:
    """All operands in the operator's order, numbers included."""
    names = list(layer.inputs)
    if "scalar" in layer.attributes:
        names.insert(0 if layer.attributes.get("scalar_first") else 1, SCALAR)
    for place, key in ((1, "scalar_true"), (2, "scalar_false")):
        if key in layer.attributes:
            names.insert(place, SCALAR)
    return tuple(names)


def origins(
    layers: Iterable[Layer], activations: Mapping[str, tuple[str, ...]], inputs: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """For each activation, where it comes from: what decides its layout in memory.

    Args:
        layers: A network's layers in topological order.
        activations: For each layer's name, the activations it reads, each once, in operand order.
        inputs: Names of the activations fed in.

    Returns:
        By tensor, the kinds of the nearest layers before it, the one that writes it among them, that do more than
        compute element by element or join; ``input`` where a walk back ends at what is fed; sorted.
    """
    kinds_before: dict[str, tuple[str, ...]] = dict.fromkeys(inputs, _INPUT)
    for layer in layers:
        own: tuple[str, ...] = (layer.kind,)
        if layer.kind in _PASSED:
            read = activations[layer.name]
            own = tuple(sorted({kind for tensor in read for kind in kinds_before.get(tensor, _INPUT)})) or own
        kinds_before |= dict.fromkeys(layer.outputs, own)
    return kinds_before
