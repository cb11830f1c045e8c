"""Reads OpenVINO's runtime model (``CompiledModel.get_runtime_model``): the graph of executed primitives.

Facts used (OpenVINO 2024 to 2026, CPU plug-in; the keys are defined in exec_model_info.hpp of
https://github.com/openvinotoolkit/openvino): every node carries in its runtime information ``originalLayersNames``,
the friendly names of the operations fused into it, separated by commas, with some of the plug-in's own among them
(``conv1/WithoutBiases``); ``layerType`` is the plug-in's type, ``primitiveType`` the implementation (instruction set,
algorithm, element type), ``outputLayouts`` the memory format, ``execOrder`` the place in the order of execution. A
``Reorder`` or ``Convert`` that the plug-in inserted has no original names, or only its own. What the names leave open
is found from the nodes before and behind.

The plug-in's transformations lose names in four ways, and each has a function here: a fusion keeps only some of the
names (`complete_fused_layers`); a decomposition gives the parts names of its own (`assign_decomposed_parts`); a layer
that another one absorbs leaves no name at all (`assign_unclaimed_layers`); an inserted copy does not say what it copies
(`name_copied_tensors`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED, layers_between
from annette.devices.openvino_cpu.merged_transposes import FAKE, merged_transposes
from annette.network import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from annette.network import Network

__all__ = [
    "RuntimeNode",
    "assign_decomposed_parts",
    "assign_unclaimed_layers",
    "complete_fused_layers",
    "executed_nodes",
    "name_copied_tensors",
    "profile_entries",
]

_PRODUCT_TYPES: Final = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")
_PRODUCTS: Final = kinds_in(Category.CONVOLUTION, Category.MATRIX_PRODUCT)

_INSERTED: Final = {"Reorder": "reorder", "Convert": "convert", "Reshape": "reshape", "Transpose": "transpose"}
"""Types of nodes that change layout or element type, which the plug-in inserts between others, and their kinds."""

_RECURRENT_TYPE: Final = "RNN"
_RECURRENT: Final = kinds_in(Category.RECURRENT)
"""Beginning of the type of the nodes that the plug-in makes of recurrent layers, and kinds of these. Such a node has no
name of the layer; those that turn its states into the layer's results do."""

_WITHOUT_BIAS: Final = "/WithoutBiases"
"""What the reader of ONNX files appends to the name of a convolution or product whose bias becomes a node."""

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
    if any(node.name.endswith(FAKE) and node.name not in times_s for node in nodes):
        elided |= merged_transposes(network, {name for entry in entries for name in entry.layers})
    elided -= {name for entry in entries for name in entry.layers}
    completed = complete_fused_layers(entries, network, elided)
    assigned = assign_decomposed_parts(completed, edges, network, elided)
    return name_copied_tensors(assign_unclaimed_layers(assigned, network, elided), edges, network)


def _layers(node: RuntimeNode, network: Network, written: Mapping[str, str]) -> tuple[str, ...]:
    """Layers by their names, or by the tensors that they write where the file does not name them."""
    known = network.layers_by_name
    plain = [name.removesuffix(_WITHOUT_BIAS) for name in node.originals]
    names = [name if name in known else written[name] for name in plain if name in known or name in written]
    return tuple(dict.fromkeys(names))


def complete_fused_layers(
    entries: Sequence[ProfileEntry], network: Network, elided: Collection[str] = ()
) -> list[ProfileEntry]:
    """Adds the layers that an entry has run but does not name.

    A product whose bias is a layer of its own loses its name to the bias, or the bias does; of the layers of a
    decomposed activation the first and the last keep theirs. Unnamed layers between two layers of an entry ran in it,
    and so did the unnamed product or convolution before the first layer of an entry that is one, and the unnamed sum
    with a constant behind it (a bias of zeros is left out).

    Args:
        entries: In order of execution.
        network: The network that was compiled.
        elided: Layers that run as nothing (in place).
    """
    claimed = {name for entry in entries for name in entry.layers} | {*elided}
    result = []
    for entry in entries:
        own = {*entry.layers}
        if own:
            own |= _enclosed(own, claimed, network)
            if entry.operator in _PRODUCT_TYPES and not any(network.kinds_by_layer[name] in _PRODUCTS for name in own):
                own |= _product_before(own, claimed, network)
            if entry.operator in _PRODUCT_TYPES:
                own |= _bias_behind(own, claimed, network)
            claimed |= own
        result.append(replace(entry, layers=tuple(layer.name for layer in network.layers if layer.name in own)))
    return result


