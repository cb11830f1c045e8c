"""Evaluation of shape arithmetic: operators all of whose operands are small known constants.

The commonest operators are evaluated with NumPy directly; the rest goes to ``onnx.reference``. A result is computed
only after its shape is known and small, so that no operator of a few bytes can allocate gigabytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from annette.budget import spend_spare
from annette.network.readers.onnx.values import NUMPY_NAMES, ONNX_TYPES, Meta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from annette.network.readers.onnx.node import Node
    from annette.network.tensor import DType

__all__ = ["MAX_ELEMENTS_FOLDED", "empty_array", "evaluate"]

MAX_ELEMENTS_FOLDED: Final = 1 << 18
"""A constant larger than this keeps its shape and type only."""

_MOST_COUNTED: Final = 2**59
"""NumPy counts the bytes of an array in 63 bits; no element has more than 16."""

_REFERENCE_STEPS: Final = 3000
"""Microseconds to build and run a model of one node."""

_FAILURES: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)

_BINARY: Final[Mapping[str, Callable[..., Any]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Max": np.maximum,
    "Min": np.minimum,
    "Pow": np.power,
}
_UNARY: Final[Mapping[str, Callable[..., Any]]] = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Not": np.logical_not,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sqrt": np.sqrt,
    "Sign": np.sign,
    "Exp": np.exp,
    "Log": np.log,
}
_REDUCE: Final[Mapping[str, Callable[..., Any]]] = {
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
}
_REFERENCE: Final = frozenset(
    {
        "ArgMax",
        "ArgMin",
        "BitShift",
        "BitwiseAnd",
        "BitwiseNot",
        "BitwiseOr",
        "BitwiseXor",
        "Clip",
        "CumSum",
        "EyeLike",
        "GatherND",
        "IsInf",
        "IsNaN",
        "Mean",
        "OneHot",
        "Pad",
        "Reciprocal",
        "ReduceMean",
        "ReverseSequence",
        "ScatterElements",
        "ScatterND",
        "Sum",
        "TopK",
        "Trilu",
    }
)

_LOOPS: Final = frozenset({"GatherND", "ReverseSequence", "ScatterElements", "ScatterND"})
"""Operators that ``onnx.reference`` evaluates element by element, in Python."""


def evaluate(
    node: Node, outputs: Sequence[Meta], *, most: int = MAX_ELEMENTS_FOLDED
) -> list[npt.NDArray[np.generic] | None]:
    """The contents of a node's outputs, as far as the file's budget has something to spare for them.

    Args:
        node: All its operands are constants.
        outputs: Shapes and types of its results.
        most: Elements of the largest array that is touched; what is evaluated in Python never touches more than
            `MAX_ELEMENTS_FOLDED`.

    Returns:
        One array per output; None where it is too large, not known, or cannot be computed.
    """
    unknown: list[npt.NDArray[np.generic] | None] = [None] * len(outputs)
    inputs = [None if value is None else value.data for value in node.inputs]
    if any(value is not None and data is None for value, data in zip(node.inputs, inputs, strict=True)):
        return unknown
    written = outputs[: len(node.output_names)]
    if not any(math.prod(meta.shape) for meta in written):
        return [empty_array(meta) for meta in written] + unknown[len(written) :]
    if node.domain or not _affordable(node, inputs, written, most):
        return unknown
    try:
        with np.errstate(all="ignore"):
            results = _compute(node, inputs, outputs)
    except _FAILURES:
        # What cannot be computed is not known; whoever needs it says so, with its own name.
        return unknown
    return [_checked(result, meta) for result, meta in zip(results, outputs[: len(results)], strict=True)] + unknown[
        len(results) :
    ]


def empty_array(meta: Meta) -> npt.NDArray[np.generic] | None:
    """An array without elements, or None where its other dimensions are more than NumPy counts."""
    if _extent(meta.shape) >= _MOST_COUNTED:
        return None
    return np.zeros(meta.shape, _numpy_type(meta.dtype) if meta.dtype.label in NUMPY_NAMES else np.float32)


def _affordable(
    node: Node, inputs: Sequence[npt.NDArray[np.generic] | None], outputs: Sequence[Meta], most: int
) -> bool:
    """Whether nothing is large that evaluating a node touches, and the budget has it to spare.

    Empty operands count by their other dimensions: what is computed on the way may have those.
    """
    extents = [_extent(array.shape) for array in inputs if array is not None] + [_extent(m.shape) for m in outputs]
    if max(extents, default=0) > (MAX_ELEMENTS_FOLDED if node.op in _LOOPS else most):
        return False
    if node.op == "Clip" and any(array is not None and array.size > 1 for array in inputs[1:]):
        return False  # Bounds are numbers; broadcast against the operand, tensors would make it larger.
    touched = sum(extents)
    steps = 20 + touched / 50
    if node.op in _REFERENCE:
        steps = _REFERENCE_STEPS + touched * (3 if node.op in _LOOPS else max(len(m.shape) for m in outputs) / 10)
    size_bytes = sum(_extent(meta.shape) * meta.dtype.bits // 8 for meta in outputs) + 128
    return spend_spare(steps=steps, size_bytes=size_bytes)


def _extent(shape: tuple[int, ...]) -> int:
    return math.prod(max(1, size) for size in shape)


def _checked(result: Any, meta: Meta) -> npt.NDArray[np.generic] | None:
    array = np.asarray(result)
    return array if array.shape == meta.shape and array.dtype.name in NUMPY_NAMES else None


def _compute(node: Node, inputs: list[Any], outputs: Sequence[Meta]) -> list[Any]:
    op: str = node.op
    first: Any = inputs[0] if inputs else None
    if op in _BINARY and len(inputs) == 2:
        return [_BINARY[op](first, inputs[1]).astype(_numpy_type(outputs[0].dtype), copy=False)]
    if op in _UNARY:
        return [_UNARY[op](first).astype(first.dtype, copy=False)]
    if op in _SINGLE:
        return [_SINGLE[op](node, inputs, outputs)]
    if op == "Split":
        return _split(node, inputs, outputs)
    return _reference(node, inputs) if op in _REFERENCE else []


def _numpy_type(dtype: DType) -> npt.DTypeLike:
    return np.dtype(helper.tensor_dtype_to_np_dtype(ONNX_TYPES[dtype]))


def _div(_: Node, inputs: list[Any], __: Sequence[Meta]) -> Any:
    left, right = inputs[0], inputs[1]
    if np.issubdtype(left.dtype, np.integer):
        # Integer division rounds towards zero.
        quotient = np.floor_divide(np.abs(left), np.abs(right))
        return (np.sign(left) * np.sign(right) * quotient).astype(left.dtype)
    return np.divide(left, right)


def _slice(node: Node, inputs: list[Any], _: Sequence[Meta]) -> Any:
    data = inputs[0]
    if node.version < 10:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes, steps = node.integers("axes") or tuple(range(len(starts))), (1,) * len(starts)
    else:
        starts, ends = (tuple(int(i) for i in array) for array in inputs[1:3])
        axes = tuple(inputs[3].tolist()) if len(inputs) > 3 and inputs[3] is not None else tuple(range(len(starts)))
        steps = tuple(inputs[4].tolist()) if len(inputs) > 4 and inputs[4] is not None else (1,) * len(starts)
    index: list[slice] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, end if step > 0 or end >= -data.shape[axis] else None, step)
    return data[tuple(index)]


def _range(_: Node, inputs: list[Any], outputs: Sequence[Meta]) -> Any:
    start, _limit, step = (array.reshape(-1)[0] for array in inputs)
    count = outputs[0].shape[0]
    return (start + step * np.arange(count)).astype(inputs[0].dtype)


def _constant_of_shape(node: Node, _: list[Any], outputs: Sequence[Meta]) -> Any:
    attribute = node.attributes.get("value")
    if attribute is not None and attribute.t.data_location == TensorProto.EXTERNAL:
        raise ValueError("external data are read in one place only, where they are checked")
    fill = np.zeros(1, np.float32) if attribute is None else numpy_helper.to_array(attribute.t).reshape(-1)
    return np.full(outputs[0].shape, fill[0], fill.dtype)


def _split(node: Node, inputs: list[Any], outputs: Sequence[Meta]) -> list[Any]:
    axis = node.integer("axis", 0)
    sizes = [meta.shape[axis] for meta in outputs]
    return list(np.split(inputs[0], np.cumsum(sizes)[:-1].tolist(), axis=axis))


def _reduce(node: Node, inputs: list[Any], outputs: Sequence[Meta]) -> Any:
    axes = node.integers("axes")
    if axes is None and len(inputs) > 1 and inputs[1] is not None:
        axes = tuple(inputs[1].tolist())
    reduced = _REDUCE[node.op](inputs[0], axis=axes or None)
    return np.asarray(reduced, dtype=inputs[0].dtype).reshape(outputs[0].shape)


def _gather_elements(node: Node, inputs: list[Any], _: Sequence[Meta]) -> Any:
    data, indices = inputs[0], inputs[1]
    axis = node.axis(node.integer("axis", 0), data.ndim)
    if np.delete(data.shape, axis).tolist() != np.delete(indices.shape, axis).tolist():
        raise ValueError("other dimensions would be broadcast")
    return np.take_along_axis(data, indices.astype(np.int64), axis)


def _resize(node: Node, inputs: list[Any], outputs: Sequence[Meta]) -> Any:
    """What is the same everywhere stays so: an attention mask of ones, brought to the size of a feature map."""
    data = inputs[0]
    if node.text("coordinate_transformation_mode", "") == "tf_crop_and_resize" or data.min() != data.max():
        raise ValueError("interpolation is not evaluated")
    return np.full(outputs[0].shape, data.flat[0])


def _reference(node: Node, inputs: list[Any]) -> list[Any]:
    """Evaluates one node with ``onnx.reference``, imported only when a file needs it."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415 - rarely needed and slow to import

    names = [f"i{index}" if value is not None else "" for index, value in enumerate(inputs)]
    proto = helper.make_node(node.op, names, [f"o{index}" for index in range(len(node.output_names))])
    proto.attribute.extend(node.attributes.values())
    feeds = {name: value for name, value in zip(names, inputs, strict=True) if name}
    graph = helper.make_graph(
        [proto],
        "fold",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info(name, 1, None) for name in proto.output],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.version)])
    return list(ReferenceEvaluator(model).run(None, feeds))


