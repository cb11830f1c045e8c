"""ONNX Runtime's profile: the JSON trace that a session with ``enable_profiling`` writes, one event per node and run.

Facts used (ONNX Runtime 1.20 to 1.32): events of category ``Node`` whose name ends in ``_kernel_time`` are executed
nodes; ``dur`` is in whole microseconds; ``args`` has the operator's type and the shapes of inputs and outputs. Some
nodes that rewrites add have no name in the optimised graph, and one in the trace: those are paired by type, in order.

A graph optimisation that replaces several nodes by several others (an attention, a split with its transpositions)
leaves intermediate tensors that the original network does not have. Nodes joined by such tensors form a *segment*:
between the original tensors that it reads and writes it computes a known part of the network, though no single node of
it does. A segment becomes one kernel, named after its main node, with the time of all of them. A node that only reads
and writes original tensors is a segment by itself, and so is a layout change (``ReorderInput``, ``ReorderOutput``).
A view that follows a split for each of its parts counts like views elsewhere: it is no part of the kernel's time.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED, layers_between
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annette.devices.onnxruntime_cpu.optimised_graph import OptimisedNode
    from annette.network import Network

__all__ = ["assign_layers", "read_profile"]

_KERNEL_SUFFIX: Final = "_kernel_time"

_MAIN_OPERATORS: Final = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "FusedMatMul", "Attention", "LSTM", "GRU", "Split", "Softmax",
)  # fmt: skip
"""Operators after which a segment is named, those that do most of the work first; else the slowest node is."""

_ADDED_KINDS: Final = {
    "ReorderInput": "reorder_input", "ReorderOutput": "reorder_output", "Transpose": "transpose", "Cast": "cast"
}  # fmt: skip
"""Kinds of the kernels that the runtime puts in, by operator."""


def read_profile(
    report: Path, nodes: Sequence[OptimisedNode], repeats: int
) -> list[tuple[ProfileEntry, OptimisedNode | None]]:
    """One entry per executed node, in order of execution, with its node of the optimised graph where that is known.

    Args:
        report: The file that the session has written.
        nodes: The optimised graph that it ran.
        repeats: The last so many runs count; those before warmed up.

    Raises:
        BackendRunError: The report is truncated or has other fields than are known.
    """
    by_name = {node.name: node for node in nodes if node.name}
    unnamed: dict[str, deque[OptimisedNode]] = defaultdict(deque)
    for node in nodes:
        if not node.name:
            unnamed[node.operator.rpartition(".")[2]].append(node)
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in _kernel_events(report):
        events[event["name"].removesuffix(_KERNEL_SUFFIX)].append(event)
    entries = []
    for name, runs in events.items():
        arguments = runs[0]["args"]
        operator = arguments["op_name"]
        executed = by_name.get(name) or (unnamed[operator].popleft() if unnamed[operator] else None)
        entry = ProfileEntry(
            name=name,
            operator=executed.operator if executed else operator,
            latency_s=tuple(event["dur"] * 1e-6 for event in runs[-repeats:]),
            input_shapes=_shapes(arguments.get("input_type_shape", ())),
            output_shapes=_shapes(arguments.get("output_type_shape", ())),
        )
        entries.append((entry, executed))
    return entries


def _kernel_events(report: Path) -> list[dict[str, Any]]:
    try:
        events = json.loads(report.read_text(encoding="utf-8"))
        kernels = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_KERNEL_SUFFIX)]
        for event in kernels:
            event["dur"], event["args"]["op_name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendRunError(f"ONNX Runtime's profile cannot be understood: {error!r}") from error
    if not kernels:
        raise BackendRunError("ONNX Runtime's profile has no kernel events")
    return kernels


def _shapes(reported: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(size) for size in shape) for entry in reported for shape in entry.values())


def assign_layers(
    pairs: Sequence[tuple[ProfileEntry, OptimisedNode | None]], network: Network
) -> tuple[ProfileEntry, ...]:
    """Joins the entries of each segment and fills in ``layers``, ``inputs`` and ``outputs``.

    Args:
        pairs: Profile entries in order of execution, each with its node where that is known.
        network: The original network.
    """
    joined: dict[int, ProfileEntry] = {}
    dequantized = {
        node.outputs[0]: node.name
        for _, node in reversed(pairs)
        if node is not None and node.operator.endswith("DequantizeLinear")
    }
    dequantized |= {name: layer.name for name, layer in network.producers.items() if layer.name in dequantized.values()}
    kinds = network.kinds_by_layer
    for segment in _segments(pairs, network):
        nodes = [node for position in segment if (node := pairs[position][1]) is not None]
        written = {tensor for node in nodes for tensor in node.outputs if tensor in network.tensors}
        read = {tensor for node in nodes for tensor in node.inputs if tensor in network.tensors} - written
        added = _added_by(nodes, network, dequantized)
        layers = () if added else layers_between(network, read, written)
        if any(node.reordered for node in nodes):
            layers = tuple(name for name in layers if kinds[name] != "transpose")
        entries = [pairs[position][0] for position in segment]
        main = min(range(len(segment)), key=lambda at: (_rank(entries[at].operator), -sum(entries[at].latency_s)))
        counted = [part for part in entries if not (entries[main].operator == "Split" and part.operator == "Squeeze")]
        latency_s = tuple(map(math.fsum, zip(*(part.latency_s for part in counted), strict=True)))
        entry = replace(entries[main], latency_s=latency_s)
        if layers:
            entry = replace(entry, layers=layers, inputs=tuple(sorted(read)), outputs=tuple(sorted(written)))
        elif added:
            entry = replace(entry, info={**entry.info, ADDED: "1", **added})
        joined[segment[main]] = entry
    return tuple(joined[position] for position in sorted(joined))


def _added_by(nodes: Sequence[OptimisedNode], network: Network, dequantized: Mapping[str, str]) -> dict[str, str]:
    """Kind and copied tensor of a node that the runtime put in; empty for all others.

    It brings a tensor into a blocked layout, another order or other bits, dequantizes a constant, or an activation once
    more.

    Args:
        nodes: Nodes of one segment.
        network: The original network.
        dequantized: For each activation that is dequantized, the node that counts as the network's own.
    """
    if len(nodes) != 1:
        return {}
    (node,) = nodes
    operator = node.operator.rpartition(".")[2]
    if operator == "DequantizeLinear":
        result = node.outputs[0]
        constant = result in network.tensors and network.tensors[result].constant
        again = dequantized[result] != node.name
        producer = network.producers.get(result)
        source = producer.inputs[0] if producer is not None else result
        return {"kind": "dequantize", "tensor": source} if constant or again else {}
    moved = (node.layout_change or operator in ("Transpose", "Cast")) and node.inputs[:1] in ((), node.outputs)
    if operator == "ReorderInput" or moved:
        return {"kind": _ADDED_KINDS[operator], "tensor": node.outputs[0]}
    return {}


def _rank(operator: str) -> int:
    name = operator.rpartition(".")[2]
    return _MAIN_OPERATORS.index(name) if name in _MAIN_OPERATORS else len(_MAIN_OPERATORS)


def _segments(pairs: Sequence[tuple[ProfileEntry, OptimisedNode | None]], network: Network) -> list[list[int]]:
    """Positions of entries, grouped by the new tensors that join them; each group in order of execution."""
    parent = list(range(len(pairs)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    touched: dict[str, int] = {}
    for position, (_, node) in enumerate(pairs):
        if node is None or node.layout_change:
            continue
        for tensor in (*node.inputs, *node.outputs):
            if tensor in network.tensors:
                continue
            if tensor in touched:
                parent[root(position)] = root(touched[tensor])
            touched[tensor] = position
    groups: dict[int, list[int]] = defaultdict(list)
    for position in range(len(pairs)):
        groups[root(position)].append(position)
    return list(groups.values())
