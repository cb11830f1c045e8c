"""Removes times that are not positive finite numbers from runs, before anything is summed over them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from annette.fitting.samples import Dropped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.records import Run

__all__ = ["with_usable_times"]


def with_usable_times(runs: Iterable[Run]) -> tuple[list[Run], tuple[Dropped, ...]]:
    """Runs with times that are positive finite numbers, and what was left out for that.

    A kernel with a bad time goes, and with it the time of the whole run, which says nothing about the kernels that are
    left; so do bad times of whole runs and of the reference workload.

    Args:
        runs: Usable runs.
    """
    usable = []
    kernels: list[str] = []
    wholes: list[str] = []
    calibrations: list[str] = []
    for run in runs:
        kept = tuple(record for record in run.kernels if _positive(record.latency_s))
        samples_s = tuple(time_s for time_s in run.samples_s if _positive(time_s))
        reference_s = tuple(time_s for time_s in run.reference_s if _positive(time_s))
        kernels += [f"{run.case}: {record.name}" for record in run.kernels if not _positive(record.latency_s)]
        whole = not run.samples_s or (_positive(run.latency_s) and len(samples_s) == len(run.samples_s))
        if not whole:
            wholes.append(run.case)
        if len(reference_s) < len(run.reference_s):
            calibrations.append(run.case)
        if not whole or len(kept) < len(run.kernels):
            run = replace(run, kernels=kept, latency_s=math.nan, samples_s=())  # noqa: PLW2901 - the same run, less
        usable.append(replace(run, reference_s=reference_s))
    reasons = (
        ("the time is not a positive finite number", kernels),
        ("the time of the whole run is not a positive finite number: not used for overheads", wholes),
        ("a time of the calibration workload is not a positive finite number: that time is not used", calibrations),
    )
    return usable, tuple(Dropped(reason, tuple(sources)) for reason, sources in reasons if sources)


def _positive(time_s: float) -> bool:
    return math.isfinite(time_s) and time_s > 0
