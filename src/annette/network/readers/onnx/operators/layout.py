"""Operators that move, reshape, repeat or cut tensors without computing."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import NetworkStructureError
from annette.network.kinds.movement import keeps_order
from annette.network.readers.onnx.binding import repeated_constant, rescaled_target
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.operators.elementwise import as_float
from annette.network.readers.onnx.values import MAX_RANK, Meta, Value, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["RULES"]

_NUMBERS: Final = {
    "value_int": ("i", DType.INT64),
    "value_ints": ("ints", DType.INT64),
    "value_float": ("f", DType.FLOAT32),
    "value_floats": ("floats", DType.FLOAT32),
}
"""Field and element type of the attributes of Constant."""


def _view(operand: Value, shape: tuple[int, ...]) -> Result:
    if shape == operand.shape:
        return Result([operand.meta], alias=operand)
    return Result([Meta(shape, operand.dtype)], "reshape", operands=[operand])


def _reshape(node: Node) -> Result:
    operand = node.input(0)
    stated = node.integers("shape") if node.version < 5 else None
    target = list(stated) if stated is not None else _declared_or_known(node, 1, "target shape")
    if len(target) > MAX_RANK:
        raise node.error(f"makes {len(target)} dimensions: no runtime takes more than {MAX_RANK}")
    if node.integer("allowzero", 0) == 0:
        if any(size == 0 and i >= len(operand.shape) for i, size in enumerate(target)):
            raise node.error(f"copies a dimension that {list(operand.shape)} does not have into {target}")
        target = [operand.shape[i] if size == 0 else size for i, size in enumerate(target)]
    if node.rebatch is not None and not operand.constant:
        target = rescaled_target(operand.shape, target, *node.rebatch)
    (shape,) = node.infer("reshape", operand.shape, attributes={"shape": tuple(target)})
    return _view(operand, shape)


def _declared_or_known(node: Node, index: int, what: str) -> list[int]:
    """A shape argument, or what was said of the result where the argument depends on data."""
    shape = node.decided_shape() if node.input(index).data is None else None
    return list(node.known_shape(index, what) if shape is None else shape)


def _flatten(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    axis = node.integer("axis", 1)
    axis = axis if axis == rank else node.axis(axis, rank) if rank else 0
    return _view(operand, (math.prod(operand.shape[:axis]), math.prod(operand.shape[axis:])))


def _axes(node: Node, rank: int) -> tuple[int, ...] | None:
    axes = node.integers("axes")
    if axes is None and node.has(1):
        axes = node.known_shape(1, "axes")
    return None if axes is None else tuple(node.axis(axis, rank) for axis in axes)


def _squeeze(node: Node) -> Result:
    operand = node.input(0)
    axes = _axes(node, len(operand.shape))
    if axes is None:
        return _view(operand, tuple(size for size in operand.shape if size != 1))
    if any(operand.shape[axis] != 1 for axis in axes):
        raise node.error(f"squeezes the axes {list(axes)} of {list(operand.shape)}, of which one is not 1")
    dropped = set(axes)
    return _view(operand, tuple(size for i, size in enumerate(operand.shape) if i not in dropped))


def _unsqueeze(node: Node) -> Result:
    operand = node.input(0)
    count = len(node.integers("axes") or ()) or (node.input(1).elements if node.has(1) else 0)
    if not 0 <= count <= 64:
        raise node.error(f"adds {count} dimensions")
    axes = _axes(node, len(operand.shape) + count)
    if not axes or len(set(axes)) != count:
        raise node.error(f"adds the axes {list(axes or ())}")
    sizes = iter(operand.shape)
    new = set(axes)
    return _view(operand, tuple(1 if i in new else next(sizes) for i in range(len(operand.shape) + count)))


def _transpose(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    perm = node.integers("perm") or tuple(reversed(range(rank)))
    if perm == tuple(range(rank)):
        return Result([operand.meta], alias=operand)
    result = node.layer("transpose", operand, attributes={"perm": perm})
    if keeps_order(operand.shape, perm):
        result.kind = "reshape"
    return result


def _concat(node: Node) -> Result:
    operands = [node.input(index) for index in range(max(1, len(node.inputs)))]
    axis = node.axis(node.integer("axis", 1 if node.version < 4 else 0), len(operands[0].shape))
    shapes = [value.shape for value in operands]
    if node.rebatch is not None and axis:
        shapes = [repeated_constant(value, first=_batch_of(operands), old=node.rebatch[0]) for value in operands]
    (shape,) = node.infer("concat", *shapes, attributes={"axis": axis})
    if len(operands) == 1:
        return Result([operands[0].meta], alias=operands[0])
    return Result([Meta(shape, operands[0].dtype)], "concat", {"axis": axis}, operands=operands)


def _batch_of(operands: list[Value]) -> int:
    return max((value.shape[0] for value in operands if not value.constant), default=0)


def _parts(node: Node, axis: int) -> list[int]:
    """Sizes of the parts of a Split, by the shapes that the file states where data decide them."""
    stated = [meta.shape[axis] for meta in node.declared if meta is not None and axis < len(meta.shape)]
    if node.data(1) is None and len(stated) == len(node.output_names):
        return stated
    return node.known(1, "sizes")


def _split(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", 0), len(operand.shape))
    size, count = operand.shape[axis], len(node.output_names)
    parts = list(node.integers("split") or (_parts(node, axis) if node.has(1) else ()))
    if not parts:
        if node.integer("num_outputs", count) != count:
            raise node.error(f"has {count} outputs where its num_outputs is {node.integer('num_outputs', count)}")
        step = -(-size // max(1, count))
        parts = [min(step, size - i * step) for i in range(count)]
        if node.version < 18 and size % max(1, count):
            raise node.error(f"cuts {size} elements into {count} equal parts")
    if len(parts) != len(node.output_names):
        raise node.error(f"cuts axis {axis} of {list(operand.shape)} into {parts}")
    if len(parts) == 1 and parts[0] == size:
        return Result([operand.meta], alias=operand)
    return node.layer("split", operand, attributes={"axis": axis}, only_for_shapes={"split": tuple(parts)})


def _slice(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    if node.version < 10:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes, steps = node.integers("axes"), None
    else:
        if any(node.has(i) and node.input(i).data is None for i in range(1, 5)):
            return _declared_slice(node, operand)
        starts, ends = node.known_shape(1, "starts"), node.known_shape(2, "ends")
        axes = node.known_shape(3, "axes") if node.has(3) else None
        steps = node.known_shape(4, "steps") if node.has(4) else None
    if len(starts) > rank:
        raise node.error(f"cuts {len(starts)} axes of a tensor with {rank} dimensions")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    positive = tuple(node.axis(axis, rank) for axis in axes)
    bounds: dict[str, AttributeValue] = {"axes": positive, "steps": steps, "starts": starts, "ends": ends}
    result = node.layer("slice", operand, attributes=bounds)
    if result.outputs[0].shape == operand.shape and all(step > 0 for step in steps):
        return Result([operand.meta], alias=operand)
    del result.attributes["ends"]
    result.attributes["starts"] = tuple(
        slice(start, None, step).indices(operand.shape[axis])[0]
        for start, axis, step in zip(starts, positive, steps, strict=True)
    )
    return result


def _declared_slice(node: Node, operand: Value) -> Result:
    shape = node.decided_shape()
    if shape is None:
        raise node.unknown("bounds")
    return Result([Meta(shape, operand.dtype)], "slice", operands=[operand])


def _pad(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    shape = node.decided_shape() if node.version >= 11 and node.data(1) is None else None
    if shape is not None:
        return Result([Meta(shape, operand.dtype)], "pad", {"mode": node.text("mode", "constant")}, operands=[operand])
    pads = (
        node.known(1, "pads") if node.version >= 11 else list(node.integers("pads") or node.integers("paddings") or ())
    )
    if len(pads) > 2 * rank:
        raise node.error(f"has {len(pads)} pads for {rank} dimensions")
    axes = [node.axis(axis, rank) for axis in node.known(3, "axes")] if node.has(3) else list(range(rank))
    if len(pads) != 2 * len(axes):
        raise node.error(f"has {len(pads)} pads for {len(axes)} axes")
    if not any(pads):
        return Result([operand.meta], alias=operand)
    full = [0] * (2 * rank)
    for i, axis in enumerate(axes):
        full[axis], full[axis + rank] = pads[i], pads[i + len(axes)]
    attributes: dict[str, AttributeValue] = {"pads": tuple(full), "mode": node.text("mode", "constant")}
    number = _padded_number(node)
    if number is not None:
        attributes["value"] = number
    return node.layer("pad", operand, attributes=attributes)


def _padded_number(node: Node) -> float | None:
    """The number that fills the border, None where the file does not say it in a way that runtimes fold.

    ONNX Runtime wants a stored number, or no third operand at all: not an empty one, as PyTorch's older exporter leaves
    it, and no axes (PadFusion::SatisfyCondition in onnxruntime/core/optimizer/pad_fusion.cc).
    """
    if node.version < 11:
        return node.real("value", 0.0)
    if len(node.inputs) < 3:
        return 0.0
    return None if node.has(3) else as_float(node.optional(2))


def _expand(node: Node) -> Result:
    operand = node.input(0)
    (shape,) = node.infer("expand", operand.shape, attributes={"shape": tuple(_declared_or_known(node, 1, "shape"))})
    if shape == operand.shape:
        return Result([operand.meta], alias=operand)
    return Result([Meta(shape, operand.dtype)], "expand", operands=[operand])


def _tile(node: Node) -> Result:
    operand = node.input(0)
    shape = node.decided_shape() if node.data(1) is None else None
    if shape is not None:
        return Result([Meta(shape, operand.dtype)], "tile", operands=[operand])
    repeats = node.known_shape(1, "repeats")
    if len(repeats) == len(operand.shape) and all(count == 1 for count in repeats):
        return Result([operand.meta], alias=operand)
    return node.layer("tile", operand, attributes={"repeats": tuple(repeats)})


def _shape(node: Node) -> Result:
    """Shape, and Size, which is one number."""
    rank = len(node.input(0).shape)
    count = len(range(*slice(node.integer("start", 0), node.integer("end", rank)).indices(rank)))
    return Result([Meta(() if node.op == "Size" else (count,), DType.INT64)], "generate", operands=())


def _constant_of_shape(node: Node) -> Result:
    value = node.attributes.get("value")
    dtype = dtype_of(value.t.data_type, f"node {node.name!r}") if value is not None else DType.FLOAT32
    return _generate(node, tuple(_declared_or_known(node, 0, "shape")), dtype)


def _generate(node: Node, shape: tuple[int, ...], dtype: DType) -> Result:
    """What is written from numbers: before the first run, unless some of them are known only when it runs."""
    late = [value for value in node.inputs if value is not None and value.data is None]
    return Result([Meta(shape, dtype)], "generate", operands=late)


def _range(node: Node) -> Result:
    start, limit, delta = (node.data(index) for index in range(3))
    dtype = node.input(0).dtype
    if start is None or limit is None or delta is None:
        shape = node.decided_shape()
        if shape is None:
            raise node.unknown("bounds")
        return _generate(node, shape, dtype)
    first, last, step = (as_float(node.input(index)) for index in range(3))
    if not step or first is None or last is None or not math.isfinite((last - first) / step):
        raise node.error(f"counts from {first} to {last} in steps of {step}")
    count = max(0, math.ceil((last - first) / step))
    if not dtype.is_float:
        begin, end, by = (node.known(index, "bounds")[0] for index in range(3))
        count = max(0, -((begin - end) // by))
    return Result([Meta((count,), dtype)], "generate", operands=())


def _blocks(kind: str, node: Node) -> Result:
    size, mode = node.integer("blocksize", 0), node.text("mode", "DCR")
    return node.layer(kind, node.input(0), attributes={"block_size": size, "mode": mode})


def _generated(node: Node) -> Result:
    """Random numbers and unit matrices, perhaps of the shape of an operand, which is not read.

    A unit matrix follows from the file; random numbers are drawn in every run.
    """
    kind = "generate" if node.op == "EyeLike" else "random"
    if node.op.endswith("Like"):
        operand = node.input(0)
        dtype = dtype_of(node.integer("dtype", 0), f"node {node.name!r}") if "dtype" in node.attributes else None
        return Result([Meta(operand.shape, dtype or operand.dtype)], kind, operands=())
    dtype = dtype_of(node.integer("dtype", 1), f"node {node.name!r}")
    return Result([Meta(node.integers("shape") or (), dtype)], kind, operands=())


def _bernoulli(node: Node) -> Result:
    number, operand = node.integer("dtype", 0), node.input(0)
    meta = Meta(operand.shape, dtype_of(number, node.subject) if number else operand.dtype)
    return Result([meta], "random", operands=[operand])


def _constant(node: Node) -> Result:
    """Constants given as numbers; tensors are handled where the graph is walked."""
    if not node.attributes:
        raise NetworkStructureError(f"node {node.name!r} (Constant) has no value")
    name, attribute = next(iter(node.attributes.items()))
    if name in ("value_string", "value_strings"):
        shape = () if name == "value_string" else (len(attribute.strings),)
        value = Value(node.output_names[0], shape, DType.STRING, constant=True)
    elif name in _NUMBERS:
        field, dtype = _NUMBERS[name]
        array = np.array(getattr(attribute, field), dtype=np.int64 if dtype is DType.INT64 else np.float32)
        value = Value(node.output_names[0], array.shape, dtype, constant=True, data=array)
    else:
        raise NetworkStructureError(f"node {node.name!r} (Constant) has its value under {name!r}, which is not known")
    return Result([value.meta], alias=value)


RULES: Final[Mapping[str, Rule]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Shape": _shape,
    "Size": _shape,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "DepthToSpace": partial(_blocks, "depth_to_space"),
    "SpaceToDepth": partial(_blocks, "space_to_depth"),
    **dict.fromkeys(("Trilu", "ReverseSequence"), lambda node: node.layer("copy", node.input(0))),
    **dict.fromkeys(("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "EyeLike"), _generated),
    "Bernoulli": _bernoulli,
    "Constant": _constant,
}
"""Rules of ``ai.onnx`` by operator."""
