"""Networks as JSON: how datasets keep the networks that were measured, exactly and readably.

Schema ``annette/graph/1``: ``tensors`` maps names to ``[dtype, shape]`` (with a third item ``"constant"`` for
weights), ``layers`` lists ``{"name", "kind", "inputs", "outputs", "attributes"}``. Workloads are not stored but
computed again, so that a stored network cannot contradict itself; only kinds whose dimensions do not follow from
their shapes (attention, einsum) carry ``dimensions`` and ``macs``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError, NetworkShapeError
from annette.network.kinds import KINDS
from annette.network.layer import AttributeValue, Dimensions, Layer
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA", "graph_digest", "graph_from_json", "graph_to_json"]

SCHEMA: Final = "annette/graph/1"

_DTYPES: Final = {dtype.label: dtype for dtype in DType}


def graph_to_json(network: Network) -> dict[str, Any]:
    """A network as plain JSON values; `graph_from_json` gives an equal network back."""
    return {
        "schema": SCHEMA,
        "name": network.name,
        "batch": network.batch,
        "channels_last": network.channels_last,
        "source_format": network.source_format,
        "inputs": list(network.inputs),
        "outputs": list(network.outputs),
        "notes": list(network.notes),
        "tensors": {
            name: [tensor.dtype.label, list(tensor.shape), *["constant"] * tensor.constant]
            for name, tensor in network.tensors.items()
        },
        "layers": [_layer_to_json(layer, network) for layer in network.layers],
    }


def graph_from_json(document: Mapping[str, Any]) -> Network:
    """Builds the network that `graph_to_json` described.

    Raises:
        NetworkFormatError: The document is not of this schema.
        NetworkError: It describes something that is no network.
    """
    if document.get("schema") != SCHEMA:
        raise NetworkFormatError(f"a stored network has schema {document.get('schema')!r} instead of {SCHEMA!r}")
    try:
        tensors = {
            name: Tensor(name, tuple(map(int, entry[1])), _DTYPES[entry[0]], constant="constant" in entry[2:])
            for name, entry in document["tensors"].items()
        }
        channels_last = bool(document["channels_last"])
        return Network(
            name=str(document["name"]),
            layers=[_layer_from_json(entry, tensors, channels_last) for entry in document["layers"]],
            tensors=tensors,
            inputs=document["inputs"],
            outputs=document["outputs"],
            batch=int(document["batch"]),
            channels_last=channels_last,
            source_format=str(document["source_format"]),
            notes=document["notes"],
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NetworkFormatError(f"a stored network is not of schema {SCHEMA!r}: {error!r}") from error


def graph_digest(network: Network) -> str:
    """Identity of what is computed: the SHA-256 of the graph without its name and notes, 32 hexadecimal digits."""
    document = graph_to_json(network)
    for key in ("name", "notes", "source_format"):
        del document[key]
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


def _layer_to_json(layer: Layer, network: Network) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": list(layer.inputs),
        "outputs": list(layer.outputs),
        "attributes": {k: list(v) if isinstance(v, tuple) else v for k, v in layer.attributes.items()},
    }
    if not _follows_from_shapes(layer, network):
        entry["macs"] = layer.workload.macs
        entry["dimensions"] = {name: size for name, size in layer.workload.dimensions._asdict().items() if size != 1}
    return entry


def _follows_from_shapes(layer: Layer, network: Network) -> bool:
    try:
        again = describe_layer(
            layer.kind,
            layer.name,
            inputs=[network.tensors[tensor] for tensor in layer.inputs],
            outputs=[network.tensors[tensor] for tensor in layer.outputs],
            attributes=layer.attributes,
            channels_last=network.channels_last,
        )
    except NetworkShapeError:
        return False
    return again.workload == layer.workload


def _layer_from_json(entry: Mapping[str, Any], tensors: Mapping[str, Tensor], channels_last: bool) -> Layer:
    if entry["kind"] not in KINDS:
        raise NetworkFormatError(f"layer {entry['name']!r} of a stored network is of unknown kind {entry['kind']!r}")
    attributes: dict[str, AttributeValue] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in entry["attributes"].items()
    }
    return describe_layer(
        entry["kind"],
        entry["name"],
        inputs=[tensors[tensor] for tensor in entry["inputs"]],
        outputs=[tensors[tensor] for tensor in entry["outputs"]],
        attributes=attributes,
        channels_last=channels_last,
        dimensions=Dimensions(**entry["dimensions"]) if "dimensions" in entry else None,
        macs=entry.get("macs"),
    )
