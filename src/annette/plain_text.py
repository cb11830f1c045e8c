"""Text of strangers, made safe to show: names in a model file or a report of a program may hold anything.

A terminal obeys control characters (ECMA-48) and a reader is misled by characters that reorder what they see (Unicode
Standard Annex 9; CVE-2021-42574). Whatever annette prints for people passes through here.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_MESSAGE_LENGTH", "MAX_QUOTED_LENGTH", "escaped", "one_line", "shortened"]

MAX_QUOTED_LENGTH: Final = 300
"""Characters of one stranger's text in a message."""

MAX_MESSAGE_LENGTH: Final = 2000
"""Characters of a whole message; ours are shorter, lists of what is known included."""

_LONG_WORD: Final = re.compile(rf"\S{{{MAX_QUOTED_LENGTH + 1},}}")
_LONG_QUOTE: Final = re.compile(rf"'[^']{{{MAX_QUOTED_LENGTH + 1},}}'|\"[^\"]{{{MAX_QUOTED_LENGTH + 1},}}\"")


def escaped(text: str) -> str:
    r"""Replaces what a terminal would obey, or would not show, by its escape sequence.

    These are the characters of the Unicode categories of control, format, surrogate, private, unassigned and separator
    (`str.isprintable`), a plain space excepted.

    Args:
        text: Any text.

    Example:
        >>> escaped("conv\x1b[2J")
        'conv\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def shortened(text: str, length: int = MAX_QUOTED_LENGTH) -> str:
    """Cuts out the middle of what is longer than allowed.

    Args:
        text: Any text.
        length: Characters allowed.

    Example:
        >>> shortened("a" * 50 + "z" * 50, 21)
        'aaaaaaaaaa…zzzzzzzzzz'
    """
    if len(text) <= length:
        return text
    kept = (length - 1) // 2
    return f"{text[:kept]}…{text[-kept:]}"


def one_line(message: str) -> str:
    r"""A message as it may be shown: one line, escaped, with no stranger's text longer than `MAX_QUOTED_LENGTH`.

    Args:
        message: Our words around texts of strangers.

    Example:
        >>> one_line("layer 'a\nb' has no input")
        "layer 'a\\nb' has no input"
    """
    if len(message) > MAX_QUOTED_LENGTH:
        # What follows looks at each character; of a name of gigabytes, only the ends are seen at all.
        message = shortened(message, 100 * MAX_MESSAGE_LENGTH)
        message = _LONG_QUOTE.sub(lambda match: _shortened_match(match, 2), message)
        message = _LONG_WORD.sub(lambda match: _shortened_match(match, 0), message)
    return shortened(escaped(message), MAX_MESSAGE_LENGTH)


def _shortened_match(match: re.Match[str], quotes: int) -> str:
    text = match[0]
    if not quotes:
        return shortened(text)
    return f"{text[0]}{shortened(text[1:-1])}{text[-1]}"
