"""From what a user names — a folder, a pattern, a file, a network of the zoo — to what can be loaded one by one."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Final

from annette.errors import NetworkError
from annette.files import exists, is_file
from annette.network.load import is_saved_model, readers

__all__ = ["find_networks", "is_collection"]

_ANYTHING: Final = frozenset({".json"})
"""Suffixes of files that may hold anything: of a folder they are no networks, unless they are named."""
_WITH_WEIGHTS: Final = ".xml"
"""Suffix that many formats share: of a folder, those files are networks that have their weights beside them."""


def is_collection(place: str | Path) -> bool:
    """Whether a place is a folder or a pattern, which may hold any number of networks."""
    if is_saved_model(Path(place)):
        return False
    return Path(place).is_dir() or (glob.has_magic(str(place)) and not exists(Path(place)))


def find_networks(place: str | Path) -> list[str]:
    """What is to be loaded for what a user names.

    Args:
        place: A folder, of which all files are taken that end as network files do, those in folders within it too, but
            no ``.json``, and ``.xml`` only beside a ``.bin``, and folders that TensorFlow saved a model in; a pattern
            as shells have them (``models/**/*.onnx``); or a file or name, which stands for itself, whether there is
            such a network or not.

    Returns:
        Files and names, those of a folder or pattern in alphabetical order.

    Raises:
        NetworkError: A folder or pattern holds none, or nothing is named.

    Example:
        >>> find_networks("resnet50")
        ['resnet50']
    """
    if not str(place):
        raise NetworkError("the name of a network is empty")
    path = Path(place)
    if path.is_dir() and not is_saved_model(path):
        known = set(readers()) - _ANYTHING
        found = [str(each) for each in path.rglob("*") if _is_network(each, known)]
        if not found:
            raise NetworkError(f"folder {str(place)!r} holds no network files (they end in {', '.join(sorted(known))})")
        return sorted(found)
    if not is_collection(place):
        return [str(place)]
    matches = map(Path, glob.glob(str(place), recursive=True))  # noqa: PTH207 - any path
    found = [str(each) for each in matches if each.is_file() or is_saved_model(each)]
    if not found:
        raise NetworkError(f"no file matches pattern {str(place)!r}")
    return sorted(found)


def _is_network(path: Path, known: set[str]) -> bool:
    if not path.is_file():
        return is_saved_model(path)
    suffix = path.suffix.lower()
    return suffix in known and (suffix != _WITH_WEIGHTS or is_file(path.with_suffix(".bin")))
