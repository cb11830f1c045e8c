"""The DPU's engines: numbers worked out by hand."""

import numpy as np
import pytest

from annette.devices.xilinx_dpu.models import Alu, Array, Dpu, Pooling
from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.base import families

ARRAY = Array(8, 16, 16)


def kernel(**columns):
    """One kernel; what is not given is 1, bytes and counts are 0."""
    values = np.ones((1, len(COLUMNS)))
    zero = ("ops", "macs", "input_bytes", "weight_bytes", "output_bytes", "activation", "residual")
    for name in zero:
        values[0, COLUMNS.index(name)] = 0
    for name, value in columns.items():
        values[0, COLUMNS.index(name)] = value
    return KernelTable(np.array(["conv"]), values)


def conv(channels, filters, size, kernel_size):
    macs = channels * filters * size * size * kernel_size**2
    return kernel(
        in_channels=channels, out_channels=filters, in_height=size, in_width=size, out_height=size, out_width=size,
        kernel_height=kernel_size, kernel_width=kernel_size, macs=macs, ops=2 * macs,
    )  # fmt: skip


def test_full_blocks_reach_the_peak_rate():
    assert ARRAY.cycles(conv(64, 64, 56, 3)) == pytest.approx(64 * 64 * 56 * 56 * 9 / (8 * 16 * 16))


@pytest.mark.parametrize(
    ("table", "used"),
    [
        (conv(64, 64, 7, 3), 7 / 8),
        (conv(24, 64, 8, 3), 24 / 32),
        (conv(64, 17, 8, 3), 17 / 32),
        (conv(3, 64, 224, 7), 3 / 16),
    ],
)
def test_edges_of_blocks_are_lost(table, used):
    assert ARRAY.used(table) == pytest.approx(used)
    assert Dpu(1e6, 1e9, array=ARRAY).predict_s(table) == pytest.approx(table["macs"] / (2048e6 * used))


def test_few_channels_share_their_axis_with_the_kernels_width():
    augmented = Array(8, 16, 16, augmented_channels=8)
    assert augmented.used(conv(3, 64, 224, 7)) == pytest.approx(21 / 32)
    assert augmented.used(conv(16, 64, 224, 3)) == pytest.approx(1.0)


def depthwise_behind(front_channels, channels, size, front_kernel):
    front = front_channels * channels * size * size * front_kernel**2
    own = channels * size * size * 9
    return kernel(
        in_channels=channels, out_channels=channels, groups=channels, in_height=size, in_width=size, out_height=size,
        out_width=size, kernel_height=3, kernel_width=3, macs=front + own, ops=2 * (front + own),
    )  # fmt: skip


@pytest.mark.parametrize(("front_kernel", "channels"), [(1, 32), (3, 3)])
def test_what_is_in_front_of_a_depthwise_layer_is_recovered_from_the_sum(front_kernel, channels):
    table = depthwise_behind(channels, 96, 56, front_kernel)
    array = Array(8, 16, 16, front_kernel=front_kernel)
    expected = Array(8, 16, 16).cycles(conv(channels, 96, 56, front_kernel))
    assert array.cycles(table) == pytest.approx(expected)


def test_engines_work_side_by_side_and_the_slowest_counts():
    table = depthwise_behind(32, 96, 56, 1)
    array, alu = Array(8, 16, 16, front_kernel=1), Alu(4, 16, 7.0)
    assert alu.cycles(table) == pytest.approx(96 * 56 * (56 + 7) * 9 / 64)
    both = Dpu(1e6, 1e9, 1e-5, array=array, alu=alu).predict_s(table)
    assert both == pytest.approx(1e-5 + max(float(array.cycles(table)[0]), float(alu.cycles(table)[0])) / 1e6)


def test_pooling_reads_its_window_sums_their_operands_and_global_pools_the_whole_map():
    unit = Pooling(8, 16)
    size = {"out_height": 8, "out_width": 8, "in_channels": 16, "out_channels": 16, "ops": 1}
    assert unit.cycles(kernel(**size, in_height=16, in_width=16, kernel_height=3, kernel_width=3)) == pytest.approx(72)
    assert unit.cycles(kernel(**size, in_height=8, in_width=8, input_count=2)) == pytest.approx(16)
    whole = kernel(in_height=7, in_width=7, in_channels=16, out_channels=16, ops=1)
    assert unit.cycles(whole) == pytest.approx(49 * 16 / (8 * 16 * (1 / 8)))


def test_memory_bounds_what_does_not_compute():
    table = kernel(input_bytes=1000, output_bytes=600)
    assert Dpu(1e6, 16.0).predict_s(table) == pytest.approx(1e-4)


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"in_channels": 1.5}, {"efficiency": 0.0}, {"front_kernel": -1}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(PlatformFormatError):
        Array(**{"rows": 8, "in_channels": 16, "out_channels": 16, **wrong})


def test_platform_files_may_hold_the_families():
    assert {"dpu", "saturating-rate", "cached-memory"} <= set(families())
