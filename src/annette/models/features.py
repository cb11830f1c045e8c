"""Features: named expressions over the columns of a kernel table, so that a stored model says what it sees.

A feature is written ``quantity``, ``log2:quantity``, ``fill:quantity:size`` or ``rest:quantity:size``:

- ``log2:`` the logarithm of the quantity (of 1 where it is less than 1);
- ``fill:`` how full the last block is when a device processes ``size`` elements at a time, ``x / (ceil(x / s) s)``;
- ``rest:`` the remainder ``x mod s``.

A quantity is a column of `annette.mapping.kernel.COLUMNS`, one of the derived ones in `QUANTITIES`, or a number that a
context stage gives, written ``context:NAME`` (0 for kernels that have none).
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

    _Numbers: TypeAlias = npt.NDArray[np.intp]

__all__ = ["QUANTITIES", "FeatureSet"]

_OPS_A_BYTE: Final = 20.0
"""What a core computes while it fetches one byte from main memory: 200 Gops/s beside 10 GB/s. Networks of many
weights and few operations take the time of their weights."""

_NEAR_BYTES: Final = 2.0**22
"""What a core's own caches hold, or a little more: 1 to 2 MiB on current processors for servers. The rest of what a
kernel reads and writes comes from a cache that others share, or from memory."""

_WHOLE_BLOCKS: Final = 1024.0
"""A number of columns that is a multiple of any block."""

_MOST_TAPS: Final = 64
"""Windows with more taps along a side count as if all of them hit."""


def _valid_taps(table: KernelTable, side: str) -> FloatArray:
    """Share of a window's taps along one side that hit the input and not the padding around it, from 0 to 1.

    Strongly dilated windows on small maps hit little else than padding, which some runtimes skip. The padding is what
    the sizes of input and output leave, half of it on either side.
    """
    names = (f"kernel_{side}", f"stride_{side}", f"dilation_{side}", f"in_{side}", f"out_{side}")
    taps, stride, dilation, inputs, outputs = (table[name] for name in names)
    before = ((outputs - 1) * stride + (taps - 1) * dilation + 1 - inputs) // 2
    share = np.ones(len(table))
    padded = np.flatnonzero((before > 0) & (taps > 1) & (taps <= _MOST_TAPS))
    if not len(padded):
        return share
    taps, stride, dilation, inputs, outputs, before = (
        column[padded] for column in (taps, stride, dilation, inputs, outputs, before)
    )
    hits = np.zeros(len(padded))
    for tap in range(int(taps.max())):
        offset = tap * dilation - before
        first = np.maximum(np.ceil(-offset / stride), 0.0)
        last = np.minimum(np.floor((inputs - 1 - offset) / stride), outputs - 1)
        hits += np.where(tap < taps, np.maximum(last - first + 1, 0.0), 0.0)
    share[padded] = hits / np.maximum(taps * outputs, 1.0)
    return share


def _edge_columns(table: KernelTable) -> FloatArray:
    """Share of the columns of the output whose windows reach beyond the input's edges, from 0 to 1."""
    taps, stride, dilation, inputs, outputs = (
        table[f"{name}_width"] for name in ("kernel", "stride", "dilation", "in", "out")
    )
    reach = (taps - 1) * dilation + 1
    before = np.maximum((outputs - 1) * stride + reach - inputs, 0.0) // 2
    left = np.ceil(before / stride)
    inside = np.floor((inputs + before - reach) / stride) + 1 - left
    share: FloatArray = 1.0 - np.clip(inside, 0.0, outputs) / outputs
    return share


def _product_columns(table: KernelTable) -> FloatArray:
    """Columns of the product that a convolution is unfolded into, shape ``(rows,)``.

    They are the positions of the output, or of a transposed one's input. A single one makes it a product with a vector,
    which knows no blocks: it counts as many.
    """
    read, written = (
        table[f"{side}_depth"] * table[f"{side}_height"] * table[f"{side}_width"] for side in ("in", "out")
    )
    columns = np.minimum(read, written)
    whole: FloatArray = np.where(columns > 1, columns, _WHOLE_BLOCKS)
    return whole


