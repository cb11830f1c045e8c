"""The tiler of the hardware engine, against tilings and limits that follow from its rules by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.devices.intel_myriad.placement.tiling import (
    OUTPUT_LIMIT_BYTES,
    Window,
    _cheapest_mode,
    aligned_bytes,
    split_groups,
    tile,
)


def square(channels, size, out_channels, out_size, kernel, stride=1):
    return Window(channels, size, size, out_channels, out_size, out_size, kernel, kernel, stride)


@st.composite
def windows(draw):
    """A convolution of any size."""
    kernel = draw(st.tuples(st.sampled_from([1, 2, 3, 5, 7, 11, 17]), st.sampled_from([1, 3, 5, 7])))
    stride = draw(st.integers(1, 4))
    channels = draw(st.one_of(st.integers(1, 300), st.sampled_from([512, 1024, 2048, 2049, 4096])))
    size = [draw(st.integers(1, 600)) for _ in range(2)]
    out = [-(-side // stride) for side in size]
    return Window(channels, *size, draw(st.integers(1, 1200)), *out, *kernel, stride)


@settings(max_examples=60)
@given(windows(), st.sampled_from([OUTPUT_LIMIT_BYTES, 2**17, 2**24]))
def test_a_tiling_keeps_the_limits_of_memory_and_coefficients(window, limit_bytes):
    found = tile(window, limit_bytes)
    if found is None:
        return
    height, width = -(-window.out_height // found.height_tiles), -(-window.out_width // found.width_tiles)
    assert aligned_bytes(height, width, window.out_channels) <= limit_bytes
    assert found.blocks * window.kernel_height * window.kernel_width <= 256
    assert found.blocks * found.mode * found.channel_tiles >= window.in_channels
    assert found.descriptors * 256 // found.mode >= window.out_channels


@settings(max_examples=30)
@given(windows(), st.integers(2, 200))
def test_blocks_of_a_depthwise_convolution_cost_no_more_than_any_other(window, channels):
    window = window._replace(in_channels=channels, out_channels=channels)
    stages, part = split_groups(window, channels)
    assert part.in_channels * stages >= channels
    modes = {size: _cheapest_mode(window._replace(in_channels=size, out_channels=size)) for size in range(1, channels)}
    costs = {size: mode.cost * -(-channels // size) for size, mode in modes.items() if mode}
    assert part.in_channels == min(costs, key=costs.__getitem__, default=channels)


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
    found = tile(window)
    assert (found.mode, found.descriptors, found.blocks) == (mode, descriptors, blocks)
    assert found.height_tiles == found.width_tiles == found.channel_tiles == 1


def test_an_output_beyond_its_share_of_memory_is_cut_downwards():
    window = square(64, 112, 64, 112, 1)
    found = tile(window)
    rows = -(-112 // found.height_tiles)
    assert (
        aligned_bytes(rows, 112, 64) <= OUTPUT_LIMIT_BYTES < aligned_bytes(-(-112 // (found.height_tiles - 1)), 112, 64)
    )
    assert tile(window, 10 * OUTPUT_LIMIT_BYTES).height_tiles < found.height_tiles


def test_a_convolution_of_too_many_coefficients_does_not_run_on_the_engine():
    assert tile(square(2048, 40, 16, 40, 17)) is None


def test_input_channels_beyond_the_limit_are_cut():
    found = tile(square(4096, 7, 64, 7, 1))
    assert found.channel_tiles >= 2


def test_groups_run_one_after_the_other():
    window = square(64, 28, 32, 28, 3)
    assert split_groups(window, 4) == (4, square(16, 28, 8, 28, 3))
    assert split_groups(window, 1) == (1, window)


def test_depthwise_runs_as_dense_blocks_of_the_cheapest_size():
    stages, part = split_groups(square(64, 28, 64, 28, 3), 64)
    assert stages * part.in_channels >= 64
    assert 1 < part.in_channels < 64
