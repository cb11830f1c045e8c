"""Block configurations of the Ethos-U85 for operators that are not searched: poolings, depthwise and element-wise ones.

As Vela's ``FindDepthwiseConfig``, ``AreaFit`` and ``FindElementwiseConfig`` (regor, ``ethos_u85.cpp``).

Poolings and depthwise convolutions: for every depth, the block's area takes the aspect ratio of the OFM, shrunk until
accumulators and IFM fit their RAMs; the depth is taken whose block covers the OFM best, wastes least of the IFM RAM and
is nearest to the OFM's depth. Then the block gives way until one more row of the IFM can be fetched ahead.
Element-wise operators fill the output RAM.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.op_shape import (
    BlockConfig,
    OpShape,
    ifm_alloc_unit,
    kernel_extent,
    round_up,
)  # fmt: skip

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig, UBlock

__all__ = ["fit_area", "fit_output_buffer"]

_ACCUMULATOR_DEPTH: Final = 16
_ACCUMULATOR_BYTES: Final = 4
_MOST_STEPS: Final = 200
_STEPS_WITHOUT_PROGRESS: Final = 25
_BRICK: Final = 16
_CHAINING_SLOTS: Final = 6
_MOST_WIDTH: Final = 128


class _OfmBlock(NamedTuple):
    height: int
    width: int
    depth: int


def fit_area(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block configuration of a pooling or a depthwise convolution."""
    ofm = _OfmBlock(
        round_up(shape.ofm_height, ublock[0]),
        round_up(shape.ofm_width, ublock[1]),
        round_up(shape.ofm_depth, _ACCUMULATOR_DEPTH),
    )
    block = _with_room_for_a_row(config, shape, ublock, ofm, _best(config, shape, ublock, ofm))
    return BlockConfig(*block, *_ifm_block(config, shape, block, ublock), False, ublock)


def _ifm_block(config: AcceleratorConfig, shape: OpShape, block: _OfmBlock, ublock: UBlock) -> tuple[int, int, int]:
    height, width, depth = ifm_alloc_unit(config, block.depth, ublock)
    return (
        round_up((block.height - 1) * shape.stride_height + kernel_extent(shape, "height"), height),
        round_up((block.width - 1) * shape.stride_width + kernel_extent(shape, "width"), width),
        round_up(block.depth, depth),
    )


