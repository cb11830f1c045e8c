"""Block configurations of the Ethos-U, worked by hand."""

import pytest

from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig
from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config, is_part_kernel
from annette.mapping.rules import preset

U55 = preset("ethos-u55-128").context.accelerator.config
U65 = preset("ethos-u65-512").context.accelerator.config
U85 = preset("ethos-u85-512").context.accelerator.config


def shape(role="conv", out=(8, 8, 16), channels=32, kernel=1, stride=1, dilation=1):
    height, width, outputs = out
    sizes = height * stride, width * stride
    return OpShape(role, height, width, outputs, channels, *sizes, kernel, kernel, stride, stride, dilation)


def test_a_kernel_that_fits_is_one_block():
    assert choose_block_config(U55, shape())[:3] == (8, 8, 16)


@pytest.mark.parametrize("config", [U55, U65])
def test_few_channels_go_part_kernel_first(config):
    assert is_part_kernel(config, shape(channels=3, kernel=3))
    assert choose_block_config(config, shape(channels=3, kernel=3)).ifm_depth == 8


def test_a_full_multiple_of_channels_goes_depth_first():
    assert not is_part_kernel(U55, shape(channels=64, kernel=3))
    assert not is_part_kernel(U85, shape(channels=64, kernel=1))


def test_equal_use_is_part_kernel_first():
    assert is_part_kernel(U65, shape(channels=24, kernel=3))  # 24 of 32 channels, 9 of 12 elements


@pytest.mark.parametrize("config", [U55, U65])
@pytest.mark.parametrize("role", ["conv", "vector", "depthwise", "pool"])
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 5, 24), (300, 300, 3), (56, 56, 500)])
def test_blocks_fit_the_shram(config, role, size):
    block = choose_block_config(config, shape(role, size, size[2], kernel=3))
    inputs = 2 * -(-block.ifm_height * block.ifm_width * -(-block.ifm_depth // 8) * 8 // 1024)
    sums = 2 * -(-block.ofm_height * block.ofm_width * -(-block.ofm_depth // 8) * 8 * 4 // 1024)
    assert inputs + sums <= config.shram_banks - 4


@pytest.mark.parametrize("role", ["conv", "depthwise", "pool"])
@pytest.mark.parametrize("size", [(1, 1, 16), (7, 5, 24), (300, 300, 16), (56, 56, 500)])
def test_blocks_fit_the_rams_of_an_ethos_u85(role, size):
    block = choose_block_config(U85, shape(role, size, size[2], kernel=3))
    assert 4 * block.ofm_height * block.ofm_width * block.ofm_depth <= U85.accumulator_ram_bytes
    assert block.ifm_height * block.ifm_width * min(block.ifm_depth, size[2]) <= U85.ifm_ram_bytes


def test_pools_leave_room_for_one_more_row():
    """As reported for the pooling behind the first convolution of a residual network."""
    block = choose_block_config(U85, OpShape("pool", 56, 56, 64, 64, 114, 114, 3, 3, 2, 2, 1))
    assert block[:3] == (12, 14, 16)
    assert block[3:6] == (26, 30, 16)


def test_the_smallest_block_is_taken_where_none_fits():
    tiny = AcceleratorConfig(((2, 2, 8),), 4, 2, 2, 0, 0, 16, 16, 64, 32, 1)
    assert choose_block_config(tiny, shape(out=(32, 32, 64)))[:3] == (2, 2, 16)


@pytest.mark.parametrize(
    ("operator", "block"),
    [  # As Vela reports them.
        (OpShape("depthwise", 10, 10, 128, 128, 20, 20, 3, 3, 2, 2, 1), (10, 10, 16)),
        (OpShape("depthwise", 4, 56, 64, 64, 9, 112, 3, 3, 2, 2, 1), (2, 28, 16)),
        (OpShape("depthwise", 7, 7, 512, 512, 14, 14, 3, 3, 2, 2, 1), (7, 8, 32)),
    ],
)
def test_depthwise_blocks_give_way_in_depth_before_width(operator, block):
    assert choose_block_config(U85, operator)[:3] == block


def test_a_matrix_product_of_few_channels_goes_part_kernel_first_on_an_ethos_u85():
    operator = OpShape("vector", 1, 1, 8, 32, 1, 1, 1, 1, 1, 1, 1)
    assert choose_block_config(U85, operator).part_kernel
    assert not choose_block_config(U55, operator).part_kernel
