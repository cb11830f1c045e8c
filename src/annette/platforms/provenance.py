"""Where a platform's numbers come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.models.fields import Fields

__all__ = ["Provenance", "Source"]

_MOST: Final = {"calibration_exponent": 1.0}


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that numbers were taken from.

    Attributes:
        title: What it is.
        location: Where it is: a repository with its revision, a publication, a dataset.
        licence: Its licence, as an SPDX identifier or a short text.
        date: When it was published or measured, ISO 8601, or None where that is not known.
        sha256: Hash of the data, or None where the source is not one file.
    """

    title: str
    location: str
    licence: str
    date: str | None = None
    sha256: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All attributes."""
        return {
            "title": self.title,
            "location": self.location,
            "licence": self.licence,
            "date": self.date,
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Source:
        """Reads one source.

        Raises:
            PlatformFormatError: A part is missing, unknown or not text.
        """
        fields.only("title", "location", "licence", "date", "sha256")
        return cls(
            title=fields.text("title"),
            location=fields.text("location"),
            licence=fields.text("licence"),
            date=fields.optional_text("date"),
            sha256=fields.optional_text("sha256"),
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a platform file came about.

    Attributes:
        created_by: Program and version, or tool, that wrote the numbers.
        sources: What they were taken from.
        versions: Versions of what was measured with: runtime, driver, compiler; name and version.
        notes: What a user of the numbers should know, one sentence each.
        measurement: What the measuring itself was like, by name: ``calibration_s``, the calm time of the calibration
            workload, to whose speed all times were brought; ``calibration_exponent``, the power of that time that
            others go with; ``profiler_s``, what the profiler added to each kernel and was taken off. Each at least 0.
    """

    created_by: str
    sources: tuple[Source, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    measurement: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "created_by": self.created_by,
            "sources": [source.to_json() for source in self.sources],
            "versions": dict(self.versions),
            "notes": list(self.notes),
            "measurement": dict(self.measurement),
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Provenance:
        """Reads the provenance.

        Raises:
            PlatformFormatError: A part is missing, unknown or not text.
        """
        fields.only("created_by", "sources", "versions", "notes", "measurement")
        versions = fields.object("versions")
        return cls(
            created_by=fields.text("created_by"),
            sources=tuple(Source.from_json(source) for source in fields.objects("sources")),
            versions=tuple((name, versions.text(name)) for name in versions),
            notes=fields.texts("notes"),
            measurement=_measurement(fields) if "measurement" in fields else {},
        )


def _measurement(fields: Fields) -> dict[str, float]:
    listed = fields.object("measurement")
    return {name: listed.number(name, least=0, most=_MOST.get(name, math.inf)) for name in listed}
