"""What shape rules share: axes, broadcasting, attributes as whole numbers.

Shapes are whole (batch included), feature maps N, C, …spatial…; constants are operands like any other, in the
operator's order (a convolution reads its input, its weights and perhaps its bias). A size may be 0 here: files hold
empty tensors; whoever wants none asks `annette.network.kinds.output_shapes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = ["Shape", "ShapeRule", "broadcast", "broadcast_shapes", "integers", "normalize_axis", "same"]

Shape: TypeAlias = tuple[int, ...]

ShapeRule: TypeAlias = "Callable[[Sequence[Shape], Mapping[str, AttributeValue]], list[Shape]]"
"""Shapes of what a layer writes. A missing attribute is a KeyError, a missing operand or dimension an IndexError."""


def integers(attributes: Mapping[str, AttributeValue], key: str, default: Shape | None = None) -> Shape:
    """An attribute as whole numbers, one number as a tuple of one.

    Args:
        attributes: Canonical attributes of a layer.
        key: The attribute's name.
        default: Stands in where it is absent; None requires it.

    Raises:
        KeyError: It is absent and there is no default.
    """
    value = attributes[key] if default is None else attributes.get(key, default)
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Combines shapes by the multidirectional broadcasting of numpy and ONNX.

    Raises:
        NetworkShapeError: Two sizes of a dimension differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for position, size in enumerate(shape, rank - len(shape)):
            if size == 1 or size == result[position]:
                continue
            if result[position] != 1:
                raise NetworkShapeError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
            result[position] = size
    return tuple(result)


def normalize_axis(axis: int, rank: int) -> int:
    """Turns an axis that may count from the end into one that counts from the front.

    Raises:
        NetworkShapeError: There is no such axis.
    """
    if not -rank <= axis < rank:
        raise NetworkShapeError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis % rank if rank else 0


def same(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of layers whose result looks like their first operand."""
    return [inputs[0]]


def broadcast(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of layers whose operands are broadcast against each other."""
    return [broadcast_shapes(*inputs)]