def _best(config: AcceleratorConfig, shape: OpShape, ublock: UBlock, ofm: _OfmBlock) -> _OfmBlock:
    limit = _OfmBlock(
        min(ofm.height, config.max_height), min(ofm.width, config.max_width), min(ofm.depth, config.max_depth)
    )
    accumulators = config.accumulator_ram_bytes // _ACCUMULATOR_BYTES
    most = max(config.macs, accumulators // (ublock[0] * ublock[1] * _ACCUMULATOR_DEPTH))
    by_depth = shape.kernel_height == shape.kernel_width == 1
    best, least = _OfmBlock(ublock[0], ublock[1], _ACCUMULATOR_DEPTH), math.inf
    for depth in range(_ACCUMULATOR_DEPTH, min(most, limit.depth) + 1, _ACCUMULATOR_DEPTH):
        block = _shrunk(config, shape, ublock, ofm, limit, depth)
        if block is None:
            break
        granule = ifm_alloc_unit(config, depth, ublock)[2]
        waste = 1 + (granule - (depth % granule or granule)) / granule / 10
        nearness = 1 + abs(1 - limit.depth / depth) / 10
        area = ofm.width * (ofm.depth if by_depth else ofm.height)
        coverage = 1 + abs(1 - area / (block.width * (depth if by_depth else block.height)))
        if coverage * nearness * waste < least:
            best, least = block, coverage * nearness * waste
            if depth >= ofm.depth and block.width >= ofm.width and block.height >= ofm.height:
                return ofm
    return best


def _shrunk(
    config: AcceleratorConfig, shape: OpShape, ublock: UBlock, ofm: _OfmBlock, limit: _OfmBlock, depth: int
) -> _OfmBlock | None:
    """The largest block of a depth in the OFM's aspect ratio that fits; None where none does."""
    accumulators = config.accumulator_ram_bytes // _ACCUMULATOR_BYTES
    least = ublock[0] * ublock[1] * _ACCUMULATOR_DEPTH
    unit = ifm_alloc_unit(config, depth, ublock)
    volume = round_up(shape.ifm_height, unit[0]) * round_up(shape.ifm_width, unit[1])
    volume *= round_up(shape.ifm_depth, unit[2])
    room, before, patience = accumulators, -1, _STEPS_WITHOUT_PROGRESS
    for _ in range(_MOST_STEPS):
        height, width = _with_aspect(ofm.height / ofm.width, room // depth, ublock)
        height, width = min(height, limit.height), min(width, limit.width)
        area = height * width
        if width < ofm.width:
            width = _even_width(ofm.width, ublock[1], width)
        height = max(area // width // ublock[0] * ublock[0], ublock[0])
        block = _OfmBlock(height, width, depth)
        outputs = height * width * depth
        held = min(math.prod(_ifm_block(config, shape, block, ublock)), volume)
        outputs_fit, inputs_fit = accumulators / outputs, config.ifm_ram_bytes / held
        if min(outputs_fit, inputs_fit) >= 1:
            return block
        if outputs == before:
            patience -= 1
            inputs_fit = 0.9 if patience <= 0 else inputs_fit
        before = outputs
        if inputs_fit < 1 < outputs_fit:
            room = min(room, outputs)
        smaller = max(int(room // least * min(inputs_fit, outputs_fit)), 0) * least
        room = room - least if smaller == room else smaller
        if room <= least:
            return None
    return None


def _with_aspect(aspect: float, area: int, ublock: UBlock) -> tuple[int, int]:
    width = math.sqrt(area / aspect)
    height = width * aspect
    if height < 1:
        width, height = width * height, 1.0
    elif width < 1:
        width, height = 1.0, height * width
    return max(int(height), ublock[0]) // ublock[0] * ublock[0], max(int(width), ublock[1]) // ublock[1] * ublock[1]


def _even_width(size: int, step: int, width: int) -> int:
    """A block width that divides an OFM without leaving a small rest."""
    if size % width == 0:
        return width
    other = max(round_up(size // (size // width + 1), step), step)
    first = max(other - 2 * step, (other + 1) // 2, step)
    best, most = width, size % width
    for candidate in range(width, first - 1, -step):
        rest = size % candidate or candidate
        if rest > most:
            best, most = candidate, rest
    return best


def _with_room_for_a_row(
    config: AcceleratorConfig, shape: OpShape, ublock: UBlock, ofm: _OfmBlock, block: _OfmBlock
) -> _OfmBlock:
    """Gives way until one more row of the IFM fits, where there is more than one block."""
    height, width, depth = block
    forced = 0
    for _ in range(_MOST_STEPS):
        block = _OfmBlock(height, width, depth)
        if width >= ofm.width and height >= ofm.height and depth >= ofm.depth:
            break
        row = math.prod(_ifm_block(config, shape, _OfmBlock(ublock[0], width, depth), ublock))
        if config.ifm_ram_bytes - math.prod(_ifm_block(config, shape, block, ublock)) >= row:
            break
        if (height != ofm.height or forced & 2) and height > ublock[0]:
            height -= ublock[0]
        elif (depth > width or forced & 1) and depth > ifm_alloc_unit(config, depth, ublock)[2]:
            depth -= _ACCUMULATOR_DEPTH
        elif (width != ofm.width or forced & 4) and width > ublock[1]:
            width -= ublock[1]
        elif forced != 7:
            forced = forced << 1 | 1
        elif depth > _ACCUMULATOR_DEPTH:
            depth = max(depth // 2, _ACCUMULATOR_DEPTH)
        else:
            break
    return _OfmBlock(height, width, depth)


def fit_output_buffer(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block configuration of a resize or an element-wise operator."""
    chaining_bricks = config.chaining_ram_bytes // _CHAINING_SLOTS // _BRICK
    if shape.block_type == "resize":  # A row at a time, as wide as its IFM fits a slot of the chaining RAM.
        scale = max(shape.ofm_width // max(shape.ifm_width, 1), 1)
        width = min((chaining_bricks - 2) * scale // ublock[1] * ublock[1] or ublock[1], _MOST_WIDTH)
        return BlockConfig(1, width, _BRICK, ublock[0], width, _BRICK, False, ublock)
    height, width, depth = (
        min(round_up(size, step), most)
        for size, step, most in zip(
            (shape.ofm_height, shape.ofm_width, shape.ofm_depth),
            (*ublock[:2], _BRICK),
            (config.max_height, config.max_width, config.max_depth),
            strict=True,
        )
    )
    broadcast = shape.ifm_height < shape.ofm_height
    room = chaining_bricks // ublock[0] if broadcast else config.output_ram_bytes // _BRICK
    needed = min(round_up(shape.ofm_width, ublock[1]), room, config.max_width)
    if shape.ofm_width % needed:
        needed = round_up(round_up(shape.ofm_width, ublock[1]) // (shape.ofm_width // needed + 1), ublock[1])
    bricks = max(min(room // max(needed, ublock[1]), depth // _BRICK), 1)
    width = round_up(room // bricks, ublock[1])
    return BlockConfig(height, width, bricks * _BRICK, height, width, bricks * _BRICK, False, ublock)
