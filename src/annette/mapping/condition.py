"""Conditions: what must hold between the two sides of a pattern, one comparison a line.

::

    conv.out_channels <= 512
    conv.in_channels % 16 == 0
    pool.kernel_height in [2, 3]
    resize.attributes.mode == nearest
    $scale.elements in [1, conv.out_channels]
    sum.output_shape == y.shape
    pool.attributes.auto_pad is missing

The left side is a field of a node, a constant or an activation of the pattern (see
`annette.mapping.condition_fields`); the right side is a number, ``true``, ``false``, a word or quoted text, a list, or
another field. A rule holds if all its conditions do; for "or", write two rules. An attribute that a layer does not have
equals nothing: it fulfils ``!=``, ``not in``, ``lacks`` and ``is missing`` alone.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import MappingError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Condition", "FieldValue", "Getter", "Literal", "Reference", "Value", "compare", "compile_condition"]

FieldValue: TypeAlias = "int | float | str | bool | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]"
"""What a field can hold."""

_PATH: Final = r"\$?[a-z][a-z0-9_]*\.[A-Za-z0-9_.]+"
_LINE: Final = re.compile(
    rf"(?P<left>{_PATH})(?:\s*%\s*(?P<modulo>\d+))?"
    r"\s*(?P<op>==|!=|<=|>=|<|>|\b(?:not in|in|contains|lacks|is)\b)\s*(?P<value>.+)"
)
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ITEM: Final = re.compile(r"\s*'[^']*'\s*|[^,]+")
_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PRESENCE: Final = ("present", "missing")


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of something in the pattern.

    Attributes:
        at: Name of a node or an activation, or of a constant with its leading ``$``.
        field: One of the fields of `annette.mapping.condition_fields`.
    """

    at: str
    field: str

    def __str__(self) -> str:
        return f"{self.at}.{self.field}"


Literal: TypeAlias = "int | float | str | bool"
Value: TypeAlias = "Literal | Reference | tuple[Literal | Reference, ...]"
Getter: TypeAlias = "Callable[..., FieldValue | None]"
"""Reads what a reference stands for; None where it is missing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison.

    Attributes:
        left: What is looked at.
        op: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``, ``not in``, ``contains``, ``lacks`` or ``is``.
        value: What it is compared with; after ``is`` the word ``present`` or ``missing``.
        modulo: If not 0, the remainder of the left side by it is compared.
    """

    left: Reference
    op: str
    value: Value
    modulo: int = 0

    @classmethod
    def parse(cls, line: str) -> Condition:
        """Reads one condition.

        Raises:
            MappingError: The line is no condition, or its two sides do not fit its comparison.
        """
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise MappingError(f"condition {line!r} is not of the form 'name.field comparison value'")
        at, field = parts["left"].split(".", 1)
        op, value = parts["op"], _value(parts["value"].strip(), line)
        if op in ("in", "not in") and not isinstance(value, tuple | Reference):
            raise MappingError(f"condition {line!r}: {op!r} compares with a list")
        if op not in ("in", "not in", "==", "!=") and isinstance(value, tuple):
            raise MappingError(f"condition {line!r}: {op!r} compares with one value")
        if op in _ORDER and (isinstance(value, str | bool)):
            raise MappingError(f"condition {line!r}: {op!r} compares numbers, not {value!r}")
        if op == "is" and value not in _PRESENCE:
            raise MappingError(f"condition {line!r}: after 'is' comes 'present' or 'missing'")
        modulo = int(parts["modulo"] or 0)
        if parts["modulo"] is not None and modulo < 2:
            raise MappingError(f"condition {line!r}: remainders are by 2 or more")
        return cls(Reference(at, field), op, value, modulo)

    def __str__(self) -> str:
        modulo = f" % {self.modulo}" if self.modulo else ""
        return f"{self.left}{modulo} {self.op} {_text(self.value)}"

    @property
    def references(self) -> tuple[Reference, ...]:
        """Everything it looks at."""
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return (self.left, *(value for value in values if isinstance(value, Reference)))


def compile_condition(condition: Condition, getter: Callable[[Reference], Getter]) -> Callable[..., bool]:
    """Prepares a condition, so that it can be asked many times.

    Args:
        condition: A condition whose references exist.
        getter: How to read what a reference stands for, from whatever the result is called with.

    Returns:
        Says whether the condition holds; called with what the getters take.
    """
    left, op, modulo, value = getter(condition.left), condition.op, condition.modulo, condition.value
    # The common cases: what is missing, None, is equal to no value and no number.
    if op == "==" and isinstance(value, bool | int | float | str):
        return (lambda *at: _modulo(left(*at), modulo) == value) if modulo else (lambda *at: left(*at) == value)
    if op in _ORDER and not modulo and isinstance(value, int | float):
        in_order = _ORDER[op]
        return lambda *at: isinstance(found := left(*at), int | float) and in_order(found, value)
    if op == "==" and not modulo and isinstance(value, Reference):
        other = getter(value)
        return lambda *at: (found := left(*at)) is not None and found == other(*at)
    if isinstance(value, Reference):
        right = getter(value)
    elif isinstance(value, tuple):
        items = [getter(item) if isinstance(item, Reference) else item for item in value]
        return lambda *at: compare(
            op, _modulo(left(*at), modulo), tuple([item(*at) if callable(item) else item for item in items])
        )
    else:
        return lambda *at: compare(op, _modulo(left(*at), modulo), value)
    return lambda *at: compare(op, _modulo(left(*at), modulo), right(*at))


def _modulo(value: FieldValue | None, modulo: int) -> FieldValue | None:
    return value % modulo if modulo and isinstance(value, int | float) else value


def compare(op: str, left: FieldValue | None, right: object) -> bool:
    """Compares two values; what is missing (None) is equal to nothing.

    Args:
        op: One of the comparisons of `Condition`.
        left: Value of the left field.
        right: Value of the right side, references replaced by what they refer to.
    """
    if op == "is":
        return (left is None) == (right == "missing")
    if left is None or right is None:
        return op in ("!=", "not in", "lacks")
    if op in _ORDER:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        return numbers and _ORDER[op](left, right)  # type: ignore[arg-type] # mypy does not follow ``numbers``
    if op in ("==", "!="):
        return (left == right) == (op == "==")
    where, what = (right, left) if op in ("in", "not in") else (left, right)
    return (isinstance(where, tuple) and what in where) == (op in ("in", "contains"))


def _value(text: str, line: str) -> Value:
    if text.startswith("[") and text.endswith("]"):
        items = [_scalar(item.strip(), line) for item in _ITEM.findall(text[1:-1]) if item.strip()]
        return tuple(items)
    return _scalar(text, line)


def _scalar(text: str, line: str) -> Literal | Reference:
    if _NUMBER.fullmatch(text):
        return float(text) if any(c in text for c in ".eE") else int(text)
    if text in ("true", "false"):
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    if re.fullmatch(_PATH, text):
        return Reference(*text.split(".", 1))
    if _WORD.fullmatch(text):
        return text
    raise MappingError(f"condition {line!r}: {text!r} is no number, word, quoted text, list or field")


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, str):
        plain = _WORD.fullmatch(value) and value not in ("true", "false")
        return value if plain else f"'{value}'"
    return repr(value)
