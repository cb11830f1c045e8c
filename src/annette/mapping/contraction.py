"""What a runtime moves for an Einstein sum: operands and result that are not laid out as its matrix product needs them.

ONNX Runtime brings both operands into the order of the equation's labels, then the first into batch, rows, depth and
the second into batch, depth, columns, and the product into the order that is asked for. Each is a copy in every run,
that of a constant as well (``core/providers/cpu/math/einsum_utils/einsum_typed_compute_processor.cc``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["moved_by"]

_ANY: Final = "\u2026"
"""Stands for dimensions that an equation leaves unnamed."""


def moved_by(equation: str, left_shape: tuple[int, ...], right_shape: tuple[int, ...]) -> tuple[bool, bool, bool]:
    """Whether elements of the first operand, the second and the result change their order.

    Args:
        equation: Of two operands, the result written out.
        left_shape: Shape of the first.
        right_shape: Shape of the second.

    Example:
        >>> moved_by("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))
        (False, True, False)
    """
    terms, _, result = equation.replace(" ", "").replace("...", _ANY).partition("->")
    left, _, right = terms.partition(",")
    sizes = [*zip(left, left_shape, strict=False), *zip(right, right_shape, strict=False)]
    larger = {label for label, size in sizes if size > 1 or label == _ANY}
    order = [label for label in dict.fromkeys(left + right) if label in larger]
    batch = [label for label in order if label in left and label in right and label in result]
    rows = [label for label in order if label in left and label not in right]
    depth = [label for label in order if label in left and label in right and label not in result]
    columns = [label for label in order if label in right and label not in left]
    return (
        _kept(left, larger) != [*batch, *rows, *depth],
        _kept(right, larger) != [*batch, *depth, *columns],
        _kept(result, larger) != [*batch, *rows, *columns],
    )


def _kept(term: str, larger: Container[str]) -> list[str]:
    """Labels of dimensions with more than one element, in their order."""
    return [label for label in term if label in larger]
