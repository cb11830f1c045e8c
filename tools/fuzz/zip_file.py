"""Archives of named members with what a zip file can say that none should: escapes, bombs, lies and repeats."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tools.fuzz.documents import encode_document, mutate_document, mutate_leaf
from tools.fuzz.values import clean, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

__all__ = ["Archive"]

_ESCAPES: Final = ("../../../tmp/escaped", "/tmp/escaped", "..\\escaped", "a/../../b", "C:\\x", "", "/", "a" * 60_000)  # noqa: S108 - nothing may be written there
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_BOMB_PIECES: Final = 100
"""Of three megabytes each."""
_DIRECTORY: Final = (
    (8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (42, "<I"),
)  # fmt: skip
"""Offset and layout of flags, method, checksum, both sizes, lengths of name and extra field, and the member's place."""
_LIES: Final = (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


@dataclass
class Archive:
    """A zip file under construction.

    Attributes:
        members: Contents by name: a document, or bytes.
        main: The member that says what the model is.
        bomb: Whether the main member is one of hundreds of megabytes.
        method: How members are compressed.
        repeats: Names that stand in the archive again, with other contents.
        lie: A number in place of one that the archive says of its members: which, where, and what.
        count: How many empty members there are beside.
    """

    members: dict[str, Any]
    main: str
    bomb: bool = False
    method: int = zipfile.ZIP_STORED
    repeats: list[str] = field(default_factory=list)
    lie: tuple[int, int, int] | None = None
    count: int = 0

    @classmethod
    def of(cls, members: Mapping[str, Any], main: str) -> Archive:
        """A sound archive, none of whose documents are shared with another."""
        copied = {
            name: json.loads(json.dumps(each)) if isinstance(each, dict) else each for name, each in members.items()
        }
        return cls(copied, main)

    def mutate(self, dice: Random) -> None:
        """Changes a document in most cases, else the archive."""
        if dice.random() < 0.75:
            documents = [each for each in self.members.values() if isinstance(each, dict)]
            main = self.members.get(self.main)
            subject = main if isinstance(main, dict) and dice.random() < 0.85 else dice.choice(documents or [{}])
            (mutate_leaf if dice.random() < 0.4 else mutate_document)(subject, dice)
            return
        name = dice.choice(list(self.members) or [""])
        match dice.randrange(9):
            case 0:
                self.members.pop(name, None)
            case 1:
                self.members[dice.choice(_ESCAPES)] = self.members.pop(name, b"")
            case 2:
                self.members[clean(text(dice))] = self.members.pop(name, b"")
            case 3:
                self.members[name] = self.members[dice.choice(list(self.members))] if self.members else b""
            case 4:
                self.method = dice.choice(_METHODS)
            case 5:
                self.repeats.append(name)
            case 6:
                self.lie = dice.randrange(8), dice.randrange(100), dice.choice(_LIES)
            case 7:
                self.count = dice.choice((1, 1, 1, 1000))
            case _:
                self.bomb = dice.random() < 0.05

    def encode(self, dice: Random) -> bytes:
        """The archive's bytes."""
        file = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w", self.method) as archive:
            warnings.simplefilter("ignore")  # of names that are there already
            for name, content in self.members.items():
                data = content if isinstance(content, bytes) else encode_document(content, dice)
                archive.writestr(zipfile.ZipInfo(name or "x"), data)
            for name in self.repeats:
                archive.writestr(zipfile.ZipInfo(name or "x"), dice.choice((b"", b"{}", b"\x80\x04N.")))
            for number in range(self.count):
                archive.writestr(zipfile.ZipInfo(f"empty{number}"), b"")
        data = _bomb(self.main) if self.bomb else file.getvalue()
        return data if self.lie is None else _with_lie(data, *self.lie)


@cache
def _bomb(main: str) -> bytes:
    """An archive of some hundred kilobytes whose main member takes hundreds of megabytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = squeeze.compress(b'{"a": [') + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(b"[]," * (1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)  # the same bits, however often
    body, name, size = head + piece * _BOMB_PIECES, main.encode(), 3 * _BOMB_PIECES << 20
    common = struct.pack("<HHHHHIIIHH", 20, 0, zipfile.ZIP_DEFLATED, 0, 33, 0, len(body), size, len(name), 0)
    member = b"PK\3\4" + common + name + body
    entry = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(member), 0)
    return member + entry + b"PK\5\6" + end


def _with_lie(data: bytes, field_: int, member: int, number: int) -> bytes:
    """Changes a number of one entry of the archive's directory: flags, method, checksum, sizes, lengths, place."""
    entries = [at for at in range(len(data) - 46) if data[at : at + 4] == b"PK\1\2"]
    if not entries:
        return data
    offset, layout = _DIRECTORY[field_]
    changed = bytearray(data)
    kept = number & ((1 << 8 * struct.calcsize(layout)) - 1)
    struct.pack_into(layout, changed, entries[member % len(entries)] + offset, kept)
    return bytes(changed)
