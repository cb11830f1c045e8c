"""What the compiler's scheduler settles for one operation: block, stripe, cascade, and where its weights are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.engine import engine_cycles
from annette.devices.arm_ethos_u.scheduler.tiling import Tile, choose_tile
from annette.devices.arm_ethos_u.scheduler.traffic import blocks_of

if TYPE_CHECKING:
    from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
    from annette.devices.arm_ethos_u.scheduler.work import Work

__all__ = ["Plan", "Staged", "make_plan", "striped"]


@dataclass(frozen=True, slots=True)
class Staged:
    """Weights that are copied to the memory on chip before they are read.

    Attributes:
        buffers: Bytes of one or two buffers; with two, one is filled while the other is read.
        slices: Output channels of each copy.
        early: Whether the first copy runs under the kernel before.
        last_cycles: How long the engine computes on the last copy.
    """

    buffers: tuple[int, ...]
    slices: tuple[int, ...]
    early: bool
    last_cycles: float

    @property
    def size_bytes(self) -> int:
        """Memory that they take."""
        return sum(self.buffers)


@dataclass(slots=True)
class Plan:
    """One kernel in a schedule.

    Attributes:
        work: The kernel.
        tile: Its block; None where it has none.
        cycles: How long the engine takes, with all maps where they are before anything is staged.
        refetches: How often it reads its weights.
        stripe: Lines of output computed at a time, in a cascade; 0 is all.
        cascade: Position of the cascade's last kernel; -1 outside of cascades.
        first: Whether it is the first of its cascade.
        staged: Where its weights are copied to; None where they are read from outside.
    """

    work: Work
    tile: Tile | None
    cycles: float
    refetches: int
    stripe: int = 0
    cascade: int = -1
    first: bool = False
    staged: Staged | None = None

    @property
    def repeats(self) -> int:
        """Stripes of the whole map."""
        return -(-self.work.lines // self.stripe) if self.stripe else 1

    @property
    def slack_cycles(self) -> float:
        """How long a copy for the next kernel can run under this one."""
        return self.staged.last_cycles if self.staged else self.cycles


def in_lines(work: Work, stripe: int) -> int:
    """Lines of input that a stripe of output takes."""
    window = work.window
    if window is None:
        return stripe
    size = (window.kernel_height - 1) * window.dilation + 1
    return min((stripe - 1) * window.stride_height + size, window.in_height)


def make_plan(device: Device, work: Work, *, maps_in: Memory, stripe: int = 0) -> Plan:
    """A kernel on its own, or in stripes.

    Args:
        device: The accelerator.
        work: The kernel.
        maps_in: Memory in which maps are, until they are staged.
        stripe: Lines of output computed at a time; 0 is all.
    """
    window, tile, refetches = work.window, None, 1
    if window is not None:
        cut = work.tiled or window
        if stripe:
            cut = window._replace(out_height=stripe, in_height=in_lines(work, stripe))
        tile = choose_tile(device.engine, cut)
        lines, columns, _ = blocks_of(tile, window)
        refetches = lines * columns
    cycles = engine_cycles(device, work, tile, memories=(maps_in, maps_in, device.outside))
    return Plan(work, tile, cycles, refetches, stripe)


def striped(device: Device, plan: Plan, stripe: int, maps_in: Memory) -> Plan:
    """The same kernel in stripes."""
    return make_plan(device, plan.work, maps_in=maps_in, stripe=stripe)
