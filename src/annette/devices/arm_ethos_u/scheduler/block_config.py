"""The block configuration of an operator: which part of its OFM is computed at a time.

As Vela's ``FindBlockConfig`` (regor, ``ethos_u55.cpp`` and ``ethos_u85.cpp``): an OFM block must fit the accumulators
and its IFM block the IFM buffer, twice each. IFMs are read again for every block in depth, weights for every block in
height and width, and the block that reads least is taken. Where both buffers share an SHRAM, it is searched for all
operators with a kernel; on an Ethos-U85 poolings, depthwise and element-wise operators have their own ways, as Vela's
``FindDepthwiseConfig``, ``AreaFit`` and ``FindElementwiseConfig`` (``ethos_u85.cpp``).
There, for poolings and depthwise convolutions: for every depth, the block's area takes the aspect ratio of the OFM,
shrunk until accumulators and IFM fit their RAMs; the depth is taken whose block covers the OFM best, wastes least of
the IFM RAM and is nearest to the OFM's depth. Then the block gives way until one more row of the IFM can be fetched
ahead. Element-wise operators fill the output RAM.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np

from annette.budget import require

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig, UBlock

__all__ = [
    "EQUAL_DEPTH", "SUB_KERNEL", "BlockConfig", "OpShape", "candidate_depths", "candidates", "choose_block_config",
    "is_part_kernel", "round_up",
]  # fmt: skip

SUB_KERNEL: Final = 8
"""Largest side of a kernel that is computed at once; larger ones are computed in parts (Vela: ``SubKernelMax``)."""

EQUAL_DEPTH: Final = frozenset({"depthwise", "pool", "copy", "resize", "elementwise"})
"""Block types whose IFM blocks are as deep as their OFM blocks."""

_FEW_CHANNELS: Final = 8
_BANK_BYTES: Final = 1024
_SMALL_BLOCK: Final = 4
_PART_KERNEL_DEPTH: Final = 16
_ACCUMULATOR_DEPTH: Final = 16
_ACCUMULATOR_BYTES: Final = 4
_MOST_STEPS: Final = 200
_STEPS_WITHOUT_PROGRESS: Final = 25
_BRICK: Final = 16
_CHAINING_SLOTS: Final = 6
_BYTES_PER_CANDIDATE: Final = 160  # Some twenty numbers about each are held at a time.
_MOST_WIDTH: Final = 128

_Sizes: TypeAlias = np.ndarray
_Shapes: TypeAlias = tuple[_Sizes, _Sizes, _Sizes]
_Elements = TypeVar("_Elements", int, np.ndarray)


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


def round_up(value: _Elements, size: int | _Elements) -> _Elements:
    """A number, or each of an array, rounded up to a multiple of another."""
    return -(-value // size) * size


def _kernel_extent(shape: OpShape, axis: str) -> int:
    """IFM elements that one OFM element takes along ``height`` or ``width``, as far as they are computed at once."""
    size = shape.kernel_height if axis == "height" else shape.kernel_width
    return min((size - 1) * shape.dilation + 1, SUB_KERNEL)


def is_part_kernel(config: AcceleratorConfig, shape: OpShape) -> bool:
    """Whether a convolution is traversed part-kernel first instead of depth first: what leaves fewer MACs idle.

    Vela's ``ChooseKernelMethod`` (U55, U65), where IFMs of up to 8 channels always go part-kernel first, and
    ``ChooseKernelFirst`` (U85).
    """
    if shape.block_type != "conv" and (config.shram_banks or shape.block_type != "vector"):
        return False
    elements = shape.kernel_height * shape.kernel_width
    depth_first = shape.ifm_depth / round_up(shape.ifm_depth, config.depth_first_depth)
    if config.shram_banks:
        part_kernel = shape.ifm_depth / round_up(shape.ifm_depth, 8) * elements / round_up(elements, 4)
        return shape.ifm_depth <= _FEW_CHANNELS or part_kernel >= depth_first
    rounded = elements // 5 * 5 + max(elements % 5, 2)
    return shape.ifm_depth / round_up(shape.ifm_depth, 16) * elements / rounded >= depth_first


@lru_cache(maxsize=65_536)
def choose_block_config(config: AcceleratorConfig, shape: OpShape) -> BlockConfig:
    """Chooses the block configuration of one operator."""
    sizes = (shape.ofm_height, shape.ofm_width, shape.ofm_depth)
    ublock = min(config.ublocks_of(shape.block_type), key=lambda each: math.prod(map(round_up, sizes, each)))
    if shape.block_type in ("resize", "elementwise"):
        return _fit_output_buffer(config, shape, ublock)
    if not config.shram_banks and shape.block_type in ("depthwise", "pool"):
        return _fit_area(config, shape, ublock)
    return _search(config, shape, ublock)


def _search(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block that reads least; the smallest where none fits."""
    part_kernel = is_part_kernel(config, shape)
    step = _PART_KERNEL_DEPTH if part_kernel else config.depth_first_depth
    if config.shram_banks:
        step = round_up(min(shape.ifm_depth, step), max(ublock[2], 8))
    heights = candidates(shape.ofm_height, config.max_height, ublock[0])
    widths = candidates(shape.ofm_width, config.max_width, ublock[1])
    depths = candidate_depths(shape.ofm_depth, config.max_depth, ublock[2])
    count = len(depths) * len(heights) * len(widths)
    require(f"a block of {shape.block_type}", steps=count / 5, size_bytes=_BYTES_PER_CANDIDATE * count)
    c, h, w = np.meshgrid(depths, heights, widths, indexing="ij")
    equal = shape.block_type in EQUAL_DEPTH
    depth = c if equal else np.full_like(c, step)
    unit_height, unit_width, unit_depth = (np.full_like(c, size) for size in ublock)
    if not config.shram_banks:
        units = np.array([config.ifm_alloc_unit(int(size), ublock) for size in depth[:, 0, 0]])
        unit_height, unit_width, unit_depth = (units[:, axis, np.newaxis, np.newaxis] for axis in range(3))
    rows = round_up((h - 1) * shape.stride_height + _kernel_extent(shape, "height"), unit_height)
    columns = round_up((w - 1) * shape.stride_width + _kernel_extent(shape, "width"), unit_width)
    held = depth if equal else np.minimum(depth, shape.ifm_depth)
    fits = _fits(config, shape, (h, w, c), (rows, columns, round_up(held, unit_depth)), depth, ublock)
    at = 0
    if fits.any():
        cost = np.where(fits, _reads(config, shape, (h, w, c), rows * columns, rows * columns * depth), np.inf).ravel()
        ties = np.flatnonzero((cost == cost.min()) & fits.ravel())  # Where all overflow, the first that fits.
        small = ties[1:][(h.ravel()[ties[1:]] <= _SMALL_BLOCK) & (w.ravel()[ties[1:]] <= _SMALL_BLOCK)]
        at = int(_widest(shape, small, rows.ravel(), columns.ravel()) if len(small) else ties[0])
    sizes = [int(size.ravel()[at]) for size in (h, w, c, rows, columns, depth)]
    return BlockConfig._make([*sizes, part_kernel, ublock])