def _enclosed(own: set[str], claimed: set[str], network: Network) -> set[str]:
    """Unclaimed layers on a path from one layer of a set to another."""
    behind = _reached(own, claimed, network, forward=True)
    return behind & _reached(own, claimed, network, forward=False) if behind else behind


def _reached(own: set[str], claimed: set[str], network: Network, *, forward: bool) -> set[str]:
    """Unclaimed layers from which a layer of a set can be reached, or that can be reached from one."""
    reached: set[str] = set()
    stack = list(own)
    while stack:
        for name in _neighbours(stack.pop(), network, forward=forward):
            if name not in claimed and name not in reached:
                reached.add(name)
                stack.append(name)
    return reached


def _neighbours(name: str, network: Network, *, forward: bool) -> list[str]:
    if forward:
        outputs = network.layers_by_name[name].outputs
        return [reader.name for output in outputs for reader in network.consumers.get(output, ())]
    return [network.producers[t].name for t in network.activations[name] if t in network.producers]


def _product_before(own: set[str], claimed: set[str], network: Network) -> set[str]:
    """The nearest unclaimed product or convolution before some layers, and what lies between."""
    before = _reached(own, claimed, network, forward=False)
    for layer in reversed(network.layers):
        if layer.name in before and layer.kind in _PRODUCTS:
            after = _reached({layer.name}, claimed, network, forward=True)
            return {layer.name} | (after & before)
    return set()


def _bias_behind(own: set[str], claimed: set[str], network: Network) -> set[str]:
    """The unclaimed sum with a constant that alone reads the product of a set."""
    for product in sorted(name for name in own if network.kinds_by_layer[name] in _PRODUCTS):
        readers = _neighbours(product, network, forward=True)
        handed_out = not set(network.outputs).isdisjoint(network.layers_by_name[product].outputs)
        if len(readers) == 1 and readers[0] not in claimed and not handed_out:
            plain = network.kinds_by_layer[readers[0]] == "add" and len(network.activations[readers[0]]) == 1
            return {*readers} if plain else set()
    return set()


def assign_decomposed_parts(
    entries: Sequence[ProfileEntry], edges: Mapping[str, Sequence[str]], network: Network, elided: Collection[str] = ()
) -> list[ProfileEntry]:
    """Gives every entry without layers those between its neighbours, or joins it to the one entry that reads it.

    The plug-in decomposes some layers and names the parts itself: a layer normalisation becomes a normalisation and a
    product, three slices of one tensor become a split. A copy between two parts of one layer belongs to that layer.

    Args:
        entries: In order of execution.
        edges: For each node of the runtime model, the nodes that it reads.
        network: The network that was compiled.
        elided: Layers that run as nothing (in place).
    """
    result = list(entries)
    place = {entry.name: position for position, entry in enumerate(entries)}
    added = {entry.name for entry in entries if ADDED in entry.info}
    sources_of = {name: _nearest(name, edges, place.keys() - added) for name in place}
    for position in reversed(range(len(result))):
        entry = result[position]
        if entry.layers or entry.name in added:
            continue
        readers = [result[place[name]] for name in place if name not in added and entry.name in sources_of[name]]
        unknown = {other.name for other in result if not other.layers}
        sources = [result[place[name]] for name in _nearest(entry.name, edges, place.keys() - unknown)]
        claimed = {name for other in result for name in other.layers} | {*elided}
        between = [name for name in _between(sources, readers, network) if name not in claimed]
        if entry.operator.startswith(_RECURRENT_TYPE) and (recurrent := _recurrent(readers, network)):
            result[position] = replace(entry, layers=recurrent)
        elif between:
            result[position] = replace(entry, layers=tuple(between))
        elif len({reader.layers for reader in readers}) == 1 and readers[0].layers:
            result[position] = replace(entry, layers=readers[0].layers)
    for name in added:
        readers = [result[place[reader]] for reader in place if reader not in added and name in edges.get(reader, ())]
        sources = [result[place[source]] for source in sources_of[name]]
        result[place[name]] = _inside_one_layer(result[place[name]], sources, readers)
    return _joined(result)


def _recurrent(readers: Sequence[ProfileEntry], network: Network) -> tuple[str, ...]:
    """Of the entries that read the states of a recurrent node, the layers of the first that names a recurrent layer."""
    kinds = network.kinds_by_layer
    named = (reader.layers for reader in readers if any(kinds[name] in _RECURRENT for name in reader.layers))
    return next(named, ())


