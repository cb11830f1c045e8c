"""What the tensors of ONNX Runtime's integer operators hold, in terms of the original network's tensors.

Facts used (ONNX Runtime 1.32, CPU; onnxruntime/core/optimizer/qdq_transformer and nhwc_transformer.cc of
https://github.com/microsoft/onnxruntime):

- A group of a layer and its conversions becomes one node (``QLinearConv``, ``QGemm``, …), called like the layer. It
  reads what the dequantizations read and writes what the quantization writes.
- Where a pair of int8 becomes one of uint8, the tensor between has a new name, ``qdq_s8_to_u8_quant…``.
- Convolutions run channels last, between transpositions; the transpose optimizer moves these. Results in that order
  are called like nodes, which may be the name of another tensor of the original network.
- A dequantization that several nodes read is copied for each, ``<name>/duplicated``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from annette.mapping.precision import dtype_precision

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from onnx import NodeProto

    from annette.network import Layer, Network

__all__ = ["TO_FIRST", "TO_LAST", "integer_aliases", "is_order_change", "layer_called"]

TO_LAST: Final = (0, 2, 3, 1)
TO_FIRST: Final = (0, 3, 1, 2)
_INTEGER: Final = re.compile(r"QLinear\w+|QGemm")
_UNCHANGED: Final = re.compile(r"Integer|^Dynamic")
"""Operators of dynamic quantisation: their operands and results keep their names."""
_APPENDED: Final = re.compile(r"(?:_token_\d+|/duplicated(?:_token_\d+)?)+$")
_BEHIND: Final = frozenset({"add", "relu", "clip"})


def integer_aliases(nodes: Sequence[NodeProto], network: Network, constants: Collection[str]) -> dict[str, str]:
    """The original tensor that each tensor of a quantised graph holds, where its name does not say so.

    Args:
        nodes: The optimised graph.
        network: The original network.
        constants: Names of the optimised graph's constants.
    """
    if not any(node.op_type == "DequantizeLinear" or _INTEGER.fullmatch(node.op_type) for node in nodes):
        return {}
    aliases: dict[str, str] = {}
    real: set[str] = set()
    for node in nodes:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants and node.input[0] in network.tensors:
            aliases[node.output[0]] = node.input[0]
            real.add(node.output[0])
            continue
        layer = layer_called(node.name, network)
        if layer is None:
            continue
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            _pair(aliases, [node.input[0], node.output[0]], [layer.inputs[0], layer.outputs[0]])
        elif _UNCHANGED.search(node.op_type):
            continue
        elif _INTEGER.fullmatch(node.op_type) or (
            real.isdisjoint(node.input) and _reads_integers(node, aliases, network)
        ):
            read = [t for t in node.input if t and t not in constants]
            given = [_dequantized(t, network) for t in network.activations[layer.name]]
            _pair(aliases, read, given)
            _pair(aliases, list(node.output), [_quantized(t, network) for t in layer.outputs])
    changes = [node for node in nodes if is_order_change(node, network)]
    for node in (*changes, *reversed(changes)):
        source, result = node.input[0], node.output[0]
        if source in aliases or source in network.tensors:
            aliases.setdefault(result, aliases.get(source, source))
        elif result in aliases or result in network.tensors:
            aliases.setdefault(source, aliases.get(result, result))
    return aliases


def layer_called(name: str, network: Network) -> Layer | None:
    """The layer that a node is called after; rewrites append numbers, parts and copies to the name."""
    layers = network.layers_by_name
    while name:
        short = _APPENDED.sub("", name)
        if name in layers or short in layers:
            return layers.get(name) or layers[short]
        name = name.rpartition("/")[0]
    return None


def is_order_change(node: NodeProto, network: Network) -> bool:
    """Whether a node is a transposition between channels first and last that the runtime put in."""
    if node.op_type != "Transpose" or node.name in network.layers_by_name:
        return False
    return any(tuple(attribute.ints) in (TO_LAST, TO_FIRST) for attribute in node.attribute)


def _pair(aliases: dict[str, str], names: Sequence[str], originals: Sequence[str]) -> None:
    if len(names) == len(originals):
        for name, original in zip(names, originals, strict=True):
            if name != original:
                aliases.setdefault(name, original)


def _reads_integers(node: NodeProto, aliases: dict[str, str], network: Network) -> bool:
    """Whether a node that also computes in floating point (a pooling, a split) reads integers."""
    name = aliases.get(node.input[0], node.input[0]) if node.input else ""
    return name in network.tensors and dtype_precision(network.tensors[name].dtype) == "int8"


def _dequantized(tensor: str, network: Network) -> str:
    """What a dequantization reads whose result is a tensor; else the tensor itself."""
    producer = network.producers.get(tensor)
    return producer.inputs[0] if producer is not None and producer.kind == "dequantize" else tensor


def _quantized(tensor: str, network: Network) -> str:
    """What the quantization behind a tensor writes; else the tensor itself."""
    reached = tensor
    for _ in range(3):
        readers = network.consumers.get(reached, ())
        if len(readers) != 1:
            return tensor
        if readers[0].kind == "quantize":
            return readers[0].outputs[0]
        if readers[0].kind not in _BEHIND or len(network.activations[readers[0].name]) != 1:
            return tensor
        reached = readers[0].outputs[0]
    return tensor
