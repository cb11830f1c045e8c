"""Selection, sampling, transforms and states of TFLite files, and custom operators of well-known converters."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.matrix import product_dimensions
from annette.network.layer import Dimensions
from annette.network.readers.tflite.convolution import transposed_window
from annette.network.readers.tflite.operator_layer import OperatorLayer, Rule, axis_of, of_first

if TYPE_CHECKING:
    from annette.network.layer import AttributeValue
    from annette.network.readers.tflite.file import FileOperator

__all__ = ["SELECTION", "STATES"]

STATES: Final = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
"""Operators on states that are kept between runs."""

_AFFINE: Final = 4
"""Numbers in a row of a matrix that moves points."""


def _biased_transpose(operator: FileOperator) -> OperatorLayer | None:
    """MediaPipe's transposed convolution: input, weights [filters, height, width, channels] and bias."""
    source, weights, written = operator.tensor(0), operator.tensor(1), operator.outputs[0].shape
    if not len(source.shape) == len(weights.shape) == len(written) == 4:
        return None
    kernel = weights.shape[1:3]
    strides = tuple(max(1, math.ceil(out / read)) for read, out in zip(source.shape[1:3], written[1:3], strict=True))
    attributes = transposed_window(source.shape[1:3], written[1:3], kernel, strides)
    return OperatorLayer("conv_transpose", attributes, operator.present)


def _moved_points(operator: FileOperator) -> OperatorLayer | None:
    """MediaPipe's TransformLandmarks: points times a matrix that turns, scales and shifts."""
    points, matrix = operator.tensor(0), operator.tensor(1)
    if len(points.shape) != 3:
        return None
    batch, count, coordinates = points.shape
    dimensions = product_dimensions(batch, count, _AFFINE, coordinates, input_count=2 - matrix.constant)
    return OperatorLayer("matmul", {}, (points, matrix), dimensions=dimensions)


def _fourier(operator: FileOperator) -> OperatorLayer | None:
    """RFFT2D over the last two axes; of one row, as audio front ends have it, one transform for each signal."""
    lengths = operator.integers(1)
    if lengths is None or len(lengths) != 2 or lengths[0] != 1 or lengths[1] < 1:
        return None
    source, written = operator.tensor(0), operator.outputs[0].shape
    transforms = math.prod(source.shape[:-1])
    dimensions = Dimensions(
        in_width=math.prod(source.shape),
        out_channels=written[-1] if written else 1,
        out_width=transforms,
        axis_size=lengths[1],
    )
    attributes: dict[str, AttributeValue] = {
        "length": lengths[1], "axis": max(0, len(written) - 1), "onesided": True,
    }  # fmt: skip
    return OperatorLayer("fourier_transform", attributes, (source,), dimensions=dimensions)


def _suppression(operator: FileOperator) -> OperatorLayer:
    """Boxes, scores, and the largest number of boxes."""
    most = operator.integers(2)
    attributes: dict[str, AttributeValue] = {"max_boxes": max(0, most[0])} if most else {}
    return OperatorLayer("non_max_suppression", attributes, (operator.tensor(0), operator.tensor(1)))


def _one_hot(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("generate", {"axis": axis_of(-1, len(operator.outputs[0].shape))}, (operator.tensor(0),))


def _all_of(kind: str, operator: FileOperator) -> OperatorLayer:
    operator.tensor(0)
    return OperatorLayer(kind, {}, operator.present)


def _recurrent(kind: str, operator: FileOperator) -> OperatorLayer | None:
    """Both directions in one operator; their results are one tensor or two."""
    source, result = operator.tensor(0), operator.outputs[0]
    if len(source.shape) != 3 or not result.shape:
        return None
    joined = len(operator.outputs) == 1
    hidden = result.shape[-1] // 2 if joined else result.shape[-1]
    attributes: dict[str, AttributeValue] = {
        "hidden_size": max(1, hidden),
        "directions": 2,
        "batch_first": not operator.options.get("time_major"),
    }
    return OperatorLayer(kind, attributes, operator.present)


SELECTION: Final[dict[str, Rule]] = {
    "custom:Convolution2DTransposeBias": _biased_transpose,
    "custom:TransformTensorBilinear": partial(_all_of, "grid_sample"),
    "custom:TransformLandmarks": _moved_points,
    "custom:Landmarks2TransformMatrix": of_first("reduce_max"),
    "RFFT2D": _fourier,
    **dict.fromkeys(("REAL", "IMAG"), of_first("slice")),
    "COMPLEX_ABS": of_first("abs"),
    "ATAN2": partial(_all_of, "trigonometric"),
    **dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"), _suppression),
    "WHERE": of_first("non_zero"),
    "UNIQUE": of_first("top_k"),
    "ONE_HOT": _one_hot,
    "GATHER_ND": partial(_all_of, "gather"),
    **dict.fromkeys(
        ("SCATTER_ND", "SPARSE_TO_DENSE", "DYNAMIC_UPDATE_SLICE", "MATRIX_DIAG", "MATRIX_SET_DIAG"),
        partial(_all_of, "scatter"),
    ),
    **dict.fromkeys(("SEGMENT_SUM", "UNSORTED_SEGMENT_SUM"), partial(_all_of, "reduce_sum")),
    "UNSORTED_SEGMENT_MAX": partial(_all_of, "reduce_max"),
    "UNSORTED_SEGMENT_MIN": partial(_all_of, "reduce_min"),
    "UNSORTED_SEGMENT_PROD": partial(_all_of, "reduce_prod"),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), of_first("im2col")),
    "REVERSE_SEQUENCE": of_first("copy"),
    "BUCKETIZE": of_first("compare"),
    "RIGHT_SHIFT": partial(_all_of, "logical"),
    "BIDIRECTIONAL_SEQUENCE_LSTM": partial(_recurrent, "lstm"),
    "BIDIRECTIONAL_SEQUENCE_RNN": partial(_recurrent, "rnn"),
    **dict.fromkeys(("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"), lambda _: OperatorLayer("random", {}, ())),
}
"""Rules by operator."""
