"""Operators of exporters' own domains: MMDeploy, MMCV, torchvision, TensorRT plug-ins; and what no device runs.

Their definitions are those of the plug-ins and custom operators that MMDeploy, torchvision and TensorRT publish.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.operators import indexing
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["RULES", "reason"]

_ON_THE_HOST: Final = "prepares or decodes data on the host: it is no part of what a device runs; cut the model there"
_ON_TEXT: Final = "works on text, which no device runs; cut the model behind it"
_GENERATION: Final = (
    "runs the network within it as often as its data ask for; estimate that network, one step, with --input"
)
_COMPILED: Final = "holds a network that was compiled for another device; estimate the model it was made from"
_OPTIMIZED: Final = (
    "keeps feature maps in the layout of one runtime on one processor; estimate the model as it was before it was "
    "optimized for them"
)
_TABLES: Final = "reads dictionaries of features, which only the host knows; give the model a table instead"
_OF_TENSORFLOW: Final = (
    "calls a function of TensorFlow that its exporter left as it was, since XLA compiles it; Keras computes grouped "
    "convolutions so: give the Keras model or its .keras file"
)
_OF_PYTORCH: Final = "is an operator of PyTorch that its exporter left as it was; export with a newer version of torch"

_REASONS: Final[Mapping[tuple[str, str], str]] = {
    **dict.fromkeys(
        (("", op) for op in ("StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer")),
        _ON_TEXT,
    ),
    ("", "ImageDecoder"): _ON_THE_HOST,
    **dict.fromkeys((("", op) for op in ("PartitionedCall", "StatefulPartitionedCall")), _OF_TENSORFLOW),
    ("com.microsoft", "Tokenizer"): _ON_TEXT,
    ("com.microsoft", "EPContext"): _COMPILED,
    **dict.fromkeys(
        (("com.microsoft", op) for op in ("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch")), _GENERATION
    ),
    **dict.fromkeys(
        (("com.microsoft", op) for op in ("QLinearConv", "NhwcMaxPool", "NhwcConv", "NhwcFusedConv")), _OPTIMIZED
    ),
    **dict.fromkeys((("ai.onnx.ml", op) for op in ("DictVectorizer", "CastMap")), _TABLES),
}
_DOMAINS: Final[Mapping[str, str]] = {
    "com.microsoft.nchwc": _OPTIMIZED,
    "com.ms.internal.nhwc": _OPTIMIZED,
    "ai.onnx.contrib": _ON_THE_HOST,
    "com.microsoft.extensions": _ON_THE_HOST,
    "aten": _OF_PYTORCH,
    "org.pytorch.aten": _OF_PYTORCH,
}


def reason(domain: str, op: str) -> str:
    """Why an operator is no layer, where that is known; empty elsewhere."""
    return _REASONS.get((domain, op)) or _DOMAINS.get(domain, "")


def _pair(node: Node, *names: str, default: int) -> tuple[int, int]:
    """An attribute for both spatial dimensions under one of its names."""
    for name in names:
        if name in node.attributes:
            values = node.integers(name) or ()
            if len(values) == 2 and min(values) >= 0:
                return values[0], values[1]
            raise node.error(f"has {name} {list(values)}, where two numbers belong")
    return default, default


def _deformable(weights: int, node: Node) -> Result:
    """A deformable convolution, its weights behind offsets and perhaps a mask."""
    operand, filters = node.input(0), node.input(weights)
    if len(filters.shape) != 4:
        raise node.error(f"has weights of shape {list(filters.shape)}, where four dimensions belong")
    height, width = _pair(node, "padding", "pads", default=0)
    attributes: dict[str, AttributeValue] = {
        "kernel_shape": filters.shape[2:],
        "strides": _pair(node, "stride", "strides", default=1),
        "dilations": _pair(node, "dilation", "dilations", default=1),
        "pads": (height, width, height, width),
        "groups": max(1, node.integer("groups", node.integer("group", 1))),
    }
    result = node.layer("deformable_conv", operand, filters, attributes=attributes)
    result.operands = node.inputs
    return result


def _roi(node: Node) -> Result:
    """RoiAlign of MMCV and torchvision: regions begin with the number of their image."""
    operand, regions = node.input(0), node.input(1)
    if len(operand.shape) != 4 or len(regions.shape) != 2:
        raise node.error(f"samples regions of shape {list(regions.shape)} from {list(operand.shape)}")
    height = node.integer("output_height", node.integer("aligned_height", node.integer("pooled_height", 1)))
    width = node.integer("output_width", node.integer("aligned_width", node.integer("pooled_width", 1)))
    meta = Meta((regions.shape[0], operand.shape[1], height, width), operand.dtype)
    ratio = node.integer("sampling_ratio", 0)
    return Result([meta], "roi_align", {"sampling_ratio": ratio}, operands=[operand, regions])


def _fixed_suppression(node: Node, *names: str, rows: bool = False, labels: DType = DType.INT32) -> Result:
    """Suppression over all classes with a fixed number of results, as plug-ins of TensorRT have it.

    Args:
        node: Boxes ``[batch, boxes, …]`` and scores ``[batch, boxes, classes]``.
        names: Attributes that may hold the number.
        rows: Whether boxes and scores are one result and nothing counts them.
        labels: Element type of the numbers of classes.
    """
    boxes, scores = node.input(0), node.input(1)
    if len(boxes.shape) not in (3, 4) or len(scores.shape) != 3:
        raise node.error(f"selects boxes of shape {list(boxes.shape)} by scores of shape {list(scores.shape)}")
    most = next((node.integer(name, 0) for name in names if name in node.attributes), 0)
    if most < 1:
        raise node.error(f"does not say how many boxes it keeps: it has none of the attributes {', '.join(names)}")
    batch, dtype = boxes.shape[0], boxes.dtype
    found, classes = Meta((batch, most), dtype), Meta((batch, most), labels)
    if rows:
        metas = [Meta((batch, most, 5), dtype), classes]
    else:
        metas = [Meta((batch, 1), DType.INT32), Meta((batch, most, 4), dtype), found, classes]
    return Result(metas, "non_max_suppression", {"max_boxes": most}, operands=[boxes, scores])


def _plain_suppression(node: Node) -> Result:
    """``torchvision.ops.nms``: numbers of the boxes that stay."""
    boxes, scores = node.input(0), node.input(1)
    if len(boxes.shape) != 2:
        raise node.error(f"selects boxes of shape {list(boxes.shape)}")
    attributes: dict[str, AttributeValue] = {"max_boxes": boxes.shape[0]}
    metas = [Meta((node.selected(boxes.shape[0], scores, axis=0),), DType.INT64)]
    return Result(metas, "non_max_suppression", attributes, operands=[boxes, scores])


def _stated_suppression(node: Node) -> Result:
    """ONNX's own operator with the number of boxes as an attribute."""
    boxes, scores = node.input(0), node.input(1)
    if len(boxes.shape) != 3 or len(scores.shape) != 3:
        raise node.error(f"selects boxes of shape {list(boxes.shape)} by scores of shape {list(scores.shape)}")
    most = node.integer("max_output_boxes_per_class", 0)
    kept = min(most, boxes.shape[1]) if most > 0 else boxes.shape[1]
    count = node.selected(scores.shape[0] * scores.shape[1] * kept, scores, axis=0)
    attributes: dict[str, AttributeValue] = {"max_boxes": kept}
    metas = [Meta((count, 3), DType.INT64)]
    return Result(metas, "non_max_suppression", attributes, operands=[boxes, scores])


