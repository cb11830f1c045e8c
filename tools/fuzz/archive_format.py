"""Formats whose files are zip archives with a document that says what the model is."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from tools.fuzz.case import Format
from tools.fuzz.zip_file import Archive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["ArchiveFormat"]


class ArchiveFormat(Format):
    """Archives drawn from a few sound ones; a user's own files are damaged as bytes only.

    Attributes:
        main: Name of the member that says what the model is.
    """

    raw: ClassVar[float] = 0.1
    main: ClassVar[str]

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._sound = tuple(self.sound())
        self._files = tuple(path.read_bytes() for path in self.extra)

    @abstractmethod
    def sound(self) -> Sequence[Mapping[str, Any]]:
        """Members of sound archives, by name."""

    def draw(self, dice: Random) -> Archive | bytes:
        """A sound model, or a user's file."""
        if self._files and dice.random() < 0.2:
            return dice.choice(self._files)
        return Archive.of(dice.choice(self._sound), self.main)

    def mutate(self, subject: Archive | bytes, dice: Random) -> None:
        """Changes a document or the archive."""
        if isinstance(subject, Archive):
            subject.mutate(dice)

    def encode(self, subject: Archive | bytes, dice: Random) -> bytes:
        """The archive's bytes."""
        return subject if isinstance(subject, bytes) else subject.encode(dice)
