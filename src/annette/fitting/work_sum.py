"""Fits sums of works: which sorts of work a kind of kernel consists of, and how long a unit of each takes.

The works are what runtimes do one after the other; which of them take time is found, not said: coefficients are at
least 0, and most stay there. What is minimised is the absolute logarithm of predicted over measured, approximately, so
that small and large kernels count the same and single bad measurements do not decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from annette.mapping.operands import unmarked
from annette.mapping.precision import kind_of
from annette.models.quantities import CACHES
from annette.models.work_sum import WorkSum, works_of
from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from annette.fitting.samples import Samples

__all__ = ["fit_work_sum"]

_TRANSPOSED: Final = frozenset({"conv_transpose"})
_OF_PRODUCTS: Final = (
    "kernels", "macs", "macs/fill:out_channels:16", "macs/fill:rows:4", "input_bytes", "output_bytes", "weight_bytes",
    "weights_past_*", "kernels_past_*", "waited_weight_bytes", "reshapes", "activated_elements", "curved_elements",
)  # fmt: skip
"""Of products with constant matrices. One of a single row is as fast as its matrix comes, from a cache or from memory.
"""
_FROM_AFAR: Final = ("touched_past_1m", "touched_past_4m", "touched_past_16m", "cold_kernels", "cold_input_bytes")
_WORKS: Final = (
    (
        kinds_in(Category.RECURRENT),
        (
            "kernels", "steps", "step_rows", "states", "macs", "repeated_weight_bytes", "weight_bytes",
            "weights_past_*", "kernels_past_*",
        ),
    ),
    (
        _TRANSPOSED,
        (
            "kernels", "products", "macs", "macs/fill:product_columns:*", "folded_size", "window_rows", "output_bytes",
            "batched_weight_bytes", "touched_past_4m", "touched_past_16m",
        ),
    ),
    (
        kinds_in(Category.CONVOLUTION) - _TRANSPOSED,
        (
            "kernels", "products", "calls", "vector_macs", "matrix_macs", "matrix_macs/fill:product_columns:*",
            "unfolded_elements", "unfolded_rows", "strided_elements", "bordering_elements", "packed_elements",
            "padded_macs/fill:out_channels:*", "blocked_edge_macs/fill:out_channels:*", "waiting_macs",
            "edge_waiting_macs", "accumulated_bytes", "reread_bytes", "restreamed_weight_bytes", "weight_bytes",
            "batched_weight_bytes", "refetched_weight_bytes",
            "input_bytes", "output_bytes", "activated_elements", "curved_elements", "touched_past_1m",
            "touched_past_4m", "touched_past_16m",
        ),
    ),
    (
        frozenset({"concat", "split", "slice", "tile", "pad"}),
        (
            "kernels", "input_count", "output_count", "copied_runs", "single_elements", "input_bytes", "output_bytes",
            *_FROM_AFAR,
        ),
    ),
    (
        frozenset({"transpose"}),
        (
            "kernels", "called_runs", "paired_runs", "single_elements", "far_single_elements", "crowded_neighbours",
            "scattered_elements", "scattered_runs", "input_bytes", "output_bytes", *_FROM_AFAR,
        ),
    ),
    (
        frozenset({"gather"}),
        ("kernels", "copied_runs", "single_elements", "output_bytes", "weights_past_*", *_FROM_AFAR),
    ),
    (
        frozenset({"gather_elements", "scatter_elements"}),
        ("kernels", "ops", "input_bytes", "weight_bytes", "output_bytes", *_FROM_AFAR),
    ),
    (frozenset({"expand"}), ("kernels", "doublings", "input_bytes", "output_bytes", *_FROM_AFAR)),
    (
        kinds_in(Category.REDUCTION) - {"cumulative_sum"} | {"looped_reduction"},
        (
            "kernels", "axis_rows", "inner_runs", "middle_blocks", "colliding_elements", "crowded_elements",
            "input_bytes", "output_bytes", *_FROM_AFAR,
        ),
    ),
    (
        frozenset({"softmax", "log_softmax", "softmax_across", "softmax_far_across"}),
        ("kernels", "axis_rows", "input_bytes", "hidden_elements", "colliding_elements", *_FROM_AFAR),
    ),
    (
        frozenset({"top_k"}),
        (
            "kernels", "axis_rows", "input_bytes", "output_bytes", "heap_steps", "partition_steps", "guessed_steps",
        ),
    ),
    (
        frozenset({"where"}),
        ("kernels", "copied_runs", "held_elements", "varying_elements", "input_bytes", "output_bytes", *_FROM_AFAR),
    ),
    (
        frozenset({"resize_cubic"}),
        ("kernels", "sampled_elements", "interpolated_columns", "unevenly_interpolated_columns", "input_bytes"),
    ),
    (
        frozenset({"resize_nearest", "resize_linear"}),
        ("kernels", "doubled_elements", "sampled_elements", "plainly_sampled_elements", "input_bytes", *_FROM_AFAR),
    ),
    (
        kinds_in(Category.POOLING, Category.GLOBAL_POOLING),
        ("kernels", "ops", "unblocked_ops", "pooled_rows", "input_bytes", "output_bytes", *_FROM_AFAR),
    ),
    (
        kinds_in(Category.BINARY) | {"general_pow"},
        (
            "kernels", "ops", "copied_runs", "single_elements", "weight_bytes", "input_bytes", "output_bytes",
            *_FROM_AFAR,
        ),
    ),
    (
        kinds_in(Category.NORMALIZATION) | {"skip_layer_norm"},
        (
            "kernels", "ops", "axis_rows", "residual_elements", "weight_bytes", "input_bytes", "output_bytes",
            *_FROM_AFAR,
        ),
    ),
    (
        kinds_in(Category.UNARY, Category.ACTIVATION),
        ("kernels", "ops", "weight_bytes", "input_bytes", "output_bytes", *_FROM_AFAR),
    ),
    (
        frozenset({"reorder_input", "reorder_output"}),
        ("kernels", "output_bytes", "output_bytes/fill:in_channels:*", *_FROM_AFAR),
    ),
    (
        frozenset({"matmul"}),
        (
            "kernels", "products", "macs", "macs/fill:out_channels:16", "macs/fill:rows:4", "input_bytes",
            "weight_bytes", "output_bytes", *_FROM_AFAR,
        ),
    ),
    (
        frozenset({"einsum"}),
        (
            "kernels", "products", "macs", "neighbours", "distance", "weight_bytes", "input_bytes", "output_bytes",
            *_FROM_AFAR,
        ),
    ),
)  # fmt: skip
"""What kernels of some kinds do in turn; ``*`` stands for the size of a block, behind ``past`` for that of a cache.

