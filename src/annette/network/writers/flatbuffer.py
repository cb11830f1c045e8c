"""Writes FlatBuffers from plain values, by a schema of ``(name, type)`` per field.

A table is laid out before what it refers to, and every offset is filled in once its target has a place; the same
values make the same bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["encode"]

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
_BYTES_ALIGNMENT: Final = 16
"""Of data that a runtime uses where it lies in the file."""


def encode(
    values: Mapping[str, Any], table: str, schema: Mapping[str, Sequence[tuple[str, str]]], identifier: bytes
) -> bytes:
    """Makes a file.

    Args:
        values: Fields of the root table; tables are mappings, vectors sequences, unions ``(member, mapping)``, and
            ``[byte]`` anything with a buffer. A field that is left out keeps the format's default.
        table: Name of the root table.
        schema: Fields of each table by position.
        identifier: Four bytes that tell the kind of file.
    """
    encoder = _Encoder(schema)
    encoder.out += bytes(4) + identifier
    encoder.point(0, encoder.table(table, values))
    return bytes(encoder.out)


class _Encoder:
    def __init__(self, schema: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.out = bytearray()
        self._schema = schema

    def point(self, position: int, target: int) -> None:
        """Fills in an offset."""
        struct.pack_into("<I", self.out, position, target - position)

    def table(self, name: str, values: Mapping[str, Any]) -> int:
        """Appends a table, and behind it what it refers to; returns its position."""
        fields = self._schema[name]
        present = [(slot, kind, values[field]) for slot, (field, kind) in enumerate(fields) if _is_set(values, field)]
        slots, size = _layout(present)
        vtable = self._align(2)
        self.out += struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), size, *slots)
        start = self._align(8)
        self.out += struct.pack("<i", start - vtable) + bytes(size - 4)
        for slot, kind, value in present:
            position = start + slots[slot]
            if kind in _SCALARS:
                struct.pack_into("<" + _SCALARS[kind], self.out, position, value)
            else:
                self.point(position, self._reference(kind, value))
        return start

    def _reference(self, kind: str, value: Any) -> int:
        if kind == "string":
            return self._string(value)
        if kind == "options":
            return self.table(value[0], value[1])
        if kind == "[byte]":
            return self._bytes(value)
        if kind.startswith("["):
            return self._vector(kind[1:-1], value)
        return self.table(kind, value)

    def _string(self, text: str) -> int:
        raw = text.encode()
        start = self._align(4)
        self.out += struct.pack("<I", len(raw)) + raw + b"\0"
        return start

    def _bytes(self, value: Any) -> int:
        start = self._align(_BYTES_ALIGNMENT, ahead=4)
        raw = memoryview(value).cast("B")
        self.out += struct.pack("<I", len(raw))
        self.out += raw
        return start

    def _vector(self, kind: str, items: Sequence[Any]) -> int:
        code = _SCALARS.get(kind, "I")
        start = self._align(max(4, struct.calcsize(code)), ahead=4)
        self.out += struct.pack("<I", len(items))
        if kind in _SCALARS:
            self.out += struct.pack(f"<{len(items)}{code}", *items)
            return start
        self.out += bytes(4 * len(items))
        for index, item in enumerate(items):
            self.point(start + 4 + 4 * index, self._string(item) if kind == "string" else self.table(kind, item))
        return start

    def _align(self, alignment: int, *, ahead: int = 0) -> int:
        """Pads until the byte ``ahead`` of the next one is aligned; returns the position of the next."""
        self.out += bytes(-(len(self.out) + ahead) % alignment)
        return len(self.out)


def _is_set(values: Mapping[str, Any], field: str) -> bool:
    value = values.get(field)
    return value is not None and not (isinstance(value, int | float | str) and not value)


def _layout(present: Sequence[tuple[int, str, Any]]) -> tuple[list[int], int]:
    """Offset of each slot within a table, 0 where it is missing, and the table's size."""
    slots = [0] * (max((slot for slot, _, _ in present), default=-1) + 1)
    size = 4
    for slot, kind, _ in present:
        width = struct.calcsize(_SCALARS.get(kind, "I"))
        size += -size % width
        slots[slot] = size
        size += width
    return slots, size
