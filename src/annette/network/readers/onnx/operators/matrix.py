"""Matrix products: with a constant operand they are fully connected layers, with two activations matmuls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.kinds.matrix import product_dimensions
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def swapped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with its last two dimensions exchanged."""
    return (*shape[:-2], shape[-1], shape[-2]) if len(shape) > 1 else shape


def _matmul(node: Node) -> Result:
    return product(node, node.input(0), node.input(1))


def _gemm(node: Node) -> Result:
    left, right = node.input(0), node.input(1)
    if len(left.shape) != 2 or len(right.shape) != 2:
        raise node.error(f"multiplies {list(left.shape)} by {list(right.shape)}: both must be matrices")
    a = swapped(left.shape) if node.integer("transA", 0) else left.shape
    b = swapped(right.shape) if node.integer("transB", 0) else right.shape
    result = product(node, left, right, extra=node.inputs[2:3], left_shape=a, right_shape=b)
    if node.has(2):
        node.infer("add", result.outputs[0].shape, node.input(2).shape)
    activation = node.text("activation", "")
    if activation:
        result.attributes["activation"] = activation.lower()
    return result


def _fused_matmul(node: Node) -> Result:
    """A matrix product that transposes or scales its operands (written by ONNX Runtime's optimizer)."""
    left, right = node.input(0), node.input(1)
    a = _moved(left.shape, batch=node.integer("transBatchA", 0), last=node.integer("transA", 0))
    b = _moved(right.shape, batch=node.integer("transBatchB", 0), last=node.integer("transB", 0))
    return product(node, left, right, left_shape=a, right_shape=b, extra=node.inputs[2:])


def _moved(shape: tuple[int, ...], *, batch: int, last: int) -> tuple[int, ...]:
    if batch and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    return swapped(shape) if last else shape


def _gemm_gelu(node: Node) -> Result:
    return product(node, node.input(0), node.input(1), extra=node.inputs[2:3])


def _matmul_integer(node: Node) -> Result:
    return product(node, node.input(0), node.input(1), dtype=DType.INT32)


def _matmul_integer_to_float(node: Node) -> Result:
    return product(node, node.input(0), node.input(1), dtype=DType.FLOAT32, extra=[node.optional(6)])


def _dynamic_quantize_matmul(node: Node) -> Result:
    return product(node, node.input(0), node.input(1), extra=[node.optional(4)])


def _qlinear_matmul(node: Node) -> Result:
    point = node.optional(7)
    return product(node, node.input(0), node.input(3), dtype=point.dtype if point is not None else None)


def _qgemm(node: Node) -> Result:
    left, right = node.input(0), node.input(3)
    a = swapped(left.shape) if node.integer("transA", 0) else left.shape
    b = swapped(right.shape) if node.integer("transB", 0) else right.shape
    point = node.optional(8)
    dtype = point.dtype if point is not None else DType.FLOAT32
    return product(node, left, right, dtype=dtype, extra=[node.optional(6)], left_shape=a, right_shape=b)


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
    def size(labels: set[str]) -> int:
        return math.prod(sizes[label] for label in labels)

    left, right = terms
    depth = size((left & right) - result)
    rows, columns = size(left - right), size(right - left)
    batch = size(left & right & result)
    if (left & right) <= result and rows == size(left & result - right) and columns == size(right & result - left):
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
    labels = "".join(term.replace("...", "") for term in terms)
    return named, marks + "".join(sorted(label for label in set(labels) if labels.count(label) == 1))


RULES: Final[Mapping[str, Rule]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "MatMulInteger": _matmul_integer,
    "QLinearMatMul": _qlinear_matmul,
    "Einsum": _einsum,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "FusedMatMul": _fused_matmul,
    "TransposeMatMul": _fused_matmul,
    "FusedGemm": _gemm,
    "FusedMatMulActivation": _fused_matmul,
    "MatMulIntegerToFloat": _matmul_integer_to_float,
    "DynamicQuantizeMatMul": _dynamic_quantize_matmul,
    "QGemm": _qgemm,
    "MatMulNBits": _matmul_nbits,
    "GemmFastGelu": _gemm_gelu,
}
"""Rules of ``com.microsoft`` by operator."""