def _inside_one_layer(
    copy: ProfileEntry, sources: Sequence[ProfileEntry], readers: Sequence[ProfileEntry]
) -> ProfileEntry:
    """An inserted copy, given to the layers before and behind it where these are the same."""
    sides = {side.layers for side in (*sources, *readers)}
    if not sources or not readers or len(sides) > 1 or () in sides:
        return copy
    info = {key: value for key, value in copy.info.items() if key not in (ADDED, "kind")}
    return replace(copy, layers=sources[0].layers, info=info)


def _nearest(name: str, edges: Mapping[str, Sequence[str]], wanted: Iterable[str]) -> list[str]:
    """The wanted nodes that a node reads, directly or through others."""
    known = set(wanted)
    nearest: dict[str, None] = {}
    seen: set[str] = set()
    stack = list(edges.get(name, ()))
    while stack:
        source = stack.pop()
        if source in known:
            nearest[source] = None
        elif source not in seen:
            seen.add(source)
            stack.extend(edges.get(source, ()))
    return list(nearest)


def _between(sources: Sequence[ProfileEntry], readers: Sequence[ProfileEntry], network: Network) -> tuple[str, ...]:
    layers = network.layers_by_name
    written = {output for entry in sources for name in entry.layers for output in layers[name].outputs}
    inside = {output for entry in readers for name in entry.layers for output in layers[name].outputs}
    read = {tensor for entry in readers for name in entry.layers for tensor in network.activations[name]}
    return layers_between(network, written | set(network.inputs), read - inside - written)


def _joined(entries: Sequence[ProfileEntry]) -> list[ProfileEntry]:
    """Entries of the same layers as one, at the place of the slowest."""
    groups: dict[tuple[str, ...], list[ProfileEntry]] = {}
    for entry in entries:
        key = entry.layers or ("", entry.name)
        groups.setdefault(key, []).append(entry)
    kept = []
    for entry in entries:
        group = groups[entry.layers or ("", entry.name)]
        main = max(group, key=lambda member: sum(member.latency_s))
        if entry is main:
            total = sum(member.latency_s[0] for member in group)
            parts = {"parts": str(len(group))} if len(group) > 1 else {}
            kept.append(replace(entry, latency_s=(total,), info={**entry.info, **parts}))
    return kept


def assign_unclaimed_layers(
    entries: Sequence[ProfileEntry], network: Network, elided: Collection[str] = ()
) -> list[ProfileEntry]:
    """Gives each layer that no entry has to the one entry that reads its results.

    A layer without an entry, whose results a single kernel reads, can only have run there: the first two layers of a
    channel shuffle, a transposition that a product does on the way.

    Args:
        entries: In order of execution.
        network: The network that was compiled.
        elided: Layers that run as nothing (in place); they stay without a kernel.
    """
    owners = {name: place for place, entry in enumerate(entries) for name in entry.layers}
    handed_out = set(network.outputs)
    for layer in reversed(network.layers):
        if layer.name in owners or layer.name in elided or handed_out.intersection(layer.outputs):
            continue
        readers = [reader.name for output in layer.outputs for reader in network.consumers.get(output, ())]
        places = {owners.get(name) for name in readers}
        if len(places) == 1 and (place := places.pop()) is not None:
            owners[layer.name] = place
    members: dict[int, list[str]] = {}
    for layer in network.layers:
        if layer.name in owners:
            members.setdefault(owners[layer.name], []).append(layer.name)
    return [replace(entry, layers=tuple(members.get(place, ()))) for place, entry in enumerate(entries)]


def name_copied_tensors(
    entries: Sequence[ProfileEntry], edges: Mapping[str, Sequence[str]], network: Network
) -> tuple[ProfileEntry, ...]:
    """Says of every copy that the runtime put in which tensor of the network it copies, as ``tensor`` in its facts.

    Args:
        entries: With their layers.
        edges: For each node of the runtime model, the nodes that it reads.
        network: The network that was compiled; the runtime keeps the names of its inputs.
    """
    by_name = {entry.name: entry for entry in entries if entry.layers}
    known = by_name.keys() | set(network.inputs)
    described = []
    for entry in entries:
        sources = _nearest(entry.name, edges, known) if ADDED in entry.info else []
        tensor = sources[0] if sources else ""
        if tensor in by_name:
            tensor = _written(by_name[tensor], network)
        described.append(replace(entry, info={**entry.info, "tensor": tensor}) if tensor else entry)
    return tuple(described)


def _written(entry: ProfileEntry, network: Network) -> str:
    """What a kernel writes for others: the last result of its layers that is read outside or handed out."""
    inside = set(entry.layers)
    for name in reversed(entry.layers):
        for output in network.layers_by_name[name].outputs:
            readers = network.consumers.get(output, ())
            if output in network.outputs or any(reader.name not in inside for reader in readers):
                return output
    return ""
