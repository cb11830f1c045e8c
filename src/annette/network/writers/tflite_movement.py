"""Data movement, reductions, softmax and products of activations as TFLite operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.network.onnx_names import operator_name
from annette.network.writers.tflite_file import Quantization
from annette.network.writers.tflite_layout import Order, plain, reshaped, same_memory, transposed
from annette.network.writers.tflite_lowering import integers
from annette.network.writers.weights import weight_values

if TYPE_CHECKING:
    from annette.network.layer import Layer
    from annette.network.writers.tflite_fusion import Group
    from annette.network.writers.tflite_lowering import Rule, TfliteLowering, Value

__all__ = ["RULES"]

_REDUCTIONS: Final = {
    "reduce_mean": "MEAN",
    "reduce_sum": "SUM",
    "reduce_max": "REDUCE_MAX",
    "reduce_min": "REDUCE_MIN",
    "global_average_pool": "MEAN",
    "global_max_pool": "REDUCE_MAX",
}
_MOST_SLICED: Final = 5
_MAP_RANK: Final = 4


def _concat(to: TfliteLowering, group: Group) -> None:
    """CONCATENATION; its operands have the result's scale."""
    layer = group.anchor
    computed = [to.value(name) for name in layer.inputs if not to.tensor(name).constant]
    order = computed[0].order if computed else plain(len(to.tensor(layer.outputs[0]).shape))
    result = to.define(group.outputs[0], order)
    operands = []
    for name in layer.inputs:
        if to.tensor(name).constant:
            shape = tuple(to.tensor(name).shape[dimension] for dimension in order)
            values = weight_values(to.seed, name, shape, 1000)
            operands.append(to.constant(name, values, result.quantization or Quantization(1.0, 0)))
        else:
            operands.append(to.requantized(to.ordered(name, order), result.quantization, name))
    axis = order.index(_integer(layer, "axis", len(order)))
    to.append(group, "CONCATENATION", operands, result, "Concatenation", axis=axis)


def _split(to: TfliteLowering, group: Group) -> None:
    """SPLIT into equal parts, SPLIT_V into others."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    dimension = _integer(layer, "axis", len(source.order))
    sizes = [to.tensor(name).shape[dimension] for name in layer.outputs]
    results = [to.define(name, source.order, source.quantization).index for name in layer.outputs]
    axis = to.integers(f"{layer.name}/axis", source.order.index(dimension))
    if len(set(sizes)) == 1:
        operands, name, table = [axis, source.index], "SPLIT", "Split"
    else:
        operands, name, table = [source.index, to.integers(f"{layer.name}/sizes", sizes), axis], "SPLIT_V", "SplitV"
    to.file.operator(name, operands, results, table, layers=group.names, num_splits=len(sizes))


def _strided_slice(to: TfliteLowering, group: Group) -> None:
    """STRIDED_SLICE."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    begins, ends, steps = [0] * len(source.shape), list(source.shape), [1] * len(source.shape)
    starts, axes, strides = (integers(layer, key) for key in ("starts", "axes", "steps"))
    written = to.tensor(layer.outputs[0]).shape
    for start, axis, step in zip(starts, axes, strides or (1,) * len(axes), strict=True):
        if step < 1:
            raise to.refuse(group, "it walks backwards")
        first = min(start + source.shape[axis] if start < 0 else start, source.shape[axis])
        begins[axis], ends[axis], steps[axis] = first, first + (written[axis] - 1) * step + 1, step
    result = to.define(layer.outputs[0], source.order, source.quantization)
    _slice(to, group, source, result, (begins, ends, steps), 0)


def _slice(
    to: TfliteLowering, group: Group, source: Value, result: Value, parts: tuple[list[int], ...], shrink: int
) -> None:
    if len(source.shape) > _MOST_SLICED:
        raise to.refuse(group, f"its operand has {len(source.shape)} dimensions")
    name = group.anchor.name
    operands = [
        to.integers(f"{name}/{label}", [part[dimension] for dimension in source.order])
        for label, part in zip(("begin", "end", "strides"), parts, strict=True)
    ]
    to.append(group, "STRIDED_SLICE", [source, *operands], result, "StridedSlice", shrink_axis_mask=shrink)


def _gather(to: TfliteLowering, group: Group) -> None:
    """One position of an axis, or rows of a table."""
    layer = group.anchor
    axis = _integer(layer, "axis", len(to.tensor(layer.inputs[0]).shape))
    if "index" in layer.attributes and len(layer.inputs) == 1:
        _pick(to, group, axis)
        return
    table = to.tensor(layer.inputs[0])
    if len(layer.inputs) != 2 or to.tensor(layer.inputs[1]).constant:
        raise to.refuse(group, "it gathers by indices that are not known")
    if table.constant:
        source = to.constant(table.name, weight_values(to.seed, table.name, table.shape, table.elements))
    else:
        source = to.ordered(table.name, plain(len(table.shape)))
    indices = to.ordered(layer.inputs[1], plain(len(to.tensor(layer.inputs[1]).shape)))
    result = to.define(layer.outputs[0], plain(len(to.tensor(layer.outputs[0]).shape)), source.quantization)
    to.append(group, "GATHER", [source, indices], result, "Gather", axis=axis)


