"""Reads OpenVINO's runtime model (``CompiledModel.get_runtime_model``): the graph of executed primitives.

Facts used (OpenVINO 2024 to 2026, CPU plug-in; the keys are defined in exec_model_info.hpp of
https://github.com/openvinotoolkit/openvino): every node carries in its runtime information ``originalLayersNames``,
the friendly names of the operations fused into it, separated by commas, with some of the plug-in's own among them
(``conv1/WithoutBiases``); ``layerType`` is the plug-in's type, ``primitiveType`` the implementation (instruction set,
algorithm, element type), ``outputLayouts`` the memory format, ``execOrder`` the place in the order of execution. A
``Reorder`` or ``Convert`` that the plug-in inserted has no original names, or only its own. What the names leave open
is found from the graph: see `annette.devices.openvino_cpu.topology`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED
from annette.devices.openvino_cpu.topology import (
    assign_decomposed_parts,
    assign_unclaimed_layers,
    complete_fused_layers,
    name_copied_tensors,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Network

__all__ = ["RuntimeNode", "executed_nodes", "profile_entries"]

_INSERTED: Final = {"Reorder": "reorder", "Convert": "convert", "Reshape": "reshape", "Transpose": "transpose"}
"""Types of nodes that change layout or element type, which the plug-in inserts between others, and their kinds."""

_IN_PLACE: Final = "unknown"
"""Beginning of ``primitiveType`` of nodes without an implementation: done in place, by doing nothing."""


@dataclass(frozen=True, slots=True)
class RuntimeNode:
    """A node of the runtime model.

    Attributes:
        name: Its friendly name, which the performance counters use too.
        layer_type: The plug-in's type for it.
        primitive: Its implementation: instruction set, algorithm and element type.
        originals: Names of the layers fused into it, the plug-in's own among them.
        layout: Memory format of what it writes.
        output_shapes: Shapes of what it writes.
        inputs: Names of the nodes that it reads.
    """

    name: str
    layer_type: str
    primitive: str
    originals: tuple[str, ...]
    layout: str = ""
    output_shapes: tuple[tuple[int, ...], ...] = ()
    inputs: tuple[str, ...] = ()


def executed_nodes(model: Any) -> tuple[RuntimeNode, ...]:
    """The nodes of a runtime model in order of execution.

    Args:
        model: What ``CompiledModel.get_runtime_model`` gives.
    """
    nodes: list[tuple[int, RuntimeNode]] = []
    for node in model.get_ordered_ops():
        facts = {key: _text(node.rt_info[key]) for key in node.rt_info}
        names = tuple(name for name in facts.get("originalLayersNames", "").split(",") if name)
        order = int(facts["execOrder"]) if facts.get("execOrder", "").isdigit() else len(nodes)
        shapes = tuple(tuple(port.get_shape()) for port in node.outputs() if port.get_partial_shape().is_static)
        described = RuntimeNode(
            name=node.get_friendly_name(),
            layer_type=facts.get("layerType", ""),
            primitive=facts.get("primitiveType", ""),
            originals=names,
            layout=facts.get("outputLayouts", ""),
            output_shapes=shapes,
            inputs=tuple(port.get_node().get_friendly_name() for port in node.input_values()),
        )
        nodes.append((order, described))
    return tuple(node for _, node in sorted(nodes, key=lambda entry: entry[0]))


def _text(value: Any) -> str:
    return str(value.astype(str) if hasattr(value, "astype") else value)


def profile_entries(
    nodes: Sequence[RuntimeNode], times_s: Mapping[str, float], network: Network
) -> tuple[ProfileEntry, ...]:
    """The nodes that ran, with their layers.

    Args:
        nodes: In order of execution.
        times_s: Time of each node by name, in seconds; nodes that are missing here did not run, or took less than
            half a microsecond.
        network: The network that was compiled.
    """
    written = {output: layer.name for layer in network.layers for output in layer.outputs}
    entries: list[ProfileEntry] = []
    elided: set[str] = set()
    for node in nodes:
        layers = _layers(node, network, written)
        in_place = node.primitive.startswith(_IN_PLACE) or node.layer_type in _INSERTED
        if node.name not in times_s and (not layers or in_place):
            elided.update(layers)
            continue
        info = {"primitive": node.primitive, "layout": node.layout}
        if not layers and node.layer_type in _INSERTED:
            info |= {ADDED: "1", "kind": _INSERTED[node.layer_type]}
        entries.append(
            ProfileEntry(
                name=node.name,
                operator=node.layer_type,
                latency_s=(times_s.get(node.name, 0.0),),
                layers=layers,
                output_shapes=node.output_shapes,
                info=info,
            )
        )
    edges = {node.name: node.inputs for node in nodes}
    elided -= {name for entry in entries for name in entry.layers}
    completed = complete_fused_layers(entries, network, elided)
    assigned = assign_decomposed_parts(completed, edges, network, elided)
    return name_copied_tensors(assign_unclaimed_layers(assigned, network, elided), edges, network)


def _layers(node: RuntimeNode, network: Network, written: Mapping[str, str]) -> tuple[str, ...]:
    """Layers by their names, or by the tensors that they write where the file does not name them."""
    known = network.layers_by_name
    names = [name if name in known else written[name] for name in node.originals if name in known or name in written]
    return tuple(dict.fromkeys(names))
