"""Splits measured kernels for cross-validation, so that what is predicted was never fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS, KernelTable
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from annette.fitting.samples import Samples

__all__ = ["FOLDS", "Rows", "configurations", "folds"]

Rows: TypeAlias = npt.NDArray[np.intp]

FOLDS: Final = 5
"""Parts that rows are split into, each left out once."""

_OF_THE_NETWORK: Final = [COLUMNS.index(name) for name in NETWORK_COLUMNS]
_LEAST_KEPT: Final = 0.5


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
    by_network = [(train, train[~np.isin(own[train], own[test])], test) for train, test in _split(samples.groups)]
    if by_network and all(len(kept) >= _LEAST_KEPT * len(train) for train, kept, _ in by_network):
        return [(kept, test) for _, kept, test in by_network]
    return _split(own)


def configurations(table: KernelTable) -> Rows:
    """A number for each row that rows of the same configuration share, shape ``(rows,)``.

    Kernels that differ in nothing but the size of the network around them are one configuration.
    """
    values = table.values.copy()
    values[:, _OF_THE_NETWORK] = 0.0
    return equal_rows(KernelTable(table.kinds, values, table.context))


def _split(labels: npt.NDArray[np.str_] | Rows) -> list[tuple[Rows, Rows]]:
    """Parts of about equal size; empty with fewer than two labels."""
    count = len(np.unique(labels))
    if count < 2:
        return []
    splitter = GroupKFold(n_splits=min(FOLDS, count))
    return list(splitter.split(np.zeros(len(labels)), groups=labels))