ONNX Runtime multiplies the inputs of all steps of a recurrent layer at once and then, step by step, the state
(uni_directional_lstm.cc, deep_cpu_gru.cc, rnn.cc); it unfolds convolutions that are not blocked, a group of a sample
after the other, into columns and multiplies these (convolve.cpp), and goes over blocked ones row by row
(`annette.models.convolution_works`); of a transposed convolution it multiplies first and adds the columns up
afterwards, one row of one tap after the other (conv_transpose.cc).

What moves elements does so in pieces, each with a call of its own, or one by one (concatbase.h, split.cc, slice.cc,
expand.cc, pad.cc, gather.cc). Reductions, normalizations and softmax go row by row (reduction_ops.cc, softmax.cc,
layer_norm_impl.cc), sums that are normalized element by element (skip_layer_norm.cc), the largest elements of each row
through a heap or a partition (top_k.cc), choices through masks that hold still or vary (where_op.cc), operands that are
broadcast run by run (element_wise_ops.cc). Pools and linear resizes have one loop for blocked maps and another for
plain ones (snchwc.cpp, pooling.cpp, upsample.cc). Reorders go through whole blocks, of which channels fill a part
(reorder.cpp). An
Einstein sum copies its operands and its result, in pieces of which some have their positions computed, and multiplies
in between (einsum_typed_compute_processor.cc). Whatever passes over maps waits for what no cache holds: on one
processor a byte past 16 MiB took twice to three times as long as one before.

