"""What canonical kinds and element types are called in ONNX."""

from __future__ import annotations

from typing import Final

from onnx import helper

from annette.network.onnx_names import FUNCTIONS, operator_name
from annette.network.writers.weights import NUMPY_DTYPES

__all__ = ["ONNX_DTYPES", "OPERATORS"]

ONNX_DTYPES: Final = {dtype: helper.np_dtype_to_tensor_dtype(numpy) for dtype, numpy in NUMPY_DTYPES.items()}
"""Element types of activations and constants that can be written."""

_WINDOW: Final = ("kernel_shape", "strides", "pads")

_PARAMETERS: Final = {
    **dict.fromkeys(("leaky_relu", "thresholded_relu", "elu", "celu"), ("alpha",)),
    "hard_sigmoid": ("alpha", "beta"),
}

OPERATORS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "conv": ("Conv", (*_WINDOW, "dilations")),
    "grouped_conv": ("Conv", (*_WINDOW, "dilations")),
    "depthwise_conv": ("Conv", (*_WINDOW, "dilations")),
    "conv_transpose": ("ConvTranspose", (*_WINDOW, "dilations", "output_padding")),
    "matmul": ("MatMul", ()),
    "max_pool": ("MaxPool", (*_WINDOW, "dilations", "ceil_mode")),
    "average_pool": ("AveragePool", (*_WINDOW, "ceil_mode", "count_include_pad")),
    "lp_pool": ("LpPool", (*_WINDOW, "p")),
    "global_average_pool": ("GlobalAveragePool", ()),
    "global_max_pool": ("GlobalMaxPool", ()),
    **{kind: (operator_name(kind), _PARAMETERS.get(kind, ())) for kind in FUNCTIONS - {"gelu", "mish"}},
    "identity": ("Identity", ()),
    "mean": ("Mean", ()),
    "prelu": ("PRelu", ()),
    "copy": ("Identity", ()),
    "batch_norm": ("BatchNormalization", ("epsilon",)),
    "instance_norm": ("InstanceNormalization", ("epsilon",)),
    "lp_norm": ("LpNormalization", ("axis", "p")),
    "lrn": ("LRN", ("size", "alpha", "beta", "bias")),
    "softmax": ("Softmax", ("axis",)),
    "log_softmax": ("LogSoftmax", ("axis",)),
    "arg_max": ("ArgMax", ("axis", "keepdims")),
    "concat": ("Concat", ("axis",)),
    "transpose": ("Transpose", ("perm",)),
}  # fmt: skip
"""Kinds that are one operator of the same operands, and the attributes taken over under the same name."""
