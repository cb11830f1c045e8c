"""Sizes that are to take several values: ``1x{32..512}``, ``1x3x{s=128..512:64}x{s}``.

Braces stand where a size stands. ``{32..512}`` doubles from 32 up to 512, ``{32..512:32}`` goes in steps of 32, and
``{32,48,64}`` lists values. A name in front, ``{s=128..512:64}``, ties sizes to each other: ``{s}`` is the same value
again, in any input. ``{..}`` is the value of the braces before it in the same shape. What is not tied is combined, each
value with each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError
from annette.network.inputs import InputValue, parse_given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.inputs import Given

__all__ = ["BATCH", "MOST_POINTS", "SizePoint", "SweptSizes", "is_swept", "parse_numbers_swept", "swept_sizes"]

MOST_POINTS: Final = 500
"""Combinations of sizes that one sweep may have."""

BATCH: Final = "batch"
"""Name of the variable that the batch is."""

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_NAMED: Final = re.compile(r"(?:(?P<name>[A-Za-z_][\w.-]*)=)?(?P<values>[0-9][0-9.,:]*)")
_RANGE: Final = re.compile(r"(?P<first>[0-9]{1,9})\.\.(?P<last>[0-9]{1,9})(?::(?P<step>[0-9]{1,9}))?")
_LIST: Final = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")
_REFERENCE: Final = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class SizePoint:
    """One combination of sizes.

    Attributes:
        values: Value of each variable, by its name.
        batch: Samples processed together; None where nothing was said of it.
        inputs: What is given of each input.
    """

    values: Mapping[str, int]
    batch: int | None
    inputs: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class SweptSizes:
    """What is swept.

    Attributes:
        variables: Values of each variable, by its name, in the order in which they were written.
        points: All combinations; the variable that was written last changes fastest.
    """

    variables: Mapping[str, tuple[int, ...]]
    points: tuple[SizePoint, ...]


def is_swept(text: str) -> bool:
    """Whether a text has braces, so that it stands for several shapes.

    Example:
        >>> is_swept("1x{32..512}"), is_swept("1x128")
        (True, False)
    """
    return "{" in text or "}" in text


def parse_numbers_swept(text: str) -> tuple[int, ...]:
    """The values that stand between braces.

    Raises:
        OptionError: It is neither a range nor a list, has no value or too many.

    Example:
        >>> parse_numbers_swept("32..512"), parse_numbers_swept("32..100:32"), parse_numbers_swept("1,3")
        ((32, 64, 128, 256, 512), (32, 64, 96), (1, 3))
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        if not _LIST.fullmatch(text):
            raise OptionError(f"{{{text}}} is neither a range, such as {{32..512}} or {{32..512:32}}, nor a list")
        return tuple(dict.fromkeys(int(number) for number in text.split(",")))
    first, last, step = int(match["first"]), int(match["last"]), match["step"]
    if last < first or step == "0" or (first == 0 and step is None):
        raise OptionError(
            f"{{{text}}} has no values: a range goes upwards, in steps of at least 1, or doubles from 1 on"
        )
    if step is not None:
        values = range(first, last + 1, int(step))
        if len(values) > MOST_POINTS:
            raise OptionError(f"{{{text}}} has {len(values)} values, more than {MOST_POINTS}")
        return tuple(values)
    doubled = [first]
    while 2 * doubled[-1] <= last:
        doubled.append(2 * doubled[-1])
    return tuple(dict.fromkeys((*doubled, last)))


def swept_sizes(batch: int | Sequence[int] | None, inputs: Mapping[str, Given | str]) -> SweptSizes:
    """All combinations of the sizes that were given.

    Args:
        batch: Samples processed together: one number or several; None where nothing is said of it.
        inputs: What is given of each input; a text is read as behind ``NAME=`` on a command line, and may have braces.

    Raises:
        OptionError: A text is no shape, a name is tied to two ranges or to none, or there are too many combinations.

    Example:
        >>> [point.inputs for point in swept_sizes(None, {"ids": "1x{32..64}"}).points]
        [{'ids': (1, 32)}, {'ids': (1, 64)}]
    """
    variables: dict[str, tuple[int, ...]] = {}
    if batch is not None and not isinstance(batch, int):
        if not batch or any(size < 1 for size in batch):
            raise OptionError(f"batch sizes {list(batch)}: name at least one, each at least 1")
        variables[BATCH] = tuple(dict.fromkeys(batch))
    templates = {name: _template(name, each, variables) for name, each in inputs.items() if isinstance(each, str)}
    count = prod(map(len, variables.values()))
    if count > MOST_POINTS:
        raise OptionError(
            f"these sizes have {count} combinations, more than {MOST_POINTS}: tie some, as in {{s=64..256}}x{{s}}"
        )
    points = []
    for chosen in product(*variables.values()):
        values = dict(zip(variables, chosen, strict=True))
        filled = {
            name: _filled(templates[name], values) if isinstance(each, str) else each for name, each in inputs.items()
        }
        points.append(SizePoint(values, values.get(BATCH, batch if isinstance(batch, int) else None), filled))
    return SweptSizes(variables, tuple(points))


def _template(name: str, text: str, variables: dict[str, tuple[int, ...]]) -> str:
    """The text with ``{variable}`` in all braces; adds the variables."""
    before: list[str] = []

    def variable(match: re.Match[str]) -> str:
        inside = match[1].strip()
        if inside == "..":
            if not before:
                raise OptionError(f"--input {name}={text}: {{..}} repeats the braces before it, and there are none")
            known = before[-1]
        elif _REFERENCE.fullmatch(inside):
            if inside not in variables:
                raise OptionError(
                    f"--input {name}={text}: {{{inside}}} has no values; give some as {{{inside}=64..256}}"
                )
            known = inside
        else:
            known = _defined(name, text, inside, len(before), variables)
        before.append(known)
        return f"{{{known}}}"

    made = _BRACES.sub(variable, text)
    if made.count("{") != len(before) or made.count("}") != len(before):
        raise OptionError(f"--input {name}={text}: braces do not match")
    return made


def _defined(name: str, text: str, inside: str, place: int, variables: dict[str, tuple[int, ...]]) -> str:
    """The name of a variable that braces define."""
    match = _NAMED.fullmatch(inside)
    if match is None:
        raise OptionError(
            f"--input {name}={text}: {{{inside}}} is no range, such as {{32..512}}, {{32..512:32}} or {{32,64}}"
        )
    values = parse_numbers_swept(match["values"])
    alone = text == f"{{{inside}}}"
    known: str = match["name"] or (name if alone else f"{name}[{_axis(text, place)}]")
    if variables.setdefault(known, values) != values:
        raise OptionError(f"--input {name}={text}: {known!r} is tied to {list(variables[known])} already")
    return known


def _axis(text: str, place: int) -> int:
    """Number of the dimension that the braces of a place stand for."""
    start = [match.start() for match in _BRACES.finditer(text)][place]
    return _BRACES.sub("", text[:start]).count("x")


def _filled(template: str, values: Mapping[str, int]) -> Given:
    given = parse_given(_BRACES.sub(lambda match: str(values[match[1]]), template))
    if isinstance(given, InputValue) and "{" in template:
        raise OptionError(f"{template!r}: only shapes and sizes can be swept, not contents of inputs")
    return given
