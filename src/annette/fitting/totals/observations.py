"""Runs of which only the total is known, as sums over distinct kernels."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from annette.bench.records import Purpose
from annette.documents import is_latency
from annette.mapping.kernel import COLUMNS, KernelTable, known_rows
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel
    from annette.network import Network

__all__ = ["Observations", "Total", "totals_of"]

_AROUND: Final = [COLUMNS.index(name) for name in ("network_weight_bytes", "network_ops", "network_busy_ops")]


class Total(NamedTuple):
    """A network and how long it takes.

    Attributes:
        case: Identity of the case that it was measured as.
        network: The network.
        latency_s: Median over the rounds, seconds.
    """

    case: str
    network: Network
    latency_s: float


def totals_of(runs: Iterable[Run]) -> list[Total]:
    """What runs tell in all, of anything but whole networks and with each case once, in the order of the cases.

    Args:
        runs: Any runs; those that are not usable, failed or have no time do not count.
    """
    times: dict[str, list[float]] = {}
    networks: dict[str, Network] = {}
    for run in runs:
        if run.usable and run.purpose is not Purpose.NETWORK and is_latency(run.latency_s):
            times.setdefault(run.case, []).append(run.latency_s)
            networks[run.case] = run.network
    return [Total(case, networks[case], median(times[case])) for case in sorted(times)]


@dataclass(frozen=True, eq=False)
class Observations:
    """Totals of networks, and how often each distinct kernel runs in each network.

    Kernels are distinct if they differ in kind or sizes, or stand in networks whose weights or operations differ by
    more than a factor of two. That the networks around them count can be denied: a device without caches has forgotten
    nothing of a large network that it knew of a small one, and what is learned from small ones holds for large ones.

    Attributes:
        table: The distinct kernels; those that a mapping model calls free are left out.
        counts: How often each runs, shape ``(runs, kernels)``.
        latency_s: Total of each run, seconds, shape ``(runs,)``.
        around: Whether the networks around kernels count; the table's columns of them are 0 where they do not.
    """

    table: KernelTable
    counts: csr_array
    latency_s: FloatArray
    around: bool = True

    @classmethod
    def of(
        cls, totals: Sequence[Total], mapping: MappingModel, precision: Precision, *, around: bool = True
    ) -> Observations:
        """Observations as a mapping model sees them.

        Args:
            totals: What was measured.
            mapping: Says which layers run as one kernel.
            precision: Width of the platform's numbers.
            around: Whether the networks around kernels count.

        Raises:
            MappingError: The mapping cannot be applied to a network.
        """
        known, tables, run_of_row = known_rows(), [], []
        for index, total in enumerate(totals):
            kernels = [kernel for kernel in mapping.apply(total.network) if not kernel.free]
            tables.append(KernelTable.from_kernels(kernels, total.network, precision, known=known))
            run_of_row += [index] * len(kernels)
        table = KernelTable.concatenate(tables)
        if not around:
            table.values[:, _AROUND] = 0.0
        numbers = equal_rows(KernelTable(table.kinds, _coarse(table.values), table.context))
        _, first = np.unique(numbers, return_index=True)
        counts = csr_array((np.ones(len(numbers)), (run_of_row, numbers)), shape=(len(totals), len(first)))
        counts.sum_duplicates()
        return cls(table.select(first), counts, np.array([total.latency_s for total in totals]), around)

    def __len__(self) -> int:
        return len(self.latency_s)

    def select(self, runs: npt.NDArray[np.intp]) -> Observations:
        """Some of the runs, with the kernels that occur in them."""
        counts = self.counts[runs]
        used = np.flatnonzero(counts.sum(axis=0) > 0)
        return Observations(self.table.select(used), csr_array(counts[:, used]), self.latency_s[runs], self.around)


def _coarse(values: FloatArray) -> FloatArray:
    """Rows in which networks around kernels are told apart by powers of two only."""
    rounded = values.copy()
    rounded[:, _AROUND] = np.round(np.log2(np.maximum(rounded[:, _AROUND], 1.0)))
    return rounded