QUANTITIES: Final[Mapping[str, Callable[[KernelTable], FloatArray]]] = {
    "bytes": lambda t: t.bytes,
    "held_bytes": lambda t: np.clip(t["network_weight_bytes"], 2.0**18, 2.0**26),
    "held_ops": lambda t: np.clip(np.maximum(t["network_ops"], _OPS_A_BYTE * t["network_weight_bytes"]), 2.0**24, 4e9),
    "intensity": lambda t: t["ops"] / np.maximum(t.bytes, 1.0),
    "valid_taps": lambda t: _valid_taps(t, "height") * _valid_taps(t, "width"),
    "in_positions": lambda t: t["in_depth"] * t["in_height"] * t["in_width"],
    "out_positions": lambda t: t["out_depth"] * t["out_height"] * t["out_width"],
    "kernel_size": lambda t: t["kernel_depth"] * t["kernel_height"] * t["kernel_width"],
    "in_channels_per_group": lambda t: t["in_channels"] / t["groups"],
    "out_channels_per_group": lambda t: t["out_channels"] / t["groups"],
    "rows": lambda t: t["batch"] * t["out_depth"] * t["out_height"] * t["out_width"],
    "reduction_depth": lambda t: (
        t["in_channels"] / t["groups"] * t["kernel_depth"] * t["kernel_height"] * t["kernel_width"]
    ),
    "far_bytes": lambda t: np.maximum(t["input_bytes"] + t["output_bytes"] - _NEAR_BYTES, 0.0),
    "kernels": lambda t: np.ones(len(t)),
    "steps": lambda t: t["groups"] * t["out_width"],
    "step_rows": lambda t: t["batch"] * t["groups"] * t["out_width"],
    "states": lambda t: t["batch"] * t["groups"] * t["out_width"] * t["out_channels"],
    "products": lambda t: t["batch"] * t["groups"] * (1.0 - t["blocked"]),
    "unblocked_macs": lambda t: t["macs"] * (1.0 - t["blocked"]),
    "blocked_macs": lambda t: t["macs"] * t["blocked"] * _valid_taps(t, "height") * _valid_taps(t, "width"),
    "blocked_edge_macs": lambda t: (
        t["macs"]
        * t["blocked"]
        * _valid_taps(t, "height")
        * np.maximum(_valid_taps(t, "width") + _edge_columns(t) - 1.0, 0.0)
    ),
    "edge_columns": _edge_columns,
    "product_columns": _product_columns,
    "unblocked_windows": lambda t: (
        t["macs"]
        * t["groups"]
        / np.maximum(t["out_channels"], 1.0)
        * (1.0 - t["blocked"])
        * (t["kernel_depth"] * t["kernel_height"] * t["kernel_width"] > 1)
    ),
    "window_rows": lambda t: (
        t["batch"]
        * t["out_channels"]
        * t["kernel_depth"]
        * t["kernel_height"]
        * t["kernel_width"]
        * t["in_depth"]
        * t["in_height"]
    ),
    "ops_a_group": lambda t: t["ops"] / np.maximum(t["batch"] * t["groups"], 1.0),
    "ops_a_step": lambda t: t["ops"] / np.maximum(t["groups"] * t["out_width"], 1.0),
    "batched_weight_bytes": lambda t: t["batch"] * t["weight_bytes"],
    "unfolded_size": lambda t: t["macs"] * t["groups"] / np.maximum(t["out_channels"], 1.0),
    "folded_size": lambda t: t["macs"] * t["groups"] / np.maximum(t["in_channels"], 1.0),
    "repeated_weight_bytes": lambda t: (
        t["weight_bytes"] * t["out_width"] * t["out_channels"] / np.maximum(t["in_channels"] + t["out_channels"], 1.0)
    ),
    "outer_size": lambda t: (
        np.maximum(t["batch"] * t["in_channels"] * t["in_depth"] * t["in_height"] * t["in_width"], 1.0)
        / np.maximum(t["axis_size"] * t["inner_size"], 1.0)
    ),
}
"""Derived quantities by name: each maps a table to one number per row.

A convolution is a product of ``rows`` rows (positions of all samples) of ``reduction_depth`` numbers each, whether or
not a runtime unfolds it into one. One that unfolds writes and reads ``unfolded_size`` elements, the windows of all
positions; of a transposed convolution, ``folded_size`` elements are computed and then added up where they overlap. It
does so for one group of one sample after another (ONNX Runtime: MlasConv in convolve.cpp, conv_transpose.cc), each a
product of ``ops_a_group`` that reads its weights anew, ``batched_weight_bytes`` in all: many small products do not
reach the rate of one large one. Of a recurrent layer, which multiplies the inputs of all steps at once, the weights of
the state are read again in every step: ``repeated_weight_bytes``; the steps are products of their own, with what one
costs however small it is: ``ops_a_step`` (ONNX Runtime: uni_directional_lstm.cc, deep_cpu_gru.cc).

Blocked convolutions skip the taps above and below the map, and go one by one through the columns whose windows reach
beyond its sides, ``edge_columns`` (ONNX Runtime: snchwc.cpp and its kernels).
"""


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
