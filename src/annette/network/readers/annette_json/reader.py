"""Reads the original ANNETTE's network descriptions.

The format lists layers by name with their type, parents, children, shapes (channels last, batch -1) and, for
convolutions and pooling, kernel, strides and pads. It has no weights, no biases and no groups: groups follow from a
kernel with fewer input channels than the tensor it reads.
"""

from __future__ import annotations

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

__all__ = ["parse_annette"]

_INTEGERS = ("kernel_shape", "strides", "pads", "dilations")


def parse_annette(
    document: Any, file: Path, *, batch: int | None, input_shapes: Mapping[str, Sequence[int]]
) -> Network:
    """Reads a network description of the original ANNETTE.

    Args:
        document: The parsed JSON document.
        file: Where it was; the network is named after it where the document has no name.
        batch: Samples processed together; None means 1, or what the file fixes.
        input_shapes: Shapes of network inputs by name, channels last, batch first. They bind symbolic sizes of inputs
            and must agree with the sizes that the file states: it holds the shape of every layer, computed for them.

    Returns:
        The network, with every repair told in its notes.

    Raises:
        NetworkFormatError: The file is not such a description.
        NetworkStructureError: The graph is empty, cyclic or dangling.
        NetworkShapeError: A size is symbolic, unknown, not positive, or contradicts its neighbours.
    """
    what = f"network description {str(file)!r}"
    if not isinstance(document, dict) or not isinstance(document.get("layers"), dict):
        raise NetworkFormatError(f"{what} has no object 'layers': it is not a description of the original ANNETTE")
    name = document.get("name") or file.stem
    if not isinstance(name, str):
        raise NetworkFormatError(f"'name' of {what} is not text")
    layers = document["layers"]
    if not layers:
        raise NetworkStructureError(f"{what} has no layers: there is nothing to estimate")
    shapes = {key: list(value) for key, value in input_shapes.items()}
    size = batch_size(batch, shapes)
    described = [_layer(key, values, size, shapes.get(key)) for key, values in layers.items()]
    unknown = sorted(shapes.keys() - {layer.name for layer in described if layer.operator == "DataInput"})
    if unknown:
        raise NetworkShapeError(f"{what} has no input {unknown[0]!r}")
    return build_network(name, described, batch=size, source_format="annette-json")


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
