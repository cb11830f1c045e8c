"""Shapes of what a layer writes, from the shapes it reads and its canonical attributes, by the rule of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.shapes import Shape
    from annette.network.layer import AttributeValue

__all__ = ["output_shapes"]


def output_shapes(
    kind: str,
    inputs: Sequence[Shape],
    attributes: Mapping[str, AttributeValue],
    *,
    name: str = "",
    subject: str = "",
    empty: bool = False,
) -> list[Shape]:
    """Infers the shapes a layer writes.

    Args:
        kind: A name in `annette.network.kinds.KINDS`.
        inputs: Shapes of all operands in order, constants included; feature maps N, C, …spatial….
        attributes: Canonical attributes; those that decide the shape must be there.
        name: The layer's name, for messages.
        subject: What messages begin with; the layer's name and kind where absent.
        empty: Whether a result may have sizes of 0, as tensors within files may.

    Returns:
        One shape per output.

    Raises:
        NetworkShapeError: The operands do not fit each other or the attributes, an attribute that decides the shape
            is missing, or the kind has no shape rule.
        KeyError: ``kind`` is not a kind.

    Example:
        >>> output_shapes("max_pool", [(1, 64, 112, 112)], {"kernel_shape": (2, 2), "strides": (2, 2)})
        [(1, 64, 56, 56)]
    """
    rule = KINDS[kind].shapes
    subject = subject or f"layer {name!r} ({kind})"
    if rule is None:
        raise NetworkShapeError(f"{subject}: its output shape must be stated")
    try:
        shapes = rule(inputs, attributes)
    except NetworkShapeError as error:
        raise NetworkShapeError(f"{subject}: {error}") from None
    except KeyError as error:
        raise NetworkShapeError(f"{subject} has no attribute {error}, which decides its shape") from None
    except (IndexError, ValueError):
        raise NetworkShapeError(f"{subject} cannot read operands of shapes {list(inputs)}") from None
    if not empty and any(0 in shape for shape in shapes):
        raise NetworkShapeError(f"{subject}: nothing is left of {inputs[0]}: the result would have shape {shapes[0]}")
    return shapes
