"""Quantities that models look at beside the columns of a kernel table: derived ones, by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.mapping.masks import CAUSAL_MASK
from annette.mapping.one_kernel import ACTIVATION_CODES
from annette.mapping.precision import precision_in
from annette.models.cache_sets import collides, is_crowded, lines_in_a_set
from annette.models.convolution_works import CONVOLUTION_QUANTITIES
from annette.models.selection import guessed_steps, heap_steps, partition_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["CACHES", "QUANTITIES"]

_OPS_A_BYTE: Final = 20.0
"""What a core computes while it fetches one byte from main memory: 200 Gops/s beside 10 GB/s. Networks of many
weights and few operations take the time of their weights."""

_NEAR_BYTES: Final = 2.0**22
"""What a core's own caches hold, or a little more: 1 to 2 MiB on current processors for servers. The rest of what a
kernel reads and writes comes from a cache that others share, or from memory."""

CACHES: Final = {"1m": 2.0**20, "4m": 2.0**22, "16m": 2.0**24}
"""Sizes of caches, from a core's own to what all share: which of them a device has is for its measurements to say."""

_OWN_CACHE_BYTES: Final = CACHES["1m"]
"""What a core's second cache holds. A transpose whose operand and result are larger finds no line again that it read or
wrote a single element of."""

_FORGOTTEN_HALF_OPS: Final = 1e9
"""Operations between two runs of a kernel after which half of what it read is gone from a cache that others share, some
10 ms on one core (docs/decisions/time-between-runs.md)."""

_ELEMENT_BYTES: Final = 4
_WIDTHS: Final = {"int8": 1, "fp16": 2}
"""Bytes of one element of kernels whose kind names a precision of their own."""
_MIDDLE: Final = 4
"""Of reductions: ``walk`` of one between two kept blocks, which goes block by block."""

_SCATTERED_WALK: Final = 3
"""Of transposes: from this ``walk`` on, each piece has its position computed."""

_CUBIC_TAPS: Final = 4.0
_DOUBLING_WALK: Final = 0
_REPEATING_WALK: Final = 7
"""Of resizes: ``walk`` of those that repeat elements by two, and by other whole factors."""

_PAIR: Final = 2

_BENT: Final = [ACTIVATION_CODES[kind] for kind in ("clip", "leaky_relu", "prelu", "relu", "thresholded_relu")]
"""Activations that are two or three straight lines; all others take several operations for each element."""

_RESULT_MOVES: Final = 4
"""Of Einstein sums: from the next ``walk`` on the result is put into another order."""


def _past(table: KernelTable, cache_bytes: float) -> FloatArray:
    """Share of what a kernel touched that a cache of this size no longer has when its turn comes again, from 0 to 1.

    Between two runs of a kernel all weights of the network are read, and what stands for a larger one's. The cache
    keeps as much of them as it holds: everything of a network that fits, a quarter of one that is four times as large.
    """
    kept: FloatArray = cache_bytes / np.maximum(table["network_weight_bytes"], cache_bytes)
    return 1.0 - kept


def _touched_past(table: KernelTable, cache_bytes: float) -> FloatArray:
    """Bytes of activations, read and written, that a cache of this size has no room for."""
    past: FloatArray = np.maximum(table["input_bytes"] + table["output_bytes"] - cache_bytes, 0.0)
    return past


def _weights_past(table: KernelTable, cache_bytes: float) -> FloatArray:
    return table["weight_bytes"] * _past(table, cache_bytes)


def _elements(table: KernelTable, side: str) -> FloatArray:
    """Elements of the first tensor read (``in``) or written (``out``), shape ``(rows,)``."""
    channels, depth, height, width = (table[f"{side}_{name}"] for name in ("channels", "depth", "height", "width"))
    return table["batch"] * channels * depth * height * width


def _is_reshaped(table: KernelTable) -> npt.NDArray[np.bool_]:
    """Whether a product with a constant matrix and a bias has its operand and result reshaped.

    A runtime that has one kernel for a product and its bias, of matrices only, makes a matrix of what has more
    dimensions, and the other way round (ONNX Runtime: ``core/optimizer/matmul_add_fusion.cc``).
    """
    positions = table["out_depth"] * table["out_height"] * table["out_width"]
    matrix = table["in_channels"] * table["out_channels"] * _ELEMENT_BYTES
    reshaped: npt.NDArray[np.bool_] = (positions > 1) & (table["weight_bytes"] > matrix)
    return reshaped


