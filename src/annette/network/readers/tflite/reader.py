"""TensorFlow Lite files as networks: channels last, integers as they are, fused activations as layers of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkFormatError, NetworkShapeError
from annette.network.kinds import UNSUPPORTED
from annette.network.network import Network
from annette.network.readers.tflite.branches import inlined
from annette.network.readers.tflite.convolution import CONVOLUTION
from annette.network.readers.tflite.file import FileOperator, FileTensor, Graph, open_graph
from annette.network.readers.tflite.open_batch import with_samples_of_blocks
from annette.network.readers.tflite.operator_layer import OperatorLayer, Rule
from annette.network.readers.tflite.operators import ELEMENTWISE, MOVEMENT
from annette.network.readers.tflite.selection import SELECTION, STATES
from annette.network.tensor import Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.network.layer import AttributeValue, Dimensions, Layer

__all__ = ["RULES", "read_tflite", "read_tflite_operators"]

RULES: Final[dict[str, Rule]] = {**CONVOLUTION, **ELEMENTWISE, **MOVEMENT, **SELECTION}
"""Rules of all operators that are known, by their names in the format."""

_CONTROL: Final = frozenset({"WHILE", "CALL", "STABLEHLO_WHILE", "STABLEHLO_CASE"})
_NOT_FOLDED: Final = frozenset({"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "IF", *STATES, *_CONTROL})


def read_tflite(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Network:
    """Reads a TFLite file.

    A fused activation becomes a layer of its own behind its operator, called ``<operator>:relu6`` and the like, so
    that operations and kernels count the same as in other formats. Layers are named after the first tensor they write.
    An operator that annette does not know becomes a layer of kind ``unsupported`` with the shapes that the file states.

    Args:
        path: An existing file; its content is untrusted data.
        batch: Samples processed together; a TFLite file states all its shapes, so it must be the file's.
        input_shapes: Full shapes of inputs by name; they must be the file's for the same reason.

    Raises:
        NetworkError: The file is no network, one that cannot be used as it is, or of another shape.
    """
    network, _ = read_tflite_operators(path)
    _check_shapes(network, batch, input_shapes or {})
    return network


def read_tflite_operators(path: Path) -> tuple[Network, tuple[tuple[str, ...], ...]]:
    """Reads a TFLite file, and says which layers each of its operators became.

    Args:
        path: An existing file; its content is untrusted data.

    Returns:
        The network, and for each operator of the main graph in the file's order the names of its layers; none for
        one whose result is a constant.

    Raises:
        NetworkError: The file is no network, or one that cannot be used as it is.
    """
    graph = with_samples_of_blocks(open_graph(path))
    builder = _Builder(graph)
    names = tuple(builder.add(operator) for operator in graph.operators)
    return builder.network(path.stem), names


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.notes: dict[str, None] = {}
        self._inputs = set(graph.inputs)
        self.tensors = {tensor.name: self._tensor(tensor) for tensor in graph.tensors}
        self.layers: list[Layer] = []

    def add(self, operator: FileOperator) -> tuple[str, ...]:
        """Describes an operator; returns the names of its layers."""
        if operator.name == "CALL_ONCE":
            self.notes["operator CALL_ONCE runs once, when the network is loaded, and is not counted"] = None
            return ()
        if operator.name in STATES:
            return self._state(operator)
        if operator.name == "IF" and operator.outputs:
            return self._choice(operator)
        if operator.name in _CONTROL:
            self.notes[
                f"operator {operator.name} that writes {operator.label!r} runs other graphs, which are not read"
            ] = None
        if not operator.outputs:
            self.notes[f"operator {operator.name} writes no tensor and is left out"] = None
            return ()
        if self._fold(operator):
            return ()
        rule = RULES.get(operator.name)
        described = rule(operator) if rule is not None else None
        return self._append(operator, described or OperatorLayer(UNSUPPORTED, {"operator": operator.name}))

    def _state(self, operator: FileOperator) -> tuple[str, ...]:
        """A state that is kept between runs: reading it is a copy of a constant, writing it one that nobody reads."""
        handle = operator.inputs[0] if operator.inputs else None
        if operator.name == "VAR_HANDLE" or handle is None:
            for tensor in operator.outputs:
                self.tensors[tensor.name] = replace(self.tensors[tensor.name], constant=True, learned=False)
            return ()
        if operator.name == "READ_VARIABLE" and operator.outputs:
            state = operator.outputs[0]
            self.tensors[handle.name] = Tensor(handle.name, state.shape, state.dtype, constant=True, learned=False)
            self._describe("copy", state.name, [self.tensors[handle.name]], [self.tensors[state.name]], {})
            return (state.name,)
        source = self.tensors[operator.tensor(1).name]
        name = self._free(f"{handle.name}:written")
        self.tensors[name] = Tensor(name, source.shape, source.dtype)
        self._describe("copy", name, [source], [self.tensors[name]], {})
        return (name,)

    def _choice(self, operator: FileOperator) -> tuple[str, ...]:
        """An IF: the branch of more operations, in place of the operator."""
        branches = [_Builder(inlined(self.graph.branches[number], operator)) for number in operator.branches]
        for branch in branches:
            for inner in branch.graph.operators:
                branch.add(inner)
        chosen = max(branches, key=lambda branch: sum(layer.workload.ops for layer in branch.layers))
        self.tensors = {**chosen.tensors, **self.tensors}
        self.notes |= chosen.notes
        self.notes[
            f"operator IF that writes {operator.label!r} chooses by data: its branch of more operations is counted"
        ] = None
        self.layers += chosen.layers
        return tuple(layer.name for layer in chosen.layers)

    def network(self, name: str) -> Network:
        """The network of all operators so far.

        Raises:
            NetworkError: They are no network.
        """
        graph = self.graph
        read = {tensor for layer in self.layers for tensor in (*layer.inputs, *layer.outputs)}
        produced = {tensor for layer in self.layers for tensor in layer.outputs}
        sources = [tensor for tensor in dict.fromkeys(graph.inputs) if tensor not in produced]
        used = read.union(sources, graph.outputs)
        tensors = {key: tensor for key, tensor in self.tensors.items() if key in used}
        first = tensors[sources[0]].shape if sources else ()
        return Network(
            name=name,
            layers=self.layers,
            tensors=tensors,
            inputs=sources,
            outputs=list(dict.fromkeys(graph.outputs)),
            batch=first[0] if first else 1,
            channels_last=True,
            source_format="tflite",
            notes=tuple(self.notes),
        )

    def _append(self, operator: FileOperator, described: OperatorLayer) -> tuple[str, ...]:
        chosen = operator.inputs if described.operands is None else described.operands
        operands = [self.tensors[tensor.name] for tensor in chosen if tensor is not None]
        outputs = [self.tensors[tensor.name] for tensor in operator.outputs]
        follower = described.follower if len(outputs) == 1 else None
        result = outputs[0]
        if follower is not None:
            inner = replace(result, name=self._free(f"{result.name}:linear"))
            self.tensors[inner.name] = inner
            outputs = [inner]
        self._describe(described.kind, result.name, operands, outputs, described.attributes, described.dimensions)
        if follower is None:
            return (result.name,)
        name = f"{result.name}:{follower.label}"
        self._describe(follower.kind, name, outputs, [result], follower.attributes)
        return result.name, name

    def _describe(
        self, kind: str, name: str, inputs: list[Tensor], outputs: list[Tensor],
        attributes: Mapping[str, AttributeValue], dimensions: Dimensions | None = None,
    ) -> None:  # fmt: skip
        layer = describe_layer(
            kind, name, inputs=inputs, outputs=outputs, attributes=attributes, channels_last=True, dimensions=dimensions
        )
        self.layers.append(layer)

    def _fold(self, operator: FileOperator) -> bool:
        """Whether an operator only computes a constant from constants, which runtimes do once; no layer is made."""
        operands = [tensor for tensor in operator.inputs if tensor is not None]
        if not operands or operator.name in _NOT_FOLDED or any(tensor.state for tensor in operands):
            return False
        if not all(self.tensors[tensor.name].constant for tensor in operands):
            return False
        learned = any(self.tensors[tensor.name].learned for tensor in operands)
        for tensor in operator.outputs:
            self.tensors[tensor.name] = replace(self.tensors[tensor.name], constant=True, learned=learned)
        return True

    def _tensor(self, tensor: FileTensor) -> Tensor:
        constant = tensor.constant and tensor.name not in self._inputs
        if tensor.shape != tensor.stated and not constant:
            stated = list(tensor.stated)
            self.notes[f"tensor {tensor.name!r} has shape {stated}: sizes below 1 are counted as 1"] = None
        learned = constant and not tensor.state
        return Tensor(
            tensor.name, tensor.shape, tensor.dtype, constant, learned, tensor.code_bits if constant else None
        )

    def _free(self, name: str) -> str:
        while name in self.tensors:
            name += "'"
        return name


def _check_shapes(network: Network, batch: int | None, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses shapes that are not the file's.

    Raises:
        NetworkFormatError: There is no input of a name.
        NetworkShapeError: A shape or the batch is another one.
    """
    for name, shape in shapes.items():
        if name not in network.inputs:
            raise NetworkFormatError(f"TFLite network {network.name!r} has inputs {list(network.inputs)}, not {name!r}")
        if network.tensors[name].shape != tuple(shape):
            raise NetworkShapeError(
                f"input {name!r} has shape {network.tensors[name].shape} in the TFLite file, which states every shape; "
                f"convert the model again for {tuple(shape)}"
            )
    if batch is not None and batch != network.batch:
        raise NetworkShapeError(
            f"TFLite network {network.name!r} is made for batch {network.batch}; convert the model again for {batch}"
        )
