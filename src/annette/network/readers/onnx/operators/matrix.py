"""Matrix products, with a constant operand fully connected layers, with two activations matmuls; LSTM, GRU and RNN."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.matrix import GATES, contraction_sizes, product_dimensions
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["CONTRIB_RULES", "RULES", "product"]


def product(
    node: Node,
    left: Value,
    right: Value,
    *,
    dtype: DType | None = None,
    extra: Sequence[Value | None] = (),
    left_shape: tuple[int, ...] | None = None,
    right_shape: tuple[int, ...] | None = None,
) -> Result:
    """The product ``[..., M, K] x [..., K, N]`` with NumPy's rules for vectors and leading dimensions.

    Args:
        node: For messages.
        left: First operand.
        right: Second operand.
        dtype: Element type of the result, the first operand's if None.
        extra: Further operands of the layer, such as a bias.
        left_shape: The first operand's shape where it is transposed on the way.
        right_shape: The second operand's shape where it is transposed on the way.
    """
    a = left.shape if left_shape is None else left_shape
    b = right.shape if right_shape is None else right_shape
    if not a or not b:
        raise node.error(f"multiplies a scalar: {list(a)} x {list(b)}")
    (shape,) = node.infer("matmul", a, b)
    wide = (1, *a) if len(a) == 1 else a
    tall = (*b, 1) if len(b) == 1 else b
    (leading,) = node.infer("add", wide[:-2], tall[:-2])
    rows, depth, columns = wide[-2], wide[-1], tall[-1]
    kind = "fully_connected" if left.constant or right.constant else "matmul"
    if right.constant and math.prod(tall[:-2]) == 1:
        batch, rows = (leading[0], rows * math.prod(leading[1:])) if leading else (rows, 1)
    elif left.constant and math.prod(wide[:-2]) == 1:
        # The constant matrix stands on the left: its rows are the features produced, the columns are positions.
        batch, rows, columns = math.prod(leading), columns, rows
    else:
        batch = math.prod(leading)
    return Result(
        [Meta(shape, dtype or left.dtype)],
        kind,
        operands=[left, right, *extra],
        dimensions=product_dimensions(batch, rows, depth, columns, input_count=_activations(left, right, *extra)),
    )


def _activations(*operands: Value | None) -> int:
    """Number of activations among operands, each once."""
    return len({value.name for value in operands if value is not None and not value.constant})


def _product(
    node: Node, *, right: int = 1, extra: Sequence[int] = (), dtype: DType | None = None, point: int | None = None
) -> Result:
    """A product of operands that the operator may transpose on the way.

    Args:
        node: The operator.
        right: Position of the second operand.
        extra: Positions of further operands of the layer.
        dtype: Element type of the result, the first operand's if None.
        point: Position of the zero point whose element type the result has, where it is there.
    """
    left, other = node.input(0), node.input(right)
    a = _moved(left.shape, batch=node.integer("transBatchA", 0), last=node.integer("transA", 0))
    b = _moved(other.shape, batch=node.integer("transBatchB", 0), last=node.integer("transB", 0))
    if point is not None and node.has(point):
        dtype = node.input(point).dtype
    operands = [node.optional(index) for index in extra]
    return product(node, left, other, left_shape=a, right_shape=b, dtype=dtype, extra=operands)


def _moved(shape: tuple[int, ...], *, batch: int, last: int) -> tuple[int, ...]:
    if batch and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if last and len(shape) > 1 else shape


def _gemm(node: Node) -> Result:
    left, right = node.input(0), node.input(1)
    if len(left.shape) != 2 or len(right.shape) != 2:
        raise node.error(f"multiplies {list(left.shape)} by {list(right.shape)}: both must be matrices")
    result = _product(node, extra=(2,))
    if node.has(2):
        node.infer("add", result.outputs[0].shape, node.input(2).shape)
    activation = node.text("activation", "")
    if activation:
        result.attributes["activation"] = activation.lower()
    return result


def _matmul_nbits(node: Node) -> Result:
    """A product with weights packed to a few bits per number."""
    left, right = node.input(0), node.input(1)
    depth, columns = node.integer("K", 0), node.integer("N", 0)
    if depth < 1 or columns < 1:
        raise node.error(f"has K = {depth} and N = {columns}")
    bias = node.optional(5)
    result = product(node, left, right, right_shape=(depth, columns), extra=[node.optional(2), bias])
    result.attributes["weight_bits"] = node.integer("bits", 4)
    return result


def _einsum(node: Node) -> Result:
    equation = node.text("equation", "").replace(" ", "")
    operands = [node.input(index) for index in range(len(node.inputs))]
    terms, result = _parse(node, equation, operands)
    sizes: dict[str, int] = {}
    for term, value in zip(terms, operands, strict=True):
        for label, size in zip(term, value.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise node.error(f"gives the label {label!r} of {equation!r} the sizes {known} and {size}")
    if any(label not in sizes for label in result):
        raise node.error(f"has a result label of {equation!r} that no operand has")
    meta = Meta(tuple(sizes[label] for label in result), operands[0].dtype)
    summed = {label for term in terms for label in term} - set(result)
    if len(operands) == 1:
        if not summed and len(result) < len(terms[0]):  # A label that an operand has twice takes its diagonal.
            return Result([meta], "slice", operands=operands)
        kind = "reduce_sum" if summed else "transpose"
        return Result([meta], kind, {"equation": equation}, operands=operands)
    if len(operands) > 2:
        raise node.error(
            f"multiplies {len(operands)} operands by {equation!r}; only products of two can be counted: "
            "split it into products of two before the export"
        )
    return _einsum_product(equation, operands, [set(term) for term in terms], set(result), sizes, meta)


def _einsum_product(
    equation: str,
    operands: list[Value],
    terms: list[set[str]],
    result: set[str],
    sizes: dict[str, int],
    meta: Meta,
) -> Result:
    left, right = terms
    batch, rows, depth, columns = contraction_sizes(left, right, result, sizes)
    kept_rows, kept_columns = (
        math.prod(sizes[label] for label in own & result) for own in (left - right, right - left)
    )
    if (left & right) <= result and rows == kept_rows and columns == kept_columns:
        return Result([meta], "mul", {"equation": equation}, operands=operands)
    if operands[0].constant and not operands[1].constant:
        rows, columns = columns, rows
    constant = any(value.constant for value in operands)
    return Result(
        [meta],
        "fully_connected" if constant else "matmul",
        {"equation": equation},
        operands=operands,
        dimensions=product_dimensions(batch, rows, depth, columns, input_count=_activations(*operands)),
    )


def _parse(node: Node, equation: str, operands: list[Value]) -> tuple[list[str], str]:
    """Splits an equation into one string of labels per operand and one for the result; ``...`` become own labels."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands) or not equation:
        raise node.error(f"has the equation {equation!r} for {len(operands)} operands")
    hidden = 0
    expanded = []
    for term, value in zip(terms, operands, strict=True):
        count = len(value.shape) - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term) or term.count(".") not in (0, 3):
            raise node.error(f"has the term {term!r} for an operand of shape {list(value.shape)}")
        hidden = max(hidden, count)
        expanded.append((term, count))
    marks = "".join(chr(0xE000 + i) for i in range(hidden))
    named = [term.replace("...", marks[hidden - count :]) for term, count in expanded]
    if arrow:
        return named, right.replace("...", marks)
    counts = Counter("".join(term.replace("...", "") for term in terms))
    return named, marks + "".join(sorted(label for label, count in counts.items() if count == 1))


