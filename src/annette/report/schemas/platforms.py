"""Documents of platforms and backends."""

from __future__ import annotations

from annette.report.schemas.base import (
    ReportDocument,
    ReportPart,
)

__all__ = ["BackendOption", "BackendsDocument", "ListedBackend", "ListedPlatform", "PlatformsDocument"]


class ListedPlatform(ReportPart, frozen=True):
    """One platform that can be named.

    Attributes:
        name: Name to use with `--platform`.
        description: One line.
        device: What it runs on.
        runtime: What it runs with.
        latency_is: What its headline latency measures: `device` or `end_to_end`.
        preferred_family: Family of layer models that is used unless another is asked for.
        kinds: Kinds of kernel it has a model for.
        origin: `catalogue`, or the folder of the user's file.
    """

    name: str
    description: str
    device: str
    runtime: str
    latency_is: str
    preferred_family: str
    kinds: list[str]
    origin: str


class PlatformsDocument(ReportDocument, frozen=True, tag="annette/platforms/1"):
    """The platforms that can be named.

    Printed by `annette platforms list --json`. `annette platforms show --json` prints a document of schema
    `annette/platform-summary/1`: the platform file without the parameters of its models (see
    [platform-format.md](platform-format.md)).

    Attributes:
        platforms: All platforms that can be named, sorted by name.
    """

    platforms: list[ListedPlatform]


class BackendOption(ReportPart, frozen=True):
    """One option of a backend.

    Attributes:
        name: Name of the option.
        type: `int`, `float`, `str` or `bool`.
        default: Its default.
        help: What it does.
    """

    name: str
    type: str
    default: str | float | bool
    help: str


class ListedBackend(ReportPart, frozen=True):
    """One backend.

    Attributes:
        name: Name on the command line.
        usable: Whether it can be used here.
        reason: Version found, or what is missing.
        install: The line that installs what is missing; empty where nothing is.
        options: Its options.
        file_formats: Suffixes of files that it measures as they are.
    """

    name: str
    usable: bool
    reason: str
    install: str
    options: list[BackendOption]
    file_formats: list[str]


class BackendsDocument(ReportDocument, frozen=True, tag="annette/backends/1"):
    """The backends.

    Printed by `annette backends --json`.

    Attributes:
        backends: All backends, built-in ones first.
    """

    backends: list[ListedBackend]
