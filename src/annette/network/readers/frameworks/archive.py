"""Archives that frameworks save models in: zip files of strangers, of which a few small members are read.

Nothing is unpacked, so that names of members are never paths, and what would be large is not read.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError
from annette.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["opened_archive", "stored_json"]

_MOST_MEMBERS: Final = 200_000
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How frameworks compress; others may ask for gigabytes before they give a byte."""
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
    KeyError, OverflowError,
)  # fmt: skip
"""What reading a damaged archive raises."""


@contextmanager
def opened_archive(path: Path, what: str) -> Iterator[zipfile.ZipFile]:
    """Opens an archive; what is damaged is found while its members are read, and refused then.

    Args:
        path: The file; its content is untrusted data.
        what: What it should be, for messages.

    Raises:
        NetworkFormatError: It is no zip archive, or is damaged.
    """
    try:
        with open_regular(path, error=NetworkFormatError) as file, zipfile.ZipFile(file) as archive:
            if len(archive.filelist) > _MOST_MEMBERS:
                raise NetworkFormatError(f"{path} holds {len(archive.filelist)} files: no {what} does")
            yield archive
    except _DAMAGED as error:
        raise NetworkFormatError(f"{path} is no {what}, or is damaged: {error}") from error


def stored_json(archive: zipfile.ZipFile, member: str, path: Path, *, most_bytes: int, most_values: int) -> Any:
    """What a member holds as JSON.

    Args:
        archive: The archive.
        member: The member's name; it is there.
        path: The archive's file, for messages.
        most_bytes: Size above which it is no description of a network.
        most_values: Values above which it is none; each takes some hundred bytes in memory.

    Raises:
        NetworkFormatError: It is no JSON, is larger, or is nested too deep.
    """
    described = archive.getinfo(member)
    if described.compress_type not in _METHODS:
        raise NetworkFormatError(f"{path} compresses {member} in a way that no framework does")
    if described.file_size > most_bytes:
        raise NetworkFormatError(
            f"{path} describes more than any network does: {member} is over {most_bytes >> 20} MiB"
        )
    held = 0 if archive.fp is None else archive.fp.seek(0, os.SEEK_END)
    if described.compress_size > held:
        raise NetworkFormatError(f"{path} is damaged: {member} is larger than the archive")
    with archive.open(member) as stored:
        text = stored.read()  # never more than the archive says, and what it says was looked at
    if sum(map(text.count, (b",", b"[", b"{"))) > most_values:
        raise NetworkFormatError(f"{path} describes more than any network does: {member} has over {most_values} values")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise NetworkFormatError(f"{path} is damaged: {member} is nested too deep") from error
    except ValueError as error:
        raise NetworkFormatError(f"{path} is damaged: {member} is no JSON") from error
