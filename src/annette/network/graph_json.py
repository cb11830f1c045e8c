"""Networks as JSON: how datasets keep the networks that were measured, exactly and readably.

Schema ``annette/graph/1``: ``tensors`` maps names to ``[dtype, shape]`` (with a third item ``"constant"`` for
weights), ``layers`` lists ``{"name", "kind", "inputs", "outputs", "attributes"}``. Workloads are not stored but
computed again, so that a stored network cannot contradict itself; only kinds whose dimensions do not follow from
their shapes (attention, einsum) carry ``dimensions`` and ``macs``. ``values`` are the contents of inputs that decide
what runs, where some were given, and ``empty_inputs`` the shapes of inputs without elements, where there are any.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import msgspec

from annette.documents import Count, Document, Natural, convert, parse_json
from annette.errors import NetworkFormatError, NetworkShapeError
from annette.network.kinds import KINDS
from annette.network.layer import AttributeValue, Dimensions, Layer
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

__all__ = ["SCHEMA", "graph_digest", "graph_from_json", "graph_from_text", "graph_to_json"]

SCHEMA: Final = "annette/graph/1"

_DTYPES: Final = {dtype.label: dtype for dtype in DType}

_BEYOND_JSON: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
"""Numbers that JSON has no way to write, by the texts that stand for them: a clip without a lower limit has one."""


class _Tensor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[Natural, ...]
    constant: Literal["constant"] | None = None


class _Layer(Document, frozen=True):
    name: str
    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, bool | int | float | str | list[bool | int | float | str]]
    macs: Natural | None = None
    dimensions: dict[str, Count] | None = None


class _Graph(Document, frozen=True):
    schema: Literal["annette/graph/1"]
    name: str
    batch: Count
    channels_last: bool
    source_format: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]
    tensors: dict[str, _Tensor]
    layers: list[_Layer]
    values: dict[str, list[bool | int | float]] | None = None
    empty_inputs: dict[str, tuple[Natural, ...]] | None = None


_DECODER: Final = msgspec.json.Decoder(_Graph)


def graph_to_json(network: Network) -> dict[str, Any]:
    """A network as plain JSON values; `graph_from_json` gives an equal network back."""
    document = {
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
    if network.values:
        document["values"] = {name: list(numbers) for name, numbers in network.values.items()}
    if network.empty_inputs:
        document["empty_inputs"] = {name: list(shape) for name, shape in network.empty_inputs.items()}
    return document


def graph_from_json(document: Mapping[str, Any]) -> Network:
    """Builds the network that `graph_to_json` described.

    Raises:
        NetworkFormatError: The document is not of this schema.
        NetworkError: It describes something that is no network.
    """
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if schema != SCHEMA:
        raise NetworkFormatError(f"a stored network has schema {schema!r} instead of {SCHEMA!r}")
    return _network(convert(document, _Graph, error=NetworkFormatError))


def graph_from_text(text: str) -> Network:
    """Builds the network that `graph_to_json` described, from its JSON; twice as fast as from its values.

    Raises:
        NetworkError: As for `graph_from_json`, or the text is no JSON.
    """
    try:
        stored = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        # Read again in a way that is slower, and says what is wrong where.
        data = text.encode(errors="replace")
        return graph_from_json(parse_json(data, source="a stored network", error=NetworkFormatError))
    return _network(stored)


def _network(stored: _Graph) -> Network:
    strange = next((name for name, entry in stored.tensors.items() if entry.dtype not in _DTYPES), None)
    if strange is not None:
        raise NetworkFormatError(
            f"tensor {strange!r} of a stored network has the unknown element type {stored.tensors[strange].dtype!r}"
        )
    tensors = {
        name: Tensor(name, entry.shape, _DTYPES[entry.dtype], constant=entry.constant is not None)
        for name, entry in stored.tensors.items()
    }
    return Network(
        name=stored.name,
        layers=[_layer_from_json(entry, tensors, stored.channels_last) for entry in stored.layers],
        tensors=tensors,
        inputs=stored.inputs,
        outputs=stored.outputs,
        batch=stored.batch,
        channels_last=stored.channels_last,
        source_format=stored.source_format,
        notes=stored.notes,
        values=stored.values,
        empty_inputs=stored.empty_inputs,
    )


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
        "attributes": {
            name: [_written(each) for each in value] if isinstance(value, tuple) else _written(value)
            for name, value in layer.attributes.items()
        },
    }
    if not _follows_from_shapes(layer, network):
        entry["macs"] = layer.workload.macs
        entry["dimensions"] = layer.workload.dimensions.above_one()
    return entry


def _written(value: bool | int | float | str) -> bool | int | float | str:
    """A value of an attribute as JSON has it."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _read(value: bool | int | float | str) -> bool | int | float | str:
    """The value that `_written` wrote."""
    return _BEYOND_JSON.get(value, value) if isinstance(value, str) else value


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


def _layer_from_json(entry: _Layer, tensors: Mapping[str, Tensor], channels_last: bool) -> Layer:
    if entry.kind not in KINDS:
        raise NetworkFormatError(f"layer {entry.name!r} of a stored network is of unknown kind {entry.kind!r}")
    missing = [name for name in (*entry.inputs, *entry.outputs) if name not in tensors]
    if missing:
        raise NetworkFormatError(f"layer {entry.name!r} of a stored network refers to no tensor {missing[0]!r}")
    unknown = [name for name in entry.dimensions or () if name not in Dimensions._fields]
    if unknown:
        raise NetworkFormatError(f"layer {entry.name!r} of a stored network has no dimension {unknown[0]!r}")
    attributes: dict[str, AttributeValue] = {
        name: cast("AttributeValue", tuple(map(_read, value))) if isinstance(value, list) else _read(value)
        for name, value in entry.attributes.items()
    }
    return describe_layer(
        entry.kind,
        entry.name,
        inputs=[tensors[tensor] for tensor in entry.inputs],
        outputs=[tensors[tensor] for tensor in entry.outputs],
        attributes=attributes,
        channels_last=channels_last,
        dimensions=None if entry.dimensions is None else Dimensions(**entry.dimensions),
        macs=entry.macs,
    )
