"""Features: named expressions over the columns of a kernel table, so that a stored model says what it sees.

A feature is written ``quantity``, ``log2:quantity``, ``fill:quantity:size`` or ``rest:quantity:size``:

- ``log2:`` the logarithm of the quantity (of 1 where it is less than 1);
- ``fill:`` how full the last block is when a device processes ``size`` elements at a time, ``x / (ceil(x / s) s)``;
- ``rest:`` the remainder ``x mod s``.

A quantity is a column of `annette.mapping.kernel.COLUMNS`, a derived one (`annette.models.quantities`), or a number
that a context stage gives, written ``context:NAME`` (0 for kernels that have none).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.documents import convert
from annette.errors import PlatformFormatError, nearest
from annette.kept import kept
from annette.mapping.kernel import COLUMNS, is_context_column
from annette.models.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

    _Numbers: TypeAlias = npt.NDArray[np.intp]

__all__ = ["FeatureSet"]

_FUNCTIONS: Final[Mapping[str, Callable[[FloatArray, _Numbers], FloatArray]]] = {
    "": lambda x, _: x,
    "log2": lambda x, _: np.log2(np.maximum(x, 1.0)),
    "fill": lambda x, size: x / (np.maximum(np.ceil(x / size), 1.0) * size),
    "rest": np.mod,
}


@dataclass(frozen=True)
class FeatureSet:
    """An ordered list of features.

    Attributes:
        names: Their expressions, in the order of the columns of the matrix.

    Raises:
        PlatformFormatError: An expression cannot be understood.

    Example:
        >>> FeatureSet(("log2:ops", "fill:out_channels:16")).names
        ('log2:ops', 'fill:out_channels:16')
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise PlatformFormatError("a model needs at least one feature")
        for name in self.names:
            _parse(name)

    def to_json(self) -> list[str]:
        """The names."""
        return list(self.names)

    @classmethod
    def from_json(cls, names: Any) -> FeatureSet:
        """Reads the names.

        Raises:
            PlatformFormatError: They are no list of expressions.
        """
        return cls(convert(names, tuple[str, ...], error=PlatformFormatError))

    def matrix(self, table: KernelTable) -> FloatArray:
        """The features of each row, shape ``(rows, features)``.

        Rounded to single precision, as forests store their thresholds: then what a forest saw while it was fitted is
        what it sees later.
        """
        quantities = np.array([_quantity(table, name) for name in self._quantities])
        values = np.empty((len(self.names), len(table)))
        for function, (at, of, sizes) in self._by_function.items():
            values[at] = _FUNCTIONS[function](quantities[of], sizes)
        return np.ascontiguousarray(values.T.astype(np.float32), dtype=np.float64)

    @cached_property
    def _quantities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(quantity for _, quantity, _ in self._parsed))

    @cached_property
    def _by_function(self) -> dict[str, tuple[_Numbers, _Numbers, _Numbers]]:
        """By function: which features it makes, of which quantities, and their sizes, shape ``(features, 1)``."""
        place = {quantity: index for index, quantity in enumerate(self._quantities)}
        parts: dict[str, list[tuple[int, int, int]]] = {}
        for index, (function, quantity, size) in enumerate(self._parsed):
            parts.setdefault(function, []).append((index, place[quantity], size))
        split = {function: np.array(rows, dtype=np.intp) for function, rows in parts.items()}
        return {function: (rows[:, 0], rows[:, 1], rows[:, 2:]) for function, rows in split.items()}

    @cached_property
    def _parsed(self) -> tuple[tuple[str, str, int], ...]:
        return tuple(_parse(name) for name in self.names)


def _quantity(table: KernelTable, name: str) -> FloatArray:
    """A column or a derived quantity; the latter is computed once a table, however many models look at it."""
    if name not in QUANTITIES:
        return table[name]
    known = _derived(table)
    if name not in known:
        known[name] = QUANTITIES[name](table)
    return known[name]


@kept
def _derived(_: KernelTable) -> dict[str, FloatArray]:
    return {}


def _parse(name: str) -> tuple[str, str, int]:
    """Function, quantity and size of an expression."""
    parts = _split(name)
    function, quantity, size = "", parts[0], 1
    if parts[0] == "log2" and len(parts) == 2:
        function, quantity = parts
    elif parts[0] in ("fill", "rest") and len(parts) == 3 and parts[2].isdecimal() and int(parts[2]) > 0:
        function, quantity, size = parts[0], parts[1], int(parts[2])
    elif len(parts) != 1:
        raise PlatformFormatError(f"feature {name[:80]!r} is not quantity, log2:…, fill:…:size or rest:…:size")
    if quantity not in QUANTITIES and quantity not in COLUMNS and not is_context_column(quantity):
        raise PlatformFormatError(
            f"feature {name[:80]!r} is about {quantity[:80]!r}, which is not known"
            f"{nearest(quantity, (*QUANTITIES, *COLUMNS))}"
        )
    return function, quantity, size


def _split(name: str) -> list[str]:
    """The parts of an expression; ``context:`` belongs to the quantity."""
    parts = name.split(":")
    if "context" in parts[:-1]:
        at = parts.index("context")
        parts[at : at + 2] = [f"context:{parts[at + 1]}"]
    return parts
