"""What convolutions do: how they are unfolded, what their inner loops wait for, and what they read again.

A runtime either unfolds a convolution into a product of matrices, or goes over maps whose channels lie in blocks. What
each of these roads costs follows from ONNX Runtime's sources: ``core/mlas/lib/convolve.cpp`` for the first,
``snchwc.cpp`` and its kernels for AVX-512 for the second. All numbers are of one table, one per row.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.kept import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["CONVOLUTION_QUANTITIES"]

_Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_ELEMENT_BYTES: Final = 4
_OWN_CACHE_BYTES: Final = 2.0**20
"""What a core's own cache holds at the least: of what is read again, only the rest counts."""

_COLUMNS_AT_ONCE: Final = 6
_SETS_AT_ONCE: Final = 4
_BLOCK: Final = 16
"""Neighbours in a row, and blocks of filters, whose results a blocked convolution keeps in registers while it goes
through the weights once, and channels in a block (ONNX Runtime: ``core/mlas/lib/x86_64/SconvKernelAvx512F.S``)."""

_BLOCKS_AT_ONCE: Final = 8
"""Blocks of input channels that a blocked convolution of single positions sums up before it writes (snchwc.cpp:
``ICSTRIDE``); one of larger windows does so for each block."""

_PRODUCT_COLUMNS: Final = 128.0
"""Columns of a product that are unfolded and multiplied at once (ONNX Runtime: ``MLAS_SGEMM_STRIDEN``)."""

_RESULTS_IN_FLIGHT: Final = 8.0
"""Sums that must grow side by side for a core never to wait: two multiply-adds start in each cycle and take four. Where
one grew alone, a core did 14 billion multiply-accumulates a second, 29 with two, 42 with four, 74 with six, 100 with
more (AVX-512, ONNX Runtime 1.32)."""

_WHOLE_BLOCKS: Final = 1024.0
"""A number of columns that is a multiple of any block."""

