"""Cascades: operations that run stripe by stripe in turns, so that what lies between them is a rolling buffer.

As Vela's ``CascadeBuilder`` (regor, ``cascade_builder.cpp``): beginning with the lowest stripes, a cascade takes in one
operation after another as long as the next one would not fit the SRAM by itself and the rolling buffers do. Then its
stripes are made as high as the SRAM allows without breaking it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.devices.arm_ethos_u.scheduler.block_config import round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import BRICK, ELEMENTWISE
from annette.devices.arm_ethos_u.scheduler.weight_buffering import (
    BufferingSituation,
    buffer_weights,
    ifm_stripe_height,
    schedule_op,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap
    from annette.devices.arm_ethos_u.scheduler.weight_buffering import ScheduledOp

__all__ = ["Cascade", "cascades_of", "find_cascades"]

_STEPS_PER_OPERATION: Final = 10
"""What trying another height of stripes takes for each operation (`annette.budget`)."""

_KINDS: Final = frozenset({"conv", "depthwise_conv", "max_pool", "average_pool"}) | ELEMENTWISE


@dataclass(frozen=True, slots=True)
class Cascade:
    """Operations that run in turns.

    Attributes:
        start: Position of the first.
        stripe_heights: Height of the OFM's stripes of each.
        rolling_buffers: Bytes of the rolling buffer before each but the first.
        weight_bytes: Weights that are kept in the SRAM meanwhile.
    """

    start: int
    stripe_heights: tuple[int, ...]
    rolling_buffers: tuple[int, ...]
    weight_bytes: int

    @property
    def positions(self) -> range:
        """Positions of its operations."""
        return range(self.start, self.start + len(self.stripe_heights))


def _cascadable(entry: ScheduledOp, stripe_height: int) -> bool:
    op = entry.op
    return not op.chained and stripe_height < op.ofm_height and op.kind in _KINDS and op.repeats == 1


def _follows(entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], position: int) -> bool:
    """Whether an operation alone reads what the one before writes, and can do so row by row."""
    written = entries[position - 1].op.ofm
    between = maps.get(written)
    return (
        between is not None
        and not (between.nhwc or between.whole or between.network_io)
        and len(between.writers) == 1
        and written in entries[position].op.ifms
        and between.readers == [position]
    )


def _rolling_bytes(
    entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], position: int, stripes: tuple[int, int]
) -> int:
    """Rolling buffer between an operation and the one before: what both need at once, in whole stripes."""
    producer, needed = entries[position - 1].op, ifm_stripe_height(entries[position].op, stripes[1])
    row_bytes = maps[producer.ofm].size_bytes // max(producer.ofm_height, 1)
    return round_up(row_bytes * round_up(stripes[0] + needed, needed), BRICK)


def _alone_bytes(entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], position: int) -> int:
    """SRAM of an operation with its whole IFM and OFM; an element-wise one may write over its IFM."""
    op = entries[position].op
    ifm = maps[entries[position - 1].op.ofm].size_bytes
    ofm = maps[op.ofm].size_bytes if op.ofm else 0
    return ifm if op.kind in ELEMENTWISE and ifm == ofm else ifm + ofm


def find_cascades(
    entries: Sequence[ScheduledOp],
    maps: Mapping[str, FeatureMap],
    stripes: Mapping[int, int],
    weights: Mapping[int, int],
    limit: int,
) -> list[Cascade]:
    """Cascades for given stripes.

    Args:
        entries: The whole schedule.
        maps: All feature maps.
        stripes: Height of the OFM's stripes for each position to look at.
        weights: Bytes of weights kept in the SRAM, by position.
        limit: Bytes of SRAM.
    """
    cascades = []
    positions = sorted(stripes)
    at = 0
    while at < len(positions):
        start = positions[at]
        at += 1
        if not _cascadable(entries[start], stripes[start]):
            continue
        buffers: list[int] = []
        held, rolled = weights.get(start, 0), 0
        end = start
        while (
            end + 1 in stripes and _cascadable(entries[end + 1], stripes[end + 1]) and _follows(entries, maps, end + 1)
        ):
            rolling = _rolling_bytes(entries, maps, end + 1, (stripes[end], stripes[end + 1]))
            more = held + weights.get(end + 1, 0)
            reused = entries[end].op.kind in ELEMENTWISE and bool(buffers) and buffers[-1] == rolling
            if _alone_bytes(entries, maps, end + 1) < limit or rolled + rolling * (not reused) + more > limit:
                break
            buffers.append(0 if reused else rolling)
            rolled += buffers[-1]
            held = more
            end += 1
        if end > start:
            heights = tuple(stripes[position] for position in range(start, end + 1))
            cascades.append(Cascade(start, heights, tuple(buffers), held))
            at += end - start
    return cascades


def cascades_of(
    accelerator: Accelerator, entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap]
) -> list[Cascade]:
    """All cascades of a schedule in which nothing is striped yet, with the highest stripes."""
    if 2 * max([each.size_bytes for each in maps.values()], default=0) < accelerator.staging_bytes:
        return []  # Every operation fits by itself (`_alone_bytes`).
    lowest = {}
    for position, entry in enumerate(entries):
        behind = entries[position + 1].op.shape if position + 1 < len(entries) else None
        lowest[position] = min(behind.stride_height if behind else 1, entry.op.ofm_height)
    return [
        higher
        for cascade in find_cascades(entries, maps, lowest, {}, accelerator.staging_bytes)
        for higher in _with_highest_stripes(accelerator, entries, maps, cascade)
    ]


def _with_highest_stripes(
    accelerator: Accelerator, entries: Sequence[ScheduledOp], maps: Mapping[str, FeatureMap], cascade: Cascade
) -> list[Cascade]:
    limit, positions = accelerator.staging_bytes, cascade.positions
    weights = _kept_weights(accelerator, entries, cascade)
    best, most = [cascade], 0
    for height in range(cascade.stripe_heights[-1] + 1, (entries[positions[-1]].op.ofm_height + 1) // 2 + 1):
        spend(f"cascade of {len(positions)} operations", steps=_STEPS_PER_OPERATION * len(positions))
        stripes = {}
        stripe = height
        for position in reversed(positions):
            stripes[position] = stripe
            shape = entries[position].op.shape
            stripe *= shape.stride_height if shape else 1
        proposed = find_cascades(entries, maps, stripes, weights, limit)
        most = most or len(proposed)
        within = {position for each in proposed for position in each.positions}
        alone = (_whole_bytes(entries[p], maps) for p in positions if p not in within)  # Nothing buffered yet.
        if len(proposed) > most or any(size > limit for size in alone):
            break
        best = proposed
        if not proposed:
            break
    return best


def _whole_bytes(entry: ScheduledOp, maps: Mapping[str, FeatureMap]) -> int:
    return sum(maps[name].size_bytes for name in (*entry.op.ifms, entry.op.ofm) if name)


def _kept_weights(accelerator: Accelerator, entries: Sequence[ScheduledOp], cascade: Cascade) -> dict[int, int]:
    """Weights that are worth keeping in the SRAM while the lowest stripes run."""
    free = accelerator.staging_bytes - sum(cascade.rolling_buffers) - cascade.weight_bytes
    kept = {}
    before = entries[cascade.start - 1] if cascade.start else None
    for position, stripe_height in zip(cascade.positions, cascade.stripe_heights, strict=True):
        op = entries[position].op
        entry = schedule_op(accelerator, op, stripe_height)
        entry.cascade, entry.first = cascade.positions[-1], position == cascade.start
        situation = BufferingSituation(accelerator, before, free, free)
        entry.buffering = buffer_weights(situation, entry)
        if entry.buffering is not None:
            free -= entry.buffering.size_bytes
            if len(entry.buffering.buffers) == 1:
                kept[position] = op.constant_bytes
        before = entry
    return kept
