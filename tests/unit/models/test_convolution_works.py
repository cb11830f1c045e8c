"""What convolutions do, by hand: on either road, of windows that are unfolded and of maps in blocks."""

import numpy as np
import pytest

from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.convolution_works import CONVOLUTION_QUANTITIES
from annette.models.features import FeatureSet

SEQUENCE = {"in_channels": 8, "in_width": 20, "out_channels": 8, "out_width": 20, "kernel_width": 5, "macs": 6400}
"""A convolution of 8 into 8 channels along 20 steps that keeps their number."""
COLUMN = {
    "in_channels": 16, "in_height": 40, "out_channels": 16, "out_height": 30, "kernel_height": 11,
    "macs": 16 * 16 * 30 * 11, "blocked": 1,
}  # fmt: skip
"""A convolution in blocks down a map of one column, without padding."""
WHOLE_WIDTH = {
    "in_height": 9, "in_width": 5, "out_channels": 3, "out_height": 9, "kernel_width": 5, "macs": 135,
}  # fmt: skip
MAP = {
    "in_channels": 32, "in_height": 64, "in_width": 64, "out_channels": 128, "out_height": 64, "out_width": 64,
    "kernel_height": 3, "kernel_width": 3, "macs": 32 * 128 * 9 * 64 * 64, "blocked": 1,
}  # fmt: skip


def table_of(**columns):
    values = np.ones((1, len(COLUMNS)))
    for name in ("blocked", "network_weight_bytes"):
        values[0, COLUMNS.index(name)] = 0
    for name, value in columns.items():
        values[0, COLUMNS.index(name)] = value
    return KernelTable(np.array(["conv"]), values)


