"""The JSON form of a rule's parts; every error names the rule and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annette.errors import MappingError
from annette.mapping.condition import Condition, Reference
from annette.mapping.pattern import Node, parse_pattern

if TYPE_CHECKING:
    from annette.network import AttributeValue

__all__ = ["attribute_to_json", "attributes_from_json", "conditions_from_json", "nodes_from_json"]


def nodes_from_json(name: str, pattern: Any) -> tuple[Node, ...]:
    """Reads the pattern of the rule ``name``.

    Raises:
        MappingError: It is no pattern.
    """
    if not isinstance(pattern, str) and not (
        isinstance(pattern, list) and all(isinstance(line, str) for line in pattern)
    ):
        raise MappingError(f"rule {name!r}: 'pattern' must be a chain or a list of lines, not {pattern!r}")
    try:
        return parse_pattern(pattern)
    except MappingError as error:
        raise MappingError(f"rule {name!r}: 'pattern': {error}") from error


def conditions_from_json(name: str, lines: Any) -> tuple[Condition, ...]:
    """Reads the conditions of the rule ``name``.

    Raises:
        MappingError: A line is no condition.
    """
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise MappingError(f"rule {name!r}: 'conditions' must be a list of lines, not {lines!r}")
    try:
        return tuple(Condition.parse(line) for line in lines)
    except MappingError as error:
        raise MappingError(f"rule {name!r}: 'conditions': {error}") from error


def attributes_from_json(name: str, attributes: Any) -> dict[str, AttributeValue | Reference]:
    """Reads the attributes of the rule ``name``.

    Raises:
        MappingError: A value is no attribute.
    """
    if not isinstance(attributes, dict):
        raise MappingError(f"rule {name!r}: 'attributes' must be an object, not {attributes!r}")
    found: dict[str, AttributeValue | Reference] = {}
    for key, value in attributes.items():
        if isinstance(value, dict) and value.keys() == {"from"} and str(value["from"]).count("."):
            found[key] = Reference(*str(value["from"]).split(".", 1))
        elif isinstance(value, list) and all(isinstance(item, int | float) for item in value):
            found[key] = tuple(value)
        elif isinstance(value, bool | int | float | str):
            found[key] = value
        else:
            raise MappingError(f"rule {name!r}: 'attributes': {key!r} has a value that is no attribute: {value!r}")
    return found


def attribute_to_json(value: AttributeValue | Reference) -> Any:
    """One attribute as a plain JSON value."""
    if isinstance(value, Reference):
        return {"from": str(value)}
    return list(value) if isinstance(value, tuple) else value
