"""Conditions of layout rules: what they may look at, and their form that is quick to check."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import MappingError
from annette.mapping.condition import Condition, Literal, Reference, compare
from annette.network import Dimensions

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["Check", "compiled", "parse"]

Check: TypeAlias = "Callable[[Kernel, Network], bool]"
"""Whether a condition holds for a kernel of a network."""

_Field: TypeAlias = "Callable[[Kernel, Network], int]"

_RELATIONS: Final[dict[str, Callable[[int, int], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse(line: str) -> Condition:
    """Reads a condition.

    Raises:
        MappingError: It is none, or looks at something else than a field of ``kernel``.
    """
    condition = Condition.parse(line)
    for reference in condition.references:
        if reference.at != "kernel" or reference.field not in _FIELDS:
            raise MappingError(f"layout condition {line!r}: {reference} is not one of {', '.join(_FIELDS)}")
    return condition


def compiled(condition: Condition) -> Check:
    """A condition as a function; comparisons with whole numbers take a short cut.

    Args:
        condition: What `parse` gives.
    """
    field, modulo, op, value = _FIELDS[condition.left.field], condition.modulo, condition.op, condition.value
    relation = _RELATIONS.get(op)
    if relation is not None and isinstance(value, int):
        if modulo:
            return lambda kernel, network: relation(field(kernel, network) % modulo, value)
        return lambda kernel, network: relation(field(kernel, network), value)

    def check(kernel: Kernel, network: Network) -> bool:
        left = field(kernel, network)
        right: object
        if isinstance(value, tuple):
            right = tuple(_resolved(item, kernel, network) for item in value)
        else:
            right = _resolved(value, kernel, network)
        return compare(op, left % modulo if modulo else left, right)

    return check


def _resolved(value: Literal | Reference, kernel: Kernel, network: Network) -> Literal:
    return _FIELDS[value.field](kernel, network) if isinstance(value, Reference) else value


def _dimension(index: int) -> _Field:
    return lambda kernel, _: kernel.anchor.workload.dimensions[index]


def _channels_per_group(index: int) -> _Field:
    def field(kernel: Kernel, _: Network) -> int:
        dimensions = kernel.anchor.workload.dimensions
        return dimensions[index] // dimensions.groups

    return field


def _input_alignment(kernel: Kernel, network: Network) -> int:
    """Greatest common divisor of the channels of all feature maps read; 0 where none is."""
    shapes = [network.tensors[tensor].shape for tensor in kernel.inputs]
    return math.gcd(*(shape[1] for shape in shapes if len(shape) == 4))


def _equal_shapes(kernel: Kernel, network: Network) -> int:
    """1 if all activations read have the same shape, else 0."""
    return int(len({network.tensors[tensor].shape for tensor in kernel.inputs}) == 1)


_FIELDS: Final[dict[str, _Field]] = {
    **{name: _dimension(index) for index, name in enumerate(Dimensions._fields)},
    "in_channels_per_group": _channels_per_group(Dimensions._fields.index("in_channels")),
    "out_channels_per_group": _channels_per_group(Dimensions._fields.index("out_channels")),
    "input_alignment": _input_alignment,
    "equal_shapes": _equal_shapes,
}
"""What conditions may look at: the named dimensions of the anchor and what the functions above say."""
