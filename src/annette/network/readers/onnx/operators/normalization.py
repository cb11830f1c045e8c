"""Normalizations, softmax and reductions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.onnx_names import REDUCTIONS, operator_name
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["CONTRIB_RULES", "RULES"]

_REDUCTIONS: Final[Mapping[str, str]] = {
    **{operator_name(kind): kind for kind in REDUCTIONS},
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceSumSquare"), "reduce_norm"),
    "ReduceLogSumExp": "reduce_log_sum_exp",
}


def _per_channel(kind: str, node: Node) -> Result:
    """Normalizations with parameters per channel in dimension 1."""
    operand = node.input(0)
    if len(operand.shape) < 1:
        raise node.error("normalizes a scalar")
    channels = operand.shape[1] if len(operand.shape) > 1 else 1
    if node.op in ("BatchNormalization", "InstanceNormalization"):
        for value in node.inputs[1:]:
            if value is not None and value.elements not in (channels, 1):
                raise node.error(f"has {value.elements} parameters for {channels} channels")
    attributes: dict[str, AttributeValue] = {}
    if kind == "group_norm":
        attributes["num_groups"] = node.integer("num_groups", node.integer("groups", 1))
    if kind == "instance_norm":
        attributes["axes"] = tuple(range(2, len(operand.shape)))
    if node.integer("training_mode", 0) or (node.op == "BatchNormalization" and len(node.output_names) > 1):
        statistics = [Meta((channels,), operand.dtype)] * 4
        return Result([operand.meta, *statistics], kind, attributes, operands=node.inputs)
    return Result([operand.meta], kind, attributes, operands=node.inputs)


def _trailing(kind: str, node: Node, *, residual: bool = False) -> Result:
    """Normalizations over all axes from one on; over the last one where a residual and a bias are added first."""
    operand = node.input(0)
    rank = len(operand.shape)
    axis = node.axis(-1 if residual else node.integer("axis", -1), rank)
    reduced = Meta((*operand.shape[:axis], *(1 for _ in operand.shape[axis:])), DType.FLOAT32)
    attributes: dict[str, AttributeValue] = {"axes": tuple(range(axis, rank))}
    if residual:
        attributes["residual"] = True
    metas = [operand.meta, reduced, reduced, *[operand.meta] * residual]
    return Result(metas, kind, attributes, operands=node.inputs)


def _lp(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", -1), len(operand.shape))
    return node.layer("lp_norm", operand, attributes={"axis": axis})


def _mean_variance(node: Node) -> Result:
    operand = node.input(0)
    axes = tuple(sorted(node.axis(a, len(operand.shape)) for a in node.integers("axes") or (0, 2, 3)))
    return node.layer("instance_norm", operand, attributes={"axes": axes})


def _softmax(kind: str, node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    if rank == 0:
        raise node.error("normalizes a scalar")
    # Before opset 13 everything from the axis on was normalized together.
    attributes: dict[str, AttributeValue]
    if node.version < 13 and node.domain == "":
        axis = node.axis(node.integer("axis", 1), rank) if rank > 1 else 0
        attributes = {"axes": tuple(range(axis, rank))} if axis < rank - 1 else {"axis": axis}
    else:
        attributes = {"axis": node.axis(node.integer("axis", -1), rank)}
    return Result([operand.meta], kind, attributes, operands=[operand])


def _reduced(node: Node, operand: Value) -> tuple[int, ...]:
    """The axes that a reduction drops, by what is said of its result: those whose sizes are not in it.

    Raises:
        UndecidedSizeError: Nothing is said of the result.
        NetworkShapeError: No axes make the result that is stated.
    """
    stated = node.decided_shape()
    if stated is None:
        raise node.unknown("axes")
    if node.integer("keepdims", 1) == 1 and len(stated) == len(operand.shape):
        return tuple(axis for axis, size in enumerate(operand.shape) if stated[axis] != size)
    kept, axes = list(stated), []
    for axis in range(len(operand.shape) - 1, -1, -1):
        if kept and kept[-1] == operand.shape[axis]:
            kept.pop()
        else:
            axes.append(axis)
    if kept:
        raise node.error(f"reduces {list(operand.shape)} to {list(stated)}")
    return tuple(reversed(axes))


def _reduce(kind: str, node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    axes = node.integers("axes")
    if axes is None and node.has(1) and node.input(1).elements:
        if node.data(1) is not None:
            axes = node.known_shape(1, "axes")
        else:
            axes = _reduced(node, operand)
            if not axes:
                return Result([operand.meta], alias=operand)
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return Result([operand.meta], alias=operand)
        axes = tuple(range(rank))
    reduced = tuple(sorted({node.axis(axis, rank) for axis in axes}))
    keep = node.integer("keepdims", 1) == 1
    return node.layer(kind, operand, attributes={"axes": reduced, "keepdims": keep})


def _arg(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", 0), max(1, len(operand.shape)))
    keep = node.integer("keepdims", 1) == 1
    return node.layer("arg_max", operand, attributes={"axis": axis, "keepdims": keep}, dtype=DType.INT64)


def _cumulative(node: Node) -> Result:
    operand = node.input(0)
    axis = node.data(1)
    attributes: dict[str, AttributeValue] = {}
    if axis is not None and axis.size == 1:
        attributes["axis"] = node.axis(node.known(1, "axis")[0], len(operand.shape))
    return Result([operand.meta], "cumulative_sum", attributes, operands=[operand])


def _embed(node: Node) -> Result:
    """Sum of word, position and segment embeddings, normalized."""
    words, table = node.input(0), node.input(2)
    if len(words.shape) != 2 or len(table.shape) != 2:
        raise node.error(f"embeds tokens of shape {list(words.shape)} with a table of shape {list(table.shape)}")
    meta = Meta((*words.shape, table.shape[1]), table.dtype)
    mask = Meta((words.shape[0],), DType.INT32)
    return Result([meta, mask, meta], "layer_norm", {"axes": (2,), "embedding": True}, operands=node.inputs)


RULES: Final[Mapping[str, Rule]] = {
    "BatchNormalization": partial(_per_channel, "batch_norm"),
    "InstanceNormalization": partial(_per_channel, "instance_norm"),
    "GroupNormalization": partial(_per_channel, "group_norm"),
    "LayerNormalization": partial(_trailing, "layer_norm"),
    "SimplifiedLayerNormalization": partial(_trailing, "rms_norm"),
    "RMSNormalization": partial(_trailing, "rms_norm"),
    "LpNormalization": _lp,
    "MeanVarianceNormalization": _mean_variance,
    "LRN": lambda node: node.layer("lrn", node.input(0), attributes={"size": node.integer("size", 1)}),
    "Softmax": partial(_softmax, "softmax"),
    "LogSoftmax": partial(_softmax, "log_softmax"),
    "Hardmax": partial(_softmax, "softmax"),
    "ArgMax": _arg,
    "ArgMin": _arg,
    "CumSum": _cumulative,
    "CumProd": _cumulative,
    **{op: partial(_reduce, kind) for op, kind in _REDUCTIONS.items()},
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "LayerNormalization": partial(_trailing, "layer_norm"),
    "SimplifiedLayerNormalization": partial(_trailing, "rms_norm"),
    "SkipLayerNormalization": partial(_trailing, "layer_norm", residual=True),
    "SkipSimplifiedLayerNormalization": partial(_trailing, "rms_norm", residual=True),
    "EmbedLayerNormalization": _embed,
    "GroupNorm": partial(_per_channel, "group_norm"),
}
"""Rules of ``com.microsoft`` by operator."""
