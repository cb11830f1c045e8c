"""What datasets hold that layer models can be fitted on: read once for a fit, or a transfer from another platform.

What they were measured in says whether they may be fitted together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.bench.calm import calmness
from annette.bench.importing.collection import origin_of
from annette.bench.machine_speed import (
    LEAST_ROUND_EXPONENT,
    at_speed,
    reference_workload_s,
    speed_exponent,
    speed_ratios,
)
from annette.bench.records import Purpose
from annette.bench.visits import joined_visits
from annette.errors import FitError
from annette.evaluation.truth import MachineSpeed
from annette.fitting.conformal import half_width
from annette.fitting.overheads import RunOverheads, run_overheads
from annette.fitting.roofline import fit_roofline
from annette.fitting.rounds import is_about_control, round_costs
from annette.fitting.samples import LEAST_ROWS, Dropped, Samples, clean, evicted_bytes, paired_kernels
from annette.fitting.short_kernels import FIRST_USE, UNRESOLVED, first_uses, unresolved, without_profiler
from annette.mapping.precision import PRECISIONS, Precision
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.calm import Calmness
    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.mapping.model import MappingModel

__all__ = [
    "OUTLIER_FACTOR",
    "QUANTISATION",
    "MeasuredKernels",
    "TrainingData",
    "benchmark_sources",
    "common_environment",
    "platform_fields",
    "precision_of",
    "read_training_data",
    "with_usable_times",
    "without_outliers",
]

OUTLIER_FACTOR: Final = 50.0
"""Kernels that are at least so many times slower or faster than others of their kind with as much work are left out.

Real kernels of one kind were seen to differ by up to 26 times on one runtime (a slow road for odd channel counts).
"""

_SPREADS: Final = 8.0
_MEASURED: Final = ("fp32", "fp16", "bf16", "int8")
"""Precisions that datasets may state."""

QUANTISATION: Final = "quantisation"
"""Key of an environment whose networks were quantised layer by layer. What each kernel computed with follows from its
tensors; what is not quantised ran as it does in datasets of floating point, which may be fitted together with it."""


@dataclass(frozen=True, eq=False)
class MeasuredKernels:
    """The measured kernels as a mapping model sees them.

    Attributes:
        paired: All that the mapping model predicts, at one speed of the machine.
        samples: Those to fit on: positive times, each configuration once, none off by orders of magnitude.
        dropped: Rows that were left out, with reasons.
        paired_share: Share of the measured time whose kernels the mapping model predicts.
        measurement: What the measuring was like, see `annette.platforms.Provenance`.
    """

    paired: Samples
    samples: Samples
    dropped: tuple[Dropped, ...]
    paired_share: float
    measurement: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Datasets of one environment.

    Attributes:
        environment: What they were measured in.
        precision: Width of the numbers there.
        everything: All runs, failed ones and whole networks among them.
        runs: Usable runs of anything but whole networks, with times that can be.
        whole_networks: Usable runs of whole networks, which are not fitted on.
        overheads: Costs beside kernels, found from ``runs``.
        dropped: Parts of runs that were left out, with reasons.
        sources: The datasets, for the provenance.
        speed: The speed of the machine that all times were brought to, where it is known.
        calm: How calm each dataset's campaign was, of those that tell.
        level_error: Relative standard error that all times have in common (`Calmness.level_error`), at that speed; 0
            where nothing tells.
    """

    environment: Mapping[str, str]
    precision: Precision
    everything: Sequence[Run]
    runs: Sequence[Run]
    whole_networks: int
    overheads: RunOverheads
    dropped: tuple[Dropped, ...]
    sources: tuple[Source, ...]
    speed: MachineSpeed = field(default_factory=MachineSpeed)
    calm: tuple[Calmness, ...] = ()
    level_error: float = 0.0

    def kernels(self, mapping: MappingModel, *, profiler_s: float | None = None) -> MeasuredKernels:
        """The measured kernels that a mapping model predicts, cleaned.

        Args:
            mapping: Says which layers run as one kernel.
            profiler_s: What the profiler adds to each kernel, seconds; what the runs tell if None.

        Raises:
            FitError: No measured kernel is predicted, or none can be fitted on.
        """
        added_s = self.overheads.profiler_s if profiler_s is None else profiler_s
        runs = without_profiler(self.runs, replace(self.overheads, profiler_s=added_s))
        paired, share, run_of_row = paired_kernels(runs, mapping, self.precision)
        totals_s = np.array([math.inf if evicted_bytes(run) else run.latency_s for run in self.runs])
        left_out = {UNRESOLVED: unresolved(paired, run_of_row, totals_s)}
        left_out[FIRST_USE] = first_uses(paired, run_of_row, np.isinf(totals_s)) & ~left_out[UNRESOLVED]
        known = ~np.logical_or.reduce(list(left_out.values()))
        smeared = tuple(
            Dropped(why, tuple(paired.sources[rows].tolist())) for why, rows in left_out.items() if rows.any()
        )
        cleaned, joined = clean(paired.select(known))
        kept, outliers = without_outliers(cleaned)
        facts = {"profiler_s": added_s}
        if self.calm:
            facts |= {"calm_index": min(each.index for each in self.calm), "level_error": self.level_error}
        if self.speed.calibration_s is not None:
            facts |= {"calibration_s": self.speed.calibration_s, "calibration_exponent": self.speed.exponent}
        return MeasuredKernels(paired, kept, (*self.dropped, *smeared, *joined, *outliers), share, facts)


