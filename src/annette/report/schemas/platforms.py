"""Documents of platforms and backends."""

from __future__ import annotations

from typing import Annotated

from annette.report.schemas.base import (
    ReportDocument,
    ReportPart,
    doc,
)

__all__ = ["BackendOption", "BackendsDocument", "ListedBackend", "ListedPlatform", "PlatformsDocument"]


class ListedPlatform(ReportPart, frozen=True):
    """One platform that can be named."""

    name: Annotated[str, doc("Name to use with `--platform`.")]
    description: Annotated[str, doc("One line.")]
    device: Annotated[str, doc("What it runs on.")]
    runtime: Annotated[str, doc("What it runs with.")]
    latency_is: Annotated[str, doc("What its headline latency measures: `device` or `end_to_end`.")]
    preferred_family: Annotated[str, doc("Family of layer models that is used unless another is asked for.")]
    kinds: Annotated[list[str], doc("Kinds of kernel it has a model for.")]
    origin: Annotated[str, doc("`catalogue`, or the folder of the user's file.")]


class PlatformsDocument(ReportDocument, frozen=True, tag="annette/platforms/1"):
    """The platforms that can be named.

    Printed by `annette platforms list --json`. `annette platforms show --json` prints a document of schema
    `annette/platform-summary/1`: the platform file without the parameters of its models (see
    [platform-format.md](platform-format.md)).
    """

    platforms: Annotated[list[ListedPlatform], doc("All platforms that can be named, sorted by name.")]


class BackendOption(ReportPart, frozen=True):
    """One option of a backend."""

    name: Annotated[str, doc("Name of the option.")]
    type: Annotated[str, doc("`int`, `float`, `str` or `bool`.")]
    default: Annotated[str | float | bool, doc("Its default.")]
    help: Annotated[str, doc("What it does.")]


class ListedBackend(ReportPart, frozen=True):
    """One backend."""

    name: Annotated[str, doc("Name on the command line.")]
    usable: Annotated[bool, doc("Whether it can be used here.")]
    reason: Annotated[str, doc("Version found, or what is missing.")]
    install: Annotated[str, doc("The line that installs what is missing; empty where nothing is.")]
    options: Annotated[list[BackendOption], doc("Its options.")]
    file_formats: Annotated[list[str], doc("Suffixes of files that it measures as they are.")]


class BackendsDocument(ReportDocument, frozen=True, tag="annette/backends/1"):
    """The backends.

    Printed by `annette backends --json`.
    """

    backends: Annotated[list[ListedBackend], doc("All backends, built-in ones first.")]


class ConversionDocument(ReportDocument, frozen=True, tag="annette/conversion/1"):
    """A platform made from somebody else's published models.

    Printed by `annette import --json` where the layout holds models instead of measurements.
    """

    platform: Annotated[str, doc("Path of the platform file.")]
    kinds: Annotated[int, doc("Kinds of kernel that have models.")]
