"""The unequal kernels of all candidates that were mapped: what is priced for a space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from annette.documents import Document
from annette.mapping.kernel import COLUMNS, KernelTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation.mapped import MappedKernels
    from annette.mapping.kernel import Kernel

__all__ = ["AROUND", "RowStore", "TableState"]

AROUND: Final = tuple(map(COLUMNS.index, ("network_weight_bytes", "network_ops", "network_busy_ops")))
"""Columns of kernel tables that are sums over the whole network."""

_FLOATS: Final = np.dtype("<f8")


class TableState(Document, frozen=True):
    """A table of kernels for other processes: kinds, and numbers as little-endian doubles.

    Attributes:
        kinds: Of each row.
        values: Row by row, a number for each of `COLUMNS`.
        context: Columns that a context stage gave.
    """

    kinds: tuple[str, ...]
    values: bytes
    context: dict[str, bytes]


class RowStore:
    """Unequal kernels of all candidates seen so far, but for what follows from the whole network."""

    def __init__(self) -> None:
        self.tables: list[KernelTable] = []
        self.examples: dict[str, Kernel] = {}
        self._numbers: dict[tuple[str, bytes], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, mapped: MappedKernels) -> list[int]:
        """The number of each kernel of a network, -1 for those that cost nothing; new ones for unseen kernels."""
        table = mapped.table
        values = table.values.copy()
        values[:, AROUND] = 0.0
        found: list[int] = []
        new: list[int] = []
        free = mapped.free.tolist()
        for row, key in enumerate(_keys(KernelTable(table.kinds, values, table.context))):
            if free[row]:
                found.append(-1)
                continue
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._numbers)
                new.append(row)
                self.examples.setdefault(str(table.kinds[row]), mapped.kernels[row])
            found.append(number)
        if new:
            rows = np.array(new, dtype=np.intp)
            context = {name: column[rows] for name, column in table.context.items()}
            self.tables.append(KernelTable(table.kinds[rows], values[rows], context))
        return found

    def state(self) -> tuple[TableState, ...]:
        """What it holds, for other processes."""
        return tuple(
            TableState(
                tuple(table.kinds.tolist()),
                table.values.astype(_FLOATS).tobytes(),
                {name: column.astype(_FLOATS).tobytes() for name, column in table.context.items()},
            )
            for table in self.tables
        )

    @classmethod
    def resumed(cls, tables: Sequence[TableState]) -> Self:
        """A store of what another one held, but for examples.

        Raises:
            ValueError: The parts do not fit each other.
        """
        store = cls()
        for sent in tables:
            values = np.frombuffer(sent.values, _FLOATS).reshape(len(sent.kinds), len(COLUMNS)).astype(np.float64)
            context = {name: np.frombuffer(column, _FLOATS).astype(np.float64) for name, column in sent.context.items()}
            table = KernelTable(np.array(sent.kinds, dtype=np.str_), values, context)
            store.tables.append(table)
            first = len(store)
            store._numbers.update((key, first + place) for place, key in enumerate(_keys(table)))
        return store


def _keys(table: KernelTable) -> list[tuple[str, bytes]]:
    """What tells the rows of a table apart."""
    names = sorted(table.context)
    columns = np.column_stack([table.values, *(table.context[name] for name in names)])
    joined = ",".join(names)
    return [(f"{kind} {joined}", row.tobytes()) for kind, row in zip(table.kinds.tolist(), columns, strict=True)]
