"""An order of kernels that follows from what a network computes: neither names nor the order in a file count."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Final

from annette.mapping.pattern import COMMUTATIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.mapping.kernel import Kernel

__all__ = ["structural_order"]

_SYMMETRIC: Final = COMMUTATIVE - {"concat"}
"""Kinds of layer whose operands have no order."""

_RESULTS_AT_ONCE: Final = 4096
"""Results whose kernels are counted together: a kernel has a bit for each, so that memory grows with kernels alone."""


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
        if len(sources) > 1 and kernel.anchor.kind in _SYMMETRIC:
            sources.sort(key=lambda source: -lengths[source])
        before.append(sources)
        lengths.append(1 + (max([lengths[source] for source in sources]) if sources else 0))
    read = set(chain.from_iterable(before))
    results = [position for position in range(len(kernels)) if position not in read]
    return _walk(_ordered(results, kernels, before) if len(results) > 1 else results, before)


def _ordered(results: Sequence[int], kernels: Sequence[Kernel], before: Sequence[Sequence[int]]) -> list[int]:
    """Results by the number of kernels that they need, then by what these compute."""
    needed = dict(zip(results, _counts_of_needed(results, before), strict=True))
    found = sorted(results, key=needed.__getitem__)
    # Those that need as many are mostly of one size and read the same: digests of all that they need are dear.
    own = {
        (needed[result], kernels[result].kind, kernels[result].anchor.workload.dimensions, *before[result])
        for result in results
    }
    if len(own) > len(set(needed.values())):
        marks = _marks(kernels, before)
        found.sort(key=lambda result: (needed[result], marks[result]))
    return found


def _counts_of_needed(results: Sequence[int], before: Sequence[Sequence[int]]) -> list[int]:
    """How many kernels lead to each result, itself among them."""
    parts = (results[start : start + _RESULTS_AT_ONCE] for start in range(0, len(results), _RESULTS_AT_ONCE))
    return [count for part in parts for count in _counts_together(part, before)]


def _counts_together(results: Sequence[int], before: Sequence[Sequence[int]]) -> list[int]:
    leads_to = [0] * len(before)  # Of each kernel the results that need it, one bit each.
    for number, result in enumerate(results):
        leads_to[result] = 1 << number
    for position in range(len(before) - 1, -1, -1):
        for source in before[position]:
            leads_to[source] |= leads_to[position]
    counts = [0] * len(results)
    for needing, kernels in Counter(leads_to).items():
        left = needing
        while left:
            number = left.bit_length() - 1
            counts[number] += kernels
            left ^= 1 << number
    return counts


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
    stack: list[int] = []
    for root in roots:
        stack.append(root)
        while stack:
            position = stack.pop()
            if position < 0:  # Its turn comes again, after all that it reads.
                order[~position] = None
            elif position not in order:
                missing = [source for source in before[position] if source not in order]
                if missing:
                    stack.append(~position)
                    stack += reversed(missing)
                else:
                    order[position] = None
    return list(order)