def _recurrent(kind: str, node: Node) -> Result:
    sequence, weights, recurrence = node.input(0), node.input(1), node.input(2)
    if len(sequence.shape) != 3 or len(weights.shape) != 3 or len(recurrence.shape) != 3:
        raise node.error(
            f"reads {list(sequence.shape)} with weights {list(weights.shape)} and {list(recurrence.shape)}; each "
            "must have three dimensions"
        )
    batch_first = node.integer("layout", 0) == 1
    directions = 2 if node.text("direction", "forward") == "bidirectional" else 1
    # Dynamic-quantized layers store their weights transposed, so that both orders are accepted.
    hidden = node.integer("hidden_size", min(recurrence.shape[1:]))
    wanted = {GATES[kind] * hidden, sequence.shape[2]}
    if hidden < 1 or weights.shape[0] != directions or set(weights.shape[1:]) != wanted:
        raise node.error(
            f"reads {list(sequence.shape)} with hidden size {hidden}, {directions} directions and weights "
            f"{list(weights.shape)}, which do not fit together"
        )
    attributes: dict[str, AttributeValue] = {
        "hidden_size": hidden,
        "directions": directions,
        "batch_first": batch_first,
    }
    longest = sequence.shape[1 if batch_first else 0]
    steps = node.steps(4, longest)
    if steps < longest:
        # ONNX Runtime stops behind the longest sequence (max_sequence_length in core/providers/cpu/rnn/*.cc).
        attributes["steps"] = steps
    result = node.layer(kind, sequence, attributes=attributes)
    result.operands = [*node.inputs[:4], *node.inputs[5:8]]
    return result


RULES: Final[Mapping[str, Rule]] = {
    "MatMul": _product,
    "Gemm": _gemm,
    "MatMulInteger": partial(_product, dtype=DType.INT32),
    "QLinearMatMul": partial(_product, right=3, point=7),
    "Einsum": _einsum,
    "LSTM": partial(_recurrent, "lstm"),
    "GRU": partial(_recurrent, "gru"),
    "RNN": partial(_recurrent, "rnn"),
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    # Written by ONNX Runtime's optimizer; these may transpose the batch as well.
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation"), _product),
    "FusedGemm": _gemm,
    "MatMulIntegerToFloat": partial(_product, dtype=DType.FLOAT32, extra=(6,)),
    "DynamicQuantizeMatMul": partial(_product, extra=(4,)),
    "QGemm": partial(_product, right=3, dtype=DType.FLOAT32, point=8, extra=(6,)),
    "MatMulNBits": _matmul_nbits,
    "GemmFastGelu": partial(_product, extra=(2,)),
    "DynamicQuantizeLSTM": partial(_recurrent, "lstm"),
}
"""Rules of ``com.microsoft`` by operator."""
