"""Measured kernels as a table with times: what layer models are fitted on.

Layer models are fitted on the kernels that the mapping model will hand them later. A measured kernel that no predicted
one equals is not fitted on; its share of the time says how wrong the mapping is.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.errors import FitError
from annette.evaluation.kernels import pair_kernels
from annette.fitting.overheads import evicted_bytes, evicted_ops
from annette.mapping.kernel import KernelTable
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel

__all__ = ["LEAST_ROWS", "Dropped", "PairedKernels", "Samples", "clean", "paired_kernels"]

LEAST_ROWS: Final = 8
"""A kind with fewer measured configurations is not fitted: the model would be a guess that looks like a fit."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Measured kernels.

    Attributes:
        table: Their numbers.
        latency_s: Measured time of each row, seconds, shape ``(rows,)``.
        groups: What each row must not be separated from in cross-validation: its configuration and network.
        sources: Where each row comes from, for messages: case and kernel.
    """

    table: KernelTable
    latency_s: FloatArray
    groups: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]

    def __post_init__(self) -> None:
        rows = len(self.table)
        if not rows == len(self.latency_s) == len(self.groups) == len(self.sources):
            raise FitError("the columns of the samples differ in length")

    def __len__(self) -> int:
        return len(self.latency_s)

    def select(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Samples:
        """The given rows."""
        return Samples(self.table.select(rows), self.latency_s[rows], self.groups[rows], self.sources[rows])

    def of_kind(self, kind: str) -> Samples:
        """The rows of one kind."""
        return self.select(self.table.rows_by_kind.get(kind, np.zeros(0, dtype=np.intp)))

    @property
    def kinds(self) -> dict[str, int]:
        """Number of rows by kind, in alphabetical order."""
        return dict(sorted(Counter(self.table.kinds.tolist()).items()))

    @classmethod
    def concatenate(cls, parts: Sequence[Samples]) -> Samples:
        """Stacks samples; rows keep their order."""
        return cls(
            KernelTable.concatenate([part.table for part in parts]),
            np.concatenate([part.latency_s for part in parts]),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.sources for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows that were left out, and why; shown to the user.

    Attributes:
        reason: In words.
        sources: The rows.
    """

    reason: str
    sources: tuple[str, ...]

    @property
    def text(self) -> str:
        """Number and reason, for the notes of a platform."""
        return f"{len(self.sources)} measured kernels left out: {self.reason}"


class PairedKernels(NamedTuple):
    """The measured kernels of some runs that a mapping model predicts.

    Attributes:
        samples: The kernels with their measured times.
        predicted_share: Their share of the measured time of all kernels, from 0 to 1; NaN where that is 0.
        run_of_row: For each kernel, the position of the run that it was measured in, shape ``(rows,)``.
    """

    samples: Samples
    predicted_share: float
    run_of_row: npt.NDArray[np.intp]


def paired_kernels(
    runs: Sequence[Run], mapping: MappingModel, precision: Precision, *, profiler_s: float = 0.0
) -> PairedKernels:
    """Turns runs into samples, each network a group.

    Args:
        runs: Usable runs; those without a profile are passed over.
        mapping: The mapping model whose kernels are to be priced.
        precision: Width of the platform's numbers.
        profiler_s: Time that the profiler itself adds to each kernel; taken off, but never more than half of a time.

    Raises:
        FitError: No kernel of any run is predicted.
    """
    tables: list[KernelTable] = []
    times: list[float] = []
    groups: list[str] = []
    sources: list[str] = []
    run_of_row: list[int] = []
    shares: list[tuple[float, float]] = []
    for index, run in enumerate(runs):
        if not run.kernels:
            continue
        pairing = pair_kernels(run, mapping)
        kernels = [kernel for kernel, _ in pairing.pairs]
        if not math.isnan(pairing.predicted_share):
            shares.append((pairing.predicted_share, math.fsum(record.latency_s for record in run.kernels)))
        if not kernels:
            continue
        before = {"evicted_bytes": evicted_bytes(run), "evicted_ops": evicted_ops(run)}
        tables.append(KernelTable.from_kernels(kernels, run.network, precision, **before))
        times += [max(time_s - profiler_s, time_s / 2) for _, time_s in pairing.pairs]
        groups += [run.network.name] * len(kernels)
        run_of_row += [index] * len(kernels)
        sources += [f"{run.case}: {kernel.name}" for kernel in kernels]
    if not tables:
        raise FitError("no measured kernel is one that the mapping model predicts: nothing can be fitted")
    total_s = math.fsum(weight for _, weight in shares)
    share = math.fsum(share * weight for share, weight in shares) / total_s if total_s > 0 else math.nan
    samples = Samples(KernelTable.concatenate(tables), np.array(times), np.array(groups), np.array(sources))
    return PairedKernels(samples, share, np.array(run_of_row, dtype=np.intp))


def clean(samples: Samples) -> tuple[Samples, tuple[Dropped, ...]]:
    """Leaves out rows that cannot be fitted on, and joins rows that measure the same kernel.

    Rows with a time that is not a positive number, or with a feature that is not finite, are dropped. Rows with equal
    features become one with their median time, so that a kernel that happens to be measured often does not outweigh
    the others.

    Raises:
        FitError: Nothing is left.
    """
    dropped = []
    for reason, bad in (
        ("the time is not a positive finite number", ~(np.isfinite(samples.latency_s) & (samples.latency_s > 0))),
        ("a feature is not finite", ~np.isfinite(samples.table.values).all(axis=1)),
    ):
        if bad.any():
            dropped.append(Dropped(reason, tuple(samples.sources[bad].tolist())))
    good = np.isfinite(samples.latency_s) & (samples.latency_s > 0) & np.isfinite(samples.table.values).all(axis=1)
    if not good.any():
        raise FitError(
            f"none of {len(samples)} measured kernels can be fitted on: {'; '.join(d.reason for d in dropped)}"
        )
    kept = samples.select(good)
    joined, repeated = _join(kept)
    if repeated:
        dropped.append(Dropped("measured several times: joined by their median", tuple(repeated)))
    return joined, tuple(dropped)


def _join(samples: Samples) -> tuple[Samples, list[str]]:
    members = equal_rows(samples.table)
    _, first = np.unique(members, return_index=True)
    order = np.argsort(members, kind="stable")
    parts = np.split(samples.latency_s[order], np.cumsum(np.bincount(members))[:-1])
    kept = samples.select(first)
    others = np.setdiff1d(np.arange(len(samples)), first)
    latency_s = np.array([np.median(part) for part in parts])
    return Samples(kept.table, latency_s, kept.groups, kept.sources), samples.sources[others].tolist()
