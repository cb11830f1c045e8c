"""Runs of which only the total is known, as sums over distinct kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from annette.mapping.kernel import COLUMNS, KernelTable
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, Precision
    from annette.mapping.model import MappingModel
    from annette.network import Network

__all__ = ["Observations"]

_AROUND: Final = [COLUMNS.index(name) for name in ("network_weight_bytes", "network_ops")]


@dataclass(frozen=True, eq=False)
class Observations:
    """Totals of networks, and how often each distinct kernel runs in each network.

    Kernels are distinct if they differ in kind or sizes, or stand in networks whose weights or operations differ by
    more than a factor of two.

    Attributes:
        table: The distinct kernels; those that a mapping model calls free are left out.
        counts: How often each runs, shape ``(runs, kernels)``.
        latency_s: Total of each run, seconds, shape ``(runs,)``.
        names: What each network is called.
    """

    table: KernelTable
    counts: csr_array
    latency_s: FloatArray
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, networks: Sequence[Network], latency_s: Sequence[float], mapping: MappingModel, precision: Precision
    ) -> Observations:
        """Observations as a mapping model sees them.

        Args:
            networks: What was run.
            latency_s: Total of each, seconds.
            mapping: Says which layers run as one kernel.
            precision: Width of the platform's numbers.
        """
        tables, run_of_row = [], []
        for index, network in enumerate(networks):
            kernels = [kernel for kernel in mapping.apply(network) if not kernel.free]
            tables.append(KernelTable.from_kernels(kernels, network, precision))
            run_of_row += [index] * len(kernels)
        table = KernelTable.concatenate(tables)
        numbers = equal_rows(KernelTable(table.kinds, _coarse(table.values), table.context))
        _, first = np.unique(numbers, return_index=True)
        ones = np.ones(len(numbers))
        counts = csr_array((ones, (run_of_row, numbers)), shape=(len(networks), len(first)))
        counts.sum_duplicates()
        return cls(table.select(first), counts, np.array(latency_s), tuple(network.name for network in networks))

    def __len__(self) -> int:
        return len(self.latency_s)

    def select(self, runs: npt.NDArray[np.intp]) -> Observations:
        """Some of the runs, with the kernels that occur in them."""
        counts = self.counts[runs]
        used = np.flatnonzero(counts.sum(axis=0) > 0)
        names = tuple(self.names[run] for run in runs.tolist())
        return Observations(self.table.select(used), csr_array(counts[:, used]), self.latency_s[runs], names)


def _coarse(values: FloatArray) -> FloatArray:
    rounded = values.copy()
    rounded[:, _AROUND] = np.round(np.log2(np.maximum(rounded[:, _AROUND], 1.0)))
    return rounded
