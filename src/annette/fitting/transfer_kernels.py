"""What was measured on a new device, as the platform that a transfer starts from sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.fitting.samples import LEAST_ROWS, Dropped, Samples
from annette.fitting.training_data import read_training_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.platforms import Overhead, Platform, Source

__all__ = ["Measured", "measured_kernels"]

_LEAST_RUNS: Final = 10


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on the new device.

    Attributes:
        samples: Kernels of kinds that the starting platform has fitted models for, cleaned.
        others: Kernels of other kinds, cleaned; of each kind enough to be fitted anew.
        dropped: Rows that were left out, with reasons.
        environment: What they were measured in.
        sources: The datasets, for the provenance.
        measurement: What the measuring was like, see `annette.platforms.Provenance`.
        overhead: Costs beside kernels; None where the runs do not tell.
    """

    samples: Samples
    others: Samples
    dropped: tuple[Dropped, ...]
    environment: Mapping[str, str]
    sources: tuple[Source, ...]
    measurement: Mapping[str, float]
    overhead: Overhead | None


def measured_kernels(datasets: Sequence[Dataset], start: Platform, *, precision: str | None = None) -> Measured:
    """The kernels of datasets as the starting platform sees them.

    Args:
        datasets: Measured on the new device, in one environment.
        start: Its mapping says which layers run as one kernel, its precision how bytes are counted.
        precision: For datasets that do not say theirs.

    Raises:
        FitError: Nothing usable was measured, environments differ, or the precision is not that of the start.
    """
    data = read_training_data(datasets, precision)
    if data.precision != start.precision:
        raise FitError(
            f"{start.name!r} computes with {start.precision.activation_bits} bits and the datasets were measured in "
            f"{data.environment['precision']}: a transfer changes the device, not the precision"
        )
    enough = data.overheads.runs >= _LEAST_RUNS
    profiler_s = None if enough else start.provenance.measurement.get("profiler_s", 0.0)
    measured = data.kernels(start.mapping, profiler_s=profiler_s)
    kinds, counts = measured.samples.table.kinds, measured.samples.kinds
    known = np.isin(kinds, sorted(start.models.keys() - start.assumed.keys()))
    enough_to_fit = np.isin(kinds, [kind for kind, count in counts.items() if count >= LEAST_ROWS])
    few = measured.samples.select(~known & ~enough_to_fit)
    dropped = measured.dropped
    if len(few):
        reason = f"kinds without a fitted model in {start.name!r}, and too few to fit one ({', '.join(few.kinds)})"
        dropped = (*dropped, Dropped(reason, tuple(few.sources.tolist())))
    return Measured(
        samples=measured.samples.select(known),
        others=measured.samples.select(~known & enough_to_fit),
        dropped=dropped,
        environment=data.environment,
        sources=data.sources,
        measurement=measured.measurement,
        overhead=replace(start.overhead, per_kernel_s=data.overheads.per_kernel_s) if enough else None,
    )