def _written_elements(table: KernelTable) -> FloatArray:
    """Elements of the result, shape ``(rows,)``, whatever happens to its first dimension.

    Where dimensions change places or the first one is cut, its size in the table is that of what is read.
    """
    kinds, which = np.unique(table.kinds, return_inverse=True)
    widths = np.array([_WIDTHS.get(precision_in(kind), _ELEMENT_BYTES) for kind in kinds.tolist()], dtype=np.float64)
    written: FloatArray = table["output_bytes"] / widths[which.reshape(-1)] if len(table) else np.zeros(0)
    return written


def _moved_elements(table: KernelTable) -> FloatArray:
    """Elements that a copy writes: of a split, those of all results, which are what it reads."""
    moved: FloatArray = np.where(table["output_count"] > 1, _elements(table, "in"), _written_elements(table))
    return moved


def _in_pairs(table: KernelTable) -> npt.NDArray[np.bool_]:
    """Whether a transpose moves one axis of pairs: two elements of 4 bytes are copied as one number of 8.

    Longer pieces are copied by a call each (ONNX Runtime: ``core/framework/transpose_helper.cc``).
    """
    pairs: npt.NDArray[np.bool_] = (table["run_length"] == _PAIR) & (table["walk"] < _SCATTERED_WALK)
    return pairs


def _axis_rows(table: KernelTable) -> FloatArray:
    """Rows along the axis that is normalized, reduced or selected from: elements read, over its size."""
    return _elements(table, "in") / np.maximum(table["axis_size"], 1.0)


def _doublings(table: KernelTable) -> FloatArray:
    """How often an expansion doubles what it has written of a run, shape ``(rows,)``.

    Each element is written once and the row of its copies doubled until it is full; so is each piece that is repeated
    as a whole (ONNX Runtime: ``core/providers/cpu/tensor/expand.cc``).
    """
    read, run = _elements(table, "in"), np.maximum(table["run_length"], 1.0)
    repeats = np.maximum(table["output_bytes"] / np.maximum(table["input_bytes"] + table["weight_bytes"], 1.0), 1.0)
    doublings: FloatArray = np.where(table["walk"] == 2, read * np.log2(run), read / run * np.log2(repeats))
    return doublings


def _repeats(table: KernelTable) -> npt.NDArray[np.bool_]:
    """Whether a resize repeats elements in a loop for that: by two, or in the blocked layout by any whole factor."""
    walk, blocked = table["walk"], table["blocked"] > 0
    doubles: npt.NDArray[np.bool_] = (walk == _DOUBLING_WALK) | (blocked & (walk == _REPEATING_WALK))
    return doubles


def _interpolated_columns(table: KernelTable) -> FloatArray:
    """Columns of four elements that a cubic resize interpolates along, for all rows of its result."""
    columns: FloatArray = np.minimum(table["in_width"], _CUBIC_TAPS * table["out_width"])
    return table["batch"] * table["out_channels"] * table["out_height"] * columns


def _is_even(table: KernelTable) -> npt.NDArray[np.bool_]:
    """Whether heights are multiples of each other, so that the rows of a result have the same few positions."""
    read, written = table["in_height"], table["out_height"]
    even: npt.NDArray[np.bool_] = (np.mod(written, read) == 0) | (np.mod(read, written) == 0)
    return even


def _reordered_bytes(table: KernelTable) -> FloatArray:
    """Of Einstein sums: bytes of operands and result that are put into another order; both operands count for one."""
    operands = np.where(np.mod(table["walk"] - 1.0, 4.0) > 0, table["input_bytes"] + table["weight_bytes"], 0.0)
    found: FloatArray = operands + np.where(table["walk"] > _RESULT_MOVES, table["output_bytes"], 0.0)
    return found


def _cold(table: KernelTable) -> FloatArray:
    """1 for what reads the network's input in a network whose weights displace it from a core's caches, else 0."""
    return table["reads_network_input"] * (table["network_weight_bytes"] > _NEAR_BYTES)


