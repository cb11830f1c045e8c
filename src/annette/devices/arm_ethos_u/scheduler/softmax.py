"""What a softmax of one vector costs: Vela runs it as some thirty operations, most of them on a single number.

The largest value is found by a pooling; what is left of each value is looked up, shifted and summed; the sum's inverse
is approximated in 32 bits by three steps of Newton's method, and multiplied to each value. The Ethos-U85 chains some of
these. Lists and costs are those of Vela's reports; a softmax of many vectors is not known here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config, round_up
from annette.devices.arm_ethos_u.scheduler.performance import plain_cycles

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, Memory

__all__ = ["softmax_cycles"]

_WORD: Final = 4
_BRICK: Final = 16
_IN_FLIGHT: Final = 4
_PLAIN: Final = 10
"""Operations on a number and another one in the SRAM."""

_WITH_CONSTANT: Final = 10
"""Operations on a number and a constant off chip."""

_CHAINS: Final = (4, 1)
"""Operators of the two that are chained in each of an Ethos-U85's three steps."""

_STEPS: Final = 3


def softmax_cycles(accelerator: Accelerator, depth: int) -> float:
    """Cycles of a softmax of one vector of int8, one operation after another.

    Args:
        accelerator: The accelerator; its cycles for 32 bits must be known.
        depth: Elements of the vector.
    """
    shape = OpShape("pool", 1, 1, 1, 1, 1, depth, 1, depth, 1, depth, 1)
    block = choose_block_config(accelerator.config, shape)
    on_chip = accelerator.on_chip
    pooling = plain_cycles(accelerator, shape, block, accelerator.cycles_per_max_pool, on_chip, on_chip)
    total = _sum_cycles(accelerator, depth)
    if accelerator.config.shram_banks:
        return pooling + total + _in_shram(accelerator, depth)
    return pooling + total + _chained(accelerator, depth)


def _sum_cycles(accelerator: Accelerator, depth: int) -> float:
    """Cycles of summing a vector of 32 bits."""
    config, on_chip = accelerator.config, accelerator.on_chip
    fetched = on_chip.read_latency + on_chip.write_latency + depth * _WORD / on_chip.bytes_per_cycle
    if config.shram_banks:
        return fetched + (26.5 + 8.5 * math.ceil(depth / 8)) / config.cores
    return fetched + 1 + 130 * math.ceil(depth / 32) + depth * 0.8


def _elementwise(accelerator: Accelerator, elements: int, cycles: float, constant: Memory | None = None) -> float:
    """Cycles of an element-wise operator in one block, limited by how fast commands are issued."""
    memory = constant or accelerator.on_chip
    height, width, depth = accelerator.config.ofm_ublocks[0]
    block = height * width * max(round_up(elements, depth), depth)
    issue = ((memory.read_latency + memory.burst_bytes / 8 / memory.bytes_per_cycle) / block + cycles) / _IN_FLIGHT
    return max(cycles, issue) * round_up(elements, _BRICK)


def _in_shram(accelerator: Accelerator, depth: int) -> float:
    off_chip, on_chip = accelerator.off_chip, accelerator.on_chip
    word, unary = accelerator.config.cycles_per_word, accelerator.config.cycles_per_word_unary
    bricks = round_up(depth, _BRICK)
    read = min(max(depth * _WORD * off_chip.burst_bytes / min(off_chip.burst_bytes, _WORD * depth), 0), 256)
    shifted = max(word * depth, read / off_chip.bytes_per_cycle)
    values = max(depth * _WORD, 2 * _BRICK * _WORD) / off_chip.bytes_per_cycle
    return (
        max(_elementwise(accelerator, depth, accelerator.cycles_per_add), bricks * _WORD / on_chip.bytes_per_cycle)
        + max(shifted, (bricks + depth) * _WORD / on_chip.bytes_per_cycle)
        + max(unary * _BRICK, 2 * _BRICK * _WORD / on_chip.bytes_per_cycle)
        + _PLAIN * max(word * _BRICK, 3 * _BRICK * _WORD / on_chip.bytes_per_cycle * 0.67)
        + _WITH_CONSTANT * _elementwise(accelerator, 1, word, off_chip)
        + max(word * bricks, 3 * bricks * _WORD / on_chip.bytes_per_cycle)
        + max(_elementwise(accelerator, depth, word, off_chip), values)
        + max(word * depth, (2 * bricks * _WORD + depth) / on_chip.bytes_per_cycle)
    )


def _chained(accelerator: Accelerator, depth: int) -> float:
    on_chip, off_chip = accelerator.on_chip, accelerator.off_chip
    word, bricks = accelerator.config.cycles_per_word, round_up(depth, _BRICK)
    transfer = bricks * _WORD * 2 / on_chip.bytes_per_cycle
    number = word * _BRICK
    constant = off_chip.burst_bytes / (off_chip.stream or off_chip.read)
    return (
        max(accelerator.cycles_per_add * bricks, (bricks * _WORD + depth) / on_chip.bytes_per_cycle)
        + max(word * depth, transfer)
        + 2 * number
        + 2 * max(2 * number, constant)
        + _STEPS * sum(count * number for count in _CHAINS)
        + max(2 * word * bricks, transfer)
    )
