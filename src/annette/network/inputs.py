"""What a user says of a network's inputs: shapes, sizes of symbolic dimensions, and values that decide what runs.

``data=1x3x224x224`` is a shape, ``seq=128`` the size of a dimension of that name, ``sr=[16000]`` a value. One plain
number means what the input lets it mean: the value of an input without dimensions, the size of one with a single
dimension, or the size of the dimension that has the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_NUMBERS", "DeclaredInput", "Given", "InputValue", "given_text", "name_with_inputs", "parse_given"]

MOST_NUMBERS: Final = 4096
"""Numbers that a value may have: what decides branches, loops and shapes is small."""

_SHAPE: Final = re.compile(r"[0-9]+(?:x[0-9]+)*")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}")
_LONGEST: Final = 64 * MOST_NUMBERS
_WORDS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class InputValue:
    """The contents of an input.

    Attributes:
        numbers: Its elements, row by row.

    Example:
        >>> InputValue((16000,)).text
        '[16000]'
    """

    numbers: tuple[bool | int | float, ...]

    @property
    def text(self) -> str:
        """As it is written on a command line."""
        return "[" + ",".join(str(number).lower() for number in self.numbers) + "]"


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """What a file says of an input.

    Attributes:
        dims: Sizes of its dimensions, or their symbols where the file leaves them open; None where it states none.
        real: Whether it holds real numbers, rather than integers or truth values.
    """

    dims: tuple[int | str, ...] | None
    real: bool


Given: TypeAlias = "tuple[int, ...] | InputValue"
"""What is said of one input or dimension: a shape or one number, or a value."""


def parse_given(text: str) -> Given:
    """Reads what stands behind ``NAME=``.

    Args:
        text: ``1x3x224x224``, ``128``, ``[16000]``, ``[1,2]``, ``true``, ``-1`` or ``0.5``.

    Raises:
        OptionError: It is none of these.

    Example:
        >>> parse_given("1x3x224x224"), parse_given("128"), parse_given("[16000]")
        ((1, 3, 224, 224), (128,), InputValue(numbers=(16000,)))
    """
    if len(text) > _LONGEST:
        raise OptionError(f"{text[:20]}… is longer than any shape or value")
    if _SHAPE.fullmatch(text):
        sizes = text.split("x")
        if any(len(size) > 20 for size in sizes):
            raise OptionError(f"{text[:40]!r} has a dimension of more than 20 digits")
        return tuple(map(int, sizes))
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return InputValue(tuple(_number(part.strip(), text) for part in bare.split(",")))


def given_text(given: Given) -> str:
    """What was given, as it is written behind ``NAME=``.

    Example:
        >>> given_text((1, 3, 224, 224)), given_text(InputValue((16000,)))
        ('1x3x224x224', '[16000]')
    """
    return given.text if isinstance(given, InputValue) else "x".join(map(str, given))


def name_with_inputs(name: str, inputs: Mapping[str, Given]) -> str:
    """What a network is called whose inputs were given: measured or listed twice with others, it is two networks.

    Example:
        >>> name_with_inputs("speech.onnx", {"seq": (512,)})
        'speech.onnx seq=512'
    """
    return " ".join([name, *(f"{each}={given_text(given)}" for each, given in sorted(inputs.items()))])


def _number(part: str, text: str) -> bool | int | float:
    if part.lower() in _WORDS:
        return _WORDS[part.lower()]
    try:
        return int(part) if _INTEGER.fullmatch(part) else float(part)
    except ValueError:
        raise OptionError(
            f"{text!r} is neither a shape, such as 1x3x224x224, nor a value, such as 16000, true or [1,2]"
        ) from None