What a recurrent layer or a product finds in no cache it waits for. Convolutions were offered the same: the forest over
them knows it from how much the network holds, and rows left out were not estimated better (mean absolute logarithm
0.103 with and 0.105 without, of depthwise ones 0.168 and 0.156)."""

_BLOCKS: Final = (4, 8, 16, 32)
"""Numbers of one vector register or of a few, of 128 to 512 bits."""

_ROWS_FOR_A_WORK: Final = 2
_STARTS: Final = ("cold_kernels",)
_SHORT_S: Final = 1e-4
_SHORT_ROWS: Final = 8
"""What a kernel costs however large it is follows from so many kernels that take no longer than this: three divisions
of 10 million numbers that a network is given, between whose runs others had gone on, said that such a kernel starts 2.4
ms later, and so would one of 28,000 numbers."""

_ROUNDS: Final = 10
_SOFTNESS: Final = 0.05
"""Below this error squares are minimised instead: about what repeated measurements of short kernels differ by."""


def fit_work_sum(samples: Samples) -> WorkSum | None:
    """Fits a sum of works.

    Args:
        samples: Cleaned rows of one kind.

    Returns:
        The sum; None where it is not known what the kind consists of, or there are too few rows.
    """
    works = _works(samples)
    if not works or len(samples) < _ROWS_FOR_A_WORK * len(works):
        return None
    sizes: tuple[int | str, ...] = tuple(CACHES) if any("past_*" in name for name in works) else _BLOCKS
    sizes = sizes if any("*" in name for name in works) else sizes[:1]
    fits = [_solve(tuple(name.replace("*", str(size)) for name in works), samples) for size in sizes]
    seconds, error = min(fits, key=lambda fit: fit[1])
    return WorkSum(seconds) if np.isfinite(error) else None


def _works(samples: Samples) -> tuple[str, ...]:
    """The works that a kind may consist of; none where it is not known."""
    own = {unmarked(kind_of(kind)) for kind in samples.kinds}
    named = next((works for kinds, works in _WORKS if kinds.issuperset(own)), ())
    table = samples.table
    multiplies = (table["macs"] > 0) & (table["weight_bytes"] > 0)
    windows = table["kernel_depth"] * table["kernel_height"] * table["kernel_width"] > 1
    return named or (_OF_PRODUCTS if multiplies.all() and not windows.any() else ())


def _solve(works: tuple[str, ...], samples: Samples) -> tuple[dict[str, float], float]:
    """Seconds of each work that takes time, and the mean absolute logarithm that is left; infinite where none fits."""
    amounts = works_of(works, samples.table)
    short = samples.latency_s <= _SHORT_S
    works = tuple(
        name for name in works if name not in _STARTS or np.count_nonzero(amounts[name][short]) >= _SHORT_ROWS
    )
    matrix = np.stack([amounts[name] for name in works], axis=1)
    scale = np.maximum(matrix.max(axis=0), 1.0)
    rows = matrix / scale / samples.latency_s[:, None]
    weights = np.ones(len(samples))
    best: tuple[dict[str, float], float] = ({}, np.inf)
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        coefficients, _ = nnls(rows * root[:, None], root)
        relative = rows @ coefficients
        if not (relative > 0).all():
            break
        off = np.abs(np.log(relative))
        if off.mean() < best[1]:
            seconds = (coefficients / scale).tolist()
            best = {name: each for name, each in zip(works, seconds, strict=True) if each > 0}, float(off.mean())
        weights = 1.0 / np.maximum(off, _SOFTNESS)
        weights = weights * (off / np.maximum(np.abs(relative - 1.0), 1e-9)) ** 2
    return best
