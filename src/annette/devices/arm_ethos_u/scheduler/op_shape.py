"""What the choice of a block configuration starts from and what it gives: the shape of an operator, and its blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig, UBlock

__all__ = [
    "EQUAL_DEPTH", "SUB_KERNEL", "BlockConfig", "OpShape", "ifm_alloc_unit", "is_part_kernel", "kernel_extent",
    "round_up",
]  # fmt: skip

SUB_KERNEL: Final = 8
"""Largest side of a kernel that is computed at once; larger ones are computed in parts (Vela: ``SubKernelMax``)."""

EQUAL_DEPTH: Final = frozenset({"depthwise", "pool", "copy", "resize", "elementwise"})
"""Block types whose IFM blocks are as deep as their OFM blocks."""

_BRICK: Final = 16
_FEW_CHANNELS: Final = 8


class OpShape(NamedTuple):
    """Shape of an operator; sizes in elements.

    Attributes:
        block_type: ``conv``, ``vector`` (a matrix product), ``depthwise``, ``pool``, ``copy``, ``resize`` or
            ``elementwise``: what Vela calls the block type of an NPU operator.
    """

    block_type: str
    ofm_height: int
    ofm_width: int
    ofm_depth: int
    ifm_depth: int
    ifm_height: int
    ifm_width: int
    kernel_height: int
    kernel_width: int
    stride_height: int
    stride_width: int
    dilation: int


class BlockConfig(NamedTuple):
    """How an operator is cut into blocks.

    Attributes:
        ofm_height: Height of an OFM block.
        ofm_width: Its width.
        ofm_depth: Its depth.
        ifm_height: Height of the IFM block that it takes.
        ifm_width: Its width.
        ifm_depth: Its depth: what is computed in one step.
        part_kernel: Whether it is traversed part-kernel first.
        ofm_ublock: The micro-block.
    """

    ofm_height: int
    ofm_width: int
    ofm_depth: int
    ifm_height: int
    ifm_width: int
    ifm_depth: int
    part_kernel: bool
    ofm_ublock: UBlock


def round_up(value: int, size: int) -> int:
    """A number rounded up to a multiple of another."""
    return -(-value // size) * size


def kernel_extent(shape: OpShape, axis: str) -> int:
    """IFM elements that one OFM element takes along ``height`` or ``width``, as far as they are computed at once."""
    size = shape.kernel_height if axis == "height" else shape.kernel_width
    return min((size - 1) * shape.dilation + 1, SUB_KERNEL)


def is_part_kernel(config: AcceleratorConfig, shape: OpShape) -> bool:
    """Whether a convolution is traversed part-kernel first instead of depth first: what leaves fewer MACs idle.

    Vela's ``ChooseKernelMethod`` (U55, U65), where IFMs of up to 8 channels always go part-kernel first, and
    ``ChooseKernelFirst`` (U85).
    """
    if shape.block_type != "conv":
        return False
    elements = shape.kernel_height * shape.kernel_width
    depth_first = shape.ifm_depth / round_up(shape.ifm_depth, config.depth_first_depth)
    if config.shram_banks:
        part_kernel = shape.ifm_depth / round_up(shape.ifm_depth, 8) * elements / round_up(elements, 4)
        return shape.ifm_depth <= _FEW_CHANNELS or part_kernel >= depth_first
    rounded = elements // 5 * 5 + max(elements % 5, 2)
    return shape.ifm_depth / round_up(shape.ifm_depth, 16) * elements / rounded >= depth_first


def ifm_alloc_unit(config: AcceleratorConfig, depth: int, ublock: UBlock) -> UBlock:
    """Height, width and depth in which the IFM RAM of an Ethos-U85 is allocated: the deeper, the narrower."""
    units = dict(config.ifm_alloc_units).get(ublock)
    if units is None:
        units = ((*ublock[:2], _BRICK), (1, 2, 2 * _BRICK), (1, 1, 4 * _BRICK))
    return units[0 if depth <= _BRICK else 1 if depth <= 2 * _BRICK else 2]
