"""A ``.pt2`` file as ``torch.export.save`` writes it: a zip archive with the program as JSON beside its weights.

Only the JSON and constants of a few kilobytes are read; nothing is unpickled, and no weight is looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError
from annette.network.readers.frameworks.archive import opened_archive, stored_json
from annette.network.readers.pytorch.checks import check_graph

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

__all__ = ["ProgramFile", "StoredConstant", "read_archive"]

_PROGRAM: Final = re.compile(r"(?:.*/)?models/([^/]+)\.json|(?:.*/)?serialized_exported_program\.json")
_MOST_BYTES: Final = 256 << 20
_MOST_VALUES: Final = 20_000_000
_SMALL_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class StoredConstant:
    """A small tensor whose contents a shape may need.

    Attributes:
        meta: Type, sizes and strides, as the file has them.
        data: Its storage.
    """

    meta: dict[str, Any]
    data: bytes


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """What is read of a file.

    Attributes:
        document: The program, checked (`annette.network.readers.pytorch.checks`).
        constants: Small constants by their names in the program.
    """

    document: dict[str, Any]
    constants: dict[str, StoredConstant]


def read_archive(path: Path) -> ProgramFile:
    """Reads the graph of an exported program.

    Args:
        path: The file; its content is untrusted data.

    Raises:
        NetworkFormatError: It is no such archive, or holds something else than one program.
        UnsupportedOperatorError: It calls what is no operator of PyTorch.
    """
    with opened_archive(path, "archive of torch.export.save") as archive:
        names = archive.namelist()
        found = {match.group(0): match.group(1) or "model" for name in names if (match := _PROGRAM.fullmatch(name))}
        if len(found) != 1:
            raise NetworkFormatError(_which(path, sorted(found.values())))
        ((member, program),) = found.items()
        document = _json(archive, member, path)
        constants = _constants(archive, member, program, path)
    check_graph(document, str(path))
    return ProgramFile(document, constants)


def _which(path: Path, programs: list[str]) -> str:
    if programs:
        return f"{path} holds {len(programs)} programs ({', '.join(programs)[:200]}): save each in a file of its own"
    return (
        f"{path} holds no exported program: weights alone and packages compiled by AOTInductor have no graph; save the "
        "model with torch.export.save"
    )


def _json(archive: zipfile.ZipFile, member: str, path: Path) -> dict[str, Any]:
    document = stored_json(archive, member, path, most_bytes=_MOST_BYTES, most_values=_MOST_VALUES)
    if not isinstance(document, dict):
        raise NetworkFormatError(f"{path} is damaged: {member} is no JSON object")
    return document


def _constants(archive: zipfile.ZipFile, member: str, program: str, path: Path) -> dict[str, StoredConstant]:
    """Small constants that are stored plainly; none in files of PyTorch before 2.9, which pickle them all."""
    folder = member.rpartition("models/")[0] + "data/constants/"
    config = f"{folder}{program}_constants_config.json"
    if config not in archive.NameToInfo:
        return {}
    entries = _json(archive, config, path).get("config")
    constants = {}
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if not isinstance(entry, dict) or entry.get("use_pickle") or not isinstance(entry.get("tensor_meta"), dict):
            continue
        stored = archive.NameToInfo.get(f"{folder}{entry.get('path_name')}")
        if stored is not None and stored.file_size <= _SMALL_BYTES:
            with archive.open(stored) as data:
                constants[name] = StoredConstant(entry["tensor_meta"], data.read(_SMALL_BYTES))
    return constants
