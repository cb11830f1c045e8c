"""The block configuration of an operator: which part of its OFM is computed at a time.

As Vela's ``FindBlockConfig`` (regor, ``ethos_u55.cpp`` and ``ethos_u85.cpp``): an OFM block must fit the accumulators
and its IFM block the IFM buffer, twice each. IFMs are read again for every block in depth, weights for every block in
height and width, and the block that reads least is taken. Where both buffers share an SHRAM, it is searched for all
operators with a kernel; on an Ethos-U85 poolings, depthwise and element-wise operators have their own ways
(`annette.devices.arm_ethos_u.scheduler.block_config_u85`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from annette.devices.arm_ethos_u.scheduler.block_config_u85 import fit_area, fit_output_buffer
from annette.devices.arm_ethos_u.scheduler.op_shape import (
    EQUAL_DEPTH,
    SUB_KERNEL,
    BlockConfig,
    OpShape,
    ifm_alloc_unit,
    is_part_kernel,
    kernel_extent,
    round_up,
)  # fmt: skip

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig, UBlock

__all__ = ["choose_block_config"]

_Sizes: TypeAlias = np.ndarray
_Shapes: TypeAlias = tuple[_Sizes, _Sizes, _Sizes]

_BANK_BYTES: Final = 1024
_OUTPUT_BANKS: Final = 2
_RESERVED_BANKS: Final = 2
_SMALL_SHRAM: Final = 16
"""Banks of an SHRAM up to which none are reserved for tables."""

_SMALL_BLOCK: Final = 4
_OFM_SPLIT_DEPTH: Final = 16
_PART_KERNEL_DEPTH: Final = 16


@lru_cache(maxsize=65_536)
def choose_block_config(config: AcceleratorConfig, shape: OpShape) -> BlockConfig:
    """Chooses the block configuration of one operator."""
    ublock = min(config.ublocks_of(shape.block_type), key=lambda each: _rounded_outputs(shape, each))
    if shape.block_type in ("resize", "elementwise"):
        return fit_output_buffer(config, shape, ublock)
    if not config.shram_banks and shape.block_type in ("depthwise", "pool"):
        return fit_area(config, shape, ublock)
    return _search(config, shape, ublock)


def _rounded_outputs(shape: OpShape, ublock: UBlock) -> int:
    sizes = zip((shape.ofm_height, shape.ofm_width, shape.ofm_depth), ublock, strict=True)
    return math.prod(round_up(size, step) for size, step in sizes)


def _ifm_block_depth(config: AcceleratorConfig, shape: OpShape, ublock: UBlock, *, part_kernel: bool) -> int:
    depth = _PART_KERNEL_DEPTH if part_kernel else config.depth_first_depth
    return round_up(min(shape.ifm_depth, depth), max(ublock[2], 8)) if config.shram_banks else depth


def _search(config: AcceleratorConfig, shape: OpShape, ublock: UBlock) -> BlockConfig:
    """The block that reads least; the smallest where none fits."""
    part_kernel = is_part_kernel(config, shape)
    heights = _candidates(shape.ofm_height, config.max_height, ublock[0])
    widths = _candidates(shape.ofm_width, config.max_width, ublock[1])
    depths = _candidate_depths(shape.ofm_depth, config.max_depth, ublock[2])
    c, h, w = np.meshgrid(depths, heights, widths, indexing="ij")
    equal = shape.block_type in EQUAL_DEPTH
    depth = c if equal else np.full_like(c, _ifm_block_depth(config, shape, ublock, part_kernel=part_kernel))
    unit_height, unit_width, unit_depth = (np.full_like(c, size) for size in ublock)
    if not config.shram_banks:
        units = np.array([ifm_alloc_unit(config, int(size), ublock) for size in depth[:, 0, 0]])
        unit_height, unit_width, unit_depth = (units[:, axis, np.newaxis, np.newaxis] for axis in range(3))
    rows = _round_up_all((h - 1) * shape.stride_height + kernel_extent(shape, "height"), unit_height)
    columns = _round_up_all((w - 1) * shape.stride_width + kernel_extent(shape, "width"), unit_width)
    held = depth if equal else np.minimum(depth, shape.ifm_depth)
    fits = _fits(config, shape, (h, w, c), (rows, columns, _round_up_all(held, unit_depth)), depth, ublock)
    at = 0
    if fits.any():
        cost = np.where(fits, _reads(shape, (h, w, c), rows * columns, rows * columns * depth), np.inf).ravel()
        ties = np.flatnonzero(cost == cost.min())
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
        ifm_bytes = rows * columns * _round_up_all(depth, 8)
        ifm_banks = _round_up_all(2 * -(-ifm_bytes // _BANK_BYTES), config.ifm_granule)
        if ublock[0] == 2 and shape.ofm_height == 1 and shape.kernel_height == 1:
            h = np.minimum(h, shape.ofm_height)
        accumulator_bytes = h * w * _round_up_all(c, 8) * 4
        accumulator_banks = _round_up_all(2 * -(-accumulator_bytes // _BANK_BYTES), config.accumulator_granule)
        reserved = _RESERVED_BANKS if config.shram_banks > _SMALL_SHRAM else 0
        shared: np.ndarray = _OUTPUT_BANKS + ifm_banks + accumulator_banks <= config.shram_banks - reserved
        return shared
    apart: np.ndarray = (2 * rows * columns * deep <= config.ifm_ram_bytes) & (
        2 * 4 * h * w * _round_up_all(c, _OFM_SPLIT_DEPTH) <= config.accumulator_ram_bytes
    )
    return apart


def _reads(shape: OpShape, ofm: _Shapes, ifm_area: _Sizes, ifm_elements: _Sizes) -> np.ndarray:
    """Elements read per OFM element for each candidate: halved where the whole IFM fits the buffer.

    In single precision, as the compiler does: rounding decides between blocks that read the same.
    """
    h, w, c = ofm
    single = np.float32
    sub_kernels = math.ceil(shape.kernel_height / SUB_KERNEL) * math.ceil(shape.kernel_width / SUB_KERNEL)
    cost = ifm_area.astype(single) * single(shape.ifm_depth) * single(sub_kernels)
    cost = cost * ((single(shape.ofm_height) / h.astype(single)) * (single(shape.ofm_width) / w.astype(single)))
    if shape.block_type not in EQUAL_DEPTH:
        cost = cost * (-(-shape.ofm_depth // c)).astype(single)
    if shape.block_type not in ("pool", "copy"):
        planes = (-(-shape.ofm_height // h) * -(-shape.ofm_width // w)).astype(single)
        weights = single(shape.kernel_height * shape.kernel_width) * single(shape.ifm_depth) * planes
        if shape.block_type not in EQUAL_DEPTH:
            weights = weights * (single(shape.ofm_depth) / c.astype(single) * c.astype(single))
        cost = cost + weights
    cost = cost / single(shape.ofm_height * shape.ofm_width * shape.ofm_depth)
    return np.where(shape.ifm_height * shape.ifm_width * shape.ifm_depth < ifm_elements * 2, cost / 2, cost)


def _candidates(size: int, most: int, step: int) -> _Sizes:
    return np.arange(step, round_up(max(min(size, most), step), step) + 1, step)


def _candidate_depths(size: int, most: int, step: int) -> _Sizes:
    """Multiples of the micro-block's depth; what does not cover the whole OFM is a multiple of 16."""
    top = round_up(max(min(size, most), step), step)
    depths, depth = [], max(step, min(top, _OFM_SPLIT_DEPTH))
    while depth <= top:
        if depth < size:
            depth = round_up(depth, _OFM_SPLIT_DEPTH)
        if depth > top:
            break
        depths.append(depth)
        depth += step
    return np.array(depths or [step])


def _round_up_all(values: _Sizes, size: int | _Sizes) -> _Sizes:
    return -(-values // size) * size