def _pick(to: TfliteLowering, group: Group, axis: int) -> None:
    layer = group.anchor
    source = to.value(layer.inputs[0])
    index = int(layer.attributes["index"]) % source.shape[axis]  # type: ignore[arg-type]
    begins, ends, steps = [0] * len(source.shape), list(source.shape), [1] * len(source.shape)
    begins[axis], ends[axis] = index, index + 1
    order = tuple(d - (d > axis) for d in source.order if d != axis)
    result = to.define(layer.outputs[0], order, source.quantization)
    _slice(to, group, source, result, (begins, ends, steps), 1 << source.order.index(axis))


def _pad(to: TfliteLowering, group: Group) -> None:
    """PAD with zeros, MIRROR_PAD with what is there."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    rank = len(source.shape)
    pads = integers(layer, "pads")
    mode = layer.attributes.get("mode", "constant")
    if mode not in ("constant", "reflect") or min(pads) < 0:
        raise to.refuse(group, f"mode {mode!r} with pads {pads}")
    amounts = to.integers(f"{layer.name}/pads", [(pads[d], pads[rank + d]) for d in source.order])
    result = to.define(layer.outputs[0], source.order, source.quantization)
    name, table = ("PAD", "Pad") if mode == "constant" else ("MIRROR_PAD", "MirrorPad")
    to.append(group, name, [source, amounts], result, table)


def _transpose(to: TfliteLowering, group: Group) -> None:
    """A transpose between channels first and last is none here; any other one moves data."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    perm = integers(layer, "perm")
    rank = len(perm)
    moved = transposed(source.order, perm)
    shape = to.tensor(layer.outputs[0]).shape
    was_features = source.order != plain(rank)
    becomes_features = to.spatial and rank == _MAP_RANK and same_memory(shape, moved, to.features(rank))
    if becomes_features or (was_features and same_memory(shape, moved, plain(rank))):
        to.alias(layer.outputs[0], source, moved)
        return
    result = to.define(layer.outputs[0], source.order, source.quantization)
    places = tuple(source.order.index(perm[dimension]) for dimension in result.order)
    to.transpose(source, result, places, group.names, layer.name)


def _reshape(to: TfliteLowering, group: Group) -> None:
    """RESHAPE; a flattened feature map stays channels-last where only a fully connected layer reads it."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    target = to.tensor(layer.outputs[0]).shape
    order = reshaped(source.shape, source.order, target)
    if order is None and len(target) == 2 and _only_weighted(to, layer.outputs[0]):
        order = plain(2)
    if order is None:
        source = to.in_order(source, plain(len(source.shape)), layer.inputs[0])
        order = plain(len(target))
    result = to.define(layer.outputs[0], _tidy(to, source, order, target), source.quantization)
    to.reshape(source, result, group.names)


def _tidy(to: TfliteLowering, source: Value, order: Order, target: tuple[int, ...]) -> Order:
    """One of several orders that mean the same memory: the one that readers are likely to want."""
    features = to.features(len(target))
    wanted = [plain(len(target)), features]
    if source.order != plain(len(source.order)) or (len(target) == 4 and target[2:] == (1, 1)):
        wanted.reverse()
    return next((choice for choice in wanted if same_memory(target, choice, order)), order)


def _only_weighted(to: TfliteLowering, tensor: str) -> bool:
    """Whether only fully connected layers read a tensor: the order of their weights is free."""
    readers = to.network.consumers.get(tensor, ())
    return bool(readers) and all(reader.kind == "fully_connected" for reader in readers)


def _identity(to: TfliteLowering, group: Group) -> None:
    """The same tensor under another name: nothing."""
    source = to.value(group.anchor.inputs[0])
    to.alias(group.anchor.outputs[0], source, source.order)


def _softmax(to: TfliteLowering, group: Group) -> None:
    """SOFTMAX over the last dimension as stored."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    axis = _integer(layer, "axis", len(source.shape))
    if source.order[-1] != axis:
        order = (*(d for d in plain(len(source.shape)) if d != axis), axis)
        source = to.in_order(source, order, layer.inputs[0])
    to.append(group, "SOFTMAX", [source], to.define(layer.outputs[0], source.order), "Softmax", beta=1.0)


def _matmul(to: TfliteLowering, group: Group) -> None:
    """BATCH_MATMUL."""
    layer = group.anchor
    operands = []
    for name in layer.inputs:
        tensor = to.tensor(name)
        if len(tensor.shape) < 2:
            raise to.refuse(group, f"operand {name!r} is a vector")
        if tensor.constant:
            operands.append(to.constant(name, weight_values(to.seed, name, tensor.shape, tensor.elements)))
        else:
            operands.append(to.ordered(name, plain(len(tensor.shape))))
    result = to.define(layer.outputs[0], plain(len(to.tensor(layer.outputs[0]).shape)))
    to.append(group, "BATCH_MATMUL", operands, result, "BatchMatMul")