_MM: Final[Mapping[str, Rule]] = {
    "grid_sampler": indexing.RULES["GridSample"],
    "NonMaxSuppression": _stated_suppression,
    **dict.fromkeys(("MMCVRoiAlign", "RoiAlign"), _roi),
    **dict.fromkeys(("MMCVModulatedDeformConv2d", "ModulatedDeformConv2d"), partial(_deformable, 3)),
    **dict.fromkeys(("MMCVDeformConv2d", "DeformConv2d"), partial(_deformable, 2)),
    "TRTBatchedNMS": lambda node: _fixed_suppression(node, "keep_topk", "keepTopK", rows=True),
}
_TENSORRT: Final[Mapping[str, Rule]] = {
    "EfficientNMS_TRT": lambda node: _fixed_suppression(node, "max_output_boxes"),
    "BatchedNMS_TRT": lambda node: _fixed_suppression(node, "keepTopK", labels=node.input(0).dtype),
    "BatchedNMSDynamic_TRT": lambda node: _fixed_suppression(node, "keepTopK", labels=node.input(0).dtype),
}

RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    **dict.fromkeys(("mmdeploy", "mmcv"), _MM),
    **dict.fromkeys(("TRT", "TensorRT", "trt"), _TENSORRT),
    "torchvision": {"nms": _plain_suppression, "roi_align": _roi, "deform_conv2d": partial(_deformable, 1)},
}
"""Rules by domain and operator."""
