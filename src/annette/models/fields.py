"""Typed reading of platform files: every complaint names the place in the file and the value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from annette.errors import PlatformFormatError

__all__ = ["Fields"]


class Fields(Mapping[str, Any]):
    """One JSON object of a platform file, with the path that leads to it.

    Args:
        values: The object.
        path: Where it is in the file, as a JSON path such as ``$.models.conv``.

    Raises:
        PlatformFormatError: ``values`` is not an object.

    Example:
        >>> Fields({"bytes_per_s": 5e9}, "$.models.conv").number("bytes_per_s", above=0)
        5000000000.0
    """

    def __init__(self, values: Any, path: str = "$") -> None:
        if not isinstance(values, Mapping):
            raise PlatformFormatError(f"{path} must be an object, not {_shown(values)}")
        self.path = path
        self._values: Mapping[str, Any] = values

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Fields:
        """Wraps plain values; fields stay as they are, so that their path is not lost."""
        return values if isinstance(values, Fields) else cls(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def only(self, *known: str) -> None:
        """Refuses keys that are not known: a misspelt parameter must not be ignored.

        Raises:
            PlatformFormatError: There is another key.
        """
        unknown = sorted(self.keys() - set(known))
        if unknown:
            raise PlatformFormatError(f"{self.at(unknown[0])} is not known here; known: {', '.join(known)}")

    def at(self, key: str) -> str:
        """Path of one member."""
        return f"{self.path}.{key[:80]}" if key.isidentifier() else f"{self.path}[{key[:80]!r}]"

    def required(self, key: str) -> Any:
        """A member of any type.

        Raises:
            PlatformFormatError: It is missing.
        """
        if key not in self._values:
            raise PlatformFormatError(f"{self.at(key)} is missing")
        return self._values[key]

    def number(
        self, key: str, *, least: float | None = None, above: float | None = None, most: float = math.inf
    ) -> float:
        """A finite number within limits.

        Args:
            key: Name of the member.
            least: Smallest value allowed.
            above: Value it must exceed.
            most: Largest value allowed.

        Raises:
            PlatformFormatError: It is missing, not a number, not finite, or out of its range.
        """
        return checked_number(self.required(key), self.at(key), least=least, above=above, most=most)

    def integer(self, key: str, *, least: int, most: int = 2**62) -> int:
        """A whole number within limits.

        Raises:
            PlatformFormatError: It is missing, not a whole number, or out of its range.
        """
        value = self.required(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PlatformFormatError(f"{self.at(key)} must be a whole number, not {_shown(value)}")
        if not least <= value <= most:
            raise PlatformFormatError(
                f"{self.at(key)} is {_shown(value)}: it must be at least {least} and at most {most}"
            )
        return value

    def text(self, key: str, *, choices: tuple[str, ...] = ()) -> str:
        """A string, one of ``choices`` where given.

        Raises:
            PlatformFormatError: It is missing, not a string, or not one of the choices.
        """
        value = self.required(key)
        if not isinstance(value, str):
            raise PlatformFormatError(f"{self.at(key)} must be text, not {_shown(value)}")
        if choices and value not in choices:
            raise PlatformFormatError(f"{self.at(key)} is {value[:80]!r}: it must be one of {', '.join(choices)}")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string, or None where the member is missing or null.

        Raises:
            PlatformFormatError: It is something else.
        """
        return None if self.get(key) is None else self.text(key)

    def object(self, key: str) -> Fields:
        """A nested object.

        Raises:
            PlatformFormatError: It is missing or not an object.
        """
        return Fields(self.required(key), self.at(key))

    def optional_object(self, key: str) -> Fields | None:
        """A nested object, or None where the member is missing or null.

        Raises:
            PlatformFormatError: It is something else.
        """
        return None if self.get(key) is None else self.object(key)

    def list(self, key: str) -> list[Any]:
        """A list.

        Raises:
            PlatformFormatError: It is missing or not a list.
        """
        value = self.required(key)
        if not isinstance(value, list):
            raise PlatformFormatError(f"{self.at(key)} must be a list, not {_shown(value)}")
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers.

        Raises:
            PlatformFormatError: It is missing, not a list, or holds anything but finite numbers.
        """
        return tuple(checked_number(value, f"{self.at(key)}[{i}]") for i, value in enumerate(self.list(key)))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings.

        Raises:
            PlatformFormatError: It is missing, not a list, or holds anything but strings.
        """
        values = self.list(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise PlatformFormatError(f"{self.at(key)}[{index}] must be text, not {_shown(value)}")
        return tuple(values)

    def objects(self, key: str) -> tuple[Fields, ...]:
        """A list of objects.

        Raises:
            PlatformFormatError: It is missing, not a list, or holds anything but objects.
        """
        return tuple(Fields(value, f"{self.at(key)}[{i}]") for i, value in enumerate(self.list(key)))


def checked_number(
    value: Any, path: str, *, least: float | None = None, above: float | None = None, most: float = math.inf
) -> float:
    """Checks one number of a platform file.

    Raises:
        PlatformFormatError: It is not a number, not finite, or out of its range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlatformFormatError(f"{path} must be a number, not {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PlatformFormatError(f"{path} is {_shown(value)}: it must be finite")
    if (least is not None and number < least) or (above is not None and number <= above) or number > most:
        limit = f"at least {least:g}" if least is not None else f"greater than {above:g}" if above is not None else ""
        upper = f"at most {most:g}" if math.isfinite(most) else ""
        raise PlatformFormatError(f"{path} is {_shown(value)}: it must be {' and '.join(filter(None, (limit, upper)))}")
    return number


def _shown(value: Any) -> str:
    """A value as it may appear in a one-line message."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    return repr(value)[:80]
