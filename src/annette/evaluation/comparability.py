"""Whether measurements are of what a platform was fitted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.platforms import Platform

__all__ = ["compare_environments", "measuring_options"]

_MUST_AGREE: Final = ("runtime", "precision", "threads")
_SHOULD_AGREE: Final = (("runtime_version", "version of the runtime"), ("cpu", "processor"), ("cpu_flags", "processor"))


def measuring_options(platform: Platform, known: Iterable[str], texts: Mapping[str, str]) -> dict[str, str]:
    """Options of a backend that make it run as the platform does; what the user gave is kept.

    Args:
        platform: What is evaluated.
        known: Options that the backend has.
        texts: What the user gave, as texts.
    """
    stated = {"threads": str(platform.threads), **dict(platform.provenance.versions)}
    wanted: dict[str, str] = {
        name: stated[name] for name in ("threads", "precision") if name in stated and name in known
    }
    return {**wanted, **texts}


def compare_environments(platform: Platform, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Compares the environment of measurements with that of the benchmark that a platform was fitted to.

    Args:
        platform: What is evaluated.
        environment: What a backend says of itself.

    Returns:
        Differences that make errors larger without making them meaningless, one sentence each.

    Raises:
        OptionError: Runtime, precision or number of threads differ: the estimates are of something else.
    """
    stated = {"threads": str(platform.threads), **dict(platform.provenance.versions)}
    for key in _MUST_AGREE:
        if key in stated and key in environment and stated[key] != environment[key]:
            raise OptionError(
                f"platform {platform.name!r} is for {key} {stated[key]!r}, and measured was with {key} "
                f"{environment[key]!r}: they do not compare; measure with {stated[key]!r}, or evaluate another platform"
            )
    notes = {
        what: f"another {what}: measured on {environment[key]!r}, the platform was fitted on {stated[key]!r}"
        for key, what in reversed(_SHOULD_AGREE)
        if key in stated and key in environment and stated[key] != environment[key]
    }
    if "runtime" not in stated:
        notes["runtime"] = f"the platform states its runtime as {platform.runtime!r}, which was not compared"
    return tuple(notes.values())
