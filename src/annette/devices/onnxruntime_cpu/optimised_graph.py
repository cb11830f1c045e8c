"""Reads ONNX Runtime's optimised graph, in terms of the original network's tensors.

``SessionOptions.optimized_model_filepath`` makes the runtime write the graph that it executes, after all graph
optimisations and with blocked layouts. Its nodes read and write tensors of the original network, new tensors that hold
the same values in another layout (here: *aliases*), and new intermediate tensors that nothing of the original
corresponds to (see `annette.devices.onnxruntime_cpu.reports`).

Facts used (ONNX Runtime 1.20 to 1.32, CPU; the NCHWc transformer and the transpose optimizer are in
onnxruntime/core/optimizer of https://github.com/microsoft/onnxruntime):

- A node in the blocked layout NCHWc has the domain ``com.microsoft.nchwc`` and is called ``<original output>_nchwc``,
  its tensors ``reorder_token_N``. Concatenations, additions and activations on such tensors keep name and domain.
- ``ReorderInput`` and ``ReorderOutput`` go into the blocked layout and out of it; ``channels_last`` of the former says
  that it transposes NHWC on the way.
- A residual addition fused into a blocked convolution is its fourth input, a fused activation an attribute.
- Where the transpose optimizer moved a ``Transpose`` behind a node, the node's new results are called like the node,
  ``<node>`` and ``<node>_token_N``: they hold the original results with their dimensions in another order.
- Where a network of 16 bits is computed in 32, a tensor in 32 bits is called like its original with a prefix before it,
  and so is the ``Cast`` that makes it (insert_cast_transformer.cc); those of constants stay where several nodes read
  them (fuse_initializers_transformer.cc).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.devices.onnxruntime_cpu.integer_nodes import integer_aliases
from annette.mapping.kernel import ACTIVATION_CODES
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import NodeProto

    from annette.network import Layer, Network

__all__ = ["OptimisedNode", "read_optimised_graph"]

_BLOCKED_DOMAIN: Final = "com.microsoft.nchwc"
_BLOCKED_SUFFIX: Final = "_nchwc"
_BATCH_NORM_SUFFIX: Final = "_bn"
_LAYOUT_CHANGES: Final = frozenset({"ReorderInput", "ReorderOutput"})
_WIDENED_PREFIX: Final = "InsertedPrecisionFreeCast_"
_RESIDUAL: Final = 3
_TOKEN: Final = re.compile(r"_token_\d+$")
_VIEWS: Final = kinds_in(Category.VIEW)
_BLOCKED_KINDS: Final = kinds_in(Category.CONVOLUTION) | kinds_in(Category.POOLING)


@dataclass(frozen=True, slots=True)
class OptimisedNode:
    """A node of the optimised graph, in terms of the original network.

    Attributes:
        name: The runtime's name; empty for some nodes that rewrites add.
        operator: Its type, with the domain where that is not ONNX's own.
        inputs: Original activations read, directly or through an alias; names of new tensors where there is none.
        outputs: Original activations written, likewise.
        layout_change: Whether it is a ``ReorderInput`` or ``ReorderOutput``.
        reordered: Whether its results hold the original tensors with their dimensions in another order: a transposition
            that stood before it has been moved behind it.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layout_change: bool
    reordered: bool = False


def read_optimised_graph(path: Path, network: Network) -> tuple[OptimisedNode, ...]:
    """Reads an optimised model file.

    Args:
        path: What the runtime wrote; its weights are not read.
        network: The network it was made from, with the same tensor names.

    Returns:
        Its nodes in the file's order.
    """
    import onnx  # noqa: PLC0415 - only this backend and the readers know onnx

    graph = onnx.load(path, load_external_data=False).graph
    for node in graph.node:
        node.input[:] = map(_without_prefix, node.input)
        node.output[:] = map(_without_prefix, node.output)
    constants = {tensor.name for tensor in graph.initializer}
    moved = _transposed_results(graph.node, network)
    integers = integer_aliases(graph.node, network, constants)
    aliases = _aliases(graph.node, network, moved | integers) | integers
    return tuple(
        OptimisedNode(
            name=node.name,
            operator=f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type,
            inputs=tuple(
                _before_transposition(aliases[t], network)
                if t in moved and _transposes(node, at)
                else aliases.get(t, t)
                for at, t in enumerate(node.input)
                if t and t not in constants
            ),
            outputs=tuple(aliases.get(t, t) for t in node.output if t),
            layout_change=node.op_type in _LAYOUT_CHANGES,
            reordered=any(tensor in moved for tensor in node.output) and not any(t in moved for t in node.input),
        )
        for node in graph.node
    )


def _transposes(node: NodeProto, operand: int) -> bool:
    """Whether a matrix product reads an operand whose samples are not its first dimension."""
    flag = ("transBatchA", "transBatchB")[min(operand, 1)]
    return node.op_type == "FusedMatMul" and any(each.name == flag and each.i for each in node.attribute)


def _before_transposition(tensor: str, network: Network) -> str:
    """What the nearest transpositions before a tensor read, across views; the tensor itself where there are none."""
    found, layer = tensor, network.producers.get(tensor)
    while layer is not None and layer.inputs:
        if layer.kind == "transpose":
            found = layer.inputs[0]
        elif found != tensor or layer.kind not in _VIEWS:
            break
        layer = network.producers.get(layer.inputs[0])
    return found


