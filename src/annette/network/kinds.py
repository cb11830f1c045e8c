"""The kinds of layer annette knows: what they are called, what they do, how many operations they take.

One multiply-accumulate is two operations. Element-wise arithmetic counts one operation per output element;
transcendental functions count as the handful of operations their usual evaluation takes. The counts of anything but
convolutions and matrix products are conventions: layer models are fitted on the same counts, so what matters is
that they never change between fitting and estimating.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["KINDS", "UNSUPPORTED", "Category", "Kind", "kinds_in"]


class Category(Enum):
    """Families of kinds that share a workload formula and a shape rule."""

    CONVOLUTION = "convolution"
    MATRIX_PRODUCT = "matrix product"
    ATTENTION = "attention"
    POOLING = "pooling"
    GLOBAL_POOLING = "global pooling"
    ACTIVATION = "activation"
    UNARY = "element-wise, one operand"
    BINARY = "element-wise, several operands"
    NORMALIZATION = "normalization"
    REDUCTION = "reduction"
    MOVEMENT = "data movement"
    VIEW = "view"
    RECURRENT = "recurrent"
    QUANTIZATION = "quantization"
    SELECTION = "selection"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of layer.

    Attributes:
        name: The field's name for it, in snake case.
        category: Decides the workload formula and the shape rule.
        ops_per_element: Operations per element of the larger of input and output; convolutions, matrix products,
            attention, pooling and recurrent layers have formulas of their own and hold 0 here.
        description: One line for people.
    """

    name: str
    category: Category
    ops_per_element: int
    description: str


UNSUPPORTED: Final = "unsupported"
"""Kind of a layer whose operator no reader knows; `attributes["operator"]` names the operator."""

