"""Where a platform's numbers come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from annette.documents import OPTIONAL, NonNegative, convert, plain
from annette.errors import PlatformFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Provenance", "Source"]


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
    date: str | None = field(default=None, metadata=OPTIONAL)
    sha256: str | None = field(default=None, metadata=OPTIONAL)


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
            others go with, at most 1; ``profiler_s``, what the profiler added to each kernel and was taken off. Each at
            least 0.

    Raises:
        PlatformFormatError: The calibration exponent is above 1.
    """

    created_by: str
    sources: tuple[Source, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    measurement: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        exponent = self.measurement.get("calibration_exponent", 0.0)
        if exponent > 1.0:
            raise PlatformFormatError(f"$.measurement.calibration_exponent is {exponent:g}: it must be at most 1")

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {**plain(self), "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, document: Any) -> Provenance:
        """Reads the provenance.

        Raises:
            PlatformFormatError: A part is missing, unknown, of another type or out of its range.
        """
        read = convert(document, _File, error=PlatformFormatError)
        return cls(read.created_by, read.sources, tuple(read.versions.items()), read.notes, read.measurement)


@dataclass(frozen=True)
class _File:
    created_by: str
    sources: tuple[Source, ...]
    versions: dict[str, str]
    notes: tuple[str, ...]
    measurement: dict[str, NonNegative] = field(default_factory=dict, metadata=OPTIONAL)
