"""Which parts of a quantised network run on integers.

A network is quantised by pairs of layers, ``quantize`` and ``dequantize``, around each tensor that shall be of
integers. Between them everything is written in floating point. A runtime takes a layer together with the
dequantizations before it and the quantization behind it for one integer operator, where it has one that fits; what does
not fit is computed in floating point, with its conversions. Which operators there are and what they ask for is data, an
`IntegerModel`. Their kernels have the kinds ``conv@int8``, …; so have layers that a file states on integers (ONNX's
``QLinearConv``).

Facts used: the selectors of ONNX Runtime's QDQ transformer (onnxruntime/core/optimizer/qdq_transformer), which are the
model for what can be said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from annette.documents import OPTIONAL, convert, plain
from annette.errors import MappingError
from annette.mapping.kernel import Kernel
from annette.mapping.operands import OperandType, integer_type
from annette.mapping.precision import dtype_precision, is_narrow, narrowest, precision_in, with_precision
from annette.network import Category, DType, describe_layer
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.grouping import Grouping
    from annette.network import Layer, Network, Tensor

__all__ = ["IntegerModel", "IntegerOperator"]

_RULE: Final = "integers"
_OPERANDS: Final = 2
_SHARED: Final = "dequantize-in-readers"
_VIEWS: Final = kinds_in(Category.VIEW)
_TYPES: Final = {dtype.label: dtype for dtype in (DType.INT8, DType.UINT8)}


@dataclass(frozen=True)
class IntegerOperator:
    """Layers that the runtime has an integer operator for.

    Attributes:
        kinds: Kinds of layer.
        types: Element types of the integers that it takes; its activations and its result are of the same.
        types_with_bias: Likewise where it has a bias, which may be another operator; none stands for ``types``.
        result: Whether its result must be quantised; else it may also be left in floating point.
        bias: Whether a constant vector added behind it becomes its bias.
    """

    kinds: tuple[str, ...]
    types: tuple[str, ...] = ("uint8", "int8")
    result: bool = True
    bias: bool = field(default=False, metadata=OPTIONAL)
    types_with_bias: tuple[str, ...] = field(default=(), metadata=OPTIONAL)


@dataclass(frozen=True)
class IntegerModel:
    """Finds the integer operators of a network.

    Attributes:
        operators: What there is; each kind once.
        redundant: Activations that quantising to their range does anyway: they run with the layer before them.
        unsigned: Whether the runtime makes a quantisation to int8 one to uint8 where one dequantization alone reads it.
        dynamic: Kinds of layer that read real numbers and quantise them in every run where their weights are integers.
        operands: Products that are kernels of their own for the types of their operands; the first that applies does.

    Raises:
        MappingError: A kind or a type is listed twice or not known.
    """

    operators: tuple[IntegerOperator, ...]
    redundant: tuple[str, ...] = ()
    unsigned: bool = False
    dynamic: tuple[str, ...] = field(default=(), metadata=OPTIONAL)
    operands: tuple[OperandType, ...] = field(default=(), metadata=OPTIONAL)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for operator in self.operators:
            wrong = [name for name in operator.types if name not in _TYPES]
            if wrong:
                raise MappingError(f"'integers': {wrong[0][:80]!r} is not one of {', '.join(_TYPES)}")
            for kind in operator.kinds:
                if kind in seen:
                    raise MappingError(f"'integers': two operators have the kind {kind[:80]!r}")
                seen.add(kind)

    def apply(self, state: Grouping) -> None:
        """Forms the integer operators' groups, before any rule of the mapping.

        Args:
            state: The network as single layers.
        """
        if is_narrow(state.network) or any(layer.kind in self.dynamic for layer in state.layers):
            _Walk(self, state).run()

    def settle(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Says what integer operators read and what is computed in floating point in between.

        Kernels of integers that dequantize on their way read the integers. What stays in floating point is given that
        precision, and the conversions are added that the runtime does for it in every run: constants that are kept as
        integers are dequantized, and so is an activation for each of its readers but the first.

        Args:
            kernels: Kernels of the network.
            network: Where their tensors are described.
        """
        if not is_narrow(network):
            return tuple(kernels)
        sources = {
            kernel.outputs[0]: kernel.inputs[0]
            for kernel in kernels
            if kernel.free and _SHARED in kernel.rules and kernel.inputs
        }
        settled: list[Kernel] = []
        dequantized: set[str] = set()
        for kernel in kernels:
            if precision_in(kernel.kind) or kernel.free:
                if not sources.keys().isdisjoint(kernel.inputs) and not kernel.free:
                    inputs = dict.fromkeys(sources.get(tensor, tensor) for tensor in kernel.inputs)
                    kernel = replace(kernel, inputs=tuple(inputs))  # noqa: PLW2901 - the same kernel
                settled.append(kernel)
                continue
            settled += _conversions(kernel, network, dequantized)
            read = (network.producers.get(tensor) for tensor in kernel.inputs)
            if any(_dequantizes(producer) for producer in read):
                kernel = replace(kernel, precision="fp32")  # noqa: PLW2901 - the same kernel
            settled.append(kernel)
        return tuple(settled)

    def tell_apart(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Puts products of integers under the kinds that the types of their operands give them.

        Args:
            kernels: Kernels of the network, in their layouts.
            network: Where their tensors are described.
        """
        if not self.operands or not is_narrow(network):
            return tuple(kernels)
        told = []
        for kernel in kernels:
            marks = (each for each in self.operands if each.applies(kernel, network, self.unsigned))
            mark = next(marks, None) if precision_in(kernel.kind) else None
            told.append(kernel if mark is None else mark.marked(kernel))
        return tuple(told)

    @cached_property
    def by_kind(self) -> dict[str, IntegerOperator]:
        """The operator of each kind."""
        return {kind: operator for operator in self.operators for kind in operator.kinds}

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        document: dict[str, Any] = plain(self)
        return document

    @classmethod
    def from_json(cls, data: Any) -> IntegerModel:
        """Reads a model.

        Raises:
            MappingError: It is ill-formed.
        """
        return convert(data, cls, error=MappingError)


def _conversions(kernel: Kernel, network: Network, dequantized: set[str]) -> list[Kernel]:
    """Conversions that the runtime does for a kernel of floating-point numbers, beside those of the network.

    Args:
        kernel: What they are for.
        network: Where its tensors are described.
        dequantized: Activations that an earlier kernel read dequantized; those of this one are added.
    """
    added = []
    constants = [network.tensors[t] for layer in kernel.layers for t in layer.inputs if network.tensors[t].constant]
    if any(dtype_precision(tensor.dtype) == "int8" for tensor in constants):
        added += [_dequantization(each) for each in constants if each.dtype in (DType.INT8, DType.UINT8, DType.INT32)]
    for tensor in kernel.inputs:
        producer = network.producers.get(tensor)
        if producer is None or not _dequantizes(producer):
            continue
        if tensor in dequantized:
            added.append(_dequantization(network.tensors[producer.inputs[0]]))
        dequantized.add(tensor)
    return added


def _dequantizes(layer: Layer | None) -> bool:
    """Whether a layer makes real numbers of integers."""
    return layer is not None and layer.kind == "dequantize" and len(layer.inputs) > 0


def _dequantization(tensor: Tensor) -> Kernel:
    """A kernel that the runtime adds to dequantize a tensor."""
    name = f"{tensor.name}:dequantize"
    read, written = replace(tensor, constant=False), replace(tensor, name=name, dtype=DType.FLOAT32, constant=False)
    layer = describe_layer("dequantize", name, inputs=[read], outputs=[written])
    kind = with_precision(layer.kind, "int8")
    return Kernel(name, kind, layer, (), (tensor.name,), (), (_RULE,))


class _Walk:
    """One pass over the layers of a network."""

    def __init__(self, model: IntegerModel, state: Grouping) -> None:
        self._model = model
        self._state = state
        self._network = state.network
        self._positions = {layer.name: position for position, layer in enumerate(state.layers)}
        self._handed_out = frozenset(state.network.outputs)
        self._taken: set[str] = set()
        self._reads: dict[str, list[str]] = {}

    def run(self) -> None:
        for position, layer in enumerate(self._state.layers):
            if layer.name in self._taken:
                continue
            operator = self._model.by_kind.get(layer.kind)
            if operator is None or not self._form(layer, operator):
                self._name(position, layer)
        for layer in self._state.layers:
            if layer.kind == "dequantize" and layer.name not in self._taken:
                self._release(layer)

    def _name(self, position: int, layer: Layer) -> None:
        """Says in the kind of a layer that it computes on integers."""
        tensors = self._network.tensors
        dynamic = layer.kind in self._model.dynamic
        named = (*layer.inputs, *layer.outputs)
        precision = narrowest(tensors[t] for t in named if dynamic or not tensors[t].constant)
        if layer.kind not in _VIEWS and precision == "int8":
            self._state.rename(position, with_precision(layer.kind, precision))

    def _form(self, layer: Layer, operator: IntegerOperator) -> bool:
        """Makes one group of a layer and its conversions, where the runtime has an operator for them."""
        before = self._dequantizations(layer)
        if before is None:
            return False
        behind = self._chain(layer, operator)
        if behind is None:
            return False
        body, quantizations = behind
        written = {self._type(each.outputs[0]) for each in quantizations}
        types = {self._type(each.inputs[0]) for each in before} | written
        types |= self._kept(layer)
        if "scalar" in layer.attributes:  # a constant of the type that the file states, which is not converted
            types |= {self._network.tensors[each.inputs[0]].dtype.label for each in before}
        biased = len(layer.inputs) > _OPERANDS or any(each.kind == "add" for each in body)
        allowed = (operator.types_with_bias if biased else ()) or operator.types
        if len(types) != 1 or next(iter(types)) not in allowed:
            return False
        own = [each for each in before if self._sole_reader(each.outputs[0]) is layer]
        members = [*own, layer, *body, *quantizations]
        groups = sorted(self._positions[each.name] for each in members)
        later = self._state.crosses(groups)
        if later is None:
            return False
        kind = layer.kind if layer.kind in _VIEWS else with_precision(layer.kind, "int8")
        self._state.merge(groups, self._positions[layer.name], kind, _RULE, later=later)
        self._taken.update(each.name for each in members)
        for each in before:
            self._reads.setdefault(each.outputs[0], []).append(layer.name)
        return True

    def _dequantizations(self, layer: Layer) -> list[Layer] | None:
        """The layers that dequantize what a layer reads, or None where an operand of it is no integer."""
        network, found = self._network, []
        for name in network.activations[layer.name]:
            producer = network.producers.get(name)
            if not _dequantizes(producer) or producer is None or producer.name in self._taken:
                if network.tensors[name].dtype.is_float:
                    return None
                continue  # an index
            found.append(producer)
        weights = [network.tensors[t] for t in layer.inputs if network.tensors[t].constant]
        if layer.workload.macs and any(tensor.dtype.is_float and len(tensor.shape) > 1 for tensor in weights):
            return None
        return found if found or self._kept(layer) else None

    def _kept(self, layer: Layer) -> set[str]:
        """Element types of the constants that a layer reads as it reads activations; weights may be of another."""
        if layer.workload.macs:
            return set()
        tensors = (self._network.tensors[name] for name in layer.inputs)
        return {tensor.dtype.label for tensor in tensors if tensor.constant}.intersection(_TYPES)

    def _chain(self, layer: Layer, operator: IntegerOperator) -> tuple[list[Layer], list[Layer]] | None:
        """What runs behind a layer in its operator: a bias and a redundant activation; and the quantizations."""
        body: list[Layer] = []
        last = layer
        if operator.bias and (shifted := self._bias(last)) is not None:
            body.append(shifted)
            last = shifted
        reader = self._sole_reader(last.outputs[0]) if len(last.outputs) == 1 else None
        if reader is not None and reader.kind in self._model.redundant:
            behind = self._sole_reader(reader.outputs[0])
            if behind is not None and behind.kind == "quantize":
                body.append(reader)
                last = reader
        quantizations = [self._sole_reader(name) for name in last.outputs if self._network.consumers.get(name)]
        if quantizations and all(each is not None and each.kind == "quantize" for each in quantizations):
            return body, [each for each in quantizations if each is not None]
        return None if operator.result else (body, [])

    def _bias(self, layer: Layer) -> Layer | None:
        reader = self._sole_reader(layer.outputs[0])
        if reader is None or reader.kind != "add" or len(self._network.activations[reader.name]) != 1:
            return None
        constants = [self._network.tensors[t] for t in reader.inputs if self._network.tensors[t].constant]
        columns = layer.workload.dimensions.out_channels
        return reader if len(constants) == 1 and constants[0].elements == columns else None

    def _sole_reader(self, tensor: str) -> Layer | None:
        """The one layer that reads a tensor; None where there are several or the network hands it out."""
        readers = self._network.consumers.get(tensor, ())
        return readers[0] if len(readers) == 1 and tensor not in self._handed_out else None

    def _type(self, tensor: str) -> str:
        """The element type of integers as the runtime will have them."""
        return integer_type(tensor, self._network, self._model.unsigned)

    def _release(self, layer: Layer) -> None:
        """A dequantization that integer operators alone read runs nowhere."""
        result = layer.outputs[0]
        readers = {reader.name for reader in self._network.consumers.get(result, ())}
        if readers and result not in self._handed_out and readers <= set(self._reads.get(result, ())):
            self._state.release(self._positions[layer.name], _SHARED)
