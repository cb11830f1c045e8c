"""Operators that read or write by index, select by value, or resample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["RULES"]

_RESIZE_KINDS: Final[Mapping[str, str]] = {
    "nearest": "resize_nearest",
    "linear": "resize_linear",
    "bilinear": "resize_linear",
    "cubic": "resize_cubic",
}


def _one(node: Node, index: int, what: str) -> int:
    """The integer that an operand of one element holds."""
    numbers = node.known(index, what)
    if len(numbers) != 1:
        raise node.error(f"takes its {what} from {len(numbers)} numbers, where one belongs")
    return numbers[0]


def _gather(node: Node) -> Result:
    """Gather and GatherElements: rows at the indices, or elements that are shaped like the indices."""
    operand, indices = node.input(0), node.input(1)
    axis = node.axis(node.integer("axis", 0), len(operand.shape))
    if node.op == "GatherElements":
        meta = Meta(indices.shape, operand.dtype)
        return Result([meta], "gather_elements", {"axis": axis}, operands=[operand, indices])
    result = node.layer("gather", operand, indices, attributes={"axis": axis})
    if indices.constant and indices.elements == 1:
        result.operands = [operand]
    return result


def _gather_nd(node: Node) -> Result:
    operand, indices = node.input(0), node.input(1)
    batched = node.integer("batch_dims", 0)
    depth = indices.shape[-1] if indices.shape else 0
    if not indices.shape or batched < 0 or batched + depth > len(operand.shape) or batched >= len(indices.shape):
        raise node.error(f"gathers from {list(operand.shape)} by indices of shape {list(indices.shape)}")
    shape = (*indices.shape[:-1], *operand.shape[batched + depth :])
    attributes: dict[str, AttributeValue] = {"batch_dims": batched} if batched else {}
    return Result([Meta(shape, operand.dtype)], "gather_nd", attributes, operands=[operand, indices])


def _scatter_elements(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", 0), len(operand.shape))
    return Result([operand.meta], "scatter_elements", {"axis": axis}, operands=node.inputs[:3])


def _scatter_nd(node: Node) -> Result:
    operand, indices, updates = (node.input(index) for index in range(3))
    depth = indices.shape[-1] if indices.shape else 0
    if (
        not indices.shape
        or (*indices.shape[:-1], *operand.shape[depth:]) != updates.shape
        or depth > len(operand.shape)
    ):
        raise node.error(f"writes {list(updates.shape)} into {list(operand.shape)} by indices {list(indices.shape)}")
    kind = "scatter_elements" if depth == len(operand.shape) else "scatter"
    return Result([operand.meta], kind, operands=node.inputs[:3])


def _one_hot(node: Node) -> Result:
    indices = node.input(0)
    rank = len(indices.shape) + 1
    axis = node.axis(node.integer("axis", -1), rank)
    stated = node.decided_shape() if node.data(1) is None else None
    depth = _one(node, 1, "depth") if stated is None or len(stated) != rank else stated[axis]
    if depth < 1 or node.input(2).shape != (2,):
        raise node.error(f"has depth {depth} and values of shape {list(node.input(2).shape)}")
    shape = (*indices.shape[:axis], depth, *indices.shape[axis:])
    attributes: dict[str, AttributeValue] = {"axis": axis, "depth": depth}
    return Result([Meta(shape, node.input(2).dtype)], "one_hot", attributes, operands=[indices])


def _top_k(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", -1), len(operand.shape))
    count = node.integer("k", 0)
    if node.version >= 10:
        if node.data(1) is not None:
            count = _one(node, 1, "number of elements")
        else:
            count = node.selected(operand.shape[axis], node.input(1), axis=axis)
    if not 0 <= count <= operand.shape[axis]:
        raise node.error(f"keeps {count} of {operand.shape[axis]} elements")
    shape = (*operand.shape[:axis], count, *operand.shape[axis + 1 :])
    metas = [Meta(shape, operand.dtype), Meta(shape, DType.INT64)]
    return Result(metas, "top_k", {"axis": axis, "k": count}, operands=[operand])


def _non_zero(node: Node) -> Result:
    operand = node.input(0)
    if operand.data is not None:
        count = int((operand.data != 0).sum())
    else:
        count = node.selected(operand.elements, operand, axis=1)
    return Result([Meta((len(operand.shape), count), DType.INT64)], "non_zero", operands=[operand])


def _compress(node: Node) -> Result:
    operand, mask = node.input(0), node.input(1)
    whole = "axis" not in node.attributes
    shape = (operand.elements,) if whole else operand.shape
    axis = 0 if whole else node.axis(node.integer("axis", 0), len(operand.shape))
    if mask.data is not None:
        count = int(mask.data.astype(bool).sum())
    else:
        count = node.selected(min(mask.elements, shape[axis]), mask, axis=axis)
    meta = Meta((*shape[:axis], count, *shape[axis + 1 :]), operand.dtype)
    return Result([meta], "gather", {"axis": axis}, operands=[operand, mask])


def _unique(node: Node) -> Result:
    operand = node.input(0)
    shape: tuple[int, ...] = (operand.elements,)
    axis, elements = 0, operand.elements
    if "axis" in node.attributes:
        shape, axis = operand.shape, node.axis(node.integer("axis", 0), len(operand.shape))
        elements = shape[axis]
    count = node.selected(elements, operand, axis=axis)
    unique = Meta((*shape[:axis], count, *shape[axis + 1 :]), operand.dtype)
    lengths = (count, elements, count)  # First places, the number of each element's like, how many are alike.
    return Result([unique, *(Meta((length,), DType.INT64) for length in lengths)], "top_k", operands=[operand])


def _non_max_suppression(node: Node) -> Result:
    boxes, scores = node.input(0), node.input(1)
    if len(boxes.shape) != 3 or len(scores.shape) != 3:
        raise node.error(f"selects boxes of shape {list(boxes.shape)} by scores of shape {list(scores.shape)}")
    limit = boxes.shape[1]
    if not node.has(2):
        limit = 0
    elif node.input(2).data is not None:
        limit = _one(node, 2, "number of boxes")
    each = max(0, min(limit, boxes.shape[1]))
    count = scores.shape[0] * scores.shape[1] * each
    meta = Meta((node.selected(count, scores, axis=0), 3), DType.INT64)
    return Result([meta], "non_max_suppression", {"max_boxes": each}, operands=[boxes, scores])


def _roi(node: Node) -> Result:
    operand, regions = node.input(0), node.input(1)
    if len(operand.shape) != 4 or len(regions.shape) != 2:
        raise node.error(f"samples regions of shape {list(regions.shape)} from {list(operand.shape)}")
    pooled = node.integers("pooled_shape") or ()
    height, width = pooled if len(pooled) == 2 else (node.integer("output_height", 1), node.integer("output_width", 1))
    meta = Meta((regions.shape[0], operand.shape[1], height, width), operand.dtype)
    ratio = node.integer("sampling_ratio", 0)
    return Result([meta], "roi_align", {"sampling_ratio": ratio}, operands=node.inputs)


def _grid_sample(node: Node) -> Result:
    operand, grid = node.input(0), node.input(1)
    if len(operand.shape) < 3 or len(grid.shape) != len(operand.shape):
        raise node.error(f"samples {list(operand.shape)} at positions of shape {list(grid.shape)}")
    meta = Meta((*operand.shape[:2], *grid.shape[1:-1]), operand.dtype)
    attributes: dict[str, AttributeValue] = {"mode": node.text("mode", "linear")}
    if (outside := node.text("padding_mode", "zeros")) != "zeros":
        attributes["padding_mode"] = outside
    if corners := node.integer("align_corners", 0):
        attributes["align_corners"] = corners
    return Result([meta], "grid_sample", attributes, operands=[operand, grid])


def _resize(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    mode = node.text("mode", "nearest")
    kind = _RESIZE_KINDS.get(mode)
    if kind is None:
        raise node.error(f"resamples by {mode!r}, which ONNX does not define")
    axes = [node.axis(axis, rank) for axis in node.integers("axes") or range(rank)]
    shape = list(operand.shape)
    sizes, scales = _targets(node)
    targets = sizes if sizes is not None else scales
    if targets is None or len(targets) != len(axes):
        decided = node.decided_shape()
        if decided is not None:
            return Result([Meta(decided, operand.dtype)], kind, operands=[operand])
        if targets is not None:
            raise node.error(f"has {len(targets)} sizes or scales for {len(axes)} axes")
        raise node.unknown("sizes")
    if sizes is not None:
        policy = node.text("keep_aspect_ratio_policy", "stretch")
        sizes = _keep_aspect(policy, sizes, [operand.shape[axis] for axis in axes])
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = int(size)
    else:
        for axis, scale in zip(axes, targets, strict=True):
            if not 0 < scale < math.inf:
                raise node.error(f"has a scale of {scale}")
            shape[axis] = math.floor(operand.shape[axis] * scale)
    if any(size < 1 for size in shape):
        raise node.error(f"resamples {list(operand.shape)} to {shape}")
    if tuple(shape) == operand.shape:
        return Result([operand.meta], alias=operand)
    attributes: dict[str, AttributeValue] = {"mode": mode, "coordinates": _coordinates(node)}
    rounding = node.text("nearest_mode", "floor" if _of_old_form(node) else "round_prefer_floor")
    if mode == "nearest" and rounding != "floor":
        attributes["rounding"] = rounding
    return Result([Meta(tuple(shape), operand.dtype)], kind, attributes, operands=[operand])


def _of_old_form(node: Node) -> bool:
    """Whether the operator is one of before version 11, which places and rounds in one way only."""
    return node.version < 11 or node.op == "Upsample"


def _coordinates(node: Node) -> str:
    """How positions of the result are placed in the operand."""
    return node.text("coordinate_transformation_mode", "asymmetric" if _of_old_form(node) else "half_pixel")


def _targets(node: Node) -> tuple[list[float] | None, list[float] | None]:
    """Sizes and scales, of which at most one is there."""
    if node.op == "Upsample" and node.version < 9:
        stated = node.reals("scales")
        return None, list(stated) if stated else None
    scale_at = 1 if node.version < 11 or node.op == "Upsample" else 2
    if node.version >= 11 and node.has(3) and node.input(3).elements:
        return _numbers(node.input(3)), None
    if node.has(scale_at) and node.input(scale_at).elements:
        return None, _numbers(node.input(scale_at))
    return None, None


def _numbers(value: Value) -> list[float] | None:
    return None if value.data is None else [float(item) for item in value.data.ravel().tolist()]


def _keep_aspect(policy: str, sizes: list[float], current: list[int]) -> list[float]:
    if policy == "stretch" or not all(current):
        return sizes
    ratios = [size / now for size, now in zip(sizes, current, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [math.floor(scale * now + 0.5) for now in current]


def _affine_grid(node: Node) -> Result:
    theta = node.input(0)
    size = node.known_shape(1, "size")
    if len(size) not in (4, 5):
        raise node.error(f"makes a grid for the size {size}")
    meta = Meta((size[0], *size[2:], len(size) - 2), theta.dtype)
    return Result([meta], "generate", operands=[theta])


def _center_crop_pad(node: Node) -> Result:
    operand = node.input(0)
    axes = [node.axis(a, len(operand.shape)) for a in node.integers("axes") or range(len(operand.shape))]
    target = node.known(1, "shape")
    if len(target) != len(axes):
        raise node.error(f"has {len(target)} sizes for {len(axes)} axes")
    shape = list(operand.shape)
    for axis, size in zip(axes, target, strict=True):
        shape[axis] = size
    if any(size > old for size, old in zip(shape, operand.shape, strict=True)):
        return Result([Meta(tuple(shape), operand.dtype)], "pad", operands=[operand])
    return Result([Meta(tuple(shape), operand.dtype)], "slice", {"axes": tuple(axes)}, operands=[operand])


RULES: Final[Mapping[str, Rule]] = {
    "Gather": _gather,
    "GatherElements": _gather,
    "GatherND": _gather_nd,
    "ScatterND": _scatter_nd,
    **dict.fromkeys(("Scatter", "ScatterElements"), _scatter_elements),
    "TensorScatter": lambda node: Result([node.input(0).meta], "scatter", operands=node.inputs[:3]),
    "OneHot": _one_hot,
    "TopK": _top_k,
    "NonZero": _non_zero,
    "Compress": _compress,
    "Unique": _unique,
    "NonMaxSuppression": _non_max_suppression,
    "RoiAlign": _roi,
    "MaxRoiPool": _roi,
    "GridSample": _grid_sample,
    "Resize": _resize,
    "Upsample": _resize,
    "AffineGrid": _affine_grid,
    "CenterCropPad": _center_crop_pad,
}
"""Rules of ``ai.onnx`` by operator."""
