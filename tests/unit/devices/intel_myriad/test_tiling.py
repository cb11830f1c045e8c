"""The tiler of the hardware engine, against tilings that follow from its rules by hand, and against the plain rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.devices.intel_myriad.placement.tiling import OUTPUT_LIMIT_BYTES, Windows, aligned_bytes, split_groups, tile
from tests.unit.devices.intel_myriad import scalar_tiling


def rows(*windows):
    return Windows(*np.array(windows, dtype=np.int64).T)


def one(window, *limit):
    """The tiling of one convolution."""
    return scalar_tiling.Tiling(*(int(column[0]) for column in tile(rows(window), *limit)))


def square(channels, size, out_channels, out_size, kernel, stride=1):
    return scalar_tiling.Window(channels, size, size, out_channels, out_size, out_size, kernel, kernel, stride)


@st.composite
def windows(draw):
    """A convolution of any size; groups that divide its channels: none, some, or as many as channels."""
    kernel = draw(st.tuples(st.sampled_from([1, 2, 3, 5, 7, 11, 17]), st.sampled_from([1, 3, 5, 7])))
    stride = draw(st.integers(1, 4))
    groups = draw(st.sampled_from([1, 1, 2, 4, 8, 0]))
    channels = draw(st.one_of(st.integers(1, 300), st.sampled_from([512, 1024, 2048, 2049, 4096]))) * max(groups, 1)
    size = [draw(st.integers(1, 600)) for _ in range(2)]
    out = [-(-side // stride) for side in size]
    out_channels = draw(st.integers(1, 1200)) * max(groups, 1)
    if groups == 0:
        groups = channels = draw(st.integers(2, 200))
        out_channels = channels * draw(st.integers(1, 2))
    return scalar_tiling.Window(channels, *size, out_channels, *out, *kernel, stride), groups


@settings(max_examples=40)
@given(st.lists(windows(), min_size=1, max_size=8), st.sampled_from([OUTPUT_LIMIT_BYTES, 2**17, 2**24]))
def test_every_row_is_cut_as_the_plain_rules_cut_it(cases, limit_bytes):
    table, groups = rows(*(window for window, _ in cases)), np.array([count for _, count in cases])
    stages, parts = split_groups(table, groups)
    whole = np.array(tile(table, limit_bytes)).T.tolist()
    split = np.array(tile(parts, limit_bytes)).T.tolist()
    for row, (window, count) in enumerate(cases):
        expected_stages, expected_part = scalar_tiling.split_groups(window, count)
        assert (stages[row], tuple(column[row] for column in parts)) == (expected_stages, expected_part)
        for found, expected in ((whole, window), (split, expected_part)):
            assert tuple(found[row]) == (scalar_tiling.tile(expected, limit_bytes) or (0,) * 7)


def test_no_rows_are_no_tilings():
    assert [len(column) for column in tile(Windows.of([]))] == [0] * 7


def test_lines_are_padded_to_16_bytes():
    assert aligned_bytes(1, 8, 1) == 16
    assert aligned_bytes(1, 9, 1) == 32
    assert aligned_bytes(7, 7, 512) == 7 * 16 * 512


@pytest.mark.parametrize(
    ("window", "mode", "descriptors", "blocks"),
    [
        (square(64, 56, 64, 56, 3), 4, 1, 16),  # blocks * 9 <= 256 rules modes 1 and 2 out; 256/4 = 64 outputs at once
        (square(256, 14, 256, 14, 1), 1, 1, 256),  # one mode-1 pass of 256 coefficients makes all 256 outputs
        (square(512, 14, 256, 14, 1), 2, 2, 256),  # mode 1 would need 512 coefficients
    ],
)
def test_the_cheapest_valid_mode_wins(window, mode, descriptors, blocks):
    found = one(window)
    assert (found.mode, found.descriptors, found.blocks) == (mode, descriptors, blocks)
    assert found.height_tiles == found.width_tiles == found.channel_tiles == 1


def test_an_output_beyond_its_share_of_memory_is_cut_downwards():
    window = square(64, 112, 64, 112, 1)
    found = one(window)
    rows = -(-112 // found.height_tiles)
    assert (
        aligned_bytes(rows, 112, 64) <= OUTPUT_LIMIT_BYTES < aligned_bytes(-(-112 // (found.height_tiles - 1)), 112, 64)
    )
    assert one(window, 10 * OUTPUT_LIMIT_BYTES).height_tiles < found.height_tiles


def test_a_convolution_of_too_many_coefficients_does_not_run_on_the_engine():
    assert one(square(2048, 40, 16, 40, 17)).mode == 0


def test_input_channels_beyond_the_limit_are_cut():
    found = one(square(4096, 7, 64, 7, 1))
    assert found.channel_tiles >= 2


def test_groups_run_one_after_the_other():
    window = square(64, 28, 32, 28, 3)
    stages, parts = split_groups(rows(window, window), np.array([4, 1]))
    assert stages.tolist() == [4, 1]
    assert (parts.in_channels.tolist(), parts.out_channels.tolist()) == ([16, 64], [8, 32])


def test_depthwise_runs_as_dense_blocks_of_the_cheapest_size():
    stages, parts = split_groups(rows(square(64, 28, 64, 28, 3)), np.array([64]))
    assert stages[0] * parts.in_channels[0] >= 64
    assert 1 < parts.in_channels[0] < 64
