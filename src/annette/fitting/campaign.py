"""What datasets hold that can be fitted on: the opening of a fit, and of a transfer from another platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fitting.environment import benchmark_sources, common_environment, precision_of
from annette.fitting.outliers import without_outliers
from annette.fitting.overheads import RunOverheads, run_overheads
from annette.fitting.pairs import samples_of
from annette.fitting.samples import Dropped, Samples, clean
from annette.fitting.sound import sound_runs
from annette.fitting.speed import calibration_exponent, calibration_ratios, calibration_reference_s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.mapping.kernel import Precision
    from annette.mapping.model import MappingModel
    from annette.platforms import Source

__all__ = ["Campaign", "MeasuredKernels", "read_campaign"]


@dataclass(frozen=True, eq=False)
class MeasuredKernels:
    """The kernels of a campaign as a mapping model sees them.

    Attributes:
        paired: All of them, as they were measured.
        samples: Those that can be fitted on: sound, each configuration once, none off by orders of magnitude.
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
class Campaign:
    """Datasets of one environment.

    Attributes:
        environment: What they were measured in.
        precision: Width of the numbers there.
        everything: All runs, failed ones and whole networks among them.
        runs: Usable runs of anything but whole networks, with times that can be.
        whole_networks: Usable runs of whole networks, which are not fitted on.
        overheads: Costs beside kernels, found from ``runs``.
        unsound: Parts of runs that were left out, with reasons.
        sources: The datasets, for the provenance.
    """

    environment: Mapping[str, str]
    precision: Precision
    everything: Sequence[Run]
    runs: Sequence[Run]
    whole_networks: int
    overheads: RunOverheads
    unsound: tuple[Dropped, ...]
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
        ratios = calibration_ratios(self.runs)
        exponent = calibration_exponent(self.runs, ratios, mapping, self.precision)
        scales = [ratio**exponent for ratio in ratios]
        paired, share = samples_of(self.runs, mapping, self.precision, per_entry_s=added_s, scales=scales)
        cleaned, joined = clean(paired)
        kept, outliers = without_outliers(cleaned)
        dropped = (*self.unsound, *joined, *outliers)
        facts = {"profiler_s": added_s}
        calibrated_s = calibration_reference_s(self.runs)
        if calibrated_s is not None:
            facts |= {"calibration_s": calibrated_s, "calibration_exponent": exponent}
        return MeasuredKernels(paired, kept, dropped, share, facts)


def read_campaign(datasets: Sequence[Dataset], precision: str | None = None) -> Campaign:
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
    runs, unsound = sound_runs(parts)
    return Campaign(
        environment=environment,
        precision=precision_of(environment),
        everything=everything,
        runs=runs,
        whole_networks=len(usable) - len(parts),
        overheads=run_overheads(runs),
        unsound=unsound,
        sources=benchmark_sources(datasets),
    )
