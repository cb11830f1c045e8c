"""Conditions at work: compiled once, then asked about what a pattern has bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from annette.mapping.condition import Condition, Reference, compare
from annette.mapping.condition_fields import node_field, tensor_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.mapping.condition import FieldValue
    from annette.mapping.grouping import Grouping

__all__ = ["Check", "compile_condition"]

Check: TypeAlias = "Callable[[Grouping, list[int], dict[str, str]], bool]"
"""Says of a grouping, the group bound to each node and the tensor bound to each name whether a condition holds."""

_Getter: TypeAlias = "Callable[[Grouping, list[int], dict[str, str]], FieldValue | None]"


def compile_condition(condition: Condition, nodes: Mapping[str, int]) -> Check:
    """Prepares a condition.

    Args:
        condition: A condition whose names and fields exist.
        nodes: Position of each node of the pattern; other names are tensors.
    """
    left, op, modulo = _getter(condition.left, nodes), condition.op, condition.modulo
    value = condition.value
    if op == "==" and not modulo and isinstance(value, bool | int | float | str):
        return lambda state, bound, tensors: left(state, bound, tensors) == value  # the common case
    if isinstance(value, Reference):
        right = _getter(value, nodes)
    elif isinstance(value, tuple):
        right = _list_getter([_getter(item, nodes) if isinstance(item, Reference) else item for item in value])
    else:
        return lambda state, bound, tensors: compare(op, _modulo(left(state, bound, tensors), modulo), value)
    return lambda state, bound, tensors: compare(
        op, _modulo(left(state, bound, tensors), modulo), right(state, bound, tensors)
    )


def _getter(reference: Reference, nodes: Mapping[str, int]) -> _Getter:
    if reference.at in nodes:
        index, of_node = nodes[reference.at], node_field(reference.field)
        return lambda state, bound, tensors: of_node(state, bound[index])  # noqa: ARG005 - one signature for all
    at, of_tensor = reference.at, tensor_field(reference.field)
    return lambda state, bound, tensors: of_tensor(state, tensors[at])  # noqa: ARG005 - same


def _list_getter(items: list[_Getter | int | float | str | bool]) -> _Getter:
    return lambda state, bound, tensors: tuple(  # type: ignore[return-value]
        [item(state, bound, tensors) if callable(item) else item for item in items]
    )


def _modulo(value: FieldValue | None, modulo: int) -> FieldValue | None:
    return value % modulo if modulo and isinstance(value, int | float) else value
