"""Data movement, views and selection: kinds that compute little or nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.kind import INTEGER, INTEGERS, NUMBER, TEXT, Attribute, Category, Kind, family
from annette.network.kinds.sampling import (
    grid_dimensions,
    region_dimensions,
    sampled_ops,
    suppression_dimensions,
    suppression_ops,
)
from annette.network.kinds.shapes import Shape, broadcast_shapes, integers, normalize_axis, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.dimensions import Operands
    from annette.network.kinds.shapes import ShapeRule
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["KINDS", "UNSUPPORTED", "keeps_order"]

UNSUPPORTED: Final = "unsupported"
"""Kind of a layer whose operator no reader knows; `attributes["operator"]` names the operator."""

_widest: Final = partial(map_dimensions, widest=True)


def _concat(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    first = inputs[0]
    axis = normalize_axis(integers(attributes, "axis")[0], len(first))
    for shape in inputs:
        if len(shape) != len(first) or shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
            raise NetworkShapeError(f"shapes {first} and {shape} cannot be joined along axis {axis}")
    return [(*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])]


def _split(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, sizes = inputs[0], integers(attributes, "split")
    axis = normalize_axis(integers(attributes, "axis")[0], len(source))
    if sum(sizes) != source[axis] or min(sizes) < 0:
        raise NetworkShapeError(f"parts {sizes} do not add up to axis {axis} of {source}")
    return [(*source[:axis], size, *source[axis + 1 :]) for size in sizes]


def _slice(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    result = list(inputs[0])
    starts, ends = integers(attributes, "starts"), integers(attributes, "ends")
    axes = integers(attributes, "axes", tuple(range(len(starts))))
    steps = integers(attributes, "steps", (1,) * len(starts))
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise NetworkShapeError(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit together")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        position = normalize_axis(axis, len(result))
        result[position] = len(range(*slice(start, end, step).indices(inputs[0][position])))
    return [tuple(result)]


def _pad(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, pads = inputs[0], integers(attributes, "pads")
    if len(pads) != 2 * len(source):
        raise NetworkShapeError(f"padding {pads} does not fit {source}: two numbers per dimension, all fronts first")
    sizes = tuple(size + pads[i] + pads[len(source) + i] for i, size in enumerate(source))
    if min(sizes, default=0) < 0:
        raise NetworkShapeError(f"padding {pads} leaves nothing of {source}")
    return [sizes]


def _transpose(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, perm = inputs[0], integers(attributes, "perm")
    if sorted(perm) != list(range(len(source))):
        raise NetworkShapeError(f"perm {perm} is not a permutation of the dimensions of {source}")
    return [tuple(source[axis] for axis in perm)]


def keeps_order(shape: Shape, perm: Sequence[int]) -> bool:
    """Whether a permutation moves only dimensions of size 1: the elements stay where they are, a reshape does it."""
    moved = [axis for axis in perm if shape[axis] > 1]
    return moved == sorted(moved)


def _reshape(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    shape, elements = integers(attributes, "shape"), math.prod(inputs[0])
    known = math.prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and known > 0 and elements % known == 0:
        return [tuple(elements // known if size == -1 else size for size in shape)]
    if -1 in shape or known != elements or min(shape, default=0) < 0:
        raise NetworkShapeError(f"{inputs[0]} cannot be reshaped to {shape}")
    return [shape]


def _expand(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    return [broadcast_shapes(inputs[0], integers(attributes, "shape"))]


def _tile(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    repeats = integers(attributes, "repeats")
    if len(repeats) != len(inputs[0]) or min(repeats, default=0) < 0:
        raise NetworkShapeError(f"repeats {repeats} do not fit {inputs[0]}")
    return [tuple(size * count for size, count in zip(inputs[0], repeats, strict=True))]


def _gather(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Rows at the positions of the second operand, or at the one position of ``index``."""
    source = inputs[0]
    indices = inputs[1] if "index" not in attributes else ()
    axis = normalize_axis(integers(attributes, "axis", (0,))[0], len(source))
    return [(*source[:axis], *indices, *source[axis + 1 :])]


