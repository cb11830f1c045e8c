"""What a runtime moves for an Einstein sum: operands and result that are not laid out as its matrix product needs them.

ONNX Runtime brings both operands into the order of the equation's labels, then the first into batch, rows, depth and
the second into batch, depth, columns, and the product into the order that is asked for. Each is a copy in every run,
that of a constant as well (``core/providers/cpu/math/einsum_utils/einsum_typed_compute_processor.cc``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

__all__ = ["Moved", "moved_by"]

_ANY: Final = "\u2026"
"""Stands for dimensions that an equation leaves unnamed."""


class Moved(NamedTuple):
    """What a runtime brings into another order for an Einstein sum.

    Attributes:
        first: Whether elements of the first operand change their order.
        second: Those of the second.
        result: Those of the result.
        pieces: Pieces whose position is computed one by one: what stays together at the end of tensors of which more
            than one dimension moves. Runtimes have loops for all others.
        elements: Of both operands where one of them changes its order, and of the result where it does.
    """

    first: bool
    second: bool
    result: bool
    pieces: int
    elements: int


def moved_by(equation: str, left_shape: tuple[int, ...], right_shape: tuple[int, ...]) -> Moved:
    """What changes its order in an Einstein sum.

    Args:
        equation: Of two operands, the result written out.
        left_shape: Shape of the first.
        right_shape: Shape of the second.

    Example:
        >>> moved_by("bqd,bkd->bqk", (2, 5, 3), (2, 7, 3))
        Moved(first=False, second=True, result=False, pieces=0, elements=72)
        >>> moved_by("bqhd,bkhd->bhqk", (2, 5, 4, 3), (2, 7, 4, 3)).pieces
        168
    """
    terms, _, result = equation.replace(" ", "").replace("...", _ANY).partition("->")
    left, _, right = terms.partition(",")
    pairs = [*zip(left, left_shape, strict=False), *zip(right, right_shape, strict=False)]
    sizes = {label: size for label, size in sorted(pairs, key=lambda pair: pair[1]) if size > 1 or label == _ANY}
    order = [label for label in dict.fromkeys(left + right) if label in sizes]
    batch = [label for label in order if label in left and label in right and label in result]
    rows = [label for label in order if label in left and label not in right]
    depth = [label for label in order if label in left and label in right and label not in result]
    columns = [label for label in order if label in right and label not in left]
    copies = (
        (_kept(left, sizes), [*batch, *rows, *depth]),
        (_kept(right, sizes), [*batch, *depth, *columns]),
        ([*batch, *rows, *columns], _kept(result, sizes)),
    )
    changed = [before != after for before, after in copies]
    pieces = sum(_pieces(before, after, sizes) for before, after in copies)
    counts = [math.prod(sizes[label] for label in before) for before, _ in copies]
    elements = (changed[0] or changed[1]) * (counts[0] + counts[1]) + changed[2] * counts[2]
    return Moved(*changed, pieces=pieces, elements=elements)


def _pieces(before: Sequence[str], after: Sequence[str], sizes: Mapping[str, int]) -> int:
    """Pieces that are copied one by one where more than one dimension moves, else 0."""
    if any([x for x in before if x != label] == [x for x in after if x != label] for label in before):
        return 0
    together = 0
    while together < min(len(before), len(after)) and before[-1 - together] == after[-1 - together]:
        together += 1
    return math.prod(sizes[label] for label in before[: len(before) - together])


def _kept(term: str, larger: Container[str]) -> list[str]:
    """Labels of dimensions with more than one element, in their order."""
    return [label for label in term if label in larger]
