"""The largest values of a whole feature map: Vela takes them over its height first, then over its width.

Each is a pooling. On the Ethos-U55 and U65 a column is laid into the width, and all columns side by side into the
depth; the Ethos-U85 pools the map as it is. Shapes and formats are those of Vela's reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config
from annette.devices.arm_ethos_u.scheduler.performance import plain_cycles

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator

__all__ = ["maximum_cycles"]


def maximum_cycles(accelerator: Accelerator, height: int, width: int, depth: int) -> float:
    """Cycles of the largest value of each channel, one operation after another.

    Args:
        accelerator: The accelerator.
        height: Of the feature map.
        width: Of the feature map.
        depth: Of the feature map.
    """
    shram = bool(accelerator.config.shram_banks)
    if shram:
        columns = _shape(1, width * depth, 1, height)
    else:
        columns = OpShape("pool", 1, width, depth, depth, height, width, height, 1, height, 1, 1)
    shapes = [columns] * (height > 1) + [_shape(1, depth, 1, width)] * (width > 1)
    on_chip, cycles = accelerator.on_chip, accelerator.cycles_per_output
    return sum(
        plain_cycles(
            accelerator, shape, choose_block_config(accelerator.config, shape), cycles, on_chip, on_chip, nhwc=shram
        )
        for shape in shapes
    )


def _shape(ofm_width: int, depth: int, height: int, width: int) -> OpShape:
    return OpShape("pool", 1, ofm_width, depth, depth, height, width, height, width, height, width, 1)
