"""Reads FlatBuffers without trusting them: every offset is checked against the file, and all work is bounded.

A table decodes to a dictionary by a schema of ``(name, type)`` per field; see `annette.network.tflite_schema.TABLES`.
A field that is missing keeps the format's default, 0 or nothing.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Flatbuffer"]

_SCALARS: Final = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
}
_VTABLE_HEADER: Final = 4
_SLACK: Final = 100_000
_LONGEST_NAME: Final = 4096


class Flatbuffer:
    """A file in the FlatBuffers format.

    Args:
        data: The file's bytes, or a memory map of it.
        schema: Fields of each table by position.

    Raises:
        NetworkFormatError: Any method, where an offset leaves the file or vectors share bytes so often that decoding
            them would take longer than the file is large.
    """

    def __init__(self, data: Any, schema: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._data = data
        self._size = len(data)
        self._schema = schema
        self._budget = self._size * 2 + _SLACK

    def root(self, table: str) -> dict[str, Any]:
        """Decodes the root table and everything that its schema reaches."""
        return self._table(self._forward(0), table)

    def bytes_at(self, start: int, size: int) -> bytes:
        """A range of the file.

        Args:
            start: Position of the first byte.
            size: Number of bytes.
        """
        self._check(start, size)
        return bytes(self._data[start : start + size])

    def _scalar(self, position: int, kind: str) -> Any:
        code = _SCALARS[kind]
        self._check(position, struct.calcsize(code))
        return struct.unpack_from("<" + code, self._data, position)[0]

    def _forward(self, position: int) -> int:
        """Where the offset at a position leads."""
        self._check(position, 4)
        offset: int = struct.unpack_from("<I", self._data, position)[0]
        return position + offset

    def _table(self, position: int, name: str) -> dict[str, Any]:
        slots = self._slots(position)
        values: dict[str, Any] = {}
        for slot, (field, kind) in enumerate(self._schema[name]):
            offset = slots[slot] if slot < len(slots) else 0
            member = values.get(f"{field}_type", 0)
            values[field] = self._field(position + offset if offset else 0, kind, member)
        return values

    def _slots(self, position: int) -> tuple[int, ...]:
        """Offsets of a table's fields, 0 where one is missing."""
        vtable = position - self._scalar(position, "int32")
        self._check(vtable, _VTABLE_HEADER)
        (size,) = struct.unpack_from("<H", self._data, vtable)
        self._check(vtable, size)
        if size < _VTABLE_HEADER or size % 2:
            raise _torn(f"a table's index of {size} bytes")
        count = (size - _VTABLE_HEADER) // 2
        self.spend(count + 1)
        return struct.unpack_from(f"<{count}H", self._data, vtable + _VTABLE_HEADER)

    def _field(self, position: int, kind: str, member: int = 0) -> Any:
        """Decodes the field at a position, or gives its default where the position is 0.

        Args:
            position: Where it lies.
            kind: Its type.
            member: Of a union, the number of what it holds.
        """
        if kind in _SCALARS:
            return self._scalar(position, kind) if position else 0
        if kind == "opaque":
            return None
        if kind == "options":
            return self._options(position, member)
        if kind == "string":
            return self._string(position) if position else ""
        if kind.startswith("["):
            return self._vector(position, kind[1:-1])
        return self._table(self._forward(position), kind) if position else None

    def _options(self, position: int, member: int) -> tuple[int, int]:
        """A union is decoded later, when its member is known to be of interest."""
        return (member, self._forward(position)) if position and member else (0, 0)

    def options(self, reference: tuple[int, int], table: str) -> dict[str, Any]:
        """Decodes a member of a union; all defaults where the file has none.

        Args:
            reference: What a field of type ``options`` decoded to.
            table: Name of the member.
        """
        if reference[0]:
            return self._table(reference[1], table)
        return {field: self._field(0, kind) for field, kind in self._schema[table]}

    def _string(self, position: int) -> str:
        start, count = self._extent(position, 1)
        raw = bytes(self._data[start : start + min(count, _LONGEST_NAME)])
        self.spend(len(raw))
        text = raw.decode("utf-8", errors="replace")
        return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)

    def _vector(self, position: int, kind: str) -> Any:
        if kind == "byte":
            return self._extent(position, 1) if position else (0, 0)
        if not position:
            return ()
        size = struct.calcsize(_SCALARS.get(kind, "I"))
        start, count = self._extent(position, size)
        self.spend(count)
        if kind == "string":
            return tuple(self._string(start + 4 * index) for index in range(count))
        if kind in _SCALARS:
            return struct.unpack_from(f"<{count}{_SCALARS[kind]}", self._data, start)
        return tuple(self._table(self._forward(start + 4 * index), kind) for index in range(count))

    def _extent(self, position: int, item_size: int) -> tuple[int, int]:
        """First byte and number of items of the vector that the offset at a position leads to."""
        start = self._forward(position)
        count = self._scalar(start, "uint32")
        self._check(start + 4, count * item_size)
        return start + 4, count

    def _check(self, position: int, size: int) -> None:
        if position < 0 or position + size > self._size:
            raise _torn(f"{size} bytes at offset {position}")

    def spend(self, count: int) -> None:
        """Draws on what decoding may cost, which is in proportion to the file.

        Args:
            count: Bytes or items that are decoded.
        """
        self._budget -= count
        if self._budget < 0:
            raise NetworkFormatError("the file refers to the same bytes over and over: it is damaged")


def _torn(what: str) -> NetworkFormatError:
    return NetworkFormatError(f"the file is truncated or damaged: {what} do not lie within it")