def read_training_data(datasets: Sequence[Dataset], precision: str | None = None) -> TrainingData:
    """Reads the datasets that a platform is fitted on.

    Args:
        datasets: One or more, measured in the same environment.
        precision: Numbers that were computed with, for datasets that do not say.

    Raises:
        FitError: The datasets are empty or hold whole networks only, differ in environment, or do not say their
            precision.
    """
    environment = common_environment(datasets, precision)
    visits = [list(dataset.runs()) for dataset in datasets]
    at_one_speed, speed = _at_one_speed(visits)
    everything = [run for runs in at_one_speed for run in joined_visits(runs)]
    usable = [run for run in everything if run.usable]
    parts = [run for run in usable if run.purpose is not Purpose.NETWORK and not is_about_control(run.network)]
    if not parts:
        raise FitError(
            "the datasets hold no usable run of anything but whole networks, which are not fitted on: "
            "'annette calibrate' takes those"
        )
    runs, dropped = with_usable_times(parts)
    control = [run for run in usable if is_about_control(run.network)]
    return TrainingData(
        environment=environment,
        precision=precision_of(environment),
        everything=everything,
        runs=runs,
        whole_networks=len(usable) - len(parts) - len(control),
        overheads=replace(run_overheads(runs), **round_costs(control)._asdict()),
        dropped=dropped,
        sources=benchmark_sources(datasets),
        speed=speed,
        calm=tuple(filter(None, map(calmness, visits))),
        level_error=max((each.level_error for each in filter(None, map(calmness, at_one_speed))), default=0.0),
    )


def _at_one_speed(visits: Sequence[Sequence[Run]]) -> tuple[list[list[Run]], MachineSpeed]:
    """The runs of some datasets, brought to the speed that the machine has in calm moments, and that speed.

    Visits of a dataset are brought to its usual speed by the power that visits follow the reference workload by, and
    datasets to the calm one by the power that whole hours follow it by, which is larger: what a visit of some
    milliseconds met is known worse than what an hour did (docs/decisions/calibration-exponent.md). Whole networks are
    not fitted on and stay as they are; the speed says by which power their rounds are brought to it.
    """
    parts = [[run for run in runs if run.purpose is not Purpose.NETWORK] for runs in visits]
    together = [run for runs in parts for run in runs]
    reference_s = reference_workload_s(together)
    if reference_s is None:
        return [list(runs) for runs in visits], MachineSpeed()
    ratios = speed_ratios(together)
    exponent = speed_exponent(together, ratios)
    of_hours = max(exponent, LEAST_ROUND_EXPONENT)
    factors: list[float] = []
    for runs in parts:
        own = np.array(ratios[len(factors) : len(factors) + len(runs)])
        usual = math.exp(float(np.log(own).mean())) if runs else 1.0
        factors += ((own / usual) ** exponent * usual**of_hours).tolist()
    following = iter(factors)
    return [
        [run if run.purpose is Purpose.NETWORK else at_speed(run, next(following)) for run in runs] for runs in visits
    ], MachineSpeed(reference_s, of_hours)


def without_outliers(samples: Samples) -> tuple[Samples, tuple[Dropped, ...]]:
    """Leaves out rows that no model of their kind should follow.

    A row counts as one if it is off from its kind's roofline (robust, so that single rows do not move it) by a factor
    of 50 and by 8 times the kind's spread.

    Args:
        samples: Cleaned rows; kinds with too few to be fitted are not judged.

    Returns:
        What is left, and the rows that were left out, with the reason.
    """
    far = np.zeros(len(samples), dtype=bool)
    for rows in samples.table.rows_by_kind.values():
        if len(rows) < LEAST_ROWS:
            continue
        part = samples.select(rows)
        off = np.log(part.latency_s / fit_roofline(part).predict_s(part.table))
        off -= np.median(off)
        far[rows] = np.abs(off) > max(math.log(OUTLIER_FACTOR), _SPREADS * half_width(off))
    if not far.any():
        return samples, ()
    reason = f"more than {OUTLIER_FACTOR:.0f} times slower or faster than other kernels of the kind with as much work"
    return samples.select(~far), (Dropped(reason, tuple(samples.sources[far].tolist())),)


