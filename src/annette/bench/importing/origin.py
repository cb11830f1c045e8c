"""Where imported measurements come from: kept in their dataset, and handed on to platforms that are fitted on them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from annette.documents import convert, parse_json
from annette.errors import DatasetError
from annette.platforms import Source  # noqa: TC001 - msgspec resolves the annotation

if TYPE_CHECKING:
    from pathlib import Path

    from annette.bench.dataset import Dataset

__all__ = ["Origin", "digest_of", "origin_of"]


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the numbers of a dataset come from.

    Attributes:
        sources: The tables, with licence and hash.
        versions: Versions of compiler and runtime, where the tables say them.
        notes: What was done to the numbers, one sentence each.
    """

    sources: tuple[Source, ...] = ()
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()


def origin_of(dataset: Dataset) -> Origin | None:
    """Where the numbers of a dataset come from; None for what was measured with ``annette bench``.

    Raises:
        DatasetError: What the dataset says is damaged.
    """
    text, name = dataset.origin(), f"the origin in dataset {str(dataset.path)!r}"
    if text is None:
        return None
    return convert(parse_json(text.encode(), source=name, error=DatasetError), Origin, error=DatasetError)


def digest_of(path: Path) -> str:
    """SHA-256 of a table, 64 hexadecimal digits.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"table {str(path)!r} cannot be read: {error.strerror or error}") from error
