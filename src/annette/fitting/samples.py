"""Measured kernels as a table with times: what layer models are fitted on.

Layer models are fitted on the kernels that the mapping model will hand them later. A measured kernel that no predicted
one equals is not fitted on; its share of the time says how wrong the mapping is.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from annette.errors import FitError
from annette.evaluation.kernels import pair_kernels
from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS, KernelTable, known_rows
from annette.number_text import counted_text
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel

__all__ = [
    "FOLDS",
    "LEAST_ROWS",
    "Dropped",
    "PairedKernels",
    "Rows",
    "Samples",
    "clean",
    "configurations",
    "evicted_bytes",
    "evicted_ops",
    "folds",
    "paired_kernels",
    "parts_by",
]

LEAST_ROWS: Final = 8
"""A kind with fewer measured configurations is not fitted: the model would be a guess that looks like a fit."""

Rows: TypeAlias = npt.NDArray[np.intp]

FOLDS: Final = 5
"""Parts that rows are split into, each left out once."""

_OF_THE_NETWORK: Final = [COLUMNS.index(name) for name in NETWORK_COLUMNS]
_LEAST_KEPT: Final = 0.5


@dataclass(frozen=True, eq=False)
class Samples:
    """Measured kernels.

    Attributes:
        table: Their numbers.
        latency_s: Measured time of each row, seconds, shape ``(rows,)``.
        groups: What each row must not be separated from in cross-validation: its configuration and network.
        sources: Where each row comes from, for messages: case and kernel.
        errors: Relative standard error of each time, shape ``(rows,)``; 0 where it is not known. Nothing stands for
            zeros.
    """

    table: KernelTable
    latency_s: FloatArray
    groups: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    errors: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        rows = len(self.table)
        if not len(self.errors):
            object.__setattr__(self, "errors", np.zeros(rows))
        if not rows == len(self.latency_s) == len(self.groups) == len(self.sources) == len(self.errors):
            raise FitError("the columns of the samples differ in length")

    def __len__(self) -> int:
        return len(self.latency_s)

    def select(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Samples:
        """The given rows."""
        table, latency_s, groups = self.table.select(rows), self.latency_s[rows], self.groups[rows]
        return Samples(table, latency_s, groups, self.sources[rows], self.errors[rows])

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
            np.concatenate([part.errors for part in parts]),
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
        return f"{counted_text(len(self.sources), 'measured kernel')} left out: {self.reason}"


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


def paired_kernels(runs: Sequence[Run], mapping: MappingModel, precision: Precision) -> PairedKernels:
    """Turns runs into samples, each network a group.

    Args:
        runs: Usable runs; those without a profile are passed over.
        mapping: The mapping model whose kernels are to be priced.
        precision: Width of the platform's numbers.

    Raises:
        FitError: No kernel of any run is predicted.
    """
    known = known_rows()
    tables: list[KernelTable] = []
    times: list[float] = []
    groups: list[str] = []
    sources: list[str] = []
    errors: list[float] = []
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
        tables.append(KernelTable.from_kernels(kernels, run.network, precision, **before, known=known))
        times += [time_s for _, time_s in pairing.pairs]
        errors += pairing.errors
        groups += [run.network.name] * len(kernels)
        run_of_row += [index] * len(kernels)
        sources += [f"{run.case}: {kernel.name}" for kernel in kernels]
    if not tables:
        raise FitError("no measured kernel is one that the mapping model predicts: nothing can be fitted")
    total_s = math.fsum(weight for _, weight in shares)
    share = math.fsum(share * weight for share, weight in shares) / total_s if total_s > 0 else math.nan
    columns = (np.array(times), np.array(groups), np.array(sources), np.array(errors))
    samples = Samples(KernelTable.concatenate(tables), *columns)
    return PairedKernels(samples, share, np.array(run_of_row, dtype=np.intp))


def evicted_bytes(run: Run) -> float:
    """Memory that was touched before each run, to drive everything else out of the caches."""
    return float(run.details.get("evicted_bytes", "0"))


def evicted_ops(run: Run) -> float:
    """Operations of the larger network whose place was taken by waiting before each run."""
    return float(run.details.get("evicted_ops", "0"))


def clean(samples: Samples) -> tuple[Samples, tuple[Dropped, ...]]:
    """Leaves out rows that cannot be fitted on, and joins rows that measure the same kernel.

    Rows with a time that is not a positive number, or with a feature that is not finite, are dropped. Rows with equal
    features become one with their median time, so that a kernel that happens to be measured often does not outweigh
    the others.

    Raises:
        FitError: Nothing is left.
    """
    timed = np.isfinite(samples.latency_s) & (samples.latency_s > 0)
    finite = np.isfinite(samples.table.values).all(axis=1)
    reasons = (("the time is not a positive finite number", timed), ("a feature is not finite", finite))
    dropped = [Dropped(why, tuple(samples.sources[~good].tolist())) for why, good in reasons if not good.all()]
    if not (timed & finite).any():
        raise FitError(
            f"none of {len(samples)} measured kernels can be fitted on: {'; '.join(d.reason for d in dropped)}"
        )
    joined, repeated = _join(samples.select(timed & finite))
    if repeated:
        dropped.append(Dropped("measured several times: joined by their median", tuple(repeated)))
    return joined, tuple(dropped)


def _join(samples: Samples) -> tuple[Samples, list[str]]:
    members = equal_rows(samples.table)
    _, first = np.unique(members, return_index=True)
    order = np.argsort(members, kind="stable")
    counts = np.bincount(members)
    parts = np.split(samples.latency_s[order], np.cumsum(counts)[:-1])
    errors = np.sqrt(np.bincount(members, weights=samples.errors**2)) / counts
    kept = samples.select(first)
    others = np.setdiff1d(np.arange(len(samples)), first)
    latency_s = np.array([np.median(part) for part in parts])
    return Samples(kept.table, latency_s, kept.groups, kept.sources, errors), samples.sources[others].tolist()


def folds(samples: Samples) -> list[tuple[Rows, Rows]]:
    """Training and test rows: no network and no configuration is ever on both sides, and every row is tested once.

    Rows are split by network, and the configurations of the test rows are taken out of the training rows. Where that
    would take half of them, because a few configurations occur in all networks, rows are split by configuration alone.

    Args:
        samples: Rows of one kind. Where they are all of one configuration, all rows are on both sides.
    """
    own = configurations(samples.table)
    if len(np.unique(own)) < 2:
        everything = np.arange(len(samples))
        return [(everything, everything)]
    by_network = [(train, train[~np.isin(own[train], own[test])], test) for train, test in parts_by(samples.groups)]
    if by_network and all(len(kept) >= _LEAST_KEPT * len(train) for train, kept, _ in by_network):
        return [(kept, test) for _, kept, test in by_network]
    return parts_by(own)


def configurations(table: KernelTable) -> Rows:
    """A number for each row that rows of the same configuration share, shape ``(rows,)``.

    Kernels that differ in nothing but the size of the network around them are one configuration.
    """
    values = table.values.copy()
    values[:, _OF_THE_NETWORK] = 0.0
    return equal_rows(KernelTable(table.kinds, values, table.context))


def parts_by(labels: npt.NDArray[np.str_] | Rows) -> list[tuple[Rows, Rows]]:
    """Training and test rows of parts of about equal size, each label in one part; empty with fewer than two labels."""
    count = len(np.unique(labels))
    if count < 2:
        return []
    splitter = GroupKFold(n_splits=min(FOLDS, count))
    return list(splitter.split(np.zeros(len(labels)), groups=labels))
