"""From the operators that were walked to a network: what is alive, what is learned, what the file disagrees with."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError, NetworkStructureError
from annette.network.masking import known_masking
from annette.network.modules import MODULE_KEY, module_from_scopes
from annette.network.network import Network
from annette.network.readers.onnx.contents import ConstantContents
from annette.network.readers.onnx.control import deciding_options
from annette.network.readers.onnx.generic import meta_of_type
from annette.network.readers.onnx.values import dtype_of
from annette.network.sizes import size_notes
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnx import GraphProto

    from annette.network.layer import Layer
    from annette.network.readers.onnx.binding import Binding
    from annette.network.readers.onnx.contents import StoredTensors
    from annette.network.readers.onnx.frame import PendingLayer
    from annette.network.readers.onnx.values import Value
    from annette.network.readers.onnx.walk import Walker

__all__ = ["assemble"]

_NOT_LEARNED: Final = frozenset({DType.INT64, DType.BOOL, DType.STRING})
_INDEXED: Final = frozenset({"gather", "scatter"})


def assemble(
    path: Path,
    graph: GraphProto,
    walker: Walker,
    values: Mapping[str, Value],
    binding: Binding,
    tensors_at: StoredTensors,
    source_format: str = "onnx",
) -> Network:
    """Builds the network from a finished walk.

    Args:
        path: The file.
        graph: Its main graph.
        walker: The walk, with its layers and notes.
        values: The main graph's values by name.
        binding: The concrete inputs.
        tensors_at: Looks up large stored tensors.
        source_format: What the network says of where it came from.

    Raises:
        NetworkStructureError: There is no output, nothing produces one, or nothing computes it.
        NetworkStructureError: A tensor is stated to be of another type than it is.
        NetworkShapeError: A tensor is empty or too large, or the batch size did not reach the outputs.
    """
    outputs = _outputs(path, graph, values)
    _check_batch(path, graph, binding, values)
    alive = _alive(walker.layers, [*outputs, *walker.needed])
    _check_types(walker, graph, values)
    sizes = [
        replace(size, options=deciding_options(walker, walker.sizes.sources.get(tensor)))
        for tensor, size in walker.sizes.found.items()
    ]
    notes = _notes(walker, graph, values, dropped=len(walker.layers) - len(alive))
    tensors: dict[str, Tensor] = {}
    owners: dict[str, str] = {}
    modules = _modules(graph)
    layers = [_describe(pending, tensors, owners, modules) for pending in alive]
    contents = ConstantContents(alive, walker.stored, walker.computed, tensors_at)
    tensors.update(known_masking(layers, tensors, contents))
    fed = [value for value in binding.values if value.elements]
    for value in (*fed, *outputs):
        tensors.setdefault(value.name, value.tensor())
    if not layers:
        raise NetworkStructureError(f"{path} computes nothing: its graph has no operators between inputs and outputs")
    return Network(
        name=path.stem,
        layers=layers,
        tensors=tensors,
        inputs=[value.name for value in fed],
        outputs=[value.name for value in outputs],
        batch=binding.batch,
        source_format=source_format,
        notes=[*notes, *size_notes(sizes)],
        loops=walker.loops,
        size_nodes=len(walker.size_nodes),
        data_sizes=sizes,
        values={value.name: value.data.ravel().tolist() for value in fed if value.data is not None},
        empty_inputs={value.name: value.shape for value in binding.values if not value.elements},
    )


def _notes(walker: Walker, graph: GraphProto, values: Mapping[str, Value], *, dropped: int) -> list[str]:
    """What the walk remarked on, what the file states otherwise, and how many operators lead nowhere."""
    notes = [*walker.notes, *_disagreements(walker, graph, values), *walker.complaints.notes()]
    if dropped:
        notes.append(f"{dropped} operators whose results reach no output were left out")
    return notes


def _outputs(path: Path, graph: GraphProto, values: Mapping[str, Value]) -> list[Value]:
    outputs: dict[str, Value] = {}
    for info in graph.output:
        value = values.get(info.name)
        if value is None:
            raise NetworkStructureError(f"output {info.name!r} of {path} is produced by nothing")
        for item in (value,) if value.items is None else value.items:
            if item.elements == 0:
                raise NetworkShapeError(f"output {info.name!r} of {path} has shape {list(item.shape)}: it is empty")
            outputs[item.name] = item
    if not outputs:
        raise NetworkStructureError(f"{path} has no outputs: there is nothing to estimate")
    return list(outputs.values())


def _check_batch(path: Path, graph: GraphProto, binding: Binding, values: Mapping[str, Value]) -> None:
    """Refuses a batch size that constants in the graph swallow on the way to an output."""
    old, new = binding.rebatched_from, binding.batch
    if not old:
        return
    for info in graph.output:
        stated = meta_of_type(info.type, f"output {info.name!r}")
        value = values[info.name]
        if stated is None or not stated.shape or stated.shape[0] != old or not value.shape:
            continue
        if value.shape[0] != new:
            raise NetworkShapeError(
                f"{path} is fixed to batch {old} and cannot run with --batch {new}: its output {info.name!r} would "
                f"have shape {list(value.shape)}; export the model with a symbolic batch dimension"
            )


def _alive(layers: list[PendingLayer], outputs: list[Value]) -> list[PendingLayer]:
    needed = {value.name for value in outputs}
    alive: list[PendingLayer] = []
    for layer in reversed(layers):
        if any(value.name in needed for value in layer.outputs):
            needed.update(value.name for value in layer.operands)
            alive.append(layer)
    alive.reverse()
    return alive


def _modules(graph: GraphProto) -> dict[str, str]:
    """The module that calls each node of a graph, by the node's name, where the exporter wrote it down."""
    stated = ((node.name, entry) for node in graph.node for entry in node.metadata_props if entry.key == MODULE_KEY)
    return {name: module for name, entry in stated if (module := module_from_scopes(entry.value))}


