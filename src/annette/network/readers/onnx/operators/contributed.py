"""Further operators of ``com.microsoft``: what ONNX Runtime's optimizers and exporters of large models write."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.kinds.matrix import product_dimensions
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.operators import convolution, indexing, layout, matrix, normalization
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["CONTRIB_RULES"]

_BITS_OF_A_BYTE: Final = 8


def _bias_softmax(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", 1), len(operand.shape))
    return Result([operand.meta], "softmax", {"axis": axis}, operands=node.inputs[:2])


def _skip_group_norm(node: Node) -> Result:
    """GroupNorm of a sum, which is a second result; feature maps have their channels last."""
    operand = node.input(0)
    attributes: dict[str, AttributeValue] = {"num_groups": node.integer("groups", 1)}
    return Result([operand.meta, operand.meta], "group_norm", attributes, operands=node.inputs)


def _expand_dims(node: Node) -> Result:
    operand = node.input(0)
    (axis,) = node.known_shape(1, "axis") if node.input(1).elements == 1 else (0,)
    place = node.axis(axis, len(operand.shape) + 1)
    shape = (*operand.shape[:place], 1, *operand.shape[place:])
    return Result([Meta(shape, operand.dtype)], "reshape", operands=[operand])


def _pad(node: Node) -> Result:
    operand = node.input(0)
    pads = tuple(node.known(1, "pads"))
    return node.layer("pad", operand, attributes={"pads": pads, "mode": node.text("mode", "constant")})


def _crop_and_resize(node: Node) -> Result:
    operand, regions = node.input(0), node.input(1)
    size = node.known_shape(3, "size")
    if len(operand.shape) != 4 or len(regions.shape) != 2 or len(size) != 2:
        raise node.error(f"crops regions {list(regions.shape)} of {list(operand.shape)} to {list(size)}")
    meta = Meta((regions.shape[0], operand.shape[1], *size), operand.dtype)
    return Result([meta], "roi_align", {"sampling_ratio": 1}, operands=node.inputs[:3])


def _distances(node: Node) -> Result:
    """CDist: distances of all rows of one matrix from all of another."""
    left, right = node.input(0), node.input(1)
    if len(left.shape) != 2 or len(right.shape) != 2 or left.shape[1] != right.shape[1]:
        raise node.error(f"compares rows of {list(left.shape)} and {list(right.shape)}")
    rows, depth, columns = left.shape[0], left.shape[1], right.shape[0]
    count = len({value.name for value in (left, right) if not value.constant})
    dimensions = product_dimensions(1, rows, depth, columns, input_count=count)
    kind = "fully_connected" if right.constant or left.constant else "matmul"
    return Result([Meta((rows, columns), left.dtype)], kind, operands=[left, right], dimensions=dimensions)


def _integer_product(node: Node) -> Result:
    """MulInteger: operands 0 and 2, each followed by a zero point."""
    return node.layer("mul", node.input(0), node.input(2), dtype=DType.INT32)


def _quantized_mean(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    axes = tuple(sorted({node.axis(axis, rank) for axis in node.integers("axes") or range(rank)}))
    attributes: dict[str, AttributeValue] = {"axes": axes, "keepdims": node.integer("keepdims", 1) == 1}
    return node.layer("reduce_mean", operand, attributes=attributes)


def _packed_gather(node: Node) -> Result:
    """GatherBlockQuantized: rows of a table of few bits per number, by blocks with a scale each."""
    table, indices, scales = node.input(0), node.input(1), node.input(2)
    rank, bits = len(table.shape), node.integer("bits", 4)
    axis = node.axis(node.integer("gather_axis", 0), rank)
    # Numbers of four bits either have a type of their own or lie together in bytes.
    packed = _BITS_OF_A_BYTE // bits if table.dtype is DType.UINT8 and 0 < bits < _BITS_OF_A_BYTE else 1
    last = (table.shape[-1] * packed,) if rank else ()
    whole = (*table.shape[:-1], *last)
    shape = (*whole[:axis], *indices.shape, *whole[axis + 1 :])
    return Result([Meta(shape, scales.dtype)], "gather", {"axis": axis}, operands=[table, indices, scales])


def _unfold(node: Node) -> Result:
    """UnfoldTensor: windows along an axis, in a new last dimension."""
    operand = node.input(0)
    rank, size, step = len(operand.shape), node.integer("size", 0), node.integer("step", 1)
    axis = node.axis(node.integer("dim", -1), rank)
    if size < 1 or step < 1 or size > operand.shape[axis]:
        raise node.error(f"cuts windows of {size} every {step} from axis {axis} of {list(operand.shape)}")
    count = (operand.shape[axis] - size) // step + 1
    shape = (*operand.shape[:axis], count, *operand.shape[axis + 1 :], size)
    return Result([Meta(shape, operand.dtype)], "im2col", {"kernel_shape": (size,)}, operands=[operand])


def _experts(node: Node) -> Result:
    """MoE and QMoE: each row goes through the ``k`` experts that its router scores highest; all weights may be read."""
    rows, router = node.input(0), node.input(1)
    if not rows.shape or not router.shape:
        raise node.error(f"reads rows {list(rows.shape)} and scores {list(router.shape)}")
    width, experts, chosen = rows.shape[-1], router.shape[-1], node.integer("k", 1)
    weights = [v for v in node.inputs[2:] if v is not None and v.constant and len(v.shape) == 3]
    packed = _BITS_OF_A_BYTE // max(1, node.integer("expert_weight_bits", 4)) if node.op == "QMoE" else 1
    numbers = sum(value.elements for value in weights) * packed
    count = math.prod(rows.shape[:-1])
    if not weights or not 1 <= chosen <= experts or numbers % experts:
        raise node.error(f"chooses {chosen} of {experts} experts whose weights are {node.shapes()}")
    macs = count * chosen * (numbers // experts)
    hidden = max(1, numbers // experts // (2 * max(1, width)))
    return Result(
        [rows.meta],
        "fully_connected",
        operands=node.inputs,
        dimensions=product_dimensions(1, count, width, hidden, input_count=2),
        macs=macs,
        note=f"node {node.name!r} ({node.op}) chooses experts by data: the weights of all {experts} count as read",
    )


def _embedding(node: Node) -> Result:
    table, indices = node.input(0), node.input(1)
    return node.layer("gather", table, indices, attributes={"axis": 0})


def _murmur(node: Node) -> Result:
    """MurmurHash3: a number for each element."""
    dtype = DType.UINT32 if node.integer("positive", 1) else DType.INT32
    return Result([Meta(node.input(0).shape, dtype)], "cast", {"to": dtype.label}, operands=[node.input(0)])


def _ngram_block(node: Node) -> Result:
    scores = node.input(1)
    return Result([scores.meta], "copy", operands=[scores])


CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "BiasSoftmax": _bias_softmax,
    "SkipGroupNorm": _skip_group_norm,
    "QEmbedLayerNormalization": normalization.CONTRIB_RULES["EmbedLayerNormalization"],
    "ExpandDims": _expand_dims,
    "Pad": _pad,
    "Range": layout.RULES["Range"],
    "Trilu": layout.RULES["Trilu"],
    "GatherND": indexing.RULES["GatherND"],
    "GridSample": indexing.RULES["GridSample"],
    "Unique": indexing.RULES["Unique"],
    "CropAndResize": _crop_and_resize,
    "CDist": _distances,
    "MaxpoolWithMask": convolution.RULES["MaxPool"],
    "MatMulInteger16": matrix.RULES["MatMulInteger"],
    "MatMulBnb4": matrix.CONTRIB_RULES["MatMulNBits"],
    "MulInteger": _integer_product,
    "ReduceSumInteger": normalization.RULES["ReduceSum"],
    "QLinearReduceMean": _quantized_mean,
    "GatherBlockQuantized": _packed_gather,
    "TorchEmbedding": _embedding,
    "UnfoldTensor": _unfold,
    **dict.fromkeys(("MoE", "QMoE"), _experts),
    "MurmurHash3": _murmur,
    "NGramRepeatBlock": _ngram_block,
    "BitmaskDropout": lambda node: Result([node.input(0).meta], alias=node.input(0)),
}
"""Rules of ``com.microsoft`` by operator."""
