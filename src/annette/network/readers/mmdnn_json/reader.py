"""Reads MMdnn's intermediate representation in its JSON form.

A list of nodes with operator, inputs and typed attributes; numbers are written as text, feature maps are channels
last, ``_output_shapes`` gives what each node writes. Unlike the original ANNETTE's format it keeps groups and says
whether there is a bias.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.network.readers.descriptions.described_layer import (
    DescribedLayer,
    batch_size,
    bind,
    identifier,
    integers,
    member,
    texts,
)
from annette.network.readers.descriptions.translation import build_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annette.network.network import Network

__all__ = ["parse_mmdnn"]


def parse_mmdnn(document: Any, file: Path, *, batch: int | None, input_shapes: Mapping[str, Sequence[int]]) -> Network:
    """Reads a network in MMdnn's JSON form.

    Args:
        document: The parsed JSON document.
        file: Where it was; the network is named after it.
        batch: Samples processed together; None means 1, or what the file fixes.
        input_shapes: Shapes of network inputs by name, channels last, batch first; they must agree with the sizes
            that the file states: it holds the shape of every layer, computed for them.

    Returns:
        The network, with every repair told in its notes.

    Raises:
        NetworkFormatError: The file is not such a description.
        NetworkStructureError: The graph is empty, cyclic or dangling.
        NetworkShapeError: A size is unknown, not positive, or contradicts its neighbours.
    """
    what = f"network description {str(file)!r}"
    if not isinstance(document, dict) or not isinstance(document.get("node"), list):
        raise NetworkFormatError(f"{what} has no list 'node': it is not in MMdnn's JSON form")
    if not document["node"]:
        raise NetworkStructureError(f"{what} has no layers: there is nothing to estimate")
    size = batch_size(batch, input_shapes)
    described = [_node(values, position, size) for position, values in enumerate(document["node"])]
    _check_inputs(described, input_shapes, what)
    return build_network(file.stem, described, batch=size, source_format="mmdnn-json")


def _check_inputs(described: list[DescribedLayer], given: Mapping[str, Sequence[int]], what: str) -> None:
    stated = {layer.name: layer.shape for layer in described if layer.operator == "DataInput"}
    for name, shape in given.items():
        if name not in stated:
            raise NetworkShapeError(f"{what} has no input {name!r}")
        if tuple(shape) != stated[name]:
            raise NetworkShapeError(
                f"input {name!r} of {what} was described for shape {list(stated[name])}, not {list(shape)}: the file "
                "holds the shapes of all layers, convert the network anew for another size"
            )


def _node(values: Any, position: int, batch: int) -> DescribedLayer:
    if not isinstance(values, dict):
        raise NetworkFormatError(f"node {position} is {str(values)[:60]!r}, not a JSON object")
    name = identifier(member(values, "name", str, f"node {position}"), "the layer name")
    where = f"layer {name[:80]!r}"
    attributes = member(values, "attr", dict, where)
    inputs = values.get("input", [])
    if not isinstance(inputs, list):
        raise NetworkFormatError(f"'input' of {where} is not a list")
    group = _scalar(attributes, "group", "i", where)
    mode: dict[str, Any] = {
        "pooling_type": _text(attributes, "pooling_type", where),
        "axis": _scalar(attributes, "axis", "i", where),
    }
    bias = _attribute(attributes, "use_bias", "b", where)
    if bias is not None and not isinstance(bias, bool):
        raise NetworkFormatError(f"'use_bias' of {where} is not true or false")
    return DescribedLayer(
        name=name,
        operator=identifier(member(values, "op", str, where), f"the operator of {where}"),
        parents=texts(inputs, f"'input' of {where}"),
        shape=_output_shape(attributes, batch, where),
        kernel=_list(attributes, "kernel_shape", where),
        strides=_list(attributes, "strides", where),
        pads=_list(attributes, "pads", where),
        dilations=_list(attributes, "dilations", where),
        groups=1 if group is None else group,
        bias=bias,
        mode={key: value for key, value in mode.items() if value is not None},
    )


def _attribute(attributes: dict[str, Any], key: str, kind: str, where: str) -> Any:
    """The value of a typed attribute (``{"i": "3"}``), or None where it is missing."""
    if key not in attributes:
        return None
    value = attributes[key]
    if not isinstance(value, dict) or kind not in value:
        raise NetworkFormatError(f"attribute {key!r} of {where} is {str(value)[:60]!r}, not a value of type {kind!r}")
    return value[kind]


def _number(value: Any, where: str) -> int:
    """A whole number, which this format writes as text."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 20:
            raise NetworkFormatError(f"{where} is {value[:60]!r}, not a whole number")
        value = int(value)
    return integers([value], where)[0]


def _scalar(attributes: dict[str, Any], key: str, kind: str, where: str) -> int | None:
    value = _attribute(attributes, key, kind, where)
    return None if value is None else _number(value, f"attribute {key!r} of {where}")


def _list(attributes: dict[str, Any], key: str, where: str) -> tuple[int, ...]:
    value = _attribute(attributes, key, "list", where)
    if value is None:
        return ()
    numbers = value.get("i", []) if isinstance(value, dict) else value
    if not isinstance(numbers, list):
        raise NetworkFormatError(f"attribute {key!r} of {where} is not a list of whole numbers")
    return tuple(_number(number, f"attribute {key!r} of {where}") for number in numbers)


def _text(attributes: dict[str, Any], key: str, where: str) -> str | None:
    """Text, which this format writes in base 64."""
    value = _attribute(attributes, key, "s", where)
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (TypeError, ValueError, binascii.Error) as error:
        raise NetworkFormatError(f"attribute {key!r} of {where} is {str(value)[:60]!r}, not text in base 64") from error


def _output_shape(attributes: dict[str, Any], batch: int, where: str) -> tuple[int, ...]:
    value = _attribute(attributes, "_output_shapes", "list", where)
    try:
        dimensions = value["shape"][0].get("dim", [])
        sizes = [dimension["size"] for dimension in dimensions]
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise NetworkShapeError(f"{where} does not say which shape it writes") from error
    return bind(tuple(_number(size, f"the shape of {where}") for size in sizes), batch, where)
