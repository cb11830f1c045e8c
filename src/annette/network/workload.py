"""From operands, results and attributes to a described layer: operations, bytes and named dimensions.

Every reader and the network builder make their layers here, so that a convolution counts the same whatever file it
came from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS, Category
from annette.network.layer import AttributeValue, Dimensions, Layer, Workload
from annette.network.tensor import MAX_ELEMENTS, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["describe_layer", "feature_map"]

_GATES: Final = {"lstm": 4, "gru": 3, "rnn": 1}
_CHANNELS_FIRST_RANK_3: Final = (Category.CONVOLUTION, Category.POOLING, Category.GLOBAL_POOLING)
_READS_ONLY_WHAT_IT_WRITES: Final = frozenset({"gather", "slice"})


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
        attributes: Canonical attributes. Convolutions and pooling read ``kernel_shape``, ``strides``, ``dilations``
            (spatial dimensions only) and ``groups``; axis-wise kinds ``axis`` or ``axes``, non-negative; recurrent
            kinds ``hidden_size`` and ``directions``.
        channels_last: Whether feature maps are N, …spatial…, C.
        dimensions: Named dimensions, where they do not follow from the shapes (attention, einsum).
        macs: Multiply-accumulates, where they do not follow from the shapes (attention, einsum).

    Returns:
        The layer.

    Raises:
        NetworkShapeError: The shapes do not fit the kind, or a count overflows 64 bits.
        KeyError: ``kind`` is not a kind.
    """
    attributes = dict(attributes or {})
    category = KINDS[kind].category
    if dimensions is None:
        dimensions = _dimensions(kind, category, name, inputs, outputs, attributes, channels_last)
    if macs is None:
        macs = _macs(kind, category, name, dimensions)
    activations = list({t.name: t for t in inputs if not t.constant}.values())
    weights = list({t.name: t for t in inputs if t.constant}.values())
    ops = 2 * macs + _other_ops(kind, category, dimensions, inputs, outputs)
    if ops > MAX_ELEMENTS:
        raise NetworkShapeError(f"layer {name!r} ({kind}) takes {ops} operations: that overflows 64-bit counts")
    moved = [_moved(kind, group, outputs) for group in (activations, weights)]
    workload = Workload(
        ops=ops,
        macs=macs,
        input_elements=moved[0][0],
        weight_elements=moved[1][0],
        output_elements=sum(t.elements for t in outputs),
        input_bytes=moved[0][1],
        weight_bytes=moved[1][1],
        output_bytes=sum(t.size_bytes for t in outputs),
        dimensions=dimensions,
    )
    return Layer(
        name=name,
        kind=kind,
        inputs=tuple(t.name for t in inputs),
        outputs=tuple(t.name for t in outputs),
        workload=workload,
        attributes=attributes,
    )


def feature_map(
    shape: Sequence[int], *, channels_last: bool = False, channels_first_rank_3: bool = False
) -> tuple[int, int, int, int, int]:
    """Reads a shape as (batch, channels, depth, height, width).

    Ranks 4 and 5 are feature maps. Rank 3 is N, tokens, features unless ``channels_first_rank_3`` (the operand of a
    one-dimensional convolution). Above rank 5 the last dimension is features and the middle ones are positions.
    """
    sizes = tuple(shape)
    rank = len(sizes)
    if rank == 0:
        return 1, 1, 1, 1, 1
    if rank == 1:
        return 1, sizes[0], 1, 1, 1
    if rank > 5 or (rank == 3 and not channels_first_rank_3):
        return sizes[0], sizes[-1], 1, 1, math.prod(sizes[1:-1])
    spatial = sizes[1:-1] if channels_last else sizes[2:]
    channels = sizes[-1] if channels_last else sizes[1]
    depth, height, width = (1,) * (3 - len(spatial)) + spatial
    return sizes[0], channels, depth, height, width