_SINGLE: Final[Mapping[str, Callable[[Node, list[Any], Sequence[Meta]], Any]]] = {
    **dict.fromkeys(("Cast", "CastLike"), lambda _, inputs, outputs: inputs[0].astype(_numpy_type(outputs[0].dtype))),
    "Concat": lambda node, inputs, _: np.concatenate(inputs, axis=node.integer("axis", 0)),
    "ConstantOfShape": _constant_of_shape,
    "Div": _div,
    "Expand": lambda _, inputs, outputs: np.broadcast_to(inputs[0], outputs[0].shape),
    "Gather": lambda node, inputs, _: np.take(inputs[0], inputs[1].astype(np.int64), axis=node.integer("axis", 0)),
    "GatherElements": _gather_elements,
    "Mod": lambda node, inputs, _: (np.fmod if node.integer("fmod", 0) else np.mod)(inputs[0], inputs[1]),
    "NonZero": lambda _, inputs, __: np.array(np.nonzero(inputs[0]), dtype=np.int64).reshape(inputs[0].ndim, -1),
    "Range": _range,
    **dict.fromkeys(_REDUCE, _reduce),
    **dict.fromkeys(
        ("Reshape", "Squeeze", "Unsqueeze", "Flatten"), lambda _, inputs, outputs: inputs[0].reshape(outputs[0].shape)
    ),
    "Resize": _resize,
    "Slice": _slice,
    "Tile": lambda _, inputs, __: np.tile(inputs[0], inputs[1]),
    "Transpose": lambda node, inputs, _: np.transpose(inputs[0], node.integers("perm")),
    "Where": lambda _, inputs, __: np.where(inputs[0], inputs[1], inputs[2]).astype(inputs[1].dtype, copy=False),
}
"""Operators of one result that take their attributes into account: node, operands and results to the result."""