def _reduce(to: TfliteLowering, group: Group) -> None:
    """MEAN, SUM, REDUCE_MAX or REDUCE_MIN."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    rank = len(source.shape)
    axes = {axis % rank for axis in integers(layer, "axes") or range(rank)}
    _append_reduction(to, group, source, axes, keep=bool(layer.attributes.get("keepdims", 1)))


def _global_pool(to: TfliteLowering, group: Group) -> None:
    """A reduction over all positions."""
    source = to.value(group.anchor.inputs[0])
    rank = len(source.shape)
    source = to.in_order(source, to.features(rank), group.anchor.inputs[0])
    keep = len(to.tensor(group.anchor.outputs[0]).shape) == rank
    _append_reduction(to, group, source, set(range(1, rank)) - {to.channel % rank}, keep=keep)


def _append_reduction(to: TfliteLowering, group: Group, source: Value, axes: set[int], *, keep: bool) -> None:
    layer = group.anchor
    kept = [dimension for dimension in source.order if dimension not in axes]
    ranks = {dimension: rank for rank, dimension in enumerate(sorted(kept))}
    order = source.order if keep else tuple(ranks[dimension] for dimension in kept)
    places = to.integers(f"{layer.name}/axes", sorted(source.order.index(axis) for axis in axes))
    result = to.define(layer.outputs[0], order)
    name = _REDUCTIONS[layer.kind]
    if name.startswith("REDUCE"):
        source = to.requantized(source, result.quantization, layer.name)
    to.append(group, name, [source, places], result, "Reducer", keep_dims=keep)


def _arg_max(to: TfliteLowering, group: Group) -> None:
    """ARG_MAX."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    axis = _integer(layer, "axis", len(source.shape))
    shape = to.tensor(layer.outputs[0]).shape
    kept = [dimension for dimension in source.order if dimension != axis]
    if len(shape) == len(source.shape):
        raise to.refuse(group, "the format does not keep the axis")
    order = tuple(d - (d > axis) for d in kept)
    place = to.integers(f"{layer.name}/axis", source.order.index(axis))
    to.append(group, "ARG_MAX", [source, place], to.define(layer.outputs[0], order))


def _resize(to: TfliteLowering, group: Group) -> None:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR."""
    layer = group.anchor
    source = to.ordered(layer.inputs[0], to.features(4))
    result = to.define(layer.outputs[0], to.features(4))
    source = to.requantized(source, result.quantization, layer.inputs[0])
    size = to.integers(f"{layer.name}/size", result.stored[1:3])
    nearest = layer.kind == "resize_nearest"
    coordinates = layer.attributes.get("coordinates", "asymmetric" if nearest else "half_pixel")
    name = "RESIZE_NEAREST_NEIGHBOR" if nearest else "RESIZE_BILINEAR"
    options = {"align_corners": coordinates == "align_corners", "half_pixel_centers": coordinates == "half_pixel"}
    to.append(group, name, [source, size], result, operator_name(name), **options)


def _rearrange(to: TfliteLowering, group: Group) -> None:
    """SPACE_TO_DEPTH or DEPTH_TO_SPACE."""
    layer = group.anchor
    source = to.ordered(layer.inputs[0], to.features(4))
    result = to.define(layer.outputs[0], to.features(4))
    block = integers(layer, "block_size")[0]
    to.append(group, layer.kind.upper(), [source], result, operator_name(layer.kind), block_size=block)


def _broadcast(to: TfliteLowering, group: Group) -> None:
    """TILE of the dimensions that are repeated."""
    layer = group.anchor
    source = to.value(layer.inputs[0])
    target = to.tensor(layer.outputs[0]).shape
    if len(target) != len(source.shape):
        shape = (1,) * (len(target) - len(source.shape)) + source.shape
        aligned = to.temporary(to.unused(f"{layer.name}/aligned"), shape, None, source.dtype, source.quantization)
        to.reshape(to.in_order(source, plain(len(source.shape)), layer.inputs[0]), aligned, ())
        source = aligned
    counts = [target[d] // source.shape[d] for d in source.order]
    repeats = to.integers(f"{layer.name}/repeats", np.array(counts))
    to.append(group, "TILE", [source, repeats], to.define(layer.outputs[0], source.order, source.quantization), "Tile")


def _integer(layer: Layer, key: str, rank: int) -> int:
    return integers(layer, key)[0] % rank


RULES: Final[dict[str, Rule]] = {
    "softmax": _softmax,
    "matmul": _matmul,
    **dict.fromkeys(("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"), _reduce),
    **dict.fromkeys(("global_average_pool", "global_max_pool"), _global_pool),
    "arg_max": _arg_max,
    "concat": _concat,
    "split": _split,
    "slice": _strided_slice,
    "gather": _gather,
    "pad": _pad,
    "transpose": _transpose,
    "reshape": _reshape,
    **dict.fromkeys(("expand", "tile"), _broadcast),
    **dict.fromkeys(("resize_nearest", "resize_linear"), _resize),
    **dict.fromkeys(("space_to_depth", "depth_to_space"), _rearrange),
    **dict.fromkeys(("identity", "copy"), _identity),
}