def _moved(kind: str, tensors: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[int, int]:
    """Elements and bytes read; an embedding or a slice reads no more than it writes."""
    elements = sum(t.elements for t in tensors)
    size_bytes = sum(t.size_bytes for t in tensors)
    if kind in _READS_ONLY_WHAT_IT_WRITES and tensors:
        limit = sum(t.elements for t in outputs)
        source = max(tensors, key=lambda t: t.elements)
        if source.elements > limit:
            part = Tensor(source.name, (limit,), source.dtype)
            elements += part.elements - source.elements
            size_bytes += part.size_bytes - source.size_bytes
    return elements, size_bytes


def _spatial(attributes: Mapping[str, AttributeValue], key: str) -> tuple[int, int, int]:
    """A per-spatial-dimension attribute as (depth, height, width), missing dimensions being 1."""
    values = attributes.get(key, ())
    sizes = tuple(int(v) for v in values) if isinstance(values, tuple) else (int(values),)
    depth, height, width = (1,) * (3 - len(sizes)) + sizes
    return depth, height, width


def _dimensions(
    kind: str,
    category: Category,
    name: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    attributes: Mapping[str, AttributeValue],
    channels_last: bool,
) -> Dimensions:
    activations = [t for t in inputs if not t.constant]
    if kind in ("matmul", "fully_connected"):
        return _matrix_dimensions(kind, name, inputs, outputs)
    first_rank_3 = category in _CHANNELS_FIRST_RANK_3 or kind in ("batch_norm", "instance_norm")
    wide = category in (Category.BINARY, Category.VIEW)
    operands = activations or list(inputs)
    source = max(operands, key=lambda t: t.elements) if wide and operands else (operands[0] if operands else None)
    fields: dict[str, Any] = {
        "input_count": len({t.name for t in activations}),
        "output_count": len(outputs),
    }
    if source is not None:
        batch, channels, depth, height, width = feature_map(
            source.shape, channels_last=channels_last, channels_first_rank_3=first_rank_3
        )
        fields |= {
            "batch": batch,
            "in_channels": channels,
            "in_depth": depth,
            "in_height": height,
            "in_width": width,
        }
    if outputs:
        batch, channels, depth, height, width = feature_map(
            outputs[0].shape, channels_last=channels_last, channels_first_rank_3=first_rank_3
        )
        fields |= {"out_channels": channels, "out_depth": depth, "out_height": height, "out_width": width}
        fields.setdefault("batch", batch)
    for key in ("kernel_shape", "strides", "dilations"):
        if key in attributes:
            label = {"kernel_shape": "kernel", "strides": "stride", "dilations": "dilation"}[key]
            depth, height, width = _spatial(attributes, key)
            fields |= {f"{label}_depth": depth, f"{label}_height": height, f"{label}_width": width}
    if "groups" in attributes:
        fields["groups"] = int(attributes["groups"])  # type: ignore[arg-type]
    if category is Category.RECURRENT:
        fields |= _recurrent_dimensions(inputs, attributes)
    else:
        reference = outputs[0] if kind == "concat" else (source or (outputs[0] if outputs else None))
        if reference is not None:
            axis_size, inner_size = _axis(reference.shape, attributes)
            fields |= {"axis_size": axis_size, "inner_size": inner_size}
    return Dimensions(**fields)


def _axis(shape: Sequence[int], attributes: Mapping[str, AttributeValue]) -> tuple[int, int]:
    """Size of the axis or axes an attribute names, and the product of the sizes behind them."""
    if "axes" in attributes:
        values = attributes["axes"]
        axes = tuple(int(v) for v in values) if isinstance(values, tuple) else (int(values),)
    elif "axis" in attributes:
        axes = (int(attributes["axis"]),)  # type: ignore[arg-type]
    else:
        return 1, 1
    axes = tuple(axis + len(shape) if axis < 0 else axis for axis in axes)
    if not axes or any(not 0 <= axis < len(shape) for axis in axes):
        return 1, 1
    return math.prod(shape[axis] for axis in axes), math.prod(shape[max(axes) + 1 :])


def _matrix_dimensions(kind: str, name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dimensions:
    if len(inputs) < 2 or not outputs:
        raise NetworkShapeError(f"layer {name!r} ({kind}) needs two operands and a result")
    result = outputs[0].shape
    if kind == "fully_connected":
        weights = max((t for t in inputs[:2] if t.constant), key=lambda t: t.elements, default=inputs[1])
        features = result[-1] if result else 1
        if weights.elements % features:
            raise NetworkShapeError(
                f"layer {name!r} (fully_connected) has weights {weights.shape} that do not produce {features} features"
            )
        depth = weights.elements // features
        rows = math.prod(result[1:-1]) if len(result) > 1 else 1
        batch = result[0] if len(result) > 1 else 1
    else:
        left, right = inputs[0].shape, inputs[1].shape
        depth = left[-1] if left else 1
        features = result[-1] if result and len(right) > 1 else 1
        rows = (
            result[-2] if len(result) > 1 and len(left) > 1 and len(right) > 1 else (left[-2] if len(left) > 1 else 1)
        )
        batch = max(1, math.prod(result) // max(1, rows * features))
    return Dimensions(
        batch=batch,
        in_channels=depth,
        in_width=rows,
        out_channels=features,
        out_width=rows,
        input_count=len({t.name for t in inputs if not t.constant}),
    )


def _recurrent_dimensions(inputs: Sequence[Tensor], attributes: Mapping[str, AttributeValue]) -> dict[str, int]:
    sequence = inputs[0].shape
    if len(sequence) != 3:
        raise NetworkShapeError(f"a recurrent layer reads [steps, batch, features], not {sequence}")
    batch_first = bool(attributes.get("batch_first", False))
    steps, batch = (sequence[1], sequence[0]) if batch_first else (sequence[0], sequence[1])
    return {
        "batch": batch,
        "groups": int(attributes.get("directions", 1)),  # type: ignore[arg-type]
        "in_channels": sequence[2],
        "in_height": 1,
        "in_width": steps,
        "out_channels": int(attributes["hidden_size"]),  # type: ignore[arg-type]
        "out_height": 1,
        "out_depth": 1,
        "out_width": steps,
    }


def _macs(kind: str, category: Category, name: str, d: Dimensions) -> int:
    if category is Category.CONVOLUTION:
        channels, divided = (
            (d.out_channels, d.in_channels) if kind == "conv_transpose" else (d.in_channels, d.out_channels)
        )
        if d.groups < 1 or d.in_channels % d.groups or d.out_channels % d.groups:
            raise NetworkShapeError(
                f"layer {name!r} ({kind}) has {d.in_channels} input and {d.out_channels} output channels, "
                f"which {d.groups} groups do not divide"
            )
        positions = (
            d.in_depth * d.in_height * d.in_width
            if kind == "conv_transpose"
            else d.out_depth * d.out_height * d.out_width
        )
        kernel = d.kernel_depth * d.kernel_height * d.kernel_width
        return d.batch * positions * kernel * divided * channels // d.groups
    if category is Category.MATRIX_PRODUCT:
        return d.batch * d.out_width * d.in_channels * d.out_channels
    if category is Category.RECURRENT:
        gates = _GATES[kind]
        return d.batch * d.out_width * d.groups * gates * d.out_channels * (d.in_channels + d.out_channels)
    if category is Category.ATTENTION:
        raise NetworkShapeError(f"layer {name!r} (attention): its reader must state the multiply-accumulates")
    return 0


def _other_ops(
    kind: str, category: Category, d: Dimensions, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> int:
    """Operations that are not multiply-accumulates."""
    written = sum(t.elements for t in outputs)
    if category is Category.POOLING:
        return written * d.kernel_depth * d.kernel_height * d.kernel_width
    if category is Category.ATTENTION:
        # Scaling and softmax of the scores.
        return (1 + KINDS["softmax"].ops_per_element) * d.batch * d.groups * d.out_width * d.in_width
    if category is Category.RECURRENT:
        return 10 * _GATES[kind] * d.batch * d.out_width * d.groups * d.out_channels
    if category is Category.BINARY:
        operands = 2 if kind == "where" else max(2, len(inputs))
        return KINDS[kind].ops_per_element * written * (operands - 1)
    read = sum(t.elements for t in inputs if not t.constant)
    return KINDS[kind].ops_per_element * max(read, written)
