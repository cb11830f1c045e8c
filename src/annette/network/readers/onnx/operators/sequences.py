"""Sequences of tensors: bookkeeping of the exporters, resolved while the graph is walked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.errors import NetworkStructureError
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["RULES", "sequence_length"]

_MAX_PARTS: Final = 65536
_BYTES_PER_PART: Final = 400
"""Memory of the value that describes one part."""


def _spend(node: Node, count: int, *, steps: float = 0.05, size_bytes: int = 8) -> None:
    """Draws what a sequence of so many tensors takes: every operator on sequences writes its own."""
    spend(f"node {node.name!r} ({node.op})", steps=20 + count * steps, size_bytes=count * size_bytes)


def _items(node: Node, index: int = 0) -> tuple[Value, ...]:
    value = node.optional(index)
    if value is None or value.items is None:
        raise NetworkStructureError(f"node {node.name!r} ({node.op}) reads a tensor where it needs a sequence")
    return value.items


def _position(node: Node, index: int, count: int, *, default: int | None = None) -> int:
    if default is not None and not node.has(index):
        return default
    position = node.known(index, "position")
    if len(position) != 1 or not -count <= position[0] <= count:
        raise node.error(f"takes element {position} of a sequence of {count}")
    return position[0] + count if position[0] < 0 else position[0]


def _insert(node: Node) -> Result:
    items = _items(node)
    _spend(node, len(items))
    at = _position(node, 2, len(items), default=len(items))
    return Result(items=(*items[:at], node.input(1), *items[at:]))


def _erase(node: Node) -> Result:
    items = _items(node)
    _spend(node, len(items))
    at = _position(node, 1, len(items), default=max(0, len(items) - 1))
    return Result(items=(*items[:at], *items[at + 1 :]))


def _at(node: Node) -> Result:
    items = _items(node)
    at = _position(node, 1, len(items))
    if at >= len(items):
        raise node.error(f"takes element {at} of a sequence of {len(items)}")
    return Result([items[at].meta], alias=items[at])


def sequence_length(node: Node) -> int:
    """Number of tensors in the sequence that a SequenceLength node reads."""
    return len(_items(node))


def _split(node: Node) -> Result:
    operand = node.input(0)
    axis = node.axis(node.integer("axis", 0), len(operand.shape))
    size = operand.shape[axis]
    keep = True
    if not node.has(1):
        parts, keep = _equal_parts(node, size, 1), node.integer("keepdims", 1) == 1
    else:
        parts = node.known(1, "sizes")
        if not node.input(1).shape:
            parts = _equal_parts(node, size, parts[0])
    if sum(parts) != size or any(part < 1 for part in parts) or len(parts) > _MAX_PARTS:
        raise node.error(f"cuts axis {axis} of {list(operand.shape)} into {len(parts)} parts")
    _spend(node, len(parts), steps=6, size_bytes=_BYTES_PER_PART + 4 * len(node.name))
    behind = operand.shape[axis + 1 :]
    items = tuple(
        Value(
            f"{node.output_names[0]}[{index}]",
            (*operand.shape[:axis], *((part,) if keep else ()), *behind),
            operand.dtype,
            constant=operand.constant,
        )
        for index, part in enumerate(parts)
    )
    attributes: dict[str, AttributeValue] = {"axis": axis}
    return Result(kind="split", items=items, attributes=attributes, operands=[operand])


def _equal_parts(node: Node, size: int, part: int) -> list[int]:
    """Sizes of parts, the last of which may be smaller."""
    if part < 1 or size > part * _MAX_PARTS:
        raise node.error(f"cuts {size} elements into parts of {part}")
    return [min(part, size - start) for start in range(0, size, part)]


def _concat(node: Node) -> Result:
    operands = _items(node)
    _spend(node, len(operands), steps=1)
    new = node.integer("new_axis", 0) == 1
    if not operands:
        raise node.error("joins an empty sequence")
    first = operands[0].shape
    axis = node.axis(node.integer("axis", 0), len(first) + new)
    shapes = [(*value.shape[:axis], 1, *value.shape[axis:]) if new else value.shape for value in operands]
    (shape,) = node.infer("concat", *shapes, attributes={"axis": axis})
    return Result([Meta(shape, operands[0].dtype)], "concat", {"axis": axis}, operands=operands)


RULES: Final[Mapping[str, Rule]] = {
    "SequenceConstruct": lambda node: Result(items=tuple(node.input(index) for index in range(len(node.inputs)))),
    "SequenceEmpty": lambda _: Result(items=()),
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceAt": _at,
    "SplitToSequence": _split,
    "ConcatFromSequence": _concat,
}
"""Rules of ``ai.onnx`` by operator."""