def _gather_elements(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    """One element for each position of the second operand."""
    if len(inputs[0]) != len(inputs[1]):
        raise NetworkShapeError(f"elements of {inputs[0]} cannot be picked by positions of shape {inputs[1]}")
    return [inputs[1]]


def _gather_nd(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """A part for each row of the second operand, which says where in as many dimensions as it has numbers."""
    source, positions = inputs
    first = integers(attributes, "batch_dims", (0,))[0]
    if not positions or not 0 <= first < len(positions) or first + positions[-1] > len(source):
        raise NetworkShapeError(f"parts of {source} cannot be picked by positions of shape {positions}")
    return [(*positions[:-1], *source[first + positions[-1] :])]


def _one_hot(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    source, depth = inputs[0], integers(attributes, "depth")[0]
    axis = normalize_axis(integers(attributes, "axis", (-1,))[0], len(source) + 1)
    return [(*source[:axis], depth, *source[axis:])]


def _resize(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    sizes = integers(attributes, "sizes")
    if len(sizes) != len(inputs[0]) - 2 or min(sizes) < 1:
        raise NetworkShapeError(f"sizes {sizes} do not fit the spatial dimensions of {inputs[0]}")
    return [(*inputs[0][:2], *sizes)]


def _depth_to_space(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    batch, channels, height, width, block = _blocks(inputs[0], attributes)
    if channels % block**2:
        raise NetworkShapeError(f"{channels} channels do not divide into blocks of {block}x{block}")
    return [(batch, channels // block**2, height * block, width * block)]


def _space_to_depth(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    batch, channels, height, width, block = _blocks(inputs[0], attributes)
    if height % block or width % block:
        raise NetworkShapeError(f"{height}x{width} positions do not divide into blocks of {block}x{block}")
    return [(batch, channels * block**2, height // block, width // block)]


def _blocks(shape: Shape, attributes: Mapping[str, AttributeValue]) -> tuple[int, int, int, int, int]:
    """Sizes of a two-dimensional feature map, and the side of a block."""
    block = integers(attributes, "block_size")[0]
    if len(shape) != 4 or block < 1:
        raise NetworkShapeError(f"input {shape} is not a two-dimensional feature map with blocks of {block}x{block}")
    return shape[0], shape[1], shape[2], shape[3], block


def _each_result(ops: int, _: Dimensions, operands: Operands) -> int:
    """One address for each element written."""
    return ops * sum(tensor.elements for tensor in operands.outputs)


def _each_update(ops: int, _: Dimensions, operands: Operands) -> int:
    """One address for each element of the updates, which are the last operand."""
    return ops * (operands.inputs[-1].elements if len(operands.inputs) > 1 else 0)


def _each_position(ops: int, _: Dimensions, operands: Operands) -> int:
    """One address for each row of positions."""
    shape = operands.inputs[1].shape if len(operands.inputs) > 1 else ()
    return ops * math.prod(shape[:-1])


def _kind(
    name: str, description: str, shapes: ShapeRule | None = None, *, ops: int = 0, **attributes: Attribute
) -> Kind:
    return Kind(name, Category.MOVEMENT, description, ops, attributes, shapes)


_AXIS: Final = INTEGER._replace(default=0)
_STEPS: Final = INTEGERS._replace(default=1)
_RESIZE: Final = {"mode": TEXT, "sizes": INTEGERS, "coordinates": TEXT, "rounding": TEXT}

_blocks_kind: Final = partial(_kind, block_size=INTEGER, mode=TEXT)
KINDS: Final = (
    replace(
        _kind("concat", "joins tensors along an axis", _concat, axis=INTEGER),
        dimensions=partial(map_dimensions, axis_of_result=True),
    ),
    _kind("split", "cuts a tensor along an axis", _split, axis=INTEGER, split=INTEGERS),
    replace(
        _kind("slice", "part of a tensor", _slice, starts=INTEGERS, ends=INTEGERS, axes=INTEGERS, steps=_STEPS),
        reads_what_it_writes=True,
    ),
    replace(
        _kind(
            "gather",
            "rows picked by index; an embedding where the table is constant",
            _gather,
            axis=_AXIS,
            index=INTEGER,
        ),
        reads_what_it_writes=True,
    ),
    replace(
        _kind("gather_elements", "elements picked by index, one by one", _gather_elements, ops=1, axis=_AXIS),
        ops=_each_result,
        reads_what_it_writes=True,
        part_of="gather",
    ),
    replace(
        _kind("gather_nd", "parts picked by positions in several dimensions", _gather_nd, ops=1, batch_dims=_AXIS),
        ops=_each_position,
        reads_what_it_writes=True,
        part_of="gather",
    ),
    _kind("pad", "adds a border", _pad, pads=INTEGERS, mode=TEXT, value=NUMBER),
    replace(_kind("transpose", "permutes dimensions", _transpose, perm=INTEGERS, equation=TEXT), keeps_elements=True),
    _kind("expand", "repeats along dimensions of size 1", _expand, shape=INTEGERS),
    _kind("tile", "repeats along dimensions", _tile, repeats=INTEGERS),
    _kind("scatter", "rows written by index", same),
    replace(
        _kind("scatter_elements", "elements written by index, one by one", same, ops=1, axis=INTEGER),
        ops=_each_update,
        part_of="scatter",
    ),
    replace(
        _blocks_kind("depth_to_space", "moves channels into positions (pixel shuffle)", _depth_to_space),
        keeps_elements=True,
        spatial=True,
    ),
    replace(
        _blocks_kind("space_to_depth", "moves positions into channels", _space_to_depth),
        keeps_elements=True,
        spatial=True,
    ),
    *family(
        Category.MOVEMENT,
        (
            ("resize_nearest", 0, "resampling by the nearest element"),
            ("resize_linear", 8, "resampling by linear interpolation"),
            ("resize_cubic", 32, "resampling by cubic interpolation"),
        ),
        attributes=_RESIZE,
        shapes=_resize,
        spatial=True,
    ),
    replace(
        _kind("grid_sample", "resampling at given positions", mode=TEXT, padding_mode=TEXT, align_corners=INTEGER),
        dimensions=grid_dimensions,
        ops=sampled_ops,
    ),
    _kind("im2col", "unfolds windows into columns, or folds them back", kernel_shape=INTEGERS),
    _kind("copy", "plain copy, also between layouts", same),
    _kind("generate", "writes a constant, a range or a mask", axis=INTEGER),
    replace(_kind("random", "writes random numbers, anew in every run", ops=32), part_of="generate"),
    replace(
        _kind("one_hot", "a row for each index, with one element that differs", _one_hot, axis=INTEGER, depth=INTEGER),
        part_of="generate",
    ),
    Kind(
        "identity",
        Category.VIEW,
        "the same tensor under another name (also dropout at inference)",
        shapes=same,
        dimensions=_widest,
        keeps_elements=True,
    ),
    Kind(
        "reshape",
        Category.VIEW,
        "the same elements under another shape (also flatten, squeeze, unsqueeze)",
        attributes={"shape": INTEGERS, "perm": INTEGERS},
        shapes=_reshape,
        dimensions=_widest,
        keeps_elements=True,
    ),
    Kind("top_k", Category.SELECTION, "largest elements along an axis", 4, {"axis": INTEGER, "k": INTEGER}),
    Kind(
        "non_max_suppression",
        Category.SELECTION,
        "keeps boxes that do not overlap better ones",
        8,
        {"max_boxes": INTEGER},
        dimensions=suppression_dimensions,
        ops=suppression_ops,
    ),
    Kind(
        "roi_align",
        Category.SELECTION,
        "samples regions onto a grid",
        attributes={"sampling_ratio": INTEGER},
        dimensions=region_dimensions,
        ops=sampled_ops,
    ),
    Kind("non_zero", Category.SELECTION, "positions of non-zero elements", 1),
    Kind(UNSUPPORTED, Category.OPAQUE, "an operator that no reader knows", 0, {"operator": TEXT, "reason": TEXT}),
)
"""Data movement, views, selection, and operators that no reader knows."""
