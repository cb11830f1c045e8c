"""What the structures of all documents have in common."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from annette.documents import plain

__all__ = [
    "Digest",
    "FloatAbove0",
    "FloatFrom0",
    "IntFrom0",
    "IntFrom1",
    "Interval",
    "OutsidePart",
    "ReportDocument",
    "ReportPart",
    "Share",
    "doc",
    "part",
]

# Bounds of what is printed; unlike those of `annette.documents`, which reads files of strangers, without upper limits.
FloatFrom0: TypeAlias = Annotated[float, Meta(ge=0)]
FloatAbove0: TypeAlias = Annotated[float, Meta(gt=0)]
IntFrom0: TypeAlias = Annotated[int, Meta(ge=0)]
IntFrom1: TypeAlias = Annotated[int, Meta(ge=1)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Interval: TypeAlias = Annotated[list[float], Meta(min_length=2, max_length=2)]
"""Lower and upper end."""
Digest: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal digits."""

_Part = TypeVar("_Part", bound="ReportPart")


def doc(meaning: str) -> Meta:
    """What a field means, for its schema and docs/json.md: part of its annotation."""
    return Meta(description=meaning)


class ReportPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object inside a document."""


class OutsidePart(ReportPart, frozen=True):
    """A feature that lies outside the fitted range."""

    feature: Annotated[str, doc("Column of the kernel table, in its unit.")]
    value: Annotated[float, doc("Its value.")]
    fitted: Annotated[Interval, doc("Smallest and largest value that the model was fitted on.")]


class ReportDocument(ReportPart, frozen=True, tag_field="schema", tag="annette"):
    """A document; its ``tag`` is the name and version that it states in ``schema``.

    Within a version fields are only ever added; one that goes or changes its meaning makes a new version.
    """

    def plain(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        values: dict[str, Any] = plain(self)
        return values


def part(kind: type[_Part], source: Any, /, **stated: Any) -> _Part:
    """A part of a document whose fields are attributes of the same names.

    Args:
        kind: What to build.
        source: Has an attribute for each field that is not stated.
        stated: Fields that the source does not have, or has in another form.

    Tuples become lists, and NaN becomes null: what is not known.
    """
    values = {name: stated[name] if name in stated else getattr(source, name) for name in kind.__struct_fields__}
    return kind(**{name: _known(value) for name, value in values.items()})


def _known(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value