def _describe(
    pending: PendingLayer, tensors: dict[str, Tensor], owners: dict[str, str], modules: Mapping[str, str]
) -> Layer:
    result, kind = pending.result, pending.result.kind or "identity"
    for value in pending.operands:
        if value.name not in tensors:
            tensors[value.name] = value.tensor(learned=not value.constant or _learned(value, kind, owners))
    tensors.update((value.name, value.tensor()) for value in pending.outputs)
    layer = describe_layer(
        kind,
        pending.name,
        inputs=[tensors[value.name] for value in pending.operands],
        outputs=[tensors[value.name] for value in pending.outputs],
        attributes=result.attributes,
        dimensions=result.dimensions,
        macs=result.macs,
    )
    module = modules.get(pending.name)
    return layer if module is None else replace(layer, module=module)


def _learned(value: Value, kind: str, owners: dict[str, str]) -> bool:
    """Whether a constant's elements are parameters that no other tensor counts."""
    if not value.root or value.dtype in _NOT_LEARNED or (value.dtype is DType.INT32 and kind in _INDEXED):
        return False
    return owners.setdefault(value.root, value.name) == value.name


def _check_types(walker: Walker, graph: GraphProto, values: Mapping[str, Value]) -> None:
    """Complains of tensors that the file states to be something else than their operators produce.

    What a file states of a stored tensor besides is not looked at: the tensor has its own type, which ONNX Runtime
    takes (the constructor of Graph in onnxruntime/core/graph/graph.cc), and its converter to 16 bits leaves such
    statements behind.
    """
    stored = {tensor.name for tensor in graph.initializer}
    for info in chain(graph.input, graph.output, (each for each in graph.value_info if each.name not in stored)):
        value, form = values.get(info.name), info.type.WhichOneof("value")
        if value is None or form not in ("tensor_type", "sequence_type"):
            continue
        if (form == "sequence_type") != (value.items is not None):
            computed = "a tensor" if value.items is None else "a sequence of tensors"
            walker.complaints.add(f"{info.name!r} is stated to be a {form.removesuffix('_type')}, but is {computed}")
        elif form == "tensor_type" and info.type.tensor_type.elem_type:
            stated = dtype_of(info.type.tensor_type.elem_type, f"tensor {info.name!r}")
            if stated is not value.dtype:
                walker.complaints.add(
                    f"{info.name!r} is stated to be of type {stated.label}, but is {value.dtype.label}"
                )


def _disagreements(walker: Walker, graph: GraphProto, values: Mapping[str, Value]) -> list[str]:
    """Notes on tensors whose stated shape is not the one that their operators produce."""
    wrong = []
    for info in chain(graph.output, graph.value_info):
        value, stated = values.get(info.name), walker.stated(info.name)
        if value is None or stated is None or value.items is not None or stated.shape == value.shape:
            continue
        wrong.append(f"{info.name!r} ({list(stated.shape)} stated, {list(value.shape)} computed)")
    if not wrong:
        return []
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return [f"the file states another shape than its operators produce for {wrong[0]}{more}; the latter is counted"]
