"""What the rules build on that turn a network into int8 TFLite: layouts, scales, constants, copies.

Scales of activations are such as converters choose. Tensors of a trained network differ in their scales, and a compiler
that finds equal ones may take a shortcut that no real file allows. What only moves or selects elements keeps the scale,
and so does concatenation for all its operands; functions of a known range have fixed scales.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.errors import UnsupportedOperatorError
from annette.network.kinds import SPATIAL, Category, kinds_in
from annette.network.tensor import DType
from annette.network.writers.tflite_file import Quantization, TfliteFile
from annette.network.writers.tflite_layout import Order, features_last, plain, same_memory, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from annette.network.layer import Layer
    from annette.network.network import Network
    from annette.network.tensor import Tensor
    from annette.network.writers.tflite_fusion import Group

__all__ = ["Rule", "TfliteLowering", "Value", "integers"]

Rule: TypeAlias = "Callable[[TfliteLowering, Group], None]"
"""Appends the operators of a group."""

_STORED_AS: Final = {
    **dict.fromkeys((DType.FLOAT64, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.INT8, DType.UINT8), "int8"),
    **dict.fromkeys((DType.INT64, DType.INT32, DType.INT16), "int32"),
    DType.BOOL: "bool",
}
_LARGEST: Final = 127
_CONSTANT: Final = Quantization(0.005, 0)
_MOST_TRANSPOSED: Final = 6
_SMALL_RANK: Final = 4

_FIXED: Final = {
    "sigmoid": Quantization(1 / 256, -128),
    "softmax": Quantization(1 / 256, -128),
    "tanh": Quantization(1 / 128, 0),
}
"""Scales that the format prescribes for the results of some kinds."""

_KEEPS: Final = {"average_pool", "max_pool", "max", "min", "reduce_max", "reduce_min"} | kinds_in(
    Category.VIEW, Category.MOVEMENT, Category.GLOBAL_POOLING
)
_RECTIFIED: Final = frozenset({"relu", "clip"})


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the file.

    Attributes:
        index: Its number.
        shape: As the network has it.
        order: How it is stored.
        dtype: ``int8``, ``int32``, ``float32`` or ``bool``.
        quantization: Of int8.
    """

    index: int
    shape: tuple[int, ...]
    order: Order
    dtype: str
    quantization: Quantization | None = None

    @property
    def stored(self) -> tuple[int, ...]:
        """Its shape as stored."""
        return stored(self.shape, self.order)


