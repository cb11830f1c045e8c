"""Where platforms are found: files, the user's folders, the catalogue that is shipped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.documents import MAX_JSON_BYTES
from annette.errors import PlatformFormatError, PlatformNotFoundError, nearest
from annette.files import exists, open_regular
from annette.platforms.format import loads_platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.platforms.platform import Platform

__all__ = ["PATH_VARIABLE", "PlatformEntry", "list_platforms", "load_platform", "user_folders"]

PATH_VARIABLE: Final = "ANNETTE_PLATFORM_PATH"
"""Environment variable with folders of platform files, separated like ``PATH``; searched before the catalogue."""

_SUFFIX: Final = ".json"
_CATALOGUE: Final = Path(__file__).with_name("catalog")


@dataclass(frozen=True, slots=True)
class PlatformEntry:
    """A platform that can be loaded by name.

    Attributes:
        name: The file's name without its suffix.
        origin: ``catalogue``, or the folder of the user's file.
        file: The file.
    """

    name: str
    origin: str
    file: Path

    def load(self) -> Platform:
        """Reads the platform.

        Raises:
            PlatformFormatError: The file is not acceptable, or its name and the platform's differ.
        """
        platform = _read(self.file, f"{self.name!r}" if self.origin == "catalogue" else repr(str(self.file)))
        if platform.name != self.name:
            raise PlatformFormatError(
                f"platform file {str(self.file)!r} holds platform {platform.name!r}: "
                f"name the file {platform.name}{_SUFFIX}"
            )
        return platform


def user_folders() -> tuple[Path, ...]:
    """Folders searched before the catalogue: those of `PATH_VARIABLE`, or the user's data folder (XDG)."""
    listed = os.environ.get(PATH_VARIABLE)
    if listed:
        return tuple(Path(folder).expanduser() for folder in listed.split(os.pathsep) if folder)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return (Path(data).expanduser() / "annette" / "platforms",)


def list_platforms() -> tuple[PlatformEntry, ...]:
    """All platforms that can be loaded by name, sorted by name; a user's file hides a shipped one of the same name."""
    by_name: dict[str, PlatformEntry] = {}
    for origin, folder in (("catalogue", _CATALOGUE), *((str(folder), folder) for folder in reversed(user_folders()))):
        if folder.is_dir():
            by_name |= {file.stem: PlatformEntry(file.stem, origin, file) for file in folder.glob(f"*{_SUFFIX}")}
    return tuple(by_name[name] for name in sorted(by_name))


def load_platform(name_or_path: str | os.PathLike[str]) -> Platform:
    """Loads a platform.

    Args:
        name_or_path: Name of a platform that `list_platforms` lists, or the path of a platform file. Text with a
            path separator or the suffix ``.json`` is a path.

    Returns:
        The platform.

    Raises:
        PlatformNotFoundError: There is no such platform or file.
        PlatformFormatError: The file is not acceptable.

    Example:
        >>> load_platform("zcu102-dnndk").device
        'Xilinx ZCU102, DPU B4096'
    """
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(_SUFFIX) or os.sep in text:
        path = Path(text)
        if not exists(path):
            raise PlatformNotFoundError(f"there is no platform file {text!r}; 'annette platforms' lists known names")
        return _read(path, repr(text))
    entries = {entry.name: entry for entry in list_platforms()}
    if text not in entries:
        raise _unknown(text, entries)
    return entries[text].load()


def _unknown(name: str, known: Iterable[str]) -> PlatformNotFoundError:
    """What to say of a name that no platform has: one that is meant, or why a file of that name is none, or all."""
    missing = f"there is no platform {name!r}"
    alike = nearest(name, known)
    if name and exists(Path(name)):
        return PlatformNotFoundError(f"{missing}, and a platform file ends in {_SUFFIX}{alike}")
    if alike:
        return PlatformNotFoundError(f"{missing}{alike} 'annette platforms' lists all")
    return PlatformNotFoundError(f"{missing}; known: {', '.join(known) or 'none'}")


def _read(file: Path, source: str) -> Platform:
    with open_regular(file, error=PlatformFormatError) as stream:
        data = stream.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise PlatformFormatError(f"platform file {source} is larger than {MAX_JSON_BYTES} bytes")
    return _parsed(bytes(data), source)


@lru_cache(maxsize=16)
def _parsed(data: bytes, source: str) -> Platform:
    return loads_platform(data, source=source)
