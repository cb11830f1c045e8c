"""Reads the two JSON formats of network descriptions: the original ANNETTE's and MMdnn's intermediate representation.

The original ANNETTE lists layers by name with their type, parents, children, shapes (channels last, batch -1) and, for
convolutions and pooling, kernel, strides and pads. It has no weights, no biases and no groups: groups follow from a
kernel with fewer input channels than the tensor it reads.

MMdnn lists nodes with operator, inputs and typed attributes; numbers are written as text, feature maps are channels
last, ``_output_shapes`` gives what each node writes. Unlike the former it keeps groups and says whether there is a
bias.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annette import documents
from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.network.readers.descriptions.described_layer import (
    MAX_NETWORK_BYTES,
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
    import os
    from collections.abc import Mapping, Sequence

    from annette.network.network import Network

__all__ = ["read_json"]

_INTEGERS = ("kernel_shape", "strides", "pads", "dilations")


def read_json(
    path: str | os.PathLike[str],
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Network:
    """Reads a network description of the original ANNETTE or of MMdnn.

    Args:
        path: The file; an object ``layers`` makes it the former, a list ``node`` the latter.
        batch: Samples processed together; None means 1, or what the file fixes.
        input_shapes: Shapes of network inputs by name, channels last, batch first. They must agree with the sizes
            that the file states: it holds the shape of every layer, computed for them. Symbolic sizes of inputs,
            which the former may have, are bound by them.

    Returns:
        The network, with every repair told in its notes.

    Raises:
        NetworkFormatError: The file is neither.
        NetworkStructureError: The graph is empty, cyclic or dangling.
        NetworkShapeError: A size is symbolic, unknown, not positive, or contradicts its neighbours.
    """
    file = Path(path)
    document = documents.read_json(file, error=NetworkFormatError, max_bytes=MAX_NETWORK_BYTES)
    if not isinstance(document, dict) or not ("node" in document or "layers" in document):
        raise NetworkFormatError(
            f"{str(file)!r} is JSON but no network description: it has neither 'layers' (the original ANNETTE's "
            "format) nor 'node' (MMdnn's)"
        )
    what = f"network description {str(file)!r}"
    size = batch_size(batch, input_shapes or {})
    if "node" in document:
        described = _nodes(document["node"], size, input_shapes or {}, what)
        return build_network(file.stem, described, batch=size, source_format="mmdnn-json")
    name = document.get("name") or file.stem
    if not isinstance(name, str):
        raise NetworkFormatError(f"'name' of {what} is not text")
    described = _layers(document["layers"], size, input_shapes or {}, what)
    return build_network(name, described, batch=size, source_format="annette-json")


def _layers(layers: Any, batch: int, shapes: Mapping[str, Sequence[int]], what: str) -> list[DescribedLayer]:
    """Layers as the original ANNETTE states them."""
    if not isinstance(layers, dict):
        raise NetworkFormatError(f"{what} has no object 'layers': it is not a description of the original ANNETTE")
    if not layers:
        raise NetworkStructureError(f"{what} has no layers: there is nothing to estimate")
    given = {key: list(shape) for key, shape in shapes.items()}
    described = [_layer(key, values, batch, given.get(key)) for key, values in layers.items()]
    unknown = sorted(given.keys() - {layer.name for layer in described if layer.operator == "DataInput"})
    if unknown:
        raise NetworkShapeError(f"{what} has no input {unknown[0]!r}")
    return described


def _layer(name: str, values: Any, batch: int, bound: list[int] | None) -> DescribedLayer:
    where = f"layer {identifier(name, 'the layer name')[:80]!r}"
    if not isinstance(values, dict):
        raise NetworkFormatError(f"{where} is {str(values)[:60]!r}, not a JSON object")
    operator = identifier(member(values, "type", str, where), f"the type of {where}")
    stated = member(values, "output_shape", list, where)
    if operator == "DataInput":
        stated = _bound(stated, bound, where)
    details = {key: integers(values.get(key, []), f"{key!r} of {where}") for key in _INTEGERS}
    mode = {key: values[key] for key in ("pooling_type", "axis", "perm") if key in values}
    _check_mode(mode, where)
    return DescribedLayer(
        name=name,
        operator=operator,
        parents=texts(member(values, "parents", list, where), f"'parents' of {where}"),
        children=texts(member(values, "children", list, where), f"'children' of {where}"),
        shape=_shape(stated, batch, where),
        stated_input=_shape(values["input_shape"], batch, f"input of {where}") if "input_shape" in values else None,
        kernel=details["kernel_shape"],
        strides=details["strides"],
        pads=details["pads"],
        dilations=details["dilations"],
        mode=mode,
    )


def _shape(values: Any, batch: int, where: str) -> tuple[int, ...]:
    """A shape with the batch bound; ``[0]``, which the original writes where it did not know, becomes empty."""
    sizes = integers(values, f"the shape of {where}")
    return () if sizes == (0,) else bind(sizes, batch, where)


def _bound(stated: list[Any], given: list[int] | None, where: str) -> list[Any]:
    """The shape of an input, its symbolic sizes bound by a given shape that contradicts none of the stated sizes."""
    symbols = [size for size in stated if isinstance(size, str)]
    if given is None:
        if symbols:
            raise NetworkShapeError(
                f"{where} has the symbolic sizes {', '.join(repr(symbol[:40]) for symbol in symbols)}: bind them with "
                f"its shape, channels last, as in --input NAME=1x224x224x3"
            )
        return stated
    fits = len(stated) == len(given) and all(
        not isinstance(old, int) or old in (new, -1) for old, new in zip(stated, given, strict=True)
    )
    if not fits:
        raise NetworkShapeError(
            f"{where} was described for shape {stated}, not {given}: the file holds the shapes of all layers, "
            "export the network anew for another size"
        )
    return given


def _check_mode(mode: dict[str, Any], where: str) -> None:
    if "pooling_type" in mode and not isinstance(mode["pooling_type"], str):
        raise NetworkFormatError(f"'pooling_type' of {where} is not text")
    if "axis" in mode:
        mode["axis"] = integers([mode["axis"]], f"'axis' of {where}")[0]
    if "perm" in mode:
        mode["perm"] = integers(mode["perm"], f"'perm' of {where}")


def _nodes(nodes: Any, batch: int, shapes: Mapping[str, Sequence[int]], what: str) -> list[DescribedLayer]:
    """Layers as MMdnn states them."""
    if not isinstance(nodes, list):
        raise NetworkFormatError(f"{what} has no list 'node': it is not in MMdnn's JSON form")
    if not nodes:
        raise NetworkStructureError(f"{what} has no layers: there is nothing to estimate")
    described = [_node(values, position, batch) for position, values in enumerate(nodes)]
    stated = {layer.name: layer.shape for layer in described if layer.operator == "DataInput"}
    for name, shape in shapes.items():
        if name not in stated:
            raise NetworkShapeError(f"{what} has no input {name!r}")
        if tuple(shape) != stated[name]:
            raise NetworkShapeError(
                f"input {name!r} of {what} was described for shape {list(stated[name])}, not {list(shape)}: the file "
                "holds the shapes of all layers, convert the network anew for another size"
            )
    return described


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
