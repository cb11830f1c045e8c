"""What a runtime moves for an Einstein sum: operands and result that are not laid out as its matrix product needs them.

ONNX Runtime brings both operands into the order of the equation's labels, then the first into batch, rows, depth and
the second into batch, depth, columns, and the product into the order that is asked for. Each is a copy in every run,
that of a constant as well (``core/providers/cpu/math/einsum_utils/einsum_typed_compute_processor.cc``).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["Reordering", "reorderings"]

_ANY: Final = "\u2026"
"""Stands for dimensions that an equation leaves unnamed."""


class Reordering(NamedTuple):
    """A transposition that an Einstein sum needs.

    Attributes:
        shape: What is transposed, without dimensions of size 1; dimensions that an equation leaves unnamed are one.
        perm: For each dimension of the outcome, which of ``shape`` it is.
    """

    shape: tuple[int, ...]
    perm: tuple[int, ...]

    @property
    def moves(self) -> bool:
        """Whether any element changes its place."""
        return self.perm != tuple(sorted(self.perm))


def reorderings(
    equation: str, left_shape: tuple[int, ...], right_shape: tuple[int, ...]
) -> tuple[Reordering, Reordering, Reordering]:
    """How the first operand, the second and the product are put into another order.

    Args:
        equation: Of two operands, the result written out.
        left_shape: Shape of the first.
        right_shape: Shape of the second.

    Example:
        >>> [each.moves for each in reorderings("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))]
        [False, True, False]
    """
    terms, _, result = equation.replace(" ", "").replace("...", _ANY).partition("->")
    left, _, right = terms.partition(",")
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
