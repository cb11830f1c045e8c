"""Numbers as people read them, with units; what is not known is ``-``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "amount_text",
    "bytes_text",
    "change_text",
    "confidence_text",
    "count_text",
    "counted_text",
    "feature_text",
    "interval_text",
    "percent_text",
    "seconds_text",
    "size_of",
    "times_text",
    "words_text",
]

_UNKNOWN: Final = "-"
_TIMES: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_COUNTS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ROUNDS_UP: Final = 0.9995
"""Share of a unit from which three digits show a whole one."""
_SIZES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_LARGE: Final = 1e6
"""From here on a count is easier to read with a prefix."""


def size_of(values: Sequence[Any]) -> str:
    """How many there are."""
    return str(len(values))


def words_text(name: str) -> str:
    """A name in words."""
    return name.replace("_", " ")


def times_text(ratio: float | None) -> str:
    """A ratio."""
    return _UNKNOWN if ratio is None else f"{ratio:.2f}x"


def seconds_text(seconds: float | None) -> str:
    """A duration with three significant digits.

    Example:
        >>> seconds_text(0.01294)
        '12.9 ms'
    """
    if seconds is None:
        return _UNKNOWN
    if seconds == 0:
        return "0 s"
    return _scaled(seconds, _TIMES) or f"{_three_digits(seconds / 1e-9)} ns"


def count_text(count: float) -> str:
    """A count with an SI prefix.

    Example:
        >>> count_text(4089184256)
        '4.09 G'
    """
    return _scaled(count, _COUNTS) or f"{count:.0f}"


def amount_text(amount: float, unit: str) -> str:
    """A count of a unit, with the SI prefix before the unit.

    Example:
        >>> amount_text(301e6, "MACs"), amount_text(0, "MACs")
        ('301 MMACs', '0 MACs')
    """
    text = count_text(amount)
    return f"{text}{unit}" if " " in text else f"{text} {unit}"


def counted_text(number: int, noun: str) -> str:
    """How many there are of something that takes an s in the plural.

    Example:
        >>> counted_text(1, "kernel"), counted_text(2, "kernel")
        ('1 kernel', '2 kernels')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def bytes_text(size_bytes: float) -> str:
    """A size in decimal units.

    Example:
        >>> bytes_text(2408448)
        '2.41 MB'
    """
    return _scaled(size_bytes, _SIZES) or f"{size_bytes:.0f} B"


def feature_text(name: str, value: float) -> str:
    """A value of a kernel's feature: sizes with their unit, large counts with a prefix, all others as they are.

    Example:
        >>> feature_text("input_bytes", 1815552), feature_text("macs", 4940462592), feature_text("in_width", 197)
        ('1.82 MB', '4.94 G', '197')
    """
    if name == "bytes" or name.endswith("_bytes"):
        return bytes_text(value)
    return count_text(value) if abs(value) >= _LARGE else f"{value:.6g}"


def percent_text(share: float | None) -> str:
    """A share as a percentage.

    Example:
        >>> percent_text(0.987)
        '98.7 %'
    """
    return _UNKNOWN if share is None else f"{100 * share:.1f} %"


def confidence_text(confidence: float) -> str:
    """How sure an interval is, with the digits that were asked for.

    Example:
        >>> confidence_text(0.9), confidence_text(0.975)
        ('90 %', '97.5 %')
    """
    return f"{100 * confidence:.6g} %"


def change_text(share: float | None) -> str:
    """A difference relative to something, as a percentage with its sign.

    Example:
        >>> change_text(0.05)
        '+5.0 %'
    """
    return _UNKNOWN if share is None else f"{100 * share:+.1f} %"


def interval_text(ends_s: Sequence[float] | None) -> str:
    """Lower and upper end of a duration."""
    return _UNKNOWN if ends_s is None else f"{seconds_text(ends_s[0])} to {seconds_text(ends_s[1])}"


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    """The value in the largest unit that it reaches once rounded, or nothing where it is below all of them."""
    for scale, unit in units:
        if abs(value) >= _ROUNDS_UP * scale:
            return f"{_three_digits(value / scale)} {unit}"
    return ""


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".removesuffix(".")
