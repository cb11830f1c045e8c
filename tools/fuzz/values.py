"""Values that programs trip over, in one pool from which the mutations of all formats draw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

__all__ = ["FLOATS", "INTEGERS", "TEXTS", "clean", "floating", "integer", "near", "text", "within"]

INTEGERS: Final = (
    0, 1, -1, 2, -2, 3, 4, 7, 8, 15, 16, 31, 64, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536, 10**6,
    2**24, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**33, 2**40, 2**53, 2**53 + 1, 2**62, 2**62 + 1, 2**63 - 1,
    -(2**63), 2**63, 2**64, 10**30, -(10**30), 10**400,
)  # fmt: skip
"""Borders of integer types, of what a float holds exactly, and sizes that are large but not absurd."""

FLOATS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1 / 3, 2.0, 1e-3, 1e-6, 1e-9, 1e-12, 1e-30, 1e-300, 1e-310, 5e-324, 1e3, 1e6, 1e9, 1e15,
    1e30, 3.5e38, 1e100, 1e300, 1e308, 1.7976931348623157e308, -1e308, -1e-310, 2.0**53, math.inf, -math.inf, math.nan,
)  # fmt: skip
"""Zeros, denormal, very large, and what is no number."""

TEXTS: Final = (
    "", " ", "\n", "\r\n", "\t", "\0", "a\nb", "\x1b[2J\x1b[31m", "\x1b]0;title\x07", "\u202eevil\u2066", "\u200b",
    "\ufeff",
    "\ud800", "\udfff\ud800", "\u00b5s", "e\u0301", "\U0001f525", "\U0010ffff", "x" * 300, "x" * 5000, "a b", "a,b;c",
    '"', "'",
    "\\", "%s%n", "{0}", "{model}", "$", "$.a[0]", "a.b.c", "..", "../../../etc/passwd", "/dev/zero",
    "file:///etc/passwd",
    "C:\\x", "-", "--help", "*", "<script>alert(1)</script>", "]]>", "&#0;", "NaN", "nan", "Infinity", "-inf", "1e400",
    "0x10", "1_000", "1,5", "٣", "²", "½", "1 ms", "-1 ms", "0 ms", "1e300 s", "true", "null", "[]", "{}", "None",
    "conv",
    "Conv", "relu", "data", "input", "fp32", "int8", "unsupported", "copy", "__class__", "1; DROP TABLE run",
)  # fmt: skip
"""Control characters, directions, surrogates, long, quoting of many languages, numbers in disguise, words of ours."""

_SIMPLE: Final = 0.7
"""Share of numbers that stay near what was there: files that are all absurd are refused by their first number."""


def integer(dice: Random) -> int:
    """An integer of any size, small ones as often as all others together."""
    if dice.random() < 0.5:
        return dice.randrange(-2, 20)
    return dice.choice(INTEGERS)


def floating(dice: Random) -> float:
    """A float of any size, or none."""
    return dice.choice(FLOATS) if dice.random() < 0.8 else dice.uniform(-10, 10)


def near(dice: Random, value: Any) -> Any:
    """A number that comes from another one, or from the pool; an integer from an integer."""
    if dice.random() >= _SIMPLE:
        return floating(dice) if isinstance(value, float) else integer(dice)
    if isinstance(value, float):
        return dice.choice((-value, value * 2, value / 2, value * 1e3, value * 1e-3, value + 1, 1.0, 0.0))
    return dice.choice((value + 1, value - 1, -value, value * 2, value // 2, value + 7, 1, 0))


def text(dice: Random, known: tuple[str, ...] = ()) -> str:
    """A text from the pool, one of those that mean something here, or noise."""
    draw = dice.random()
    if known and draw < 0.4:
        return dice.choice(known)
    if draw < 0.9:
        return dice.choice(TEXTS)
    return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0xFFFF)))) for _ in range(dice.randrange(12)))


def clean(value: str) -> str:
    """A text without lone surrogates, for what takes UTF-8 only."""
    return value.encode("utf-8", "ignore").decode()


def within(value: Any, bits: int, *, signed: bool = True) -> int:
    """An integer brought into the range of a machine's type: at its border, not wrapped."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if isinstance(value, float) and not math.isfinite(value):
        return high if value == math.inf else low if value == -math.inf else 0
    return max(low, min(high, int(value)))