def _without_prefix(name: str) -> str:
    """The original tensor of one in 32 bits, whose values are the same."""
    return name.removeprefix(_WIDENED_PREFIX)


def _transposed_results(nodes: Sequence[NodeProto], network: Network) -> dict[str, str]:
    """The original tensor that each result with reordered dimensions holds, where a transposition was moved."""
    layers = network.layers_by_name
    originals: dict[str, str] = {}
    for node in reversed(nodes):
        for position, tensor in enumerate(node.output):
            layer = layers.get(_TOKEN.sub("", tensor)) if tensor not in network.tensors else None
            if layer is not None:
                originals[tensor] = layer.outputs[position if position < len(layer.outputs) else 0]
        if node.op_type == "Squeeze" and node.output[0] in originals and node.input[0] not in network.tensors:
            # Several gathers became one split, whose parts keep the dimension that a gather drops.
            originals.setdefault(node.input[0], originals[node.output[0]])
    return originals


def _aliases(nodes: Sequence[NodeProto], network: Network, moved: dict[str, str]) -> dict[str, str]:
    """The original tensor that each new tensor holds, in another layout or order of dimensions."""
    aliases = dict(moved)
    for node in nodes:
        if node.domain != _BLOCKED_DOMAIN:
            if any(tensor in aliases for tensor in node.input) and node.output[0] not in network.tensors:
                layer = _layer_named(node.name, network)
                if layer is not None:
                    aliases.setdefault(node.output[0], layer.outputs[0])
            continue
        if node.op_type == "ReorderInput":
            aliases[node.output[0]] = aliases.get(node.input[0], node.input[0])
        elif node.op_type == "ReorderOutput":
            aliases.setdefault(node.input[0], node.output[0])
        else:
            original = _without_prefix(node.name).removesuffix(_BLOCKED_SUFFIX).removesuffix(_BATCH_NORM_SUFFIX)
            if original in network.tensors:
                aliases[node.output[0]] = _after_fusion(node, original, network)
    transposed = {node.output[0] for node in nodes if node.op_type == "ReorderInput" and _is_channels_last(node)}
    for node in nodes:
        if node.domain == _BLOCKED_DOMAIN and node.name.endswith(_BLOCKED_SUFFIX):
            source = node.input[0]
            if source in transposed or (source not in aliases and source not in network.tensors):
                read = _original_input(node, network)
                if read is not None:
                    aliases[source] = read
    return aliases


def _is_channels_last(node: NodeProto) -> bool:
    return any(attribute.name == "channels_last" and attribute.i for attribute in node.attribute)


def _original_input(node: NodeProto, network: Network) -> str | None:
    """The original tensor that a blocked node reads: the input of its layer, or of a padding fused into it."""
    name = _without_prefix(node.name).removesuffix(_BLOCKED_SUFFIX)
    layer = network.producers.get(name.removesuffix(_BATCH_NORM_SUFFIX))
    if not name.endswith(_BATCH_NORM_SUFFIX):
        while layer is not None and layer.kind not in _BLOCKED_KINDS:
            layer = _producer_of_first(layer, network)
    if layer is None:
        return None
    before = _producer_of_first(layer, network)
    if before is not None and before.kind == "pad":
        layer = before
    return next(iter(network.activations[layer.name]), None)


def _producer_of_first(layer: Layer, network: Network) -> Layer | None:
    """The layer that writes the first activation that a layer reads."""
    return next((network.producers.get(tensor) for tensor in network.activations[layer.name]), None)


def _layer_named(name: str, network: Network) -> Layer | None:
    """The layer of a node that keeps its name in the blocked layout; fusions append parts to the name."""
    layers = network.layers_by_name
    while name:
        if name in layers:
            return layers[name]
        name = name.rpartition("/")[0]
    return None


def _after_fusion(node: NodeProto, tensor: str, network: Network) -> str:
    """What a blocked node writes: the tensor of its name, or that behind an addition and activation fused into it."""
    if len(node.input) > _RESIDUAL and node.input[_RESIDUAL]:
        tensor = _output_of_reader(tensor, network, frozenset({"add"})) or tensor
    producer = network.producers.get(tensor)
    activation = next((attribute.s for attribute in node.attribute if attribute.name == "activation"), b"")
    if activation and producer is not None and producer.kind not in ACTIVATION_CODES:
        tensor = _output_of_reader(tensor, network, frozenset(ACTIVATION_CODES)) or tensor
        if activation == b"HardSwish" and network.producers[tensor].kind == "hard_sigmoid":
            # Older files have it as a product of the convolution's result and its hard sigmoid.
            tensor = _output_of_reader(tensor, network, frozenset({"mul"})) or tensor
    return tensor


def _output_of_reader(tensor: str, network: Network, kinds: frozenset[str]) -> str | None:
    """The output of the one layer of the given kinds that reads a tensor; None where there is none or several."""
    readers = [layer for layer in network.consumers.get(tensor, ()) if layer.kind in kinds]
    return readers[0].outputs[0] if len(readers) == 1 else None
