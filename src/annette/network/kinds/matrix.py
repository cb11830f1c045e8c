"""Matrix products, attention and recurrent layers."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.kind import FLAG, INTEGER, TEXT, Category, Kind
from annette.network.kinds.normalization import SOFTMAX_OPS
from annette.network.kinds.shapes import Shape, broadcast_shapes, integers
from annette.network.layer import Dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from annette.network.kinds.dimensions import Operands
    from annette.network.layer import AttributeValue

__all__ = ["GATES", "KINDS", "attention_dimensions", "contraction_sizes", "product_dimensions"]

GATES: Final = {"lstm": 4, "gru": 3, "rnn": 1}
"""How many products of a matrix with the input and with the state one step of a recurrent layer takes."""

_OPS_PER_GATE: Final = 10


def product_dimensions(batch: int, rows: int, depth: int, columns: int, *, input_count: int) -> Dimensions:
    """Dimensions of a product ``[batch, rows, depth] x [batch, depth, columns]``."""
    return Dimensions(
        batch=batch,
        in_channels=depth,
        in_width=rows,
        out_channels=columns,
        out_width=rows,
        input_count=input_count,
    )


def contraction_sizes(
    left: AbstractSet[str], right: AbstractSet[str], result: AbstractSet[str], sizes: Mapping[str, int]
) -> tuple[int, int, int, int]:
    """Batch, rows, depth and columns of an Einstein sum of two operands.

    Args:
        left: Labels of the first operand.
        right: Labels of the second.
        result: Labels of what is written; those that both operands have and it lacks are summed over.
        sizes: Size of each label.

    Example:
        >>> contraction_sizes(set("bqd"), set("bkd"), set("bqk"), {"b": 2, "q": 5, "k": 7, "d": 3})
        (2, 5, 3, 7)
    """

    def size(labels: AbstractSet[str]) -> int:
        return math.prod(sizes[label] for label in labels)

    return size(left & right & result), size(left - right), size((left & right) - result), size(right - left)


def attention_dimensions(
    batch: int, heads: int, queries: int, keys: int, size: int, value_size: int, *, input_count: int
) -> tuple[Dimensions, int]:
    """Dimensions of an attention over heads of given sizes, and the multiply-accumulates of its two products."""
    dimensions = Dimensions(
        batch=batch,
        groups=heads,
        in_channels=size,
        in_width=keys,
        out_channels=value_size,
        out_width=queries,
        input_count=input_count,
    )
    return dimensions, batch * heads * queries * keys * (size + value_size)


def _fully_connected_shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, weights = inputs[0], inputs[1]
    depth, features = reversed(weights) if attributes.get("transposed_weights") else weights
    if source[-1] != depth:
        raise NetworkShapeError(f"input {source} has {source[-1]} features, the weights {weights} take {depth}")
    return [(*source[:-1], features)]


def _matmul_shapes(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    left, right = inputs[0], inputs[1]
    depth = right[0] if len(right) == 1 else right[-2]
    if left[-1] != depth:
        raise NetworkShapeError(f"operands {left} and {right} do not share their inner dimension")
    columns = right[-1:] if len(right) > 1 else ()
    return [(*broadcast_shapes(left[:-2], right[:-2]), *left[-2:-1], *columns)]


def _fully_connected_dimensions(operands: Operands) -> Dimensions:
    inputs, result = operands.inputs, _result(operands)
    weights = max((t for t in inputs[:2] if t.constant), key=lambda t: t.elements, default=inputs[1])
    features = result[-1] if result else 1
    if weights.elements % features:
        raise NetworkShapeError(f"has weights {weights.shape} that do not produce {features} features")
    rows = math.prod(result[1:-1]) if len(result) > 1 else 1
    batch = result[0] if len(result) > 1 else 1
    return product_dimensions(batch, rows, weights.elements // features, features, input_count=operands.input_count)


def _matmul_dimensions(operands: Operands) -> Dimensions:
    result = _result(operands)
    left, right = operands.inputs[0].shape, operands.inputs[1].shape
    features = result[-1] if result and len(right) > 1 else 1
    rows = left[-2] if len(left) > 1 else 1
    if len(result) > 1 and len(left) > 1 and len(right) > 1:
        rows = result[-2]
    batch = max(1, math.prod(result) // max(1, rows * features))
    return product_dimensions(batch, rows, left[-1] if left else 1, features, input_count=operands.input_count)


def _result(operands: Operands) -> Shape:
    if len(operands.inputs) < 2 or not operands.outputs:
        raise NetworkShapeError("needs two operands and a result")
    return operands.outputs[0].shape


def _product_macs(d: Dimensions) -> int:
    return d.batch * d.out_width * d.in_channels * d.out_channels


def _fully_connected_weights(shape: Shape, attributes: Mapping[str, AttributeValue], units: int) -> dict[str, Shape]:
    depth = shape[-1]
    weight = (units, depth) if attributes.get("transposed_weights") else (depth, units)
    return {"weight": weight, "bias": (units,)}


def _attention_ops(_: int, d: Dimensions, __: Operands) -> int:
    """Scaling and softmax of the scores."""
    return (1 + SOFTMAX_OPS) * d.batch * d.groups * d.out_width * d.in_width


def _recurrent_shapes(states: int, inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """The hidden state after every step, and the last value of each state."""
    directions, hidden = integers(attributes, "directions", (1,))[0], integers(attributes, "hidden_size")[0]
    if attributes.get("batch_first"):
        batch, steps = inputs[0][:2]
        return [(batch, steps, directions, hidden), *[(batch, directions, hidden)] * states]
    steps, batch = inputs[0][:2]
    return [(steps, directions, batch, hidden), *[(directions, batch, hidden)] * states]


def _recurrent_dimensions(operands: Operands) -> Dimensions:
    sequence, attributes = operands.inputs[0].shape, operands.attributes
    if len(sequence) != 3:
        raise NetworkShapeError(f"reads [steps, batch, features], not {sequence}")
    steps, batch = sequence[:2] if not attributes.get("batch_first", False) else sequence[1::-1]
    steps = integers(attributes, "steps", (steps,))[0]
    return Dimensions(
        batch=batch,
        groups=integers(attributes, "directions", (1,))[0],
        in_channels=sequence[2],
        in_width=steps,
        out_channels=integers(attributes, "hidden_size")[0],
        out_width=steps,
        input_count=operands.input_count,
        output_count=len(operands.outputs),
    )


def _recurrent_macs(gates: int, d: Dimensions) -> int:
    return d.batch * d.out_width * d.groups * gates * d.out_channels * (d.in_channels + d.out_channels)


def _recurrent_ops(gates: int, _: int, d: Dimensions, __: Operands) -> int:
    """Activations and arithmetic of the gates, for each hidden unit."""
    return _OPS_PER_GATE * gates * d.batch * d.out_width * d.groups * d.out_channels


def _recurrent_weights(gates: int, shape: Shape, attributes: Mapping[str, AttributeValue], _: int) -> dict[str, Shape]:
    if len(shape) != 3:
        raise NetworkShapeError(f"a recurrent layer reads [steps, batch, features], not {shape}")
    directions, hidden = integers(attributes, "directions", (1,))[0], integers(attributes, "hidden_size")[0]
    return {
        "weight": (directions, gates * hidden, shape[2]),
        "recurrence": (directions, gates * hidden, hidden),
        "bias": (directions, 2 * gates * hidden),
    }


def _recurrent(name: str, states: int, description: str) -> Kind:
    gates = GATES[name]
    return Kind(
        name,
        Category.RECURRENT,
        description,
        attributes={
            "hidden_size": INTEGER,
            "directions": INTEGER._replace(default=1),
            "batch_first": FLAG,
            "steps": INTEGER,
        },
        shapes=partial(_recurrent_shapes, states),
        dimensions=_recurrent_dimensions,
        macs=partial(_recurrent_macs, gates),
        ops=partial(_recurrent_ops, gates),
        weights=partial(_recurrent_weights, gates),
    )


_PRODUCT: Final = {"equation": TEXT, "activation": TEXT}

KINDS: Final = (
    Kind(
        "fully_connected",
        Category.MATRIX_PRODUCT,
        "product with a constant matrix",
        attributes=_PRODUCT | {"transposed_weights": FLAG, "weight_bits": INTEGER},
        shapes=_fully_connected_shapes,
        dimensions=_fully_connected_dimensions,
        macs=_product_macs,
        weights=_fully_connected_weights,
    ),
    Kind(
        "matmul",
        Category.MATRIX_PRODUCT,
        "product of two activations",
        attributes=_PRODUCT,
        shapes=_matmul_shapes,
        dimensions=_matmul_dimensions,
        macs=_product_macs,
    ),
    Kind(
        "attention",
        Category.ATTENTION,
        "scaled dot-product attention as one operator",
        attributes={"heads": INTEGER, "kv_heads": INTEGER},
        macs=None,
        ops=_attention_ops,
    ),
    _recurrent("lstm", 2, "long short-term memory over a sequence"),
    _recurrent("gru", 1, "gated recurrent unit over a sequence"),
    _recurrent("rnn", 1, "plain recurrent layer over a sequence"),
)
"""Kinds whose multiply-accumulates are those of matrix products."""
