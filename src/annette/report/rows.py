"""Tables of documents as columns, for files that spreadsheets and data frames read: whole, with plain numbers.

What a document lists stands in rows, one value a column; a document of one estimate is a row itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LISTED", "table_of"]

LISTED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "advice": ("hints",),
        "backends": ("backends",),
        "bench-check": ("workloads",),
        "calibration": ("networks",),
        "comparison": ("platforms",),
        "dataset-comparison": ("networks",),
        "diff": ("kernels",),
        "error": (),
        "estimate": (),
        "evaluation": ("networks",),
        "fit": ("kinds",),
        "measurement": (),
        "network": ("kernels", "layers"),
        "platforms": ("platforms",),
        "search": ("front",),
        "transfer": ("kinds",),
    }
)
"""Documents that have a table, and the field that holds its rows, the first that is there; none: it is a row itself."""

_WHOSE: Final = ("network", "platform", "backend", "suite")
"""Fields of a document that stand in front of each of its rows, where rows have none of the name."""

_LEFT_OUT: Final = ("schema", "kernels", "branches", "alive_bytes")
"""Fields of documents that are rows themselves which have tables of their own."""


def table_of(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows of documents as columns.

    Objects inside a row become columns of their own where their fields are fixed (``memory_peak_kernel``), and lists of
    ``name=value`` where they are not; a pair of ends becomes two columns (``lower_s``, ``upper_s``); a tensor is its
    shape. What a row does not have is None.

    Args:
        documents: Documents as ``--json`` prints them, mostly of one kind.

    Raises:
        OptionError: A document of this kind has no table.
    """
    rows = [row for document in documents for row in _rows(document)]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind = str(document["schema"]).split("/")[1]
    if kind not in LISTED:
        raise OptionError(f"a document of the kind {kind!r} has no table")
    if not LISTED[kind]:
        yield dict(_flat({name: value for name, value in document.items() if name not in _LEFT_OUT}))
        return
    listed = next(name for name in LISTED[kind] if name in document)
    whose = {name: document[name] for name in _WHOSE if isinstance(document.get(name), str)}
    for entry in document[listed]:
        yield {**whose, **dict(_flat(entry))}


def _flat(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of an entry with the names of their columns."""
    for name, value in entry.items():
        if name.endswith("interval_s"):
            ends = value or (None, None)
            yield from zip((f"{prefix}lower_s", f"{prefix}upper_s"), ends, strict=True)
        elif name == "intervals_s" and isinstance(value, Mapping):
            yield f"{prefix}{name}", [f"{key}={_joined(' to ', ends or ())}" for key, ends in value.items()]
        elif name == "memory" and isinstance(value, Mapping):
            yield from _flat({key: each for key, each in value.items() if key not in _LEFT_OUT}, f"{name}_")
        elif isinstance(value, Mapping):
            yield f"{prefix}{name}", [f"{key}={_text(each)}" for key, each in value.items()]
        elif isinstance(value, list):
            yield f"{prefix}{name}", [_text(each) for each in value]
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """A value inside a list."""
    if isinstance(value, Mapping):
        if "shape" in value:
            return _joined("x", value["shape"]) or "scalar"
        return ", ".join(f"{key}={_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return _joined("x", value)
    return "" if value is None else str(value)


def _joined(sign: str, values: Iterable[Any]) -> str:
    return sign.join(map(str, values))
