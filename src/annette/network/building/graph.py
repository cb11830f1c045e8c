"""What every operator of the builder rests on: names, tensors, weights and layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError, NetworkStructureError, OptionError, nearest
from annette.network.building.alike import DESCRIBED, MADE, Described, Made, likeness
from annette.network.kinds import KINDS, output_shapes
from annette.network.layer import Layer
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from annette.network.kinds.shapes import Shape
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["Graph", "check_rank", "pair"]

_NOT_LEARNED: Final = frozenset({"constant", "mean", "variance"})


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """One number for both spatial dimensions, or (height, width).

    Raises:
        NetworkStructureError: There are more or fewer than two numbers.
    """
    if isinstance(value, int):
        return value, value
    if len(value) != 2:
        raise NetworkStructureError(f"{tuple(value)} is not a number or a pair (height, width)")
    return value[0], value[1]


def check_rank(x: Tensor, least: int, most: int | None = None) -> None:
    """Refuses a tensor of too few or too many dimensions, before its sizes are looked at.

    Args:
        x: What an operator reads.
        least: Dimensions that it must have.
        most: Dimensions that it may have; as many as it must where absent.

    Raises:
        NetworkShapeError: It has others.
    """
    if not least <= len(x.shape) <= (least if most is None else most):
        wanted = f"{least}" if most is None else f"{least} to {most}"
        raise NetworkShapeError(f"tensor {x.name!r} of shape {x.shape} must have {wanted} dimensions here")


class Graph:
    """A network under construction.

    Layers are appended in the order they are called; each call returns the tensor written, to be handed to the next.

    Args:
        name: The network's name.
        batch: Number of samples; recorded on the network, the shapes of the inputs must agree with it.
        source_format: What `Network.source_format` says.

    Attributes:
        prefix: What the names of layers begin with that are made now.
    """

    def __init__(self, name: str, *, batch: int = 1, source_format: str = "zoo") -> None:
        self.name = name
        self.batch = batch
        self.source_format = source_format
        self._tensors: dict[str, Tensor] = {}
        self._layers: list[Layer] = []
        self._inputs: list[str] = []
        self._used: dict[str, int] = {}
        self.prefix = ""

    @property
    def layer_count(self) -> int:
        """How many layers there are so far."""
        return len(self._layers)

    def input(self, name: str, shape: Sequence[int], dtype: DType = DType.FLOAT32) -> Tensor:
        """Declares an activation that is fed in.

        Args:
            name: Its name.
            shape: The whole shape, batch included.
            dtype: Element type; indices are integers.

        Returns:
            The tensor.

        Raises:
            NetworkStructureError: A tensor of that name exists.
        """
        tensor = self._new_tensor(name, tuple(shape), dtype)
        self._inputs.append(name)
        return tensor

    def scope(self, name: str) -> Scope:
        """Puts ``name/`` in front of the names of all layers made within."""
        return Scope(self, name)

    def weight(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DType = DType.FLOAT32,
        *,
        owner: str | None = None,
        learned: bool = True,
    ) -> Tensor:
        """Declares a constant.

        Args:
            name: Its name, such as ``weight`` or ``relative_position_bias``.
            shape: Its shape.
            dtype: Element type.
            owner: Full name (`unique_name`) of the layer it belongs to; the current scope where absent.
            learned: Whether its elements count as parameters; masks, indices and fixed numbers do not.

        Returns:
            The tensor, which any number of layers may read.

        Raises:
            NetworkStructureError: A tensor of that name exists.
        """
        full = f"{owner}.{name}" if owner is not None else f"{self.prefix}{name}"
        return self._new_tensor(full, tuple(shape), dtype, constant=True, learned=learned)

    def layer(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        *,
        name: str = "",
        full_name: str = "",
        attributes: Mapping[str, AttributeValue] | None = None,
        weights: Mapping[str, Sequence[int]] | None = None,
        dtype: DType | None = None,
        dtypes: Sequence[DType] | None = None,
        shapes: Sequence[tuple[int, ...]] | None = None,
        dimensions: Dimensions | None = None,
        macs: int | None = None,
    ) -> list[Tensor]:
        """Appends one layer of any kind.

        Args:
            kind: A name in `annette.network.kinds.KINDS`.
            inputs: Operands that exist already.
            name: The layer's name within the scope; the kind where absent. A number is appended where it is taken.
            full_name: What `unique_name` returned for this layer, where weights were declared under it beforehand.
            attributes: Canonical attributes.
            weights: Shapes of constants that belong to this layer alone, appended to the operands in order and
                named ``layer.key``; ``constant``, ``mean`` and ``variance`` are not learned.
            dtype: Element type of the results; that of the first activation where absent.
            dtypes: Element types of the results, where they differ from each other.
            shapes: Shapes of the results, where they do not follow.
            dimensions: Named dimensions, where they do not follow from the shapes.
            macs: Multiply-accumulates, where they do not follow from the shapes.

        Returns:
            The tensors written.

        Raises:
            NetworkShapeError: The operands do not fit.
            OptionError: The kind has no such attribute, or it is of another type.
            KeyError: ``kind`` is not a kind.
        """
        attributes = dict(attributes or {})
        own = {key: tuple(shape) for key, shape in (weights or {}).items()}
        stated = any(each is not None for each in (shapes, dtypes, dimensions, macs))
        alike = None if stated else likeness(kind, inputs, attributes, dtype, tuple(own.items()))
        full = full_name or self.unique_name(name or kind)
        if (described := DESCRIBED.get(alike)) is not None:
            return self._append(kind, full, inputs, described)
        _check_attributes(kind, full, attributes)
        operands = list(inputs)
        for key, shape in own.items():
            operands.append(self.weight(key, shape, owner=full, learned=key not in _NOT_LEARNED))
        dtype = dtype or next((t.dtype for t in operands if not t.constant), operands[0].dtype)
        if shapes is None:
            shapes = output_shapes(kind, [t.shape for t in operands], attributes, name=full)
        outputs = self._results(full, shapes, dtypes or [dtype] * len(shapes))
        layer = describe_layer(
            kind, full, inputs=operands, outputs=outputs, attributes=attributes, dimensions=dimensions, macs=macs
        )
        self._layers.append(layer)
        self._remember(alike, own, outputs)
        return outputs

    def _append(self, kind: str, name: str, inputs: Sequence[Tensor], described: Described) -> list[Tensor]:
        """Appends a layer that differs from one described before by its names only."""
        read = (inputs[0].name,) if len(inputs) == 1 else tuple([tensor.name for tensor in inputs])
        key = name, id(described), read
        made = MADE.get(key)
        if made is None:
            made = _made(kind, name, read, described)
            MADE.put(key, made)
        tensors = self._tensors
        for tensor in made.tensors:
            if tensor.name in tensors:
                raise self._taken(tensor.name)
            tensors[tensor.name] = tensor
        self._layers.append(made.layer)
        return list(made.results)

    def _results(self, name: str, shapes: Sequence[Shape], dtypes: Sequence[DType]) -> list[Tensor]:
        names = [name] if len(shapes) == 1 else [f"{name}:{i}" for i in range(len(shapes))]
        return [self._new_tensor(*described) for described in zip(names, shapes, dtypes, strict=True)]

    def build(self, *outputs: Tensor, notes: Sequence[str] = ()) -> Network:
        """Finishes the network.

        Args:
            outputs: What it hands out; everything written and not read where none is named.
            notes: Assumptions to be shown with the network.

        Returns:
            The network.

        Raises:
            NetworkStructureError: It has no layers.
        """
        names = [tensor.name for tensor in outputs] or self._unread()
        return Network(
            name=self.name,
            layers=self._layers,
            tensors=self._tensors,
            inputs=self._inputs,
            outputs=names,
            batch=self.batch,
            source_format=self.source_format,
            notes=notes,
        )

    def _unread(self) -> list[str]:
        read = {name for layer in self._layers for name in layer.inputs}
        return [name for layer in self._layers for name in layer.outputs if name not in read]

    def apply(
        self,
        kind: str,
        *inputs: Tensor,
        attributes: Mapping[str, AttributeValue] | None = None,
        features: int = 0,
        bias: bool = True,
        name: str = "",
    ) -> Tensor:
        """Appends one layer of any kind, with the weights that its kind says it has.

        Args:
            kind: A name in `annette.network.kinds.KINDS`.
            inputs: The activations read.
            attributes: Canonical attributes.
            features: How many features (filters, units) it writes, where that does not follow from its attributes.
            bias: Whether it has a bias, where its kind can do without.
            name: The layer's name within the scope; the kind where absent.

        Returns:
            What it writes; the first result where there are several.

        Raises:
            NetworkShapeError: The operands or attributes do not fit.
            OptionError: The kind has no such attribute, or it is of another type.
            KeyError: ``kind`` is not a kind.

        Example:
            >>> net = Graph("tiny")
            >>> net.apply("instance_norm", net.input("x", (1, 8, 4, 4)), attributes={"axes": (2, 3)}).shape
            (1, 8, 4, 4)
        """
        attributes = attributes or {}
        alike = likeness(kind, inputs, attributes, features, bias)
        described = DESCRIBED.get(alike)
        if described is not None:
            return self._append(kind, self.unique_name(name or kind), inputs, described)[0]
        weights: dict[str, Shape] = {}
        rule = KINDS[kind].weights
        if rule is not None:
            try:
                weights = rule(inputs[0].shape, attributes, features)
            except (IndexError, KeyError) as error:
                raise NetworkShapeError(f"layer {name or kind!r} ({kind}) cannot have weights: {error}") from None
            except NetworkShapeError as error:
                raise NetworkShapeError(f"layer {name or kind!r} ({kind}): {error}") from None
        if not bias:
            weights.pop("bias", None)
        outputs = self.layer(kind, inputs, name=name, attributes=attributes, weights=weights)
        self._remember(alike, weights, outputs)
        return outputs[0]

    def _remember(self, alike: Hashable, weights: Mapping[str, Shape], outputs: Sequence[Tensor]) -> None:
        """Keeps what the last layer is but for its names."""
        if alike is None:
            return
        own = tuple((key, shape, key not in _NOT_LEARNED) for key, shape in weights.items())
        results = tuple((tensor.shape, tensor.dtype) for tensor in outputs)
        layer = self._layers[-1]
        DESCRIBED.put(alike, Described(layer.workload, layer.attributes, own, results))

    def _new_tensor(
        self, name: str, shape: tuple[int, ...], dtype: DType, *, constant: bool = False, learned: bool = True
    ) -> Tensor:
        if name in self._tensors:
            raise self._taken(name)
        tensor = Tensor(name, shape, dtype, constant, learned)
        self._tensors[name] = tensor
        return tensor

    def _taken(self, name: str) -> NetworkStructureError:
        return NetworkStructureError(f"network {self.name!r} has a tensor {name!r} already: choose another name")

    def unique_name(self, name: str) -> str:
        """Reserves a layer's full name: the scope, the name, and a number where it is taken."""
        full = self.prefix + name
        count = self._used.get(full, 0) + 1
        self._used[full] = count
        if count == 1 and full not in self._tensors:
            return full
        return self.unique_name(f"{name}_{max(count, 2)}")