class TfliteLowering:
    """What the rules of `annette.network.writers.tflite_elementwise` and its neighbours write to.

    Args:
        network: What is lowered.
        seed: Of the weights.

    Attributes:
        network: The same.
        seed: The same.
        file: The file in the making.
        spatial: Whether the network has layers that work on feature maps.
    """

    def __init__(self, network: Network, seed: int) -> None:
        self.network = network
        self.seed = seed
        self.file = TfliteFile(network.name)
        self._quantization = _shared_quantization(network)
        self._values: dict[str, Value] = {}
        self._moved: dict[tuple[int, Order], Value] = {}
        self._counts: dict[str, int] = {}
        self.spatial = any(layer.kind in SPATIAL for layer in network.layers)
        for name in network.inputs:
            tensor = network.tensors[name]
            self.define(name, self.features(len(tensor.shape)) if self.spatial else plain(len(tensor.shape)))

    def features(self, rank: int) -> Order:
        """The order in which feature maps are stored."""
        return plain(rank) if self.network.channels_last else features_last(rank)

    @property
    def channel(self) -> int:
        """The dimension of a feature map's channels, as the network has it."""
        return -1 if self.network.channels_last else 1

    def tensor(self, name: str) -> Tensor:
        """The network's tensor of a name."""
        return self.network.tensors[name]

    def value(self, name: str) -> Value:
        """An activation of the network as it is stored.

        Raises:
            KeyError: Nothing has written it.
        """
        return self._values[name]

    def define(self, name: str, order: Order, quantization: Quantization | None = None) -> Value:
        """Makes the tensor of the file that holds an activation of the network."""
        tensor = self.network.tensors[name]
        dtype = self.stored_as(tensor)
        scale = (quantization or self._quantization[name]) if dtype == "int8" else None
        value = self.temporary(name, tensor.shape, order, dtype, scale)
        self._values[name] = value
        return value

    def alias(self, name: str, value: Value, order: Order) -> None:
        """Says that an activation of the network is the same memory as a value that exists."""
        shape = self.network.tensors[name].shape
        self._values[name] = Value(value.index, shape, order, value.dtype, value.quantization)

    def temporary(
        self,
        name: str,
        shape: Sequence[int],
        order: Order | None = None,
        dtype: str = "int8",
        quantization: Quantization | None = None,
    ) -> Value:
        """Makes a tensor of the file that no tensor of the network stands for, with a quantisation of its own."""
        order = plain(len(shape)) if order is None else order
        scale = (quantization or _own_quantization(name)) if dtype == "int8" else None
        index = self.file.tensor(name, stored(shape, order), dtype, quantization=scale)
        return Value(index, tuple(shape), order, dtype, scale)

    def append(
        self,
        group: Group,
        name: str,
        operands: Sequence[Value | int],
        result: Value,
        options: str = "",
        **fields: Any,
    ) -> None:
        """Appends an operator that runs layers of a group and writes one value.

        Args:
            group: The layers that it runs.
            name: Its name in the schema.
            operands: What it reads; numbers are tensors of the file.
            result: What it writes.
            options: The table of its options; none where empty.
            **fields: Values of the options.
        """
        numbers = [operand.index if isinstance(operand, Value) else operand for operand in operands]
        self.file.operator(name, numbers, [result.index], options, layers=group.names, **fields)

    def intermediate(self, layer: Layer, label: str, shape: Sequence[int], order: Order | None = None) -> Value:
        """Makes an intermediate result of a layer that takes several operators."""
        return self.temporary(self.unused(f"{layer.name}/{label}"), shape, order)

    def unused(self, name: str) -> str:
        """A name that no other tensor made here has."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def integers(self, name: str, values: Any) -> int:
        """Appends a constant of 32-bit integers and returns its number."""
        array = np.asarray(values, dtype=np.int32)
        return self.file.tensor(self.unused(name), array.shape, "int32", data=array)

    def constant(self, name: str, values: npt.NDArray[np.int8], quantization: Quantization = _CONSTANT) -> Value:
        """Appends an int8 constant, stored as it is."""
        index = self.file.tensor(self.unused(name), values.shape, "int8", quantization=quantization, data=values)
        return Value(index, values.shape, plain(values.ndim), "int8", quantization)

    def number(self, name: str, number: float) -> Value:
        """Appends an int8 constant of one element."""
        value = math.copysign(_LARGEST, number) if number else 0.0
        scale = min(abs(number), 1e30) / _LARGEST if number else 1.0
        return self.constant(name, np.array(value, dtype=np.int8), Quantization(scale, 0))

    def stored_as(self, tensor: Tensor) -> str:
        """The element type of a tensor in the file.

        Raises:
            UnsupportedOperatorError: The file cannot hold such elements.
        """
        dtype = _STORED_AS.get(tensor.dtype)
        if dtype is None:
            raise UnsupportedOperatorError(
                f"tensor {tensor.name!r} is {tensor.dtype.label}: that cannot be written as int8 TFLite"
            )
        return dtype

    def ordered(self, name: str, order: Order) -> Value:
        """An activation of the network in a given order; a copy is inserted where it is stored otherwise."""
        return self.in_order(self.value(name), order, name)

    def in_order(self, value: Value, order: Order, name: str) -> Value:
        """A value in a given order, see `ordered`."""
        if value.order == order:
            return value
        key = (value.index, order)
        if key not in self._moved:
            result = self.temporary(self.unused(f"{name}/layout"), value.shape, order, value.dtype, value.quantization)
            if same_memory(value.shape, value.order, order):
                self.reshape(value, result, ())
            else:
                perm = tuple(value.order.index(dimension) for dimension in order)
                self.transpose(value, result, perm, (), name)
            self._moved[key] = result
        return self._moved[key]

    def reshape(self, source: Value, result: Value, layers: tuple[str, ...]) -> None:
        """Appends a RESHAPE."""
        shape = self.integers("shape", result.stored)
        self.file.operator(
            "RESHAPE", [source.index, shape], [result.index], "Reshape", layers=layers, new_shape=result.stored
        )

    def transpose(self, source: Value, result: Value, perm: Sequence[int], layers: tuple[str, ...], name: str) -> None:
        """Appends a TRANSPOSE of a stored tensor, with as few dimensions as it takes.

        Raises:
            UnsupportedOperatorError: It takes more than six.
        """
        shape, short = _merged(source.stored, perm)
        if len(shape) > _MOST_TRANSPOSED:
            raise UnsupportedOperatorError(
                f"transpose {tuple(perm)} of {source.stored} around tensor {name!r} moves more than six dimensions"
            )
        if len(perm) <= _SMALL_RANK:
            self._append_transpose(source.index, result.index, perm, layers)
            return
        before = self.temporary(self.unused(f"{name}/folded"), shape, None, source.dtype, source.quantization)
        after_shape = [shape[axis] for axis in short]
        after = self.temporary(self.unused(f"{name}/moved"), after_shape, None, source.dtype, source.quantization)
        self.reshape(source, before, ())
        self._append_transpose(before.index, after.index, short, layers)
        self.reshape(after, result, ())

    def _append_transpose(self, source: int, result: int, perm: Sequence[int], layers: tuple[str, ...]) -> None:
        self.file.operator("TRANSPOSE", [source, self.integers("perm", perm)], [result], "Transpose", layers=layers)

    def requantized(self, value: Value, quantization: Quantization | None, name: str) -> Value:
        """A value at another scale; a QUANTIZE is inserted where it differs."""
        if value.quantization == quantization or value.dtype != "int8":
            return value
        result = self.temporary(self.unused(f"{name}/rescaled"), value.shape, value.order, "int8", quantization)
        self.file.operator("QUANTIZE", [value.index], [result.index], "Quantize")
        return result

    def refuse(self, group: Group, why: str) -> UnsupportedOperatorError:
        """The error for a layer that has no operator in the format."""
        layer = group.anchor
        return UnsupportedOperatorError(f"layer {layer.name!r} ({layer.kind}) cannot be written as int8 TFLite: {why}")


def _merged(shape: Sequence[int], perm: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A transpose with dimensions of size 1 dropped and those that stay together merged."""
    runs: list[list[int]] = []
    for axis in (axis for axis in perm if shape[axis] > 1):
        between = range(runs[-1][-1] + 1, axis) if runs else range(0)
        if runs and axis > runs[-1][-1] and all(shape[a] == 1 for a in between):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(range(len(runs)), key=lambda run: runs[run][0])
    sizes = tuple(math.prod(shape[axis] for axis in runs[run]) for run in order)
    return sizes or (1,), tuple(order.index(run) for run in range(len(runs))) or (0,)


