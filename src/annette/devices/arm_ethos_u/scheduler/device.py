"""Memories and engine of an Ethos-U, as its compiler's configuration and published performance estimate have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.tiling import Engine

__all__ = ["Device", "Memory"]


class Memory(NamedTuple):
    """A memory.

    Attributes:
        bytes_per_cycle: Of all streams together.
        read: Bytes per cycle of a stream of inputs.
        write: Of outputs.
        weights: Of weights.
        scales: Of scales and biases.
        copy: Of weights that are copied from it.
        burst_bytes: Bytes that are moved at once.
        read_latency: Cycles until a read begins.
        write_latency: Cycles until a write begins.
    """

    bytes_per_cycle: float
    read: float
    write: float
    weights: float
    scales: float
    copy: float
    burst_bytes: float
    read_latency: float
    write_latency: float


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator with its memories.

    Attributes:
        engine: Sizes of blocks.
        inside: The memory on chip.
        outside: The memory outside, where weights are.
        staging_bytes: How much of the memory on chip is for what would lie outside; 0 where maps lie on chip anyway.
        cycles_per_output: Of what computes multiply-accumulates, per element written.
        cycles_per_table: Where an activation is looked up in a table.
        cycles_per_maximum: Of a maximum pooling.
        cycles_per_sum: Of an element-wise sum.
        cycles_per_product: Of an element-wise product.
    """

    engine: Engine
    inside: Memory
    outside: Memory
    staging_bytes: int
    cycles_per_output: float
    cycles_per_table: float
    cycles_per_maximum: float
    cycles_per_sum: float
    cycles_per_product: float
