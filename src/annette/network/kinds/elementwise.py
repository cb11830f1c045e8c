"""Activations and arithmetic: kinds that work element by element."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.kind import FLAG, INTEGER, NUMBER, TEXT, Category, Kind, family
from annette.network.kinds.shapes import Shape, broadcast, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.kinds.dimensions import Operands
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["KINDS"]

_widest: Final = partial(map_dimensions, widest=True)
_SCALAR: Final = {"scalar": NUMBER, "scalar_first": FLAG, "constant_pattern": TEXT, "equation": TEXT}


def _each_pair(ops: int, _: Dimensions, operands: Operands) -> int:
    """One operation fewer than operands, a number held as an attribute being one, for each element written."""
    return ops * sum(t.elements for t in operands.outputs) * (max(2, len(operands.inputs)) - 1)


def _each_result(ops: int, _: Dimensions, operands: Operands) -> int:
    return ops * sum(t.elements for t in operands.outputs)


def _slope(shape: Shape, _: Mapping[str, AttributeValue], __: int) -> dict[str, Shape]:
    return {"slope": (shape[1], *(1,) * (len(shape) - 2))}


KINDS: Final = (
    *family(
        Category.ACTIVATION,
        (
            ("relu", 1, "max(x, 0)"),
            ("clip", 2, "limits to [min, max]; ReLU6 is clip to [0, 6]"),
            ("leaky_relu", 2, "x or alpha x"),
            ("thresholded_relu", 2, "x above a threshold, else 0"),
            ("elu", 5, "exponential linear unit"),
            ("celu", 5, "continuously differentiable exponential linear unit"),
            ("selu", 5, "scaled exponential linear unit"),
            ("sigmoid", 4, "1 / (1 + exp(-x))"),
            ("hard_sigmoid", 3, "piecewise linear sigmoid"),
            ("tanh", 5, "hyperbolic tangent"),
            ("softplus", 4, "log(1 + exp(x))"),
            ("softsign", 3, "x / (1 + |x|)"),
            ("hard_swish", 4, "x times hard sigmoid of x"),
            ("silu", 5, "x times sigmoid of x (swish)"),
            ("gelu", 8, "Gaussian error linear unit"),
            ("mish", 10, "x times tanh of softplus of x"),
        ),
        attributes={"alpha": NUMBER, "beta": NUMBER, "min": NUMBER, "max": NUMBER, "approximate": TEXT},
        shapes=same,
    ),
    Kind("prelu", Category.ACTIVATION, "x or a learned multiple of x", 2, shapes=same, spatial=True, weights=_slope),
    *family(
        Category.UNARY,
        (
            ("abs", 1, "absolute value"),
            ("neg", 1, "negation"),
            ("sqrt", 2, "square root"),
            ("reciprocal", 2, "1 / x"),
            ("exp", 3, "exponential"),
            ("log", 3, "natural logarithm"),
            ("erf", 6, "Gauss error function"),
            ("sin", 4, "sine"),
            ("cos", 4, "cosine"),
            ("trigonometric", 4, "arc sine, arc cosine, arc tangent, and functions that no other kind has"),
            ("floor", 1, "rounding down"),
            ("ceil", 1, "rounding up"),
            ("round", 1, "rounding to the nearest integer"),
            ("sign", 1, "sign"),
            ("not", 1, "logical or bit-wise negation"),
            ("is_nan", 1, "tests for NaN or infinity"),
            ("rotary_embedding", 3, "rotation of pairs of features by position"),
        ),
        shapes=same,
    ),
    Kind(
        "hyperbolic",
        Category.UNARY,
        "tangent, hyperbolic functions and their inverses, but for tanh",
        8,
        shapes=same,
        part_of="trigonometric",
    ),
    Kind("cast", Category.UNARY, "conversion of the element type", 1, {"to": TEXT}, shapes=same),
    *family(
        Category.BINARY,
        (
            ("add", 1, "sum"),
            ("sub", 1, "difference"),
            ("mul", 1, "product"),
            ("div", 1, "quotient"),
            ("pow", 4, "power"),
            ("mod", 2, "remainder"),
            ("max", 1, "larger of the operands"),
            ("min", 1, "smaller of the operands"),
            ("mean", 1, "mean of the operands"),
            ("compare", 1, "comparison"),
            ("logical", 1, "logical or bit-wise combination"),
        ),
        attributes=_SCALAR,
        shapes=broadcast,
        dimensions=_widest,
        ops=_each_pair,
    ),
    Kind(
        "where",
        Category.BINARY,
        "selection by a mask",
        1,
        {"scalar_true": NUMBER, "scalar_false": NUMBER, "constant_pattern": TEXT},
        shapes=broadcast,
        dimensions=_widest,
        ops=_each_result,
    ),
    *family(
        Category.QUANTIZATION,
        (
            ("quantize", 3, "real numbers to integers"),
            ("dequantize", 2, "integers to real numbers"),
            ("dynamic_quantize", 5, "real numbers to integers, the scale found on the way"),
        ),
        attributes={"axis": INTEGER},
    ),
)
"""Activations, functions of one operand, arithmetic with broadcasting, and quantization."""
