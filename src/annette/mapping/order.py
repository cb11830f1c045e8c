"""An order of kernels that follows from what a network computes: neither names nor the order in a file count."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from annette.mapping.pattern import COMMUTATIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.mapping.kernel import Kernel

__all__ = ["structural_order"]

_SYMMETRIC: Final = COMMUTATIVE - {"concat"}
"""Kinds of layer whose operands have no order."""


def structural_order(kernels: Sequence[Kernel]) -> list[int]:
    """Positions of kernels in the order of walks back from the results, operand by operand.

    Branches come in the order of the operands that they end in: a concat's first operand before its second. Before a
    sum, or what else takes its operands in any order, the longer branch comes first. Of several
    results the one that fewer kernels lead to comes first, and of those the one whose kernels' kinds and sizes come
    first in an arbitrary, fixed order; results that are alike in all of that come as the kernels are listed.

    Args:
        kernels: In topological order.

    Returns:
        A permutation of the positions, in topological order.
    """
    made = {tensor: position for position, kernel in enumerate(kernels) for tensor in kernel.outputs}
    before: list[list[int]] = []
    lengths: list[int] = []
    for at, kernel in enumerate(kernels):
        sources = [made[tensor] for tensor in kernel.inputs if made.get(tensor, at) < at]
        if kernel.anchor.kind in _SYMMETRIC:
            sources.sort(key=lambda source: -lengths[source])
        before.append(sources)
        lengths.append(1 + max((lengths[source] for source in sources), default=0))
    read = {position for positions in before for position in positions}
    results = [position for position in range(len(kernels)) if position not in read]
    if len(results) > 1:
        marks = _marks(kernels, before)
        needed = {result: len(_walk([result], before)) for result in results}
        results.sort(key=lambda result: (needed[result], marks[result], result))
    return _walk(results, before)


def _marks(kernels: Sequence[Kernel], before: Sequence[Sequence[int]]) -> list[bytes]:
    """A digest for each kernel of what it and all kernels before it compute."""
    marks: list[bytes] = []
    for kernel, positions in zip(kernels, before, strict=True):
        digest = hashlib.blake2b(f"{kernel.kind} {tuple(kernel.anchor.workload.dimensions)}".encode(), digest_size=16)
        for position in positions:
            digest.update(marks[position])
        marks.append(digest.digest())
    return marks


def _walk(roots: Iterable[int], before: Sequence[Sequence[int]]) -> list[int]:
    """Everything that the roots need and the roots, each after what it reads, operand by operand."""
    order: dict[int, None] = {}
    for root in roots:
        stack = [(root, False)]
        while stack:
            position, ready = stack.pop()
            if position in order:
                continue
            if ready:
                order[position] = None
                continue
            stack.append((position, True))
            stack.extend((source, False) for source in reversed(before[position]) if source not in order)
    return list(order)