def amount(name, **columns):
    return FeatureSet((name,)).matrix(table_of(**columns))[0, 0]


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("unfolded_elements", SEQUENCE, 20 * 8 * 5),
        ("unfolded_elements", SEQUENCE | {"blocked": 1}, 0),
        ("unfolded_elements", SEQUENCE | {"kernel_width": 1, "macs": 1280}, 0),  # the input is the matrix
        ("unfolded_elements", SEQUENCE | {"kernel_width": 1, "macs": 640, "stride_width": 2, "out_width": 10}, 80),
        # One channel, a window as wide as the input and no padding: rows of it are the matrix.
        ("unfolded_elements", WHOLE_WIDTH, 0),
        ("unfolded_rows", SEQUENCE, 8 * 5),
        ("strided_elements", SEQUENCE, 0),
        ("strided_elements", SEQUENCE | {"stride_width": 2, "out_width": 10, "macs": 3200}, 10 * 8 * 5),
        ("bordering_elements", SEQUENCE, 8 * (2 + 1 + 1 + 2)),  # two steps on either side lack two taps and one
        ("packed_elements", SEQUENCE, 20 * 8 * 5),
        ("packed_elements", SEQUENCE | {"groups": 8, "macs": 800}, 0),  # one filter a group: a product with a vector
        ("matrix_macs", SEQUENCE, 6400),
        ("vector_macs", SEQUENCE, 0),
        ("vector_macs", SEQUENCE | {"groups": 8, "macs": 800}, 800),
        ("restreamed_weight_bytes", SEQUENCE | {"weight_bytes": 2.0**20}, 0),
        ("restreamed_weight_bytes", SEQUENCE | {"out_width": 300, "weight_bytes": 2.0**20 + 8}, 3 * 8),
        ("refetched_weight_bytes", {"batch": 4, "weight_bytes": 2.0**20 + 8}, 24),
        ("padded_macs", COLUMN, 16 * 16 * 30 * 11),
        ("padded_macs", COLUMN | {"in_channels": 24, "macs": 24 * 16 * 30 * 11}, 32 * 16 * 30 * 11),
        ("padded_macs", COLUMN | {"in_channels": 3, "macs": 3 * 16 * 30 * 11}, 3 * 16 * 30 * 11),
        ("calls", COLUMN, 1),  # all rows lie behind one another
        ("calls", COLUMN | {"stride_height": 2, "out_height": 15, "macs": 16 * 16 * 15 * 11}, 15),
        ("calls", MAP, 64 * 2 * 2),  # rows, blocks of channels, sets of filters
        ("calls", MAP | {"kernel_height": 1, "kernel_width": 1}, 2 * 2),
        ("calls", MAP | {"in_channels": 128, "groups": 128}, 64 * 8),  # depthwise: a block at a time
        ("waiting_macs", COLUMN, 16 * 16 * 30 * 11 / 3),  # six results grow instead of eight
        ("waiting_macs", COLUMN | {"stride_height": 2, "out_height": 15, "macs": 42240}, 42240 * 7),
        ("waiting_macs", MAP, 0),  # four columns are left of a row, times four sets of filters
        ("edge_waiting_macs", MAP, 32 * 128 * 9 * 64 * 64 * (62 + 2 * 2 / 3) / 64 * 2 / 64),
        ("edge_waiting_macs", COLUMN, 0),
        ("accumulated_bytes", MAP, 0),  # 64 filters of 64 x 64 positions are one MiB
        ("accumulated_bytes", MAP | {"out_height": 128, "in_height": 128}, 2 * 2 * 2.0**20),
        ("reread_bytes", MAP | {"input_bytes": 2.0**20 + 8}, 8),
        ("pooled_rows", {"out_channels": 3, "out_height": 7, "kernel_height": 4, "kernel_width": 4}, 3 * 7 * 4),
        ("pooled_rows", {"out_channels": 3, "out_height": 7, "kernel_height": 4, "blocked": 1}, 0),
        ("products", {"batch": 4, "groups": 3, "blocked": 0}, 12),
        ("products", {"batch": 4, "groups": 3, "blocked": 1}, 0),
        ("product_columns", {"in_width": 8, "out_width": 16, "in_height": 3, "out_height": 6}, 24),
        ("fill:product_columns:16", {"in_width": 1, "out_width": 4}, 1),
        ("edge_columns", {"kernel_width": 5, "in_width": 16, "out_width": 16}, 4 / 16),
        ("edge_columns", {"kernel_width": 5, "in_width": 20, "out_width": 16}, 0),
        ("edge_columns", {"kernel_width": 31, "in_width": 14, "out_width": 14}, 1),
        ("edge_columns", {"kernel_width": 3, "stride_width": 2, "in_width": 16, "out_width": 8}, 1 / 8),
        ("blocked_edge_macs", {"macs": 300, "blocked": 1, "kernel_width": 3, "in_width": 10, "out_width": 10}, 40),
        ("blocked_edge_macs", {"macs": 300, "kernel_width": 3, "in_width": 10, "out_width": 10, "blocked": 0}, 0),
        ("blocked_macs", {"macs": 90, "blocked": 1, "kernel_height": 3}, 30),
    ],
)
def test_amounts(name, columns, expected):
    assert amount(name, **columns) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "out", "expected"),
    [
        (8, 1, 1, 1, 8, 1.0),
        (8, 3, 1, 1, 8, (7 + 8 + 7) / 24),
        (16, 3, 1, 24, 16, 1 / 3),  # Only the middle tap ever hits.
        (16, 3, 1, 12, 16, (4 + 16 + 4) / 48),
        (8, 3, 1, 1, 6, 1.0),  # No padding.
        (8, 2, 2, 1, 4, 1.0),
        (100, 301, 1, 1, 100, 100 / 301),  # Each window reaches beyond both ends.
    ],
)
def test_valid_taps_leave_out_what_hits_padding(size, kernel, stride, dilation, out, expected):
    sizes = (("in", size), ("kernel", kernel), ("stride", stride), ("dilation", dilation), ("out", out))
    table = table_of(**{f"{name}_width": value for name, value in sizes})
    assert CONVOLUTION_QUANTITIES["valid_taps"](table) == pytest.approx(expected)


def test_many_large_windows_are_looked_at_in_parts():
    one = table_of(in_width=100, kernel_width=1001, out_width=100)
    table = KernelTable(np.repeat(one.kinds, 5000), np.repeat(one.values, 5000, axis=0))
    shares = CONVOLUTION_QUANTITIES["valid_taps"](table)
    assert shares == pytest.approx(np.full(5000, 100 / 1001))


def test_what_multiplies_nothing_has_no_such_work():
    by_road = [name for name, quantity in CONVOLUTION_QUANTITIES.items() if "_of_road" in repr(quantity)]
    assert len(by_road) == 14
    assert all(amount(name, macs=0, in_channels=8, blocked=blocked) == 0 for name in by_road for blocked in (0, 1))
