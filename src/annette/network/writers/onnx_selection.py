"""Selection, sampling, Fourier transforms and attention as ONNX operators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import UnsupportedOperatorError
from annette.network.writers.positions import names_whole_positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.layer import Layer
    from annette.network.writers.onnx_nodes import Lowering

__all__ = ["RULES"]

_OVERLAP: Final = 0.5
_LEAST_SCORE: Final = 0.0
_LINEAR_MODES_FROM: Final = 20
"""Version of the operator set from which GridSample calls its modes linear and cubic, and DFT reads its axis."""
_CONTRIBUTED: Final = "com.microsoft"


def _top_k(to: Lowering, layer: Layer) -> None:
    count = to.integers(layer, "k", [int(layer.attributes["k"])])  # type: ignore[arg-type]
    to.node("TopK", layer, [layer.inputs[0], count], axis=layer.attributes["axis"])


def _non_max_suppression(to: Lowering, layer: Layer) -> None:
    if [len(to.network.tensors[name].shape) for name in layer.inputs] != [3, 3]:
        raise UnsupportedOperatorError(
            f"layer {layer.name!r} (non_max_suppression) reads no boxes [batch, boxes, 4] and scores "
            "[batch, classes, boxes]: ONNX has no operator for it"
        )
    most = to.integers(layer, "max_boxes", [int(layer.attributes["max_boxes"])])  # type: ignore[arg-type]
    limits = [
        to.constant(layer, label, np.asarray([value], dtype=np.float32))
        for label, value in (("overlap", _OVERLAP), ("least_score", _LEAST_SCORE))
    ]
    to.node("NonMaxSuppression", layer, [*layer.inputs, most, *limits])


def _roi_align(to: Lowering, layer: Layer) -> None:
    height, width = to.network.tensors[layer.outputs[0]].shape[2:]
    ratio = layer.attributes.get("sampling_ratio", 0)
    to.node("RoiAlign", layer, layer.inputs, output_height=height, output_width=width, sampling_ratio=ratio)


def _grid_sample(to: Lowering, layer: Layer) -> None:
    mode = str(layer.attributes.get("mode", "linear")).removeprefix("bi")
    if to.opset < _LINEAR_MODES_FROM and mode != "nearest":
        mode = f"bi{mode}"
    outside, corners = layer.attributes.get("padding_mode", "zeros"), layer.attributes.get("align_corners", 0)
    to.node("GridSample", layer, layer.inputs, mode=mode, padding_mode=outside, align_corners=corners)


def _scatter(to: Lowering, layer: Layer) -> None:
    """By rows: the last dimension of the indices says how deep they reach."""
    source, indices, updates = (to.network.tensors[name].shape for name in layer.inputs[:3])
    if not indices or (*indices[:-1], *source[indices[-1] :]) != updates:
        raise UnsupportedOperatorError(
            f"layer {layer.name!r} (scatter) writes {updates} by indices {indices}: ONNX has no operator for it"
        )
    to.node("ScatterND", layer, layer.inputs)


def _scatter_elements(to: Lowering, layer: Layer) -> None:
    """Along an axis where positions are shaped like updates, else by positions in all dimensions."""
    if names_whole_positions(to.network, layer):
        _scatter(to, layer)
    else:
        _along_axis("ScatterElements", to, layer)


def _one_hot(to: Lowering, layer: Layer) -> None:
    depth = to.integers(layer, "depth", [int(layer.attributes["depth"])])  # type: ignore[arg-type]
    dtype = to.tensors[layer.outputs[0]].dtype.label
    values = to.constant(layer, "values", np.asarray([0, 1], dtype=dtype))
    to.node("OneHot", layer, [layer.inputs[0], depth, values], axis=layer.attributes.get("axis", -1))


def _along_axis(operator: str, to: Lowering, layer: Layer) -> None:
    to.node(operator, layer, layer.inputs, axis=layer.attributes.get("axis", 0))


def _fourier(to: Lowering, layer: Layer) -> None:
    """Operands are a signal and, of frames, a window."""
    length = np.asarray(layer.attributes["length"], dtype=np.int64)
    onesided = int(bool(layer.attributes.get("onesided", 0)))
    signal, *window = layer.inputs
    if "hop" in layer.attributes:
        hop = to.constant(layer, "hop", np.asarray(layer.attributes["hop"], dtype=np.int64))
        operands = [signal, hop, *(window or [""]), to.constant(layer, "length", length)]
        to.node("STFT", layer, operands, onesided=onesided)
        return
    axis = int(layer.attributes["axis"])  # type: ignore[arg-type]
    attributes: dict[str, Any] = {"onesided": onesided, "inverse": int(bool(layer.attributes.get("inverse", 0)))}
    operands = [signal, to.constant(layer, "length", length)]
    if to.opset >= _LINEAR_MODES_FROM:
        operands.append(to.constant(layer, "axis", np.asarray(axis, dtype=np.int64)))
    else:
        attributes["axis"] = axis
    to.node("DFT", layer, operands, **attributes)


def _cumulative_sum(to: Lowering, layer: Layer) -> None:
    axis = np.asarray(layer.attributes["axis"], dtype=np.int64)
    to.node("CumSum", layer, [layer.inputs[0], to.constant(layer, "axis", axis)])


def _attention(to: Lowering, layer: Layer) -> None:
    if any(len(to.network.tensors[name].shape) != 3 for name in layer.inputs) or len(layer.inputs) != 3:
        raise UnsupportedOperatorError(f"layer {layer.name!r} (attention) has other operands than three of tokens")
    heads = layer.attributes["heads"]
    to.node("MultiHeadAttention", layer, layer.inputs, operator_set=_CONTRIBUTED, num_heads=heads)


RULES: Final[dict[str, Callable[[Lowering, Layer], None]]] = {
    "top_k": _top_k,
    "non_max_suppression": _non_max_suppression,
    "non_zero": lambda to, layer: to.node("NonZero", layer, layer.inputs),
    "compare": lambda to, layer: to.node("Less", layer, layer.inputs),
    "roi_align": _roi_align,
    "grid_sample": _grid_sample,
    "scatter": _scatter,
    "scatter_elements": _scatter_elements,
    "gather_elements": partial(_along_axis, "GatherElements"),
    "gather_nd": lambda to, layer: to.node(
        "GatherND", layer, layer.inputs, batch_dims=layer.attributes.get("batch_dims", 0)
    ),
    "one_hot": _one_hot,
    "logical": lambda to, layer: to.node("And", layer, layer.inputs),
    "is_nan": lambda to, layer: to.node("IsNaN", layer, layer.inputs),
    "trigonometric": lambda to, layer: to.node("Atan", layer, layer.inputs),
    "hyperbolic": lambda to, layer: to.node("Sinh", layer, layer.inputs),
    "fourier_transform": _fourier,
    "cumulative_sum": _cumulative_sum,
    "attention": _attention,
}
"""Rules by kind."""
