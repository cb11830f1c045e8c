"""A pass over the wire format of an ONNX file that leaves the weights out.

A model file is mostly weights, and an estimate needs none of them. This pass walks the protobuf wire format over a
memory map, copies what describes the network, and steps over the data fields of large tensors wherever they occur
(initializers, attributes, functions, nested graphs), so that their pages are never read. Files above protobuf's
limit of 2 GB work as well. Field numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx).
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkFormatError

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator, Mapping

__all__ = ["KEPT_TENSOR_BYTES", "large_tensors", "raw_data", "skeleton"]

KEPT_TENSOR_BYTES: Final = 4096
"""Tensors whose encoding is longer than this lose their data: shape arithmetic never needs more."""

_MAX_FIELDS: Final = 2_000_000
_MAX_KEPT_BYTES: Final = 1 << 27
# A message of two bytes takes a hundred in memory; a skeleton above this size is searched for hordes of them.
_SEARCHED_ABOVE: Final = 1 << 22
_MAX_TINY: Final = 3_000_000
_TINY: Final = re.compile(rb"[\x0a\x12\x1a\x22\x2a\x32\x3a\x52\x5a\x62\x6a\x72\x7a\x01][\x00-\x04]")
_MAX_DEPTH: Final = 48

# What each message type holds: field number -> message type of the field, or None to leave the field out.
_MESSAGES: Final[Mapping[str, Mapping[int, str | None]]] = {
    "model": {6: None, 7: "graph", 14: None, 20: None, 25: "function"},
    "graph": {1: "node", 5: "tensor", 10: None, 14: None, 15: "sparse", 16: None},
    "function": {7: "node", 8: None, 11: "attribute", 14: None},
    "node": {5: "attribute", 6: None, 9: "metadata"},
    "metadata": {2: None},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 13: None, 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {4: None, 5: None, 6: None, 7: None, 9: None, 10: None, 11: None, 12: None},
}
# Messages up to this size are copied without a look inside: a few spare bytes cost less than a walk.
_COPIED_WHOLE: Final = {
    "tensor": KEPT_TENSOR_BYTES,
    "node": KEPT_TENSOR_BYTES,
    "attribute": KEPT_TENSOR_BYTES,
    "metadata": 1024,  # the modules that call a node, not the lines of source code
}


def skeleton(data: mmap.mmap | bytes, path: str) -> bytes:
    """Copies a serialized ``ModelProto`` without the data of its large tensors.

    Args:
        data: The whole file.
        path: Its name, for messages.

    Returns:
        A smaller serialized ``ModelProto``. A tensor without data has its dimensions, type and name.

    Raises:
        NetworkFormatError: ``data`` is not in protobuf's wire format, is truncated, or is so large without its
            weights that it cannot be a network.
    """
    walk = _Walk(data, path)
    parts: list[bytes] = []
    walk.copy(0, len(data), "model", parts, 0)
    small = b"".join(parts)
    if len(small) > _SEARCHED_ABOVE and sum(1 for _ in islice(_TINY.finditer(small), _MAX_TINY)) == _MAX_TINY:
        raise NetworkFormatError(f"{path} holds millions of empty fields: no network does")
    return small


def large_tensors(data: mmap.mmap | bytes, path: str) -> dict[str, tuple[int, int]]:
    """Where the main graph's large tensors are encoded: those that `skeleton` leaves without their data.

    Args:
        data: The whole file.
        path: Its name, for messages.

    Returns:
        First byte and end of each ``TensorProto``, by the name of the initializer, or of what a node ``Constant``
        writes.

    Raises:
        NetworkFormatError: As for `skeleton`.
    """
    walk = _Walk(data, path)
    found = {}
    for graph_at in walk.members(0, len(data), 7):
        for field, start, end in walk.fields(*graph_at):
            if end - start <= KEPT_TENSOR_BYTES:
                continue
            if field == 5:
                found[walk.text(start, end, 8)] = (start, end)
            elif field == 1 and walk.text(start, end, 4) == "Constant":
                for attribute in walk.members(start, end, 5):
                    for tensor in walk.members(*attribute, 5):
                        found[walk.text(start, end, 2)] = tensor
    return found


def raw_data(data: mmap.mmap | bytes, start: int, end: int, path: str) -> tuple[int, int] | None:
    """Where an encoded ``TensorProto`` holds its elements as bytes, or None where it holds them in another way.

    Args:
        data: The whole file.
        start: First byte of the tensor, as `large_tensors` has it.
        end: Its end.
        path: The file's name, for messages.

    Raises:
        NetworkFormatError: As for `skeleton`.
    """
    return max(_Walk(data, path).members(start, end, 9), default=None)


class _Walk:
    """One pass; counts what it has seen so that time and memory stay bounded."""

    def __init__(self, data: mmap.mmap | bytes, path: str) -> None:
        self._data = data
        self._path = path
        self._fields = 0
        self._kept = 0

    def copy(self, start: int, end: int, message: str, parts: list[bytes], depth: int) -> int:
        """Appends the kept fields of ``data[start:end]`` to ``parts`` and returns their size in bytes."""
        if depth > _MAX_DEPTH:
            raise NetworkFormatError(f"{self._path} nests graphs deeper than {_MAX_DEPTH} levels at byte {start}")
        known = _MESSAGES[message]
        data, position, written, run = self._data, start, 0, start
        while position < end:
            self._fields += 1
            tag_at = position
            tag, position = self._varint(position, end)
            body, position = self._skip(tag, tag_at, position, end)
            field = tag >> 3
            if field not in known:
                continue
            child = known[field]
            if child is not None and (tag & 7 != 2 or position - body <= _COPIED_WHOLE.get(child, 0)):
                continue
            written += self._keep(data[run:tag_at], parts)
            run = position
            if child is not None:
                inner: list[bytes] = []
                size = self.copy(body, position, child, inner, depth + 1)
                head = encoded_varint(tag) + encoded_varint(size)
                parts.append(head)
                parts.extend(inner)
                written += len(head) + size
        return written + self._keep(data[run:end], parts)

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The fields of ``data[start:end]`` that have a length: number, first byte and end of each."""
        position = start
        while position < end:
            self._fields += 1
            tag_at = position
            tag, position = self._varint(position, end)
            body, position = self._skip(tag, tag_at, position, end)
            if tag & 7 == 2:
                yield tag >> 3, body, position

    def members(self, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
        """First byte and end of each field of a number, among those that have a length."""
        return ((body, stop) for field, body, stop in self.fields(start, end) if field == wanted)

    def text(self, start: int, end: int, wanted: int) -> str:
        """The first text of a field's number; empty where there is none."""
        body, stop = next(self.members(start, end, wanted), (0, 0))
        return bytes(self._data[body:stop]).decode(errors="replace")

    def _keep(self, piece: bytes, parts: list[bytes]) -> int:
        self._kept += len(piece)
        if self._kept > _MAX_KEPT_BYTES or self._fields > _MAX_FIELDS:
            raise NetworkFormatError(
                f"{self._path} describes more than any network does without its weights "
                f"({self._fields} fields, {self._kept} bytes)"
            )
        parts.append(piece)
        return len(piece)

    def _skip(self, tag: int, tag_at: int, position: int, end: int) -> tuple[int, int]:
        """Start and end of the value behind a tag."""
        wire = tag & 7
        if wire == 2:
            size, body = self._varint(position, end)
            stop = body + size
        elif wire == 0:
            body = position
            _, stop = self._varint(position, end)
        elif wire in (1, 5):
            body, stop = position, position + (8 if wire == 1 else 4)
        else:
            raise NetworkFormatError(f"{self._path} is not an ONNX model: no protobuf field at byte {tag_at}")
        if tag >> 3 == 0:
            raise NetworkFormatError(f"{self._path} is not an ONNX model: no protobuf field at byte {tag_at}")
        if stop > end:
            raise self._truncated(tag_at, end)
        if self._fields > _MAX_FIELDS:
            raise NetworkFormatError(f"{self._path} has more than {_MAX_FIELDS} fields: no network has")
        return body, stop

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        data, result, shift = self._data, 0, 0
        while position < end:
            byte = data[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, position
            shift += 7
            if shift > 63:
                raise NetworkFormatError(
                    f"{self._path} is not an ONNX model: a number at byte {position - 10} is longer than 64 bits"
                )
        raise self._truncated(position, end)

    def _truncated(self, position: int, end: int) -> NetworkFormatError:
        where = "the file ends" if end == len(self._data) else f"its message ends at byte {end}"
        return NetworkFormatError(
            f"{self._path} is not an ONNX model or is truncated at byte {position}: a field goes on where {where}"
        )


def encoded_varint(value: int) -> bytes:
    """A whole number from 0 as protobuf writes it: seven bits in each byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