def _widest(shape: OpShape, candidates: _Sizes, rows: _Sizes, columns: _Sizes) -> int:
    """Of equally good small blocks the last that covers most of the IFM."""
    area = np.minimum(rows[candidates], shape.ifm_height) * np.minimum(columns[candidates], shape.ifm_width)
    return int(candidates[len(area) - 1 - int(area[::-1].argmax())])


def _fits(
    config: AcceleratorConfig, shape: OpShape, ofm: _Shapes, ifm: _Shapes, depth: _Sizes, ublock: UBlock
) -> np.ndarray:
    """Which candidates fit, twice, into the SHRAM or into the RAMs of an Ethos-U85."""
    h, w, c = ofm
    rows, columns, deep = ifm
    if config.shram_banks:
        ifm_bytes = rows * columns * round_up(depth, 8)
        ifm_banks = round_up(2 * -(-ifm_bytes // _BANK_BYTES), config.ifm_granule)
        if ublock[0] == 2 and shape.ofm_height == 1 and shape.kernel_height == 1:
            h = np.minimum(h, shape.ofm_height)
        accumulator_bytes = h * w * round_up(c, 8) * 4
        accumulator_banks = round_up(2 * -(-accumulator_bytes // _BANK_BYTES), config.accumulator_granule)
        shared: np.ndarray = ifm_banks + accumulator_banks <= config.usable_banks
        return shared
    apart: np.ndarray = (2 * rows * columns * deep <= config.ifm_ram_bytes) & (
        2 * 4 * h * w * round_up(c, _ACCUMULATOR_DEPTH) <= config.accumulator_ram_bytes
    )
    return apart


def _single(number: float) -> np.float32:
    return np.float32(min(number, float(np.finfo(np.float32).max)))


@np.errstate(over="ignore", invalid="ignore")
def _reads(
    config: AcceleratorConfig, shape: OpShape, ofm: _Shapes, ifm_area: _Sizes, ifm_elements: _Sizes
) -> np.ndarray:
    """Elements read per OFM element for each candidate: halved where the whole IFM fits the buffer.

    In single precision, as the compiler does: rounding decides between blocks that read the same.
    """
    (h, w, c), single = ofm, np.float32
    sub_kernels = math.ceil(shape.kernel_height / SUB_KERNEL) * math.ceil(shape.kernel_width / SUB_KERNEL)
    cost = ifm_area.astype(single) * _single(shape.ifm_depth) * _single(sub_kernels)
    high, wide = single(shape.ofm_height) / h.astype(single), single(shape.ofm_width) / w.astype(single)
    cost = cost * wide * high if config.shram_banks else cost * (high * wide)
    if shape.block_type not in EQUAL_DEPTH:
        cost = cost * (-(-shape.ofm_depth // c)).astype(single)
    if shape.block_type not in ("pool", "copy"):
        planes = (-(-shape.ofm_height // h) * -(-shape.ofm_width // w)).astype(single)
        weights = _single(shape.kernel_height * shape.kernel_width) * _single(shape.ifm_depth) * planes
        if shape.block_type not in EQUAL_DEPTH:
            weights = weights * (single(shape.ofm_depth) / c.astype(single) * c.astype(single))
        cost = cost + weights
    cost = cost / _single(shape.ofm_height * shape.ofm_width * shape.ofm_depth)
    cost = np.where(shape.ifm_height * shape.ifm_width * shape.ifm_depth < ifm_elements * 2, cost / 2, cost)
    cost[np.isnan(cost)] = np.inf
    return cost


def candidates(size: int, most: int, step: int) -> _Sizes:
    """Multiples of a micro-block's side, in double precision: times a stranger's stride they overflow no integers."""
    return np.arange(step, round_up(max(min(size, most), step), step) + 1, step, dtype=np.float64)


def candidate_depths(size: int, most: int, step: int) -> _Sizes:
    """Multiples of the micro-block's depth; what does not cover the whole OFM is a multiple of 16."""
    top = round_up(max(min(size, most), step), step)
    depths, depth = [], max(step, min(top, _ACCUMULATOR_DEPTH))
    while depth <= top:
        if depth < size:
            depth = round_up(depth, _ACCUMULATOR_DEPTH)
        if depth > top:
            break
        depths.append(depth)
        depth += step
    return np.array(depths or [step], dtype=np.float64)


class _OfmBlock(NamedTuple):
    height: int
    width: int
    depth: int


def _fit_area(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block configuration of a pooling or a depthwise convolution."""
    steps = (*ublock[:2], _ACCUMULATOR_DEPTH)
    ofm = _OfmBlock._make(map(round_up, (shape.ofm_height, shape.ofm_width, shape.ofm_depth), steps))
    block = _with_room_for_a_row(config, shape, ublock, ofm, _best(config, shape, ublock, ofm))
    return BlockConfig(*block, *_ifm_block(config, shape, block, ublock), False, ublock)


def _ifm_block(config: AcceleratorConfig, shape: OpShape, block: _OfmBlock, ublock: UBlock) -> tuple[int, int, int]:
    height, width, depth = config.ifm_alloc_unit(block.depth, ublock)
    return (
        round_up((block.height - 1) * shape.stride_height + _kernel_extent(shape, "height"), height),
        round_up((block.width - 1) * shape.stride_width + _kernel_extent(shape, "width"), width),
        round_up(block.depth, depth),
    )


def _best(config: AcceleratorConfig, shape: OpShape, ublock: UBlock, ofm: _OfmBlock) -> _OfmBlock:
    limit = _OfmBlock._make(map(min, ofm, (config.max_height, config.max_width, config.max_depth)))
    accumulators = config.accumulator_ram_bytes // _ACCUMULATOR_BYTES
    most = max(config.macs, accumulators // (ublock[0] * ublock[1] * _ACCUMULATOR_DEPTH))
    by_depth = shape.kernel_height == shape.kernel_width == 1
    best, least = _OfmBlock(ublock[0], ublock[1], _ACCUMULATOR_DEPTH), math.inf
    for depth in range(_ACCUMULATOR_DEPTH, min(most, limit.depth) + 1, _ACCUMULATOR_DEPTH):
        block = _shrunk(config, shape, ublock, ofm, limit, depth)
        if block is None:
            break
        granule = config.ifm_alloc_unit(depth, ublock)[2]
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
    unit = config.ifm_alloc_unit(depth, ublock)
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
        elif (depth > width or forced & 1) and depth > _ACCUMULATOR_DEPTH:
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


def _fit_output_buffer(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block configuration of a resize or an element-wise operator."""
    chaining_bricks = config.chaining_ram_bytes // _CHAINING_SLOTS // _BRICK
    if shape.block_type == "resize":  # A row at a time, as wide as its IFM fits a slot of the chaining RAM.
        scale = max(shape.ofm_width // max(shape.ifm_width, 1), 1)
        width = min(max((chaining_bricks - 2) * scale // ublock[1], 1) * ublock[1], _MOST_WIDTH)
        return BlockConfig(1, width, _BRICK, ublock[0], width, _BRICK, False, ublock)
    height = min(round_up(shape.ofm_height, ublock[0]), config.max_height)
    depth = min(round_up(shape.ofm_depth, _BRICK), config.max_depth)
    broadcast = shape.ifm_height < shape.ofm_height
    room = max(chaining_bricks // ublock[0] if broadcast else config.output_ram_bytes // _BRICK, 1)
    needed = min(round_up(shape.ofm_width, ublock[1]), room, config.max_width)
    if shape.ofm_width % needed:
        needed = round_up(round_up(shape.ofm_width, ublock[1]) // (shape.ofm_width // needed + 1), ublock[1])
    bricks = max(min(room // max(needed, ublock[1]), depth // _BRICK), 1)
    width = round_up(room // bricks, ublock[1])
    return BlockConfig(height, width, bricks * _BRICK, height, width, bricks * _BRICK, False, ublock)