def _own_quantization(name: str, *, rectified: bool = False) -> Quantization:
    """A scale between 0.01 and 0.03 that follows from a name.

    Args:
        name: Of the tensor.
        rectified: Whether its values are not negative.
    """
    return Quantization(0.01 + 0.02 * (zlib.crc32(name.encode()) % 997) / 997, -128 if rectified else -4)


def _shared_quantization(network: Network) -> dict[str, Quantization]:
    """The quantisation of every activation; those that must agree do, unless two fixed ones meet."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for layer in network.layers:
        if layer.kind in _KEEPS:
            members = [*layer.outputs, *network.activations[layer.name]]
            for member in members[1:]:
                parent[root(member)] = root(members[0])
    fixed: dict[str, Quantization] = {}
    rectified: set[str] = set()
    for layer in network.layers:
        for output in layer.outputs:
            if layer.kind in _FIXED:
                fixed.setdefault(root(output), _FIXED[layer.kind])
            elif layer.kind in _RECTIFIED:
                rectified.add(root(output))
    names = [*network.inputs, *(output for layer in network.layers for output in layer.outputs)]
    chosen = {
        name: fixed.get(root(name)) or _own_quantization(root(name), rectified=root(name) in rectified)
        for name in names
    }
    for layer in network.layers:
        if layer.kind in _FIXED:
            chosen.update(dict.fromkeys(layer.outputs, _FIXED[layer.kind]))
    return chosen


def integers(layer: Layer, key: str) -> tuple[int, ...]:
    """An attribute of one integer or several; none where it is missing."""
    value: Any = layer.attributes.get(key, ())
    return tuple(int(number) for number in value) if isinstance(value, tuple) else (int(value),)
