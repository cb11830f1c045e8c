"""Exported programs of PyTorch: their documents and archives changed, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tools.fuzz.archive_format import ArchiveFormat
from tools.fuzz.oracle import refused_with
from tools.fuzz.program_file import programs

from annette.errors import NetworkError
from annette.network.readers.pytorch.archive import read_archive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["ProgramFormat"]


class ProgramFormat(ArchiveFormat):
    """What annette reads and checks of a ``.pt2`` file before PyTorch sees it; PyTorch itself is not called."""

    name: ClassVar[str] = "pt2"
    suffix: ClassVar[str] = ".pt2"
    main: ClassVar[str] = "net/models/model.json"

    def sound(self) -> Sequence[Mapping[str, Any]]:
        """Programs of several operators and constants."""
        return programs()

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads and checks the program."""
        del dice
        with refused_with(NetworkError):
            read_archive(file)
        return "accepted"