_MOST_TAPS: Final = 1024
"""Windows with more taps along a side count as if all of them hit."""
_MOST_AT_ONCE: Final = 1 << 20
"""Taps of several windows that are looked at together, which bounds the memory for it."""


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
    columns = (taps, stride, dilation, inputs, outputs, before)
    at_once = max(1, int(_MOST_AT_ONCE // taps[padded].max()))
    for first in range(0, len(padded), at_once):
        rows = padded[first : first + at_once]
        share[rows] = _share_that_hits(*(column[rows, None] for column in columns))
    return share


def _share_that_hits(
    taps: FloatArray, stride: FloatArray, dilation: FloatArray, inputs: FloatArray, outputs: FloatArray,
    before: FloatArray,
) -> FloatArray:  # fmt: skip
    """Share of all taps of all windows in a row of them that hit the input; all of shape ``(rows, 1)``."""
    tap = np.arange(taps.max())
    offset = tap * dilation - before
    first = np.maximum(np.ceil(-offset / stride), 0.0)
    last = np.minimum(np.floor((inputs - 1 - offset) / stride), outputs - 1)
    hits = np.where(tap < taps, np.maximum(last - first + 1, 0.0), 0.0).sum(axis=1)
    share: FloatArray = hits / np.maximum(taps * outputs, 1.0)[:, 0]
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


def _windows(table: KernelTable) -> FloatArray:
    """Elements of the windows of all positions, shape ``(rows,)``."""
    windows: FloatArray = table["macs"] * table["groups"] / np.maximum(table["out_channels"], 1.0)
    return windows


class _Blocked:
    """Convolutions whose channels lie in blocks, and what their loops are made of.

    Args:
        table: Their rows.
    """

    def __init__(self, table: KernelTable) -> None:
        self._table = table
        self._channels = table["in_channels"] / table["groups"]
        self._filters = table["out_channels"] / table["groups"]
        self._positions = table["out_height"] * table["out_width"]
        self._single = table["kernel_height"] * table["kernel_width"] == 1
        self._columns = self._columns_in_a_row()
        self._passes = np.ceil(self._filters / (_SETS_AT_ONCE * _BLOCK))
        self.padded_macs = self._padded_macs()

    def _columns_in_a_row(self) -> FloatArray:
        """Results that one call of the inner loops computes for a filter.

        They are a row of the output. Where windows are as wide as the map and go down it without stride or padding, or
        are single positions, what they read lies as that of a single row does, and they are the whole output.
        """
        table = self._table
        unmoved = table["stride_height"] == 1
        reach = (table["kernel_height"] - 1.0) * table["dilation_height"]
        flat = (table["kernel_width"] == table["in_width"]) & (table["out_width"] == 1) & unmoved
        flat &= table["in_height"] - reach == table["out_height"]
        flat |= self._single & unmoved & (table["stride_width"] == 1)
        columns: FloatArray = np.where(flat, self._positions, table["out_width"])
        return np.maximum(columns, 1.0)

    def calls(self) -> FloatArray:
        """Calls of the inner loops: one for each row, set of filters and block of channels."""
        groups = self._table["groups"]
        blocks = np.where(self._channels < _BLOCK, self._channels, np.ceil(self._channels / _BLOCK))
        alone = self._table["out_channels"] == groups
        each = np.where(alone, np.ceil(groups / _BLOCK), blocks * self._passes * groups)
        calls: FloatArray = self._table["batch"] * each * self._positions / self._columns
        return calls

    def _padded_macs(self) -> FloatArray:
        """Multiply-accumulates, those with zeros that fill the last block of input channels up among them.

        Fewer input channels than a block has are read as they lie and not filled up. Rows of taps above and below the
        map are skipped.
        """
        filled = np.where(self._channels > _BLOCK, np.ceil(self._channels / _BLOCK) * _BLOCK / self._channels, 1.0)
        padded: FloatArray = self._table["macs"] * _valid_taps(self._table, "height") * filled
        return padded

    def waiting_macs(self, *, edge: bool) -> FloatArray:
        """Multiply-accumulates that fit into the pauses of the inner loops.

        A register adds up one result after the other, each as soon as the last one is there. Where fewer results than
        `_RESULTS_IN_FLIGHT` grow side by side, neighbours in a row times sets of filters, the core waits: what it could
        have done meanwhile is counted.

        Args:
            edge: Whether columns at the edge of the map are meant, which are computed one by one, or all others.
        """
        outside = np.round(_edge_columns(self._table) * self._columns)
        inside = self._columns - outside
        whole = np.floor(inside / _COLUMNS_AT_ONCE) * _COLUMNS_AT_ONCE
        sets = np.ceil(self._filters / _BLOCK)
        whole_sets = np.floor(sets / _SETS_AT_ONCE) * _SETS_AT_ONCE
        widths = ((1.0, outside),) if edge else ((_COLUMNS_AT_ONCE, whole), (inside - whole, inside - whole))
        pauses = np.zeros(len(self._table))
        for wide, share in widths:
            for high, part in ((_SETS_AT_ONCE, whole_sets), (sets - whole_sets, sets - whole_sets)):
                in_flight = np.clip(wide * high, 1.0, _RESULTS_IN_FLIGHT)
                pauses += share * part * (_RESULTS_IN_FLIGHT / in_flight - 1.0)
        waiting: FloatArray = self.padded_macs * (_BLOCK / self._filters) * pauses / self._columns
        return waiting

    def accumulated_bytes(self) -> FloatArray:
        """Bytes of sums that are written, and read again for the next block of input channels.

        The loops go over the whole map for each block and keep the sums of one set of filters in between; what a core's
        own cache holds of them does not count (``MlasConvNchwcThreaded``).
        """
        block = np.where(self._single, float(_BLOCKS_AT_ONCE * _BLOCK), float(_BLOCK))
        again = np.where(self._channels < _BLOCK, 0.0, np.ceil(self._channels / block) - 1.0)
        sums = self._positions * np.minimum(self._filters, _SETS_AT_ONCE * _BLOCK) * _ELEMENT_BYTES
        passes = self._table["batch"] * self._table["groups"] * self._passes
        accumulated: FloatArray = passes * again * 2.0 * np.maximum(sums - _OWN_CACHE_BYTES, 0.0)
        return accumulated

    def reread_bytes(self) -> FloatArray:
        """Bytes of the input that are read again for the next set of filters, past a core's own cache."""
        batch = np.maximum(self._table["batch"], 1.0)
        own = np.maximum(self._table["input_bytes"] / batch - _OWN_CACHE_BYTES, 0.0)
        reread: FloatArray = batch * (self._passes - 1.0) * own
        return reread


class _Unfolded:
    """Convolutions that are products of matrices, and what is copied for them.

    Args:
        table: Their rows.
    """

    def __init__(self, table: KernelTable) -> None:
        self._table = table
        self._windows = _windows(table)
        self._vectors = table["out_channels"] == table["groups"]
        self.elements: FloatArray = np.where(self._is_copied(), self._windows, 0.0)

    def _is_copied(self) -> _Flags:
        """Whether windows are copied before they are multiplied (``MlasConvPrepare``).

        Single positions one after another are a matrix as they lie; so are windows of one channel as wide or as high as
        an input without padding.
        """
        table = self._table
        taps = {side: table[f"kernel_{side}"] for side in ("depth", "height", "width")}
        unmoved = (table["stride_height"] == 1) & (table["stride_width"] == 1)
        single = unmoved & (taps["depth"] * taps["height"] * taps["width"] == 1)
        near = unmoved & (table["dilation_height"] == 1) & (table["dilation_width"] == 1) & (taps["depth"] == 1)
        for side, count in taps.items():
            near &= table[f"in_{side}"] - count + 1 == table[f"out_{side}"]
        wide = taps["width"] == table["in_width"]
        high = (taps["height"] == table["in_height"]) & (taps["width"] == 1)
        copied: _Flags = ~single & ~((table["in_channels"] == table["groups"]) & near & (wide | high))
        return copied

    def rows(self) -> FloatArray:
        """Rows that are copied: neighbours in the output, of one channel and one tap."""
        rows: FloatArray = self.elements / np.maximum(self._table["out_width"], 1.0)
        return rows

    def strided_elements(self) -> FloatArray:
        """Elements that are copied one by one, because windows leave out columns."""
        strided: FloatArray = np.where(self._table["stride_width"] > 1, self.elements, 0.0)
        return strided

    def bordering_elements(self) -> FloatArray:
        """Elements beyond the left and right edges, which are written one by one."""
        bordering: FloatArray = self.elements * (1.0 - _valid_taps(self._table, "width"))
        return bordering

    def packed_elements(self) -> FloatArray:
        """Elements that a product copies once more, in the order in which it reads them; one with a vector does not."""
        packed: FloatArray = np.where(self._vectors, 0.0, self._windows)
        return packed

    def macs(self, *, vectors: bool) -> FloatArray:
        """Multiply-accumulates of products of one filter each, or of all others."""
        macs: FloatArray = np.where(self._vectors == vectors, self._table["macs"], 0.0)
        return macs

    def restreamed_weight_bytes(self) -> FloatArray:
        """Bytes of weights that are read again for the next columns, past a core's own cache."""
        table = self._table
        positions = table["out_depth"] * table["out_height"] * table["out_width"]
        own = np.maximum(table["weight_bytes"] - _OWN_CACHE_BYTES, 0.0)
        restreamed: FloatArray = table["batch"] * np.ceil(positions / _PRODUCT_COLUMNS) * own
        return restreamed


_BLOCKED: Final[Mapping[str, Callable[[_Blocked], FloatArray]]] = {
    "padded_macs": lambda each: each.padded_macs,
    "calls": _Blocked.calls,
    "waiting_macs": partial(_Blocked.waiting_macs, edge=False),
    "edge_waiting_macs": partial(_Blocked.waiting_macs, edge=True),
    "accumulated_bytes": _Blocked.accumulated_bytes,
    "reread_bytes": _Blocked.reread_bytes,
}
_UNFOLDED: Final[Mapping[str, Callable[[_Unfolded], FloatArray]]] = {
    "unfolded_elements": lambda each: each.elements,
    "unfolded_rows": _Unfolded.rows,
    "strided_elements": _Unfolded.strided_elements,
    "bordering_elements": _Unfolded.bordering_elements,
    "packed_elements": _Unfolded.packed_elements,
    "vector_macs": partial(_Unfolded.macs, vectors=True),
    "matrix_macs": partial(_Unfolded.macs, vectors=False),
    "restreamed_weight_bytes": _Unfolded.restreamed_weight_bytes,
}


@kept
def _by_road(table: KernelTable) -> dict[str, FloatArray]:
    """All works of either road, each 0 where a row takes the other one or multiplies nothing."""
    multiplies = table["macs"] > 0
    works: dict[str, FloatArray] = {}
    for form, quantities, rows in (
        (_Blocked, _BLOCKED, np.flatnonzero(multiplies & (table["blocked"] > 0))),
        (_Unfolded, _UNFOLDED, np.flatnonzero(multiplies & (table["blocked"] == 0))),
    ):
        part: Any = form(table.select(rows)) if len(rows) else None
        for name, quantity in quantities.items():
            works[name] = np.zeros(len(table))
            if part is not None:
                works[name][rows] = quantity(part)
    return works


def _of_road(name: str, table: KernelTable) -> FloatArray:
    return _by_road(table)[name]


CONVOLUTION_QUANTITIES: Final[Mapping[str, Callable[[KernelTable], FloatArray]]] = {
    "valid_taps": lambda t: _valid_taps(t, "height") * _valid_taps(t, "width"),
    "blocked_macs": lambda t: t["macs"] * t["blocked"] * _valid_taps(t, "height") * _valid_taps(t, "width"),
    "blocked_edge_macs": lambda t: (
        t["macs"]
        * t["blocked"]
        * _valid_taps(t, "height")
        * np.maximum(_valid_taps(t, "width") + _edge_columns(t) - 1.0, 0.0)
    ),
    "edge_columns": _edge_columns,
    "product_columns": _product_columns,
    "unblocked_macs": lambda t: t["macs"] * (1.0 - t["blocked"]),
    "unblocked_windows": lambda t: (
        _windows(t) * (1.0 - t["blocked"]) * (t["kernel_depth"] * t["kernel_height"] * t["kernel_width"] > 1)
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
    "pooled_rows": lambda t: (
        t["batch"]
        * t["out_channels"]
        * t["out_depth"]
        * t["out_height"]
        * t["kernel_depth"]
        * t["kernel_height"]
        * (1.0 - t["blocked"])
    ),
    "products": lambda t: t["batch"] * t["groups"] * (1.0 - t["blocked"]),
    "batched_weight_bytes": lambda t: t["batch"] * t["weight_bytes"],
    "refetched_weight_bytes": lambda t: (t["batch"] - 1.0) * np.maximum(t["weight_bytes"] - _OWN_CACHE_BYTES, 0.0),
    "unfolded_size": _windows,
    "folded_size": lambda t: t["macs"] * t["groups"] / np.maximum(t["in_channels"], 1.0),
    **{name: partial(_of_road, name) for name in (*_BLOCKED, *_UNFOLDED)},
}
"""Quantities of convolutions and pools by name, as `annette.models.quantities.QUANTITIES` has them.

A convolution that is unfolded writes and reads ``unfolded_size`` elements, the windows of all positions; of a
transposed one, ``folded_size`` elements are computed and then added up where they overlap, in ``window_rows``. It does
so for one group of one sample after another (conv_transpose.cc), each one of ``products`` that read their weights anew,
``batched_weight_bytes`` in all, of which ``refetched_weight_bytes`` have left a core's own cache meanwhile.

Blocked convolutions skip the taps above and below the map, and go one by one through the columns whose windows reach
beyond its sides, ``edge_columns``. Pools that are not blocked add up ``pooled_rows``, rows of neighbours in the output,
one for each row of each window (pooling.cpp).
"""
