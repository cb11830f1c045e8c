"""Activations, arithmetic, normalisation, reductions, data movement and views of TFLite files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.movement import keeps_order
from annette.network.readers.tflite.operator_layer import (
    Follower,
    OperatorLayer,
    Rule,
    axis_of,
    fused,
    of_first,
    scalar,
)

if TYPE_CHECKING:
    from annette.network.layer import AttributeValue
    from annette.network.readers.tflite.file import FileOperator, FileTensor

__all__ = ["ELEMENTWISE", "MOVEMENT"]

_PAD_MODES: Final = ("reflect", "symmetric")
_SPATIAL: Final = (1, 2)


def _arithmetic(kind: str, operator: FileOperator) -> OperatorLayer:
    """Arithmetic of two operands; a constant of one element is an attribute."""
    left, right = operator.tensor(0), operator.tensor(1)
    numbers = scalar(left), scalar(right)
    if numbers[1] is not None and not left.constant:
        return OperatorLayer(kind, {"scalar": numbers[1], "scalar_first": False}, (left,), fused(operator))
    if numbers[0] is not None and not right.constant:
        return OperatorLayer(kind, {"scalar": numbers[0], "scalar_first": True}, (right,), fused(operator))
    return OperatorLayer(kind, {}, (left, right), fused(operator))


def _several(kind: str, operator: FileOperator) -> OperatorLayer:
    operator.tensor(0)
    return OperatorLayer(kind, {}, operator.present)


def _squared_difference(operator: FileOperator) -> OperatorLayer:
    power = Follower("square", "pow", {"scalar": 2.0, "scalar_first": False})
    return replace(_arithmetic("sub", operator), follower=power)


def _gelu(operator: FileOperator) -> OperatorLayer:
    attributes: dict[str, AttributeValue] = {"approximate": "tanh"} if operator.options.get("approximate") else {}
    return OperatorLayer("gelu", attributes, (operator.tensor(0),))


def _prelu(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("prelu", {}, (operator.tensor(0), operator.tensor(1)))


def _cast(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("cast", {"to": operator.outputs[0].dtype.label}, (operator.tensor(0),))


def _last_axis(kind: str, operator: FileOperator) -> OperatorLayer:
    source = operator.tensor(0)
    return OperatorLayer(kind, {"axis": max(0, len(source.shape) - 1)}, (source,), fused(operator))


def _lrn(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("lrn", {"size": 2 * operator.options.get("radius", 0) + 1}, (operator.tensor(0),))


def _recurrent(kind: str, operator: FileOperator) -> OperatorLayer | None:
    source, result = operator.tensor(0), operator.outputs[0]
    if len(source.shape) != 3 or not result.shape:
        return None
    attributes: dict[str, AttributeValue] = {
        "hidden_size": result.shape[-1],
        "directions": 1,
        "batch_first": not operator.options.get("time_major"),
    }
    return OperatorLayer(kind, attributes, operator.present)


def _reshape(operator: FileOperator) -> OperatorLayer:
    """A shape that is computed while the network runs is an operand; runtimes treat such a view as a copy.

    An empty shape, of a scalar, has no values that a file could hold.
    """
    source, *shape = operator.present or (operator.tensor(0),)
    computed = [tensor for tensor in shape[:1] if not tensor.constant and 0 not in tensor.stated]
    return OperatorLayer("reshape", {}, (source, *computed))


def _concat(operator: FileOperator) -> OperatorLayer:
    axis = axis_of(operator.options.get("axis", 0), len(operator.outputs[0].shape))
    return OperatorLayer("concat", {"axis": axis}, operator.present, fused(operator))


def _split(source: int, axis: int, operator: FileOperator) -> OperatorLayer | None:
    tensor, axes = operator.tensor(source), operator.integers(axis)
    return OperatorLayer("split", {"axis": axis_of(axes[0], len(tensor.shape))}, (tensor,)) if axes else None


def _unpack(operator: FileOperator) -> OperatorLayer:
    source = operator.tensor(0)
    return OperatorLayer("split", {"axis": axis_of(operator.options.get("axis", 0), len(source.shape))}, (source,))


def _slice(operator: FileOperator) -> OperatorLayer:
    """Operands are the source, where it begins, and how much of it."""
    source, begins = operator.tensor(0), operator.integers(1)
    if begins is None or len(begins) != len(source.shape):
        return OperatorLayer("slice", {}, (source,))
    return OperatorLayer("slice", _cut(source, begins, (1,) * len(begins), operator.outputs[0]), (source,))


def _strided_slice(operator: FileOperator) -> OperatorLayer:
    """Operands are the source, where it begins and ends, and the steps; bits of a mask say "from the start"."""
    source, begins, steps = operator.tensor(0), operator.integers(1), operator.integers(3)
    plain = not operator.options.get("ellipsis_mask") and not operator.options.get("new_axis_mask")
    if begins is None or steps is None or not plain or not len(begins) == len(steps) <= len(source.shape):
        return OperatorLayer("slice", {}, (source,))
    mask = operator.options.get("begin_mask", 0)
    starts = [0 if mask >> axis & 1 else axis_of(begin, source.shape[axis]) for axis, begin in enumerate(begins)]
    return OperatorLayer("slice", _cut(source, tuple(starts), steps, operator.outputs[0]), (source,))


def _cut(
    source: FileTensor, starts: tuple[int, ...], steps: tuple[int, ...], result: FileTensor
) -> dict[str, AttributeValue]:
    """Starts and steps of the axes that are cut; all of them where the result has fewer dimensions."""
    axes = tuple(
        axis
        for axis in range(len(starts))
        if len(result.shape) != len(source.shape) or source.shape[axis] != result.shape[axis] or steps[axis] != 1
    )
    return {
        "axes": axes,
        "starts": tuple(max(0, starts[axis]) for axis in axes),
        "steps": tuple(steps[axis] for axis in axes),
    }


def _pad(operator: FileOperator) -> OperatorLayer:
    source, amounts = operator.tensor(0), operator.integers(1)
    attributes: dict[str, AttributeValue] = {"mode": "constant"}
    if operator.name == "MIRROR_PAD":
        mode = operator.options.get("mode", 0)
        attributes["mode"] = _PAD_MODES[mode] if 0 <= mode < len(_PAD_MODES) else "reflect"
    if amounts is not None and len(amounts) == 2 * len(source.shape):
        attributes["pads"] = (*amounts[::2], *amounts[1::2])
    return OperatorLayer("pad", attributes, (source,))


def _transpose(operator: FileOperator) -> OperatorLayer:
    """A transpose that moves only dimensions of size 1 moves nothing."""
    source, perm = operator.tensor(0), operator.integers(1)
    if perm is None or sorted(perm) != list(range(len(source.shape))):
        return OperatorLayer("transpose", {}, (source,))
    return OperatorLayer("reshape" if keeps_order(source.shape, perm) else "transpose", {"perm": perm}, (source,))


def _gather(operator: FileOperator) -> OperatorLayer:
    source, indices = operator.tensor(0), operator.tensor(1)
    axis = axis_of(operator.options.get("axis", 0), len(source.shape))
    return OperatorLayer("gather", {"axis": axis}, (source,) if indices.constant else (source, indices))


def _embedding(operator: FileOperator) -> OperatorLayer:
    return OperatorLayer("gather", {"axis": 0}, (operator.tensor(1), operator.tensor(0)))


def _tile(operator: FileOperator) -> OperatorLayer:
    repeats = operator.integers(1)
    return OperatorLayer("tile", {"repeats": repeats} if repeats else {}, (operator.tensor(0),))


def _reduce(kind: str, operator: FileOperator) -> OperatorLayer:
    source, axes, keep = operator.tensor(0), operator.integers(1), int(bool(operator.options.get("keep_dims")))
    if axes is None:
        return OperatorLayer(kind, {"keepdims": keep}, (source,))
    numbers = tuple(sorted({axis_of(axis, len(source.shape)) for axis in axes}))
    if kind == "reduce_mean" and len(source.shape) == 4 and numbers == _SPATIAL:
        return OperatorLayer("global_average_pool", {}, (source,))
    return OperatorLayer(kind, {"axes": numbers, "keepdims": keep}, (source,))


def _arg_max(operator: FileOperator) -> OperatorLayer:
    source, axis = operator.tensor(0), operator.integers(1)
    place = axis_of(axis[0], len(source.shape)) if axis else max(0, len(source.shape) - 1)
    return OperatorLayer("arg_max", {"axis": place, "keepdims": 0}, (source,))


def _cumulative_sum(operator: FileOperator) -> OperatorLayer:
    source, axis = operator.tensor(0), operator.integers(1)
    return OperatorLayer("cumulative_sum", {"axis": axis_of(axis[0], len(source.shape)) if axis else 0}, (source,))


def _top_k(operator: FileOperator) -> OperatorLayer:
    source, count = operator.tensor(0), operator.integers(1)
    attributes: dict[str, AttributeValue] = {"axis": max(0, len(source.shape) - 1)}
    return OperatorLayer("top_k", attributes | ({"k": count[0]} if count else {}), (source,))


def _resize(kind: str, operator: FileOperator) -> OperatorLayer:
    aligned, half = operator.options.get("align_corners"), operator.options.get("half_pixel_centers")
    coordinates = "align_corners" if aligned else "half_pixel" if half else "asymmetric"
    mode = kind.removeprefix("resize_")
    return OperatorLayer(kind, {"mode": mode, "coordinates": coordinates}, (operator.tensor(0),))


def _blocks(kind: str, operator: FileOperator) -> OperatorLayer:
    attributes = {"block_size": operator.options.get("block_size", 0), "mode": "DCR"}
    return OperatorLayer(kind, attributes, (operator.tensor(0),))


def _generate(operator: FileOperator) -> OperatorLayer:
    """What depends on shapes and constants alone, or fills a tensor."""
    del operator
    return OperatorLayer("generate", {}, ())


ELEMENTWISE: Final[dict[str, Rule]] = {
    "RELU": of_first("relu"),
    "RELU6": of_first("clip", min=0.0, max=6.0),
    "RELU_N1_TO_1": of_first("clip", min=-1.0, max=1.0),
    "RELU_0_TO_1": of_first("clip", min=0.0, max=1.0),
    "LEAKY_RELU": of_first("leaky_relu", "alpha"),
    "PRELU": _prelu,
    "ELU": of_first("elu", alpha=1.0),
    "LOGISTIC": of_first("sigmoid"),
    "TANH": of_first("tanh"),
    "HARD_SWISH": of_first("hard_swish"),
    "GELU": _gelu,
    **{name: of_first(name.lower()) for name in ("ABS", "EXP", "LOG", "NEG", "SQRT", "SIN", "COS", "FLOOR", "CEIL",
                                               "ROUND", "SIGN")},
    "RSQRT": of_first("pow", scalar=-0.5, scalar_first=False),
    "SQUARE": of_first("pow", scalar=2.0, scalar_first=False),
    "LOGICAL_NOT": of_first("not"),
    "CAST": _cast,
    "QUANTIZE": of_first("quantize"),
    "DEQUANTIZE": of_first("dequantize"),
    "FAKE_QUANT": of_first("quantize"),
    "ADD": partial(_arithmetic, "add"),
    "SUB": partial(_arithmetic, "sub"),
    "MUL": partial(_arithmetic, "mul"),
    "DIV": partial(_arithmetic, "div"),
    "FLOOR_DIV": partial(_arithmetic, "div"),
    "FLOOR_MOD": partial(_arithmetic, "mod"),
    "POW": partial(_arithmetic, "pow"),
    "SQUARED_DIFFERENCE": _squared_difference,
    "MAXIMUM": partial(_several, "max"),
    "MINIMUM": partial(_several, "min"),
    "ADD_N": partial(_several, "add"),
    **dict.fromkeys(
        ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL"), partial(_several, "compare")
    ),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR"), partial(_several, "logical")),
    **dict.fromkeys(("SELECT", "SELECT_V2"), partial(_several, "where")),
    "SOFTMAX": partial(_last_axis, "softmax"),
    "LOG_SOFTMAX": partial(_last_axis, "log_softmax"),
    "L2_NORMALIZATION": partial(_last_axis, "lp_norm"),
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": partial(_recurrent, "lstm"),
    "UNIDIRECTIONAL_SEQUENCE_RNN": partial(_recurrent, "rnn"),
}  # fmt: skip
"""Rules of operators that compute, by operator."""

MOVEMENT: Final[dict[str, Rule]] = {
    "RESHAPE": _reshape,
    **dict.fromkeys(("SQUEEZE", "EXPAND_DIMS", "BITCAST"), of_first("reshape")),
    "CONCATENATION": _concat,
    "PACK": _concat,
    "SPLIT": partial(_split, 1, 0),
    "SPLIT_V": partial(_split, 0, 2),
    "UNPACK": _unpack,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    "TRANSPOSE": _transpose,
    "GATHER": _gather,
    "EMBEDDING_LOOKUP": _embedding,
    "TILE": _tile,
    "BROADCAST_TO": of_first("expand"),
    "MEAN": partial(_reduce, "reduce_mean"),
    "SUM": partial(_reduce, "reduce_sum"),
    "REDUCE_MAX": partial(_reduce, "reduce_max"),
    "REDUCE_ANY": partial(_reduce, "reduce_max"),
    "REDUCE_MIN": partial(_reduce, "reduce_min"),
    "REDUCE_ALL": partial(_reduce, "reduce_min"),
    "REDUCE_PROD": partial(_reduce, "reduce_prod"),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _arg_max),
    "CUMSUM": _cumulative_sum,
    "TOPK_V2": _top_k,
    "RESIZE_BILINEAR": partial(_resize, "resize_linear"),
    "RESIZE_NEAREST_NEIGHBOR": partial(_resize, "resize_nearest"),
    "DEPTH_TO_SPACE": partial(_blocks, "depth_to_space"),
    "SPACE_TO_DEPTH": partial(_blocks, "space_to_depth"),
    **dict.fromkeys(("SHAPE", "RANK", "RANGE", "FILL", "ZEROS_LIKE"), _generate),
}
"""Rules of operators that move or reduce, by operator."""
