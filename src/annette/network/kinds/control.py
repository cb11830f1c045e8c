"""Loops and branches as layers: what benchmarks measure to know what a round costs, and what entering a branch does.

Readers make layers of what rounds and branches compute.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.kinds.kind import INTEGER, Category, Kind
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.dimensions import Operands
    from annette.network.kinds.shapes import Shape
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["KINDS"]


def _shapes(inputs: Sequence[Shape], _: Mapping[str, AttributeValue]) -> list[Shape]:
    return list(inputs)


def _ops(ops: int, _: Dimensions, operands: Operands) -> int:
    """An addition to each element, as often as the loop makes them."""
    times = math.prod(integers(operands.attributes, name, (1,))[0] for name in ("rounds", "branches", "additions"))
    return ops * times * sum(tensor.elements for tensor in operands.outputs)


KINDS: Final = (
    Kind(
        "loop",
        Category.CONTROL,
        "rounds that hand on several states and add a constant to each",
        1,
        attributes={"rounds": INTEGER, "additions": INTEGER},
        shapes=_shapes,
        ops=_ops,
    ),
    Kind(
        "branch",
        Category.CONTROL,
        "branches one after the other, chosen by a condition, which add a constant several times",
        1,
        attributes={"branches": INTEGER, "additions": INTEGER},
        shapes=lambda inputs, _: [inputs[0]],
        ops=_ops,
    ),
)
"""Kinds that hold other layers."""
