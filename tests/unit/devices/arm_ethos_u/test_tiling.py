"""Blocks of the Ethos-U, worked by hand."""

import pytest

from annette.devices.arm_ethos_u.scheduler.tiling import Engine, Window, choose_tile, goes_part_kernel
from annette.mapping.rules import preset

U55 = preset("ethos-u55-128").context.device.engine
U65 = preset("ethos-u65-512").context.device.engine
U85 = preset("ethos-u85-512").context.device.engine


def window(role="conv", out=(8, 8, 16), channels=32, kernel=1, stride=1, dilation=1):
    height, width, outputs = out
    sizes = height * stride, width * stride
    return Window(role, height, width, outputs, channels, *sizes, kernel, kernel, stride, stride, dilation)


def test_a_kernel_that_fits_is_one_tile():
    assert choose_tile(U55, window())[:3] == (8, 8, 16)


@pytest.mark.parametrize("engine", [U55, U65])
def test_few_channels_go_part_kernel_first(engine):
    assert goes_part_kernel(engine, window(channels=3, kernel=3))
    assert choose_tile(engine, window(channels=3, kernel=3)).in_channels == 8


def test_a_full_multiple_of_channels_goes_depth_first():
    assert not goes_part_kernel(U55, window(channels=64, kernel=3))
    assert not goes_part_kernel(U85, window(channels=64, kernel=1))


def test_equal_use_goes_part_kernel_first():
    assert goes_part_kernel(U65, window(channels=24, kernel=3))  # 24 of 32 channels, 9 of 12 elements


@pytest.mark.parametrize("engine", [U55, U65])
@pytest.mark.parametrize("role", ["conv", "vector", "depthwise", "pool"])
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 5, 24), (300, 300, 3), (56, 56, 500)])
def test_tiles_fit_the_shared_banks(engine, role, size):
    tile = choose_tile(engine, window(role, size, size[2], kernel=3))
    inputs = 2 * -(-tile.in_height * tile.in_width * -(-tile.in_channels // 8) * 8 // 1024)
    sums = 2 * -(-tile.height * tile.width * -(-tile.channels // 8) * 8 * 4 // 1024)
    assert inputs + sums <= engine.banks - 4


@pytest.mark.parametrize("role", ["conv", "depthwise", "pool"])
@pytest.mark.parametrize("size", [(1, 1, 16), (7, 5, 24), (300, 300, 16), (56, 56, 500)])
def test_tiles_fit_memories_of_their_own(role, size):
    tile = choose_tile(U85, window(role, size, size[2], kernel=3))
    assert 4 * tile.height * tile.width * tile.channels <= U85.accumulator_bytes
    assert tile.in_height * tile.in_width * min(tile.in_channels, size[2]) <= U85.input_bytes


def test_pools_leave_room_for_one_more_row():
    """As reported for the pooling behind the first convolution of a residual network."""
    tile = choose_tile(U85, Window("pool", 56, 56, 64, 64, 114, 114, 3, 3, 2, 2, 1))
    assert tile[:3] == (12, 14, 16)
    assert tile[3:6] == (26, 30, 16)


def test_the_smallest_tile_is_taken_where_none_fits():
    tiny = Engine(((2, 2, 8),), 4, 2, 2, 0, 0, 16, 16, 64, 32, 1)
    assert choose_tile(tiny, window(out=(32, 32, 64)))[:3] == (2, 2, 16)
