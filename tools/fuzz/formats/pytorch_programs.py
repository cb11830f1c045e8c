"""Exported programs of PyTorch: their documents and archives changed, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.oracle import refused_with
from tools.fuzz.program_file import programs
from tools.fuzz.zip_file import Archive

from annette.errors import NetworkError
from annette.network.readers.pytorch.archive import read_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

__all__ = ["ProgramFormat"]

_PROGRAM: Final = "net/models/model.json"


class ProgramFormat(Format):
    """What annette reads and checks of a ``.pt2`` file before PyTorch sees it; PyTorch itself is not called.

    A user's own files are damaged as bytes only.
    """

    name: ClassVar[str] = "pt2"
    suffix: ClassVar[str] = ".pt2"
    raw: ClassVar[float] = 0.1

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._programs = programs()
        self._files = tuple(path.read_bytes() for path in self.extra)

    def draw(self, dice: Random) -> Archive | bytes:
        """A sound program, or a user's file."""
        if self._files and dice.random() < 0.2:
            return dice.choice(self._files)
        return Archive.of(dice.choice(self._programs), _PROGRAM)

    def mutate(self, subject: Archive | bytes, dice: Random) -> None:
        """Changes the program, its constants or the archive."""
        if isinstance(subject, Archive):
            subject.mutate(dice)

    def encode(self, subject: Archive | bytes, dice: Random) -> bytes:
        """The archive's bytes."""
        return subject if isinstance(subject, bytes) else subject.encode(dice)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads and checks the program."""
        del dice
        with refused_with(NetworkError):
            read_archive(file)
        return "accepted"