def with_usable_times(runs: Iterable[Run]) -> tuple[list[Run], tuple[Dropped, ...]]:
    """Runs with times of kernels and of the reference workload above 0, and what was left out for that.

    A kernel whose time is below what the profile resolves says 0. It goes, and with it the time of the whole run, which
    says nothing about the kernels that are left. (Datasets hold no times that cannot be.)

    Args:
        runs: Usable runs.
    """
    usable = []
    kernels: list[str] = []
    references: list[str] = []
    for run in runs:
        kept = tuple(record for record in run.kernels if record.latency_s > 0)
        reference_s = tuple(time_s for time_s in run.reference_s if time_s > 0)
        kernels += [f"{run.case}: {record.name}" for record in run.kernels if not record.latency_s > 0]
        if len(reference_s) < len(run.reference_s):
            references.append(run.case)
        if len(kept) < len(run.kernels):
            run = replace(run, kernels=kept, latency_s=math.nan, samples_s=())  # noqa: PLW2901 - the same run, less
        usable.append(replace(run, reference_s=reference_s))
    reasons = (
        ("the time is 0: below what the profile resolves", kernels),
        ("a time of the reference workload is 0: that time is not used", references),
    )
    return usable, tuple(Dropped(reason, tuple(sources)) for reason, sources in reasons if sources)


def benchmark_sources(datasets: Sequence[Dataset]) -> tuple[Source, ...]:
    """The datasets as sources of a platform, for its provenance; of imported ones, the tables behind them.

    Args:
        datasets: What the platform was fitted on.

    Raises:
        DatasetError: What a dataset says about its tables is damaged.
    """
    sources: list[Source] = []
    for dataset in datasets:
        measured = Source(
            title=f"benchmark dataset of {dataset.count()} runs",
            location="measured with annette bench",
            licence="CC0-1.0",
            sha256=dataset.digest(),
        )
        origin = origin_of(dataset)
        sources += [measured] if origin is None else origin.sources
    return tuple(sources)


def common_environment(datasets: Sequence[Dataset], precision: str | None = None) -> dict[str, str]:
    """The one environment of all datasets.

    Args:
        datasets: What is to be fitted together.
        precision: One of `annette.mapping.precision.PRECISIONS`, for datasets that do not say; None if they do.

    Raises:
        FitError: There is none, there are several, or the precision is missing, unknown or contradicted.
    """
    environments = [_own_precision(environment) for dataset in datasets for environment in dataset.environments()]
    if not environments:
        raise FitError("the datasets are empty: nothing was measured")
    first = environments[0]
    for other in environments[1:]:
        for key in sorted(first.keys() | other.keys()):
            if first.get(key) != other.get(key):
                raise FitError(
                    f"the datasets were measured in different environments: {key} is {first.get(key)!r} in one "
                    f"and {other.get(key)!r} in another; fit them apart"
                )
    measured = first.get("precision")
    known = ", ".join(_MEASURED)
    if measured is None and precision is None:
        raise FitError(f"the datasets do not say which precision they were measured in: state --precision ({known})")
    if measured is not None and precision is not None and precision != measured:
        raise FitError(f"precision {precision!r} was stated, but the datasets were measured in {measured!r}")
    name = precision or measured or ""
    if name not in _MEASURED:
        raise FitError(f"precision {name!r} is not known, so bytes cannot be counted; known: {known}")
    return {**first, "precision": name}


def _own_precision(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment of quantised networks as that of the networks that they were made of."""
    if QUANTISATION not in environment:
        return environment
    return {key: value for key, value in environment.items() if key != QUANTISATION} | {"precision": "fp32"}


def platform_fields(environment: Mapping[str, str]) -> dict[str, Any]:
    """What an environment says of a platform that is fitted to its measurements: device, runtime and threads.

    Where a processor is the device, its model says more than the runtime's word for it ("CPU").
    """
    return {
        "device": environment.get("cpu") or environment.get("device") or "unknown device",
        "runtime": f"{environment.get('runtime', '?')} {environment.get('runtime_version', '')}".strip(),
        "threads": int(environment.get("threads", "1")),
    }


def precision_of(environment: Mapping[str, str]) -> Precision:
    """Width of the numbers in an environment that `common_environment` returned."""
    name = environment["precision"]
    bits = PRECISIONS[name]
    plain = Precision(bits, bits)
    return plain if plain.label == name else Precision(bits, bits, name)
