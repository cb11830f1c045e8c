"""From operands, results and attributes to a described layer: operations, bytes and named dimensions.

Every reader and the network builder make their layers here, so that a convolution counts the same whatever file it
came from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS
from annette.network.kinds.dimensions import Operands
from annette.network.layer import AttributeValue, Dimensions, Layer, Workload
from annette.network.tensor import MAX_ELEMENTS, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds import Kind

__all__ = ["describe_layer"]


def describe_layer(
    kind: str,
    name: str,
    *,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    attributes: Mapping[str, AttributeValue] | None = None,
    channels_last: bool = False,
    dimensions: Dimensions | None = None,
    macs: int | None = None,
) -> Layer:
    """Describes one layer: its workload follows from its kind, its tensors and its attributes.

    Args:
        kind: A name in `annette.network.kinds.KINDS`.
        name: Unique within the network.
        inputs: All operands in order; those with ``constant`` set count as weights.
        outputs: The tensors written.
        attributes: Canonical attributes, those that the kind defines. Axes are non-negative, window attributes have
            spatial dimensions only.
        channels_last: Whether feature maps are N, …spatial…, C.
        dimensions: Named dimensions, where they do not follow from the shapes (attention, einsum).
        macs: Multiply-accumulates, where they do not follow from the shapes (attention, einsum).

    Returns:
        The layer.

    Raises:
        NetworkShapeError: The shapes do not fit the kind, or a count overflows 64 bits.
        KeyError: ``kind`` is not a kind.
    """
    definition = KINDS[kind]
    if macs is None and definition.macs is None:
        raise NetworkShapeError(f"layer {name!r} ({kind}): its reader must state the multiply-accumulates")
    _check(definition, name, inputs, outputs, attributes or {})
    operands = Operands(inputs, outputs, dict(attributes or {}), channels_last)
    try:
        workload = _workload(definition, operands, dimensions, macs)
    except NetworkShapeError as error:
        raise NetworkShapeError(f"layer {name!r} ({kind}) {error}") from None
    largest, least = max(workload.dimensions), min(workload.dimensions)
    if largest > MAX_ELEMENTS or least < 0:
        field = workload.dimensions._fields[workload.dimensions.index(least if least < 0 else largest)]
        raise NetworkShapeError(
            f"layer {name!r} ({kind}): its {field} is {least if least < 0 else largest}, not between 0 and 2^62"
        )
    if workload.ops > MAX_ELEMENTS:
        raise NetworkShapeError(
            f"layer {name!r} ({kind}) takes {workload.ops} operations: that overflows 64-bit counts"
        )
    return Layer(
        name=name,
        kind=kind,
        inputs=tuple(t.name for t in inputs),
        outputs=tuple(t.name for t in outputs),
        workload=workload,
        attributes=operands.attributes,
    )


def _check(
    kind: Kind,
    name: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    attributes: Mapping[str, AttributeValue],
) -> None:
    """Refuses what no layer of its kind can do, however a file describes it."""
    for key, value in attributes.items():
        if key in kind.attributes and not kind.attributes[key].accepts(value):
            raise NetworkShapeError(f"layer {name!r} ({kind.name}): attribute {key!r} is {value!r}, not of its type")
    if not outputs:
        raise NetworkShapeError(f"layer {name!r} ({kind.name}) writes nothing: it must have a result")
    if kind.keeps_elements and not inputs:
        raise NetworkShapeError(f"layer {name!r} ({kind.name}) reads nothing: there are no elements to write")
    if not kind.keeps_elements:
        return
    source, perm = inputs[0].shape, attributes.get("perm") if kind.name == "transpose" else None
    for shape in (output.shape for output in outputs):
        if math.prod(shape) != inputs[0].elements:
            why = "the numbers of elements differ"
        elif isinstance(perm, tuple) and (
            sorted(perm) != list(range(len(source))) or tuple(source[int(axis)] for axis in perm) != shape
        ):
            why = f"permutation {perm} makes another"
        else:
            continue
        raise NetworkShapeError(f"layer {name!r} ({kind.name}) cannot make shape {shape} of {source}: {why}")


def _workload(kind: Kind, operands: Operands, dimensions: Dimensions | None, macs: int | None) -> Workload:
    if dimensions is None:
        dimensions = kind.dimensions(operands)
    if macs is None:
        macs = kind.macs(dimensions) if kind.macs is not None else 0
    activations = list({t.name: t for t in operands.inputs if not t.constant}.values())
    weights = list({t.name: t for t in operands.inputs if t.constant}.values())
    input_elements, input_bytes = _read(kind, activations, operands.outputs)
    weight_elements, weight_bytes = _read(kind, weights, operands.outputs)
    return Workload(
        ops=2 * macs + kind.ops(kind.ops_per_element, dimensions, operands),
        macs=macs,
        input_elements=input_elements,
        weight_elements=weight_elements,
        output_elements=sum(t.elements for t in operands.outputs),
        input_bytes=input_bytes,
        weight_bytes=weight_bytes,
        output_bytes=sum(t.size_bytes for t in operands.outputs),
        dimensions=dimensions,
    )


def _read(kind: Kind, tensors: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[int, int]:
    """Elements and bytes read; an embedding or a slice reads no more of its source than it writes."""
    elements = sum(t.elements for t in tensors)
    size_bytes = sum(t.size_bytes for t in tensors)
    if kind.reads_what_it_writes and tensors:
        limit = sum(t.elements for t in outputs)
        source = max(tensors, key=lambda t: t.elements)
        if source.elements > limit:
            part = Tensor(source.name, (limit,), source.dtype)
            elements += part.elements - source.elements
            size_bytes += part.size_bytes - source.size_bytes
    return elements, size_bytes
