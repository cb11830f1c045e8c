"""What datasets hold that layer models can be fitted on: read once for a fit, or a transfer from another platform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fitting.environment import benchmark_sources, common_environment, precision_of
from annette.fitting.machine_speed import reference_workload_s, speed_exponent, speed_ratios
from annette.fitting.outliers import without_outliers
from annette.fitting.overheads import RunOverheads, run_overheads
from annette.fitting.samples import Dropped, Samples, clean, paired_kernels
from annette.fitting.usable_times import with_usable_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.mapping.kernel import Precision
    from annette.mapping.model import MappingModel
    from annette.platforms import Source

__all__ = ["MeasuredKernels", "TrainingData", "read_training_data"]


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
    """

    environment: Mapping[str, str]
    precision: Precision
    everything: Sequence[Run]
    runs: Sequence[Run]
    whole_networks: int
    overheads: RunOverheads
    dropped: tuple[Dropped, ...]
    sources: tuple[Source, ...]

    def kernels(self, mapping: MappingModel, *, profiler_s: float | None = None) -> MeasuredKernels:
        """The measured kernels that a mapping model predicts, cleaned.

        Args:
            mapping: Says which layers run as one kernel.
            profiler_s: What the profiler adds to each kernel, seconds; what the runs tell if None.

        Raises:
            FitError: No measured kernel is predicted, or none can be fitted on.
        """
        added_s = self.overheads.profiler_s if profiler_s is None else profiler_s
        measured, share, run_of_row = paired_kernels(self.runs, mapping, self.precision, profiler_s=added_s)
        ratios = np.array(speed_ratios(self.runs))[run_of_row]
        exponent = speed_exponent(measured, ratios)
        paired = replace(measured, latency_s=measured.latency_s * ratios**exponent)
        cleaned, joined = clean(paired)
        kept, outliers = without_outliers(cleaned)
        facts = {"profiler_s": added_s}
        reference_s = reference_workload_s(self.runs)
        if reference_s is not None:
            facts |= {"calibration_s": reference_s, "calibration_exponent": exponent}
        return MeasuredKernels(paired, kept, (*self.dropped, *joined, *outliers), share, facts)


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
    everything = [run for dataset in datasets for run in dataset.runs()]
    usable = [run for run in everything if run.usable]
    parts = [run for run in usable if run.purpose is not Purpose.NETWORK]
    if not parts:
        raise FitError("the datasets hold no usable run of anything but whole networks, which are not fitted on")
    runs, dropped = with_usable_times(parts)
    return TrainingData(
        environment=environment,
        precision=precision_of(environment),
        everything=everything,
        runs=runs,
        whole_networks=len(usable) - len(parts),
        overheads=run_overheads(runs),
        dropped=dropped,
        sources=benchmark_sources(datasets),
    )