QUANTITIES: Final[Mapping[str, Callable[[KernelTable], FloatArray]]] = {
    **CONVOLUTION_QUANTITIES,
    "bytes": lambda t: t.bytes,
    "held_bytes": lambda t: np.clip(t["network_weight_bytes"], 2.0**18, 2.0**26),
    "held_ops": lambda t: np.clip(np.maximum(t["network_ops"], _OPS_A_BYTE * t["network_weight_bytes"]), 2.0**24, 4e9),
    "held_busy_ops": lambda t: np.clip(t["network_busy_ops"], 2.0**20, 4e9),
    "intensity": lambda t: t["ops"] / np.maximum(t.bytes, 1.0),
    "in_positions": lambda t: t["in_depth"] * t["in_height"] * t["in_width"],
    "out_positions": lambda t: t["out_depth"] * t["out_height"] * t["out_width"],
    "kernel_size": lambda t: t["kernel_depth"] * t["kernel_height"] * t["kernel_width"],
    "in_channels_per_group": lambda t: t["in_channels"] / t["groups"],
    "out_channels_per_group": lambda t: t["out_channels"] / t["groups"],
    "rows": lambda t: t["batch"] * t["out_depth"] * t["out_height"] * t["out_width"],
    "reduction_depth": lambda t: (
        t["in_channels"] / t["groups"] * t["kernel_depth"] * t["kernel_height"] * t["kernel_width"]
    ),
    "far_bytes": partial(_touched_past, cache_bytes=_NEAR_BYTES),
    **{f"touched_past_{name}": partial(_touched_past, cache_bytes=size) for name, size in CACHES.items()},
    "kernels": lambda t: np.ones(len(t)),
    "steps": lambda t: t["groups"] * t["out_width"],
    "step_rows": lambda t: t["batch"] * t["groups"] * t["out_width"],
    "states": lambda t: t["batch"] * t["groups"] * t["out_width"] * t["out_channels"],
    "unblocked_ops": lambda t: t["ops"] * (1.0 - t["blocked"]),
    "ops_a_group": lambda t: t["ops"] / np.maximum(t["batch"] * t["groups"], 1.0),
    "ops_a_step": lambda t: t["ops"] / np.maximum(t["groups"] * t["out_width"], 1.0),
    "repeated_weight_bytes": lambda t: (
        t["weight_bytes"] * t["out_width"] * t["out_channels"] / np.maximum(t["in_channels"] + t["out_channels"], 1.0)
    ),
    "reshapes": lambda t: _is_reshaped(t).astype(np.float64),
    "axis_rows": _axis_rows,
    "lines_a_set": lambda t: lines_in_a_set(t["axis_size"], t["inner_size"]),
    "colliding_elements": lambda t: np.where(collides(t["axis_size"], t["inner_size"]), _elements(t, "in"), 0.0),
    "crowded_elements": lambda t: np.where(is_crowded(t["axis_size"], t["inner_size"]), _elements(t, "in"), 0.0),
    "crowded_neighbours": lambda t: np.where(is_crowded(t["neighbours"], t["distance"]), _elements(t, "in"), 0.0),
    "middle_blocks": lambda t: np.where(t["walk"] == _MIDDLE, _axis_rows(t) / np.maximum(t["inner_size"], 1.0), 0.0),
    "doublings": _doublings,
    "doubled_elements": lambda t: np.where(_repeats(t), _elements(t, "out"), 0.0),
    "sampled_elements": lambda t: np.where(_repeats(t), 0.0, _elements(t, "out")),
    "plainly_sampled_elements": lambda t: np.where(_repeats(t) | (t["blocked"] > 0), 0.0, _elements(t, "out")),
    "interpolated_columns": _interpolated_columns,
    "unevenly_interpolated_columns": lambda t: np.where(_is_even(t), 0.0, _interpolated_columns(t)),
    "residual_elements": lambda t: t["residual"] * _elements(t, "out"),
    "activated_elements": lambda t: np.where(t["activation"] > 0, _elements(t, "out"), 0.0),
    "curved_elements": lambda t: np.where(np.isin(t["activation"], [0, *_BENT]), 0.0, _elements(t, "out")),
    "hidden_elements": lambda t: np.where(t["masked"] == CAUSAL_MASK, _elements(t, "in"), 0.0),
    "cold_kernels": _cold,
    "cold_input_bytes": lambda t: _cold(t) * t["input_bytes"],
    "copied_runs": lambda t: np.where(t["run_length"] > 1, _moved_elements(t) / np.maximum(t["run_length"], 1.0), 0.0),
    "paired_runs": lambda t: np.where(_in_pairs(t), _elements(t, "in") / _PAIR, 0.0),
    "called_runs": lambda t: np.where(
        (t["run_length"] > 1) & ~_in_pairs(t), _elements(t, "in") / np.maximum(t["run_length"], 1.0), 0.0
    ),
    "single_elements": lambda t: np.where(t["run_length"] > 1, 0.0, _moved_elements(t)),
    "far_single_elements": lambda t: np.where(
        (t["run_length"] <= 1) & (t["walk"] < _SCATTERED_WALK) & (t["output_bytes"] > _OWN_CACHE_BYTES / 2),
        _elements(t, "in"),
        0.0,
    ),
    "scattered_elements": lambda t: np.where(
        (t["run_length"] <= 1) & (t["walk"] >= _SCATTERED_WALK), _elements(t, "in"), 0.0
    ),
    "scattered_runs": lambda t: np.where(
        (t["run_length"] > 1) & (t["walk"] >= _SCATTERED_WALK),
        _elements(t, "in") / np.maximum(t["run_length"], 1.0),
        0.0,
    ),
    "inner_runs": lambda t: _elements(t, "in") / np.maximum(t["run_length"], 1.0),
    "held_elements": lambda t: np.where(t["walk"] == 1, _elements(t, "out"), 0.0),
    "varying_elements": lambda t: np.where(t["walk"] == 1, 0.0, _elements(t, "out")),
    "heap_steps": lambda t: heap_steps(t, _axis_rows(t)),
    "partition_steps": lambda t: partition_steps(t, _axis_rows(t)),
    "guessed_steps": lambda t: guessed_steps(t, _axis_rows(t)),
    "reordered_bytes": _reordered_bytes,
    "reordered_pieces": lambda t: np.where(
        t["walk"] > 1, _reordered_bytes(t) / _ELEMENT_BYTES / np.maximum(t["run_length"], 1.0), 0.0
    ),
    **{f"kernels_past_{name}": partial(_past, cache_bytes=size) for name, size in CACHES.items()},
    **{f"weights_past_{name}": partial(_weights_past, cache_bytes=size) for name, size in CACHES.items()},
    "waited_weight_bytes": lambda t: (
        t["weight_bytes"] * t["network_busy_ops"] / (t["network_busy_ops"] + _FORGOTTEN_HALF_OPS)
    ),
    "outer_size": lambda t: (
        np.maximum(t["batch"] * t["in_channels"] * t["in_depth"] * t["in_height"] * t["in_width"], 1.0)
        / np.maximum(t["axis_size"] * t["inner_size"], 1.0)
    ),
}
"""Derived quantities by name: each maps a table to one number per row.

A convolution is a product of ``rows`` rows (positions of all samples) of ``reduction_depth`` numbers each, whether or
not a runtime unfolds it into one (`annette.models.convolution_works`), for one group of one sample after another, each
a product of ``ops_a_group``: many small products do not reach the rate of one large one. A product of more dimensions
than a matrix has, and with a bias, ``reshapes`` its operand and its result. Of a recurrent layer, which multiplies the
inputs of all steps at once, the weights of the state are read again in every step: ``repeated_weight_bytes``; the steps
are products of their own, with what one costs however small it is: ``ops_a_step`` (ONNX Runtime:
uni_directional_lstm.cc, deep_cpu_gru.cc).

Of the weights of a kernel, ``weights_past_1m`` bytes come from beyond a cache of 1 MiB: what other weights of the
network, read between two runs of the kernel, have pushed out of it; ``kernels_past_1m`` is the share that is gone, of
the kernel's code and page tables as well. What a cache holds that others share is gone after some milliseconds,
whatever was touched meanwhile: ``held_busy_ops`` counts these, and ``waited_weight_bytes`` are what of a kernel's
weights is gone by then (docs/decisions/time-between-runs.md). In a network that
fits into a cache, a product of one row reads its matrix three times as fast as in one that does not.

What passes over maps reads and writes ``touched_past_1m`` bytes more than a cache of 1 MiB holds. A transpose of more
than one dimension computes the position of each of its ``scattered_elements`` or of its ``scattered_runs``; of one axis
it copies ``paired_runs`` as one number each and has a call for each of its ``called_runs``; single elements that are
strewn over more than a core's own cache are ``far_single_elements``, those that are gathered from places that one set
or two of the first cache stand for ``crowded_neighbours``. An activation that runs along goes over
``activated_elements``, one that is no straight lines over ``curved_elements``. What is copied takes ``copied_runs`` of
several elements, each with a call, or ``single_elements`` one by one. The exponentials of a softmax whose scores a mask
hides underflow, about half of those of ``hidden_elements`` (`annette.mapping.masks`). A second operand holds still for
a whole run (``held_elements``) or varies with it (``varying_elements``); of normalizations, one that is added first
makes ``residual_elements``. A resize repeats ``doubled_elements`` and computes the position of each of its
``sampled_elements``, of which ``plainly_sampled_elements`` do not lie in blocks; a cubic one first interpolates along
the ``interpolated_columns`` of each row of its result, and keeps these in a table, as it does the weights of every
position, which are many where heights are no multiples of each other (ONNX Runtime: upsample.cc). What goes along an
axis does so for ``axis_rows`` rows, or in ``inner_runs`` inner loops; where ``lines_a_set`` are more than a set of the
first cache has, ``colliding_elements`` are fetched anew for each of their neighbours; those that all fall into one or
two sets, ``crowded_elements``, are in no order that is fetched ahead. The largest elements take ``heap_steps`` or
``partition_steps``, of which ``guessed_steps`` are not foreseen. An Einstein sum copies ``reordered_bytes`` of operands
and result first, in ``reordered_pieces``; platforms fitted later see all copies that it makes, ``neighbours`` elements,
with the positions of ``distance`` pieces computed (`annette.mapping.access`).
"""
