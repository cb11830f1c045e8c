"""Kinds that a starting platform has no fitted model of, and that were measured on the new device: fitted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.fitting.families import KindFit, fit_kind
from annette.fitting.platform import fitted_ranges
from annette.fitting.samples import LEAST_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.fitting.samples import Samples
    from annette.platforms import Platform

__all__ = ["fit_new_kinds", "with_new_kinds"]


def fit_new_kinds(samples: Samples, *, seed: int = 0) -> dict[str, KindFit]:
    """All families for each kind with enough rows.

    Args:
        samples: Cleaned rows of kinds that the starting platform has no model of, or an assumed one.
        seed: For everything random.
    """
    enough = [kind for kind, count in samples.kinds.items() if count >= LEAST_ROWS]
    return {kind: fit_kind(kind, samples.of_kind(kind), seed=seed) for kind in enough}


def with_new_kinds(platform: Platform, fits: Mapping[str, KindFit]) -> Platform:
    """The platform with these kinds as well: models, ranges, intervals, accuracy and a note.

    Args:
        platform: The adapted platform; what it assumes of these kinds goes.
        fits: What `fit_new_kinds` gave.
    """
    if not fits:
        return platform
    intervals = platform.intervals
    if intervals is not None:
        own = {kind: fit.intervals() for kind, fit in fits.items()}
        intervals = replace(intervals, kernels={**intervals.kernels, **own})
    listed = ", ".join(f"{kind} ({len(fit.samples)} kernels, {fit.best})" for kind, fit in sorted(fits.items()))
    note = f"fitted anew, for the starting platform has no fitted model of them: {listed}"
    return replace(
        platform,
        models={**platform.models, **{kind: fit.models for kind, fit in fits.items()}},
        preferred_by_kind={**platform.preferred_by_kind, **{kind: fit.best for kind, fit in fits.items()}},
        ranges={**platform.ranges, **{kind: fitted_ranges(fit.samples) for kind, fit in fits.items()}},
        assumed={kind: why for kind, why in platform.assumed.items() if kind not in fits},
        intervals=intervals,
        accuracy=(
            *platform.accuracy,
            *(
                {"kind": kind, "rows": len(fit.samples), "left-out MAPE": round(fit.error(fit.best), 4)}
                for kind, fit in sorted(fits.items())
            ),
        ),
        provenance=replace(platform.provenance, notes=(*platform.provenance.notes, note)),
    )
