"""What a runtime moves for an Einstein sum: operands and result that are not laid out as its matrix product needs them.

ONNX Runtime brings both operands into the order of the equation's labels, then the first into batch, rows, depth and
the second into batch, depth, columns, and the product into the order that is asked for. Each is a copy in every run,
that of a constant as well (``core/providers/cpu/math/einsum_utils/einsum_typed_compute_processor.cc``).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["Reordering", "copies", "reorderings"]

_ANY: Final = "\u2026"
"""Stands for dimensions that an equation leaves unnamed."""


class Reordering(NamedTuple):
    """A transposition that an Einstein sum needs.

    Attributes:
        shape: What is transposed; dimensions that an equation leaves unnamed are one.
        perm: For each dimension of the outcome, which of ``shape`` it is.
    """

    shape: tuple[int, ...]
    perm: tuple[int, ...]

    @property
    def moves(self) -> bool:
        """Whether any element changes its place; where only dimensions of size 1 do, none does."""
        moved = [axis for axis in self.perm if self.shape[axis] > 1]
        return moved != sorted(moved)

    @property
    def elements(self) -> int:
        """How many elements are copied."""
        return math.prod(self.shape)


def reorderings(
    equation: str, left_shape: tuple[int, ...], right_shape: tuple[int, ...]
) -> tuple[Reordering, Reordering, Reordering]:
    """How the first operand, the second and the product are put into another order, without dimensions of size 1.

    Args:
        equation: Of two operands, the result written out.
        left_shape: Shape of the first.
        right_shape: Shape of the second.

    Example:
        >>> [each.moves for each in reorderings("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))]
        [False, True, False]
    """
    left, right, result = _terms(equation)
    sizes = {**_sizes(left, left_shape), **_sizes(right, right_shape)}
    order = [label for label in dict.fromkeys(left + right) if sizes[label] > 1]
    batch = [label for label in order if label in left and label in right and label in result]
    rows = [label for label in order if label in left and label not in right]
    depth = [label for label in order if label in left and label in right and label not in result]
    columns = [label for label in order if label in right and label not in left]
    product = [label for label in (*batch, *rows, *columns) if label in result]
    return (
        _between([label for label in left if label in order], [*batch, *rows, *depth], sizes),
        _between([label for label in right if label in order], [*batch, *depth, *columns], sizes),
        _between(product, [label for label in result if label in order], sizes),
    )


def copies(equation: str, left_shape: tuple[int, ...], right_shape: tuple[int, ...]) -> tuple[Reordering, ...]:
    """All copies that ONNX Runtime makes for an Einstein sum of two operands, dimensions of size 1 among them.

    Each operand is first brought into the order of the equation's labels, where those it lacks are dimensions of size
    1, then into that of a batch of matrix products, whose batch, rows and columns are dimensions larger than 1. It is
    copied wherever a dimension changes its place, one of size 1 as well.

    Args:
        equation: Of two operands, the result written out.
        left_shape: Shape of the first.
        right_shape: Shape of the second.

    Example:
        >>> [each.perm for each in copies("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))]
        [(0, 2, 1), (0, 2, 3, 1)]
        >>> [each.moves for each in copies("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))]
        [True, False]
    """
    left, right, result = _terms(equation)
    left, right = ("".join(dict.fromkeys(term)) for term in (left, right))
    first, second = _sizes(left, left_shape), _sizes(right, right_shape)
    sizes = {label: max(first.get(label, 1), second.get(label, 1)) for label in dict.fromkeys(left + right)}
    order = list(sizes)
    shapes = [tuple(sizes[label] if label in own else 1 for label in order) for own in (left, right)]
    depth = [axis for axis, label in enumerate(order) if label not in result]
    kept = [axis for axis, label in enumerate(order) if label in result]
    batch = [axis for axis in kept if shapes[0][axis] > 1 and shapes[1][axis] > 1]
    rows = [axis for axis in kept if shapes[0][axis] > 1 and shapes[1][axis] == 1]
    columns = [axis for axis in kept if shapes[0][axis] == 1]
    product = [order[axis] for axis in (*batch, *rows, *columns)]
    made = (
        *(_between(list(own), [label for label in order if label in own], sizes) for own in (left, right)),
        Reordering(shapes[0], (*batch, *rows, *depth, *columns)),
        Reordering(shapes[1], (*batch, *depth, *columns, *rows)),
        _between(product, list(result), sizes),
    )
    return tuple(each for each in made if each.perm != tuple(range(len(each.perm))))


def _terms(equation: str) -> tuple[str, str, str]:
    """Labels of the first operand, of the second and of the result, with one sign for unnamed dimensions."""
    terms, _, result = equation.replace(" ", "").replace("...", _ANY).partition("->")
    left, _, right = terms.partition(",")
    return left, right, result


def _sizes(term: str, shape: tuple[int, ...]) -> dict[str, int]:
    """Size of each label of an operand."""
    unnamed = max(len(shape) - len(term.replace(_ANY, "")), 0)
    sizes: dict[str, int] = {}
    rest = list(shape)
    for label in term:
        taken = unnamed if label == _ANY else 1
        sizes[label] = max(math.prod(rest[:taken]), sizes.get(label, 1))
        rest = rest[taken:]
    return sizes


def _between(before: list[str], after: list[str], sizes: dict[str, int]) -> Reordering:
    """From one order of labels to another; a label that stands twice counts once."""
    before = list(dict.fromkeys(before))
    return Reordering(
        tuple(sizes[label] for label in before), tuple(before.index(label) for label in after if label in before)
    )
