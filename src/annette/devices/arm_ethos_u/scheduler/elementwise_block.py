"""The block of an element-wise operator on an Ethos-U55 or U65, on which only the runs of a constant operand depend."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.budget import require
from annette.devices.arm_ethos_u.scheduler.block_config import (
    BlockConfig,
    OpShape,
    candidate_depths,
    candidates,
    round_up,
)

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig

__all__ = ["elementwise_block"]

_BANK_BYTES: Final = 1024


@lru_cache(maxsize=65_536)
def elementwise_block(config: AcceleratorConfig, shape: OpShape) -> BlockConfig:
    """The block of an element-wise operator on an Ethos-U55 or U65.

    The largest of which both IFMs fit into the SHRAM twice, then the thinnest, then the widest: found from Vela's
    reports of products with constants. Only the runs in which a constant is read depend on it.
    """
    ublock = config.ofm_ublocks[0]
    heights = candidates(shape.ofm_height, config.max_height, ublock[0])
    widths = candidates(shape.ofm_width, config.max_width, ublock[1])
    depths = candidate_depths(shape.ofm_depth, config.max_depth, ublock[2])
    require("a block of elements", steps=len(heights) * len(widths) * len(depths) / 5)
    h, w, c = (each.ravel() for each in np.meshgrid(heights, widths, depths, indexing="ij"))
    banks = 2 * round_up(2 * -(-(h * w * c) // _BANK_BYTES), config.ifm_granule)
    held = np.where(banks <= config.usable_banks, h * w * c, 0)
    at = int(np.lexsort((w, -c, held))[-1])
    height, width, depth = (int(size[at]) for size in (h, w, c))
    return BlockConfig(height, width, depth, height, width, depth, False, ublock)