def _made(kind: str, name: str, read: tuple[str, ...], described: Described) -> Made:
    """A layer of which everything is known but its names."""
    weights = [
        Tensor(f"{name}.{key}", shape, DType.FLOAT32, True, learned) for key, shape, learned in described.weights
    ]
    sizes = described.results
    names = (name,) if len(sizes) == 1 else tuple([f"{name}:{i}" for i in range(len(sizes))])
    results = tuple([Tensor(each, shape, dtype) for each, (shape, dtype) in zip(names, sizes, strict=True)])
    operands = (*read, *[weight.name for weight in weights])
    layer = Layer(name, kind, operands, names, described.workload, described.attributes)
    return Made(layer, (*weights, *results), results, described)


class Scope:
    """A part of a network under construction, within which names have a prefix.

    Args:
        graph: The network.
        name: Of the part, within the part that is open already.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph = graph
        self._outer = graph.prefix
        self._inner = f"{graph.prefix}{name}/"

    def __enter__(self) -> None:
        self._graph.prefix = self._inner

    def __exit__(self, *_: object) -> None:
        self._graph.prefix = self._outer


def _check_attributes(kind: str, name: str, attributes: Mapping[str, AttributeValue]) -> None:
    known = KINDS[kind].attributes
    for key, value in attributes.items():
        if key not in known:
            raise OptionError(f"layer {name!r} ({kind}) has no attribute {key!r}{nearest(key, known)}")
        if not known[key].accepts(value):
            raise OptionError(f"attribute {key!r} of layer {name!r} ({kind}) is {value!r}: that is not of its type")