_TABLE: Final[tuple[tuple[Category, str, int, str], ...]] = (
    (Category.CONVOLUTION, "conv", 0, "dense convolution, 1 to 3 spatial dimensions"),
    (Category.CONVOLUTION, "grouped_conv", 0, "convolution in groups of several channels"),
    (Category.CONVOLUTION, "depthwise_conv", 0, "convolution with one input channel per group"),
    (Category.CONVOLUTION, "conv_transpose", 0, "transposed convolution (deconvolution)"),
    (Category.CONVOLUTION, "deformable_conv", 0, "convolution at learned offsets"),
    (Category.MATRIX_PRODUCT, "fully_connected", 0, "product with a constant matrix"),
    (Category.MATRIX_PRODUCT, "matmul", 0, "product of two activations"),
    (Category.ATTENTION, "attention", 0, "scaled dot-product attention as one operator"),
    (Category.POOLING, "max_pool", 0, "maximum over a window"),
    (Category.POOLING, "average_pool", 0, "mean over a window"),
    (Category.POOLING, "lp_pool", 0, "p-norm over a window"),
    (Category.GLOBAL_POOLING, "global_average_pool", 1, "mean over all spatial positions"),
    (Category.GLOBAL_POOLING, "global_max_pool", 1, "maximum over all spatial positions"),
    (Category.ACTIVATION, "relu", 1, "max(x, 0)"),
    (Category.ACTIVATION, "clip", 2, "limits to [min, max]; ReLU6 is clip to [0, 6]"),
    (Category.ACTIVATION, "leaky_relu", 2, "x or alpha x"),
    (Category.ACTIVATION, "prelu", 2, "x or a learned multiple of x"),
    (Category.ACTIVATION, "thresholded_relu", 2, "x above a threshold, else 0"),
    (Category.ACTIVATION, "elu", 5, "exponential linear unit"),
    (Category.ACTIVATION, "celu", 5, "continuously differentiable exponential linear unit"),
    (Category.ACTIVATION, "selu", 5, "scaled exponential linear unit"),
    (Category.ACTIVATION, "sigmoid", 4, "1 / (1 + exp(-x))"),
    (Category.ACTIVATION, "hard_sigmoid", 3, "piecewise linear sigmoid"),
    (Category.ACTIVATION, "tanh", 5, "hyperbolic tangent"),
    (Category.ACTIVATION, "softplus", 4, "log(1 + exp(x))"),
    (Category.ACTIVATION, "softsign", 3, "x / (1 + |x|)"),
    (Category.ACTIVATION, "hard_swish", 4, "x times hard sigmoid of x"),
    (Category.ACTIVATION, "silu", 5, "x times sigmoid of x (swish)"),
    (Category.ACTIVATION, "gelu", 8, "Gaussian error linear unit"),
    (Category.ACTIVATION, "mish", 10, "x times tanh of softplus of x"),
    (Category.UNARY, "abs", 1, "absolute value"),
    (Category.UNARY, "neg", 1, "negation"),
    (Category.UNARY, "sqrt", 2, "square root"),
    (Category.UNARY, "reciprocal", 2, "1 / x"),
    (Category.UNARY, "exp", 3, "exponential"),
    (Category.UNARY, "log", 3, "natural logarithm"),
    (Category.UNARY, "erf", 6, "Gauss error function"),
    (Category.UNARY, "sin", 4, "sine"),
    (Category.UNARY, "cos", 4, "cosine"),
    (Category.UNARY, "trigonometric", 4, "other trigonometric and hyperbolic functions"),
    (Category.UNARY, "floor", 1, "rounding down"),
    (Category.UNARY, "ceil", 1, "rounding up"),
    (Category.UNARY, "round", 1, "rounding to the nearest integer"),
    (Category.UNARY, "sign", 1, "sign"),
    (Category.UNARY, "not", 1, "logical or bit-wise negation"),
    (Category.UNARY, "is_nan", 1, "tests for NaN or infinity"),
    (Category.UNARY, "cast", 1, "conversion of the element type"),
    (Category.UNARY, "rotary_embedding", 3, "rotation of pairs of features by position"),
    (Category.BINARY, "add", 1, "sum"),
    (Category.BINARY, "sub", 1, "difference"),
    (Category.BINARY, "mul", 1, "product"),
    (Category.BINARY, "div", 1, "quotient"),
    (Category.BINARY, "pow", 4, "power"),
    (Category.BINARY, "mod", 2, "remainder"),
    (Category.BINARY, "max", 1, "larger of the operands"),
    (Category.BINARY, "min", 1, "smaller of the operands"),
    (Category.BINARY, "mean", 1, "mean of the operands"),
    (Category.BINARY, "compare", 1, "comparison"),
    (Category.BINARY, "logical", 1, "logical or bit-wise combination"),
    (Category.BINARY, "where", 1, "selection by a mask"),
    (Category.NORMALIZATION, "batch_norm", 2, "scale and shift by constants per channel"),
    (Category.NORMALIZATION, "layer_norm", 8, "normalization over the trailing axes"),
    (Category.NORMALIZATION, "rms_norm", 5, "division by the root mean square of the trailing axes"),
    (Category.NORMALIZATION, "instance_norm", 8, "normalization of each channel over its positions"),
    (Category.NORMALIZATION, "group_norm", 8, "normalization of groups of channels"),
    (Category.NORMALIZATION, "lp_norm", 4, "division by the p-norm along an axis"),
    (Category.NORMALIZATION, "lrn", 10, "local response normalization across channels"),
    (Category.NORMALIZATION, "softmax", 6, "exponentials normalized along an axis"),
    (Category.NORMALIZATION, "log_softmax", 7, "logarithm of softmax along an axis"),
    (Category.REDUCTION, "reduce_mean", 1, "mean along axes"),
    (Category.REDUCTION, "reduce_sum", 1, "sum along axes"),
    (Category.REDUCTION, "reduce_max", 1, "maximum along axes"),
    (Category.REDUCTION, "reduce_min", 1, "minimum along axes"),
    (Category.REDUCTION, "reduce_prod", 1, "product along axes"),
    (Category.REDUCTION, "reduce_norm", 2, "norm or logarithmic sum along axes"),
    (Category.REDUCTION, "arg_max", 1, "position of the extreme along an axis"),
    (Category.REDUCTION, "cumulative_sum", 1, "running sum along an axis"),
    (Category.MOVEMENT, "concat", 0, "joins tensors along an axis"),
    (Category.MOVEMENT, "split", 0, "cuts a tensor along an axis"),
    (Category.MOVEMENT, "slice", 0, "part of a tensor"),
    (Category.MOVEMENT, "pad", 0, "adds a border"),
    (Category.MOVEMENT, "transpose", 0, "permutes dimensions"),
    (Category.MOVEMENT, "expand", 0, "repeats along dimensions of size 1"),
    (Category.MOVEMENT, "tile", 0, "repeats along dimensions"),
    (Category.MOVEMENT, "gather", 0, "rows picked by index; an embedding where the table is constant"),
    (Category.MOVEMENT, "scatter", 0, "rows written by index"),
    (Category.MOVEMENT, "depth_to_space", 0, "moves channels into positions (pixel shuffle)"),
    (Category.MOVEMENT, "space_to_depth", 0, "moves positions into channels"),
    (Category.MOVEMENT, "resize_nearest", 0, "resampling by the nearest element"),
    (Category.MOVEMENT, "resize_linear", 8, "resampling by linear interpolation"),
    (Category.MOVEMENT, "resize_cubic", 32, "resampling by cubic interpolation"),
    (Category.MOVEMENT, "grid_sample", 10, "resampling at given positions"),
    (Category.MOVEMENT, "im2col", 0, "unfolds windows into columns, or folds them back"),
    (Category.MOVEMENT, "copy", 0, "plain copy, also between layouts"),
    (Category.MOVEMENT, "generate", 0, "writes a constant, a range or a mask"),
    (Category.VIEW, "identity", 0, "the same tensor under another name (also dropout at inference)"),
    (Category.VIEW, "reshape", 0, "the same elements under another shape (also flatten, squeeze, unsqueeze)"),
    (Category.RECURRENT, "lstm", 0, "long short-term memory over a sequence"),
    (Category.RECURRENT, "gru", 0, "gated recurrent unit over a sequence"),
    (Category.RECURRENT, "rnn", 0, "plain recurrent layer over a sequence"),
    (Category.QUANTIZATION, "quantize", 3, "real numbers to integers"),
    (Category.QUANTIZATION, "dequantize", 2, "integers to real numbers"),
    (Category.QUANTIZATION, "dynamic_quantize", 5, "real numbers to integers, the scale found on the way"),
    (Category.SELECTION, "top_k", 4, "largest elements along an axis"),
    (Category.SELECTION, "non_max_suppression", 8, "keeps boxes that do not overlap better ones"),
    (Category.SELECTION, "roi_align", 8, "samples regions onto a grid"),
    (Category.SELECTION, "non_zero", 1, "positions of non-zero elements"),
    (Category.OPAQUE, UNSUPPORTED, 0, "an operator that no reader knows"),
)

KINDS: Final[dict[str, Kind]] = {
    name: Kind(name, category, ops, description) for category, name, ops, description in _TABLE
}
"""Every kind by name."""


def kinds_in(*categories: Category) -> frozenset[str]:
    """Names of all kinds in the given categories.

    Example:
        >>> sorted(kinds_in(Category.RECURRENT))
        ['gru', 'lstm', 'rnn']
    """
    return frozenset(name for name, kind in KINDS.items() if kind.category in categories)
