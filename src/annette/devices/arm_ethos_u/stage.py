"""The context stage of the Ethos-U: schedules a network as Vela does, and gives kernels what follows for them.

Columns (``context:…``; their names are older than the words of this package and stay, because platform files hold
them):

- ``engine_cycles``, ``on_chip_cycles``, ``off_chip_cycles``: cycles that the accelerator and each memory are busy, as
  Vela's performance model estimates them; what the layer models start from;
- ``waiting_cycles``: what these wait for each other, in a kernel that runs as several operations;
- ``tile_height``, ``tile_width``, ``tile_channels``, ``part_kernel``, ``refetches``: the OFM block, whether it is
  traversed part-kernel first, and how often weights are read;
- ``input_outside``, ``side_outside``, ``output_outside``: 1 where the first IFM, another IFM, the OFM lies off chip;
- ``staged``, ``slices``, ``copied_weights``, ``slack_cycles``: number of weight buffers, of slices, bytes of weights
  whose DMA is not prefetched, and cycles of the operation before that hide a DMA;
- ``cascaded``, ``stripe_height``: whether it is part of a cascade, and the height of its stripes;
- ``input_rows``, ``output_rows``: 1 where an IFM, the OFM is stored as NHWC instead of NHCWB16;
- ``copied_bytes``: what a concat has to copy, because its producer cannot write it in place: others read it as well, a
  view or a slice makes it, or the network is handed it.

The order of execution was found from profiles of generated networks: the schedule is made backwards from the outputs,
depth first; of a kernel's inputs the first is computed last, right before it, except for a concat, whose inputs come in
their own order.

The formula: a kernel takes as long as the busiest of the accelerator and the two memories (an identity in the
compiler's own report), and longer by ``waiting_cycles``. What is left to fit is what a start costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import msgspec
import numpy as np

from annette.devices.arm_ethos_u.operators import is_quantised, left_to_host
from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator
from annette.devices.arm_ethos_u.scheduler.batches import copies_of_samples, joins_samples
from annette.devices.arm_ethos_u.scheduler.chaining import can_chain
from annette.devices.arm_ethos_u.scheduler.copies import CUT, copies_before, reading
from annette.devices.arm_ethos_u.scheduler.decomposition import operations_of, steps_of
from annette.devices.arm_ethos_u.scheduler.execution_order import execution_order, readers_of, with_copies
from annette.devices.arm_ethos_u.scheduler.feature_maps import feature_maps_of, storage_of
from annette.devices.arm_ethos_u.scheduler.handed_out import CUTS, hand_out, outside_of
from annette.devices.arm_ethos_u.scheduler.reductions import maximum_cycles
from annette.devices.arm_ethos_u.scheduler.repetition import Known, places_of, repeated
from annette.devices.arm_ethos_u.scheduler.schedule import schedule
from annette.devices.arm_ethos_u.scheduler.softmax import softmax_cycles
from annette.documents import convert
from annette.errors import MappingError
from annette.mapping.context import ContextStage
from annette.mapping.kernel import LEFT_TO_HOST, Kernel, revised
from annette.models.base import Terms
from annette.models.tiled_roofline import Formula, Range
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap, Storage
    from annette.devices.arm_ethos_u.scheduler.operations import NpuOp
    from annette.devices.arm_ethos_u.scheduler.schedule import Schedule
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.network import Network

__all__ = ["BUSIEST", "MAP_MAXIMUM", "SOFTMAX_VECTOR", "EthosUPlacement"]

SOFTMAX_VECTOR: Final = "softmax_vector"
"""Kind of kernel: a softmax of one vector."""

MAP_MAXIMUM: Final = "map_maximum"
"""Kind of kernel: the largest values over height and width of a feature map."""

_MAXIMA: Final = ("reduce_max", "reduce_min", "global_max_pool")
_RENAMED: Final = frozenset({"transpose", "softmax", *_MAXIMA})
"""Kinds of which some kernels get another name (`EthosUPlacement._named`)."""

_MAP_RANK: Final = 4
_BUSY: Final = ("engine_cycles", "on_chip_cycles", "off_chip_cycles")
_LEAST_CYCLES: Final = 1.0


@dataclass(frozen=True)
class EthosUPlacement(ContextStage):
    """Schedules a network as the compiler does.

    Attributes:
        accelerator: The accelerator with its memories.
    """

    name: ClassVar[str] = "ethos-u-placement"
    columns: ClassVar[tuple[str, ...]] = (
        *_BUSY,
        "waiting_cycles",
        *("tile_height", "tile_width", "tile_channels", "part_kernel", "refetches"),
        *("input_outside", "side_outside", "output_outside"),
        *("staged", "slices", "copied_weights", "slack_cycles"),
        *("cascaded", "stripe_height", "input_rows", "output_rows", "copied_bytes"),
    )

    accelerator: Accelerator

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Gives the kernels their context.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels in the order in which they run, with the copies that the compiler adds; a concat that copies
            nothing is free.
        """
        placed, scheduled, copied = self.scheduled(kernels, network)
        elements = {
            name: sum(math.prod(network.tensors[tensor].shape) for tensor in tensors)
            for name, tensors in copied.items()
        }
        return tuple(
            [
                revised(kernel, context=self._context(scheduled, own, elements.get(kernel.name, 0))) if own else kernel
                for kernel, own in placed
            ]
        )

    def scheduled(
        self, kernels: Sequence[Kernel], network: Network
    ) -> tuple[list[tuple[Kernel, range]], Schedule, dict[str, list[str]]]:
        """The schedule of a network.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels in the order in which they run, each with the positions of its operations; the schedule of
            these; and, by the names of concats, the tensors that they copy.
        """
        storage = storage_of(network)
        divided, border = self._divided(self._all_named(kernels, network, storage), network)
        kernels, storage, border, outputs = hand_out(divided, network, storage, border)
        writer = {tensor: position for position, kernel in enumerate(kernels) for tensor in kernel.outputs}
        readers, handed_out = readers_of(kernels), border
        order = execution_order(kernels, outputs, writer, readers)
        shared = {tensor for tensor, those in readers.items() if len(those) != 1} | {*handed_out}
        ordered, copied = with_copies(kernels, order, writer, shared)
        maps, root = feature_maps_of(ordered, storage.shapes, copied, border)
        cuts = {tensor for kernel in kernels if kernel.free and kernel.kind in CUTS for tensor in kernel.outputs}
        operations: list[NpuOp] = []
        placed: list[tuple[Kernel, range]] = []

        def place(kernel: Kernel, own: Sequence[NpuOp]) -> None:
            placed.append((kernel, range(len(operations), len(operations) + len(own))))
            operations.extend(own)

        for kernel in ordered:
            if kernel.free:
                place(kernel, ())
                continue
            own = self._operations(kernel, storage, root, maps, copied.get(kernel.name))
            read = kernel.inputs[0] if kernel.inputs else ""
            before = copies_before(kernel, root.get(read, ""), maps, cut=read in cuts)
            if before is not None and before.copies:
                place(_copying_kernel(kernel, network, before.what), before.copies)
                own = reading(own, root[read], before.target)
            if before is not None and before.what == CUT:
                root[read] = before.target
                cuts.discard(read)
            alone = len(own) == 1 and bool(operations) and not self.accelerator.config.shram_banks
            if alone and _only_reads(kernel, placed, readers, handed_out) and can_chain(operations[-1], own[0]):
                operations[-1] = self._known.chained(operations[-1], own[0])
                place(revised(kernel, free=True, rule="chained"), ())
                continue
            place(outside_of(kernel), own)
        return placed, schedule(self.accelerator, operations, maps, self._known), copied

    @cached_property
    def _known(self) -> Known:
        return Known()

    def _context(self, scheduled: Schedule, own: range, copied: int) -> dict[str, float]:
        """`_context_of` a kernel, looked up where it is one operation for which all the same was decided before."""
        position, entry = own[0], scheduled.entries[own[0]]
        op = entry.op
        if len(own) > 1 or op.alike is None or op.repeats > 1:
            return _context_of(scheduled, own, copied)
        key = (
            op.alike,
            entry.stripe_height,
            entry.cascade >= 0,
            id(entry.buffering),
            scheduled.on_chip(position),
            scheduled.entries[position - 1].slack_cycles if position else 0.0,
            places_of(op, scheduled.maps),
            copied,
        )
        found = self._known.contexts.get(key)
        if found is None:
            found = _context_of(scheduled, own, copied), entry.buffering
            self._known.contexts.put(key, found)
        return found[0]

    def _operations(
        self,
        kernel: Kernel,
        storage: Storage,
        root: Mapping[str, str],
        maps: dict[str, FeatureMap],
        copied: Sequence[str] | None,
    ) -> list[NpuOp]:
        """The operations of a kernel."""
        alike = None if copied is not None else repeated(kernel, storage, root, maps)
        if alike is None:
            return self._worked_out(kernel, storage, root, maps, copied)
        key, ifms, ofm = alike
        found = self._known.operation_of(key, ifms, ofm)
        if found is not None:
            return [found]
        count, own = len(maps), self._worked_out(kernel, storage, root, maps, copied)
        if len(own) == 1 and (own[0].ifms, own[0].ofm, len(maps)) == (ifms, ofm, count):
            return [self._known.keep(key, kernel, own[0])]
        return own

    def _worked_out(
        self,
        kernel: Kernel,
        storage: Storage,
        root: Mapping[str, str],
        maps: dict[str, FeatureMap],
        copied: Sequence[str] | None,
    ) -> list[NpuOp]:
        own = operations_of(kernel, storage, root, maps, self.accelerator.config, copied)
        if copied and joins_samples(kernel):
            return copies_of_samples(own, kernel.anchor.workload.dimensions.batch)
        if kernel.kind == SOFTMAX_VECTOR:
            return [replace(own[0], own_cycles=softmax_cycles(self.accelerator, own[0].ofm_elements))]
        if kernel.kind == MAP_MAXIMUM:
            sizes = storage.shapes[kernel.inputs[0]][1:]
            return [replace(own[0], own_cycles=maximum_cycles(self.accelerator, *sizes))]
        return own

    def _all_named(self, kernels: Sequence[Kernel], network: Network, storage: Storage) -> list[Kernel]:
        return [self._named(kernel, network, storage) if kernel.kind in _RENAMED else kernel for kernel in kernels]

    def _named(self, kernel: Kernel, network: Network, storage: Storage) -> Kernel:
        """A kernel, under a kind of its own if Vela makes several operations of it whose cycles are known.

        A transpose that moves nothing, as it is stored, is free.
        """
        kind, workload = kernel.kind, kernel.anchor.workload
        if kind == "transpose" and len(kernel.layers) == 1 and kernel.inputs and not kernel.free:
            moves = steps_of(kernel, storage)
            return kernel if moves else revised(kernel, free=True, rule="moves-nothing")
        if len(kernel.layers) > 1 or not self.accelerator.config.cycles_per_word:
            return kernel
        if kind == "softmax" and workload.output_elements == workload.dimensions.axis_size > 1:
            return revised(kernel, kind=SOFTMAX_VECTOR)
        if kind in _MAXIMA and network.channels_last:
            shape = network.tensors[kernel.inputs[0]].shape
            if len(shape) == _MAP_RANK and shape[0] == 1 and 1 < workload.output_elements == shape[-1]:
                return revised(kernel, kind=MAP_MAXIMUM)
        return kernel

    def _divided(self, kernels: Sequence[Kernel], network: Network) -> tuple[Sequence[Kernel], frozenset[str]]:
        """The kernels, those that the host runs marked and free; and the tensors that the host hands over or takes."""
        border = {*network.inputs, *network.outputs}
        if network.source_format != "tflite":
            return kernels, frozenset(border)
        quantised, shram = is_quantised(network), bool(self.accelerator.config.shram_banks)
        divided = []
        for kernel in kernels:
            if left_to_host(kernel, network, shram=shram, quantised=quantised):
                border.update(kernel.inputs, kernel.outputs)
                divided.append(revised(kernel, free=True, rule=LEFT_TO_HOST))
            elif kernel.free and len(kernel.inputs) > 1:  # A view whose shape is computed is a copy.
                divided.append(revised(kernel, kind="copy", free=False))
            else:
                divided.append(kernel)
        return divided, frozenset(border)

    def to_json(self) -> dict[str, Any]:
        """Sizes and speeds of the accelerator."""
        parameters: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self.accelerator))
        return parameters

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the stage from the accelerator's sizes and speeds.

        Raises:
            MappingError: A value is missing, unknown, of the wrong type, or out of its range.
        """
        return cls(convert(parameters, Accelerator, error=MappingError, path=f"context stage {cls.name!r}: $"))


def _only_reads(
    kernel: Kernel,
    placed: Sequence[tuple[Kernel, range]],
    readers: Mapping[str, Sequence[int]],
    handed_out: Collection[str],
) -> bool:
    """Whether a kernel reads what is written right before it, and nobody else does."""
    before = next((other for other, own in reversed(placed) if len(own) or "chained" in other.rules), None)
    if before is None or not before.outputs:
        return False
    written = before.outputs[0]
    return written in kernel.inputs and len(readers[written]) == 1 and written not in handed_out


def _copying_kernel(kernel: Kernel, network: Network, what: str) -> Kernel:
    """The copies before a kernel, which run as those of a concat do."""
    name, ifm = f"{kernel.name}/{what}", network.tensors[kernel.inputs[0]]
    copied = describe_layer("copy", name, inputs=[ifm], outputs=[ifm], channels_last=network.channels_last)
    return Kernel(name, "concat", copied, (), (), (), (what,))


def _context_of(scheduled: Schedule, own: range, copied: int) -> dict[str, float]:
    """What a kernel is given: sums over its operations, and details of the first.

    Args:
        scheduled: The whole schedule.
        own: Positions of the kernel's operations.
        copied: Elements that a concat copies.
    """
    position = own[0]
    entry = scheduled.entries[position]
    ifms, ofm = scheduled.memories(position)
    busy = [scheduled.busy(each) for each in own]
    sums = {unit: sum(each[unit] for each in busy) for unit in _BUSY}
    one_by_one = sum(max(each[unit] for unit in _BUSY) for each in busy)
    block, buffering = entry.block, entry.buffering
    off_chip = [float(memory is scheduled.accelerator.off_chip) for memory in ifms]
    return {
        **busy[0],
        **sums,
        "waiting_cycles": max(one_by_one - max(sums.values()), 0.0),
        "tile_height": float(block.ofm_height) if block else 0.0,
        "tile_width": float(block.ofm_width) if block else 0.0,
        "tile_channels": float(block.ofm_depth) if block else 0.0,
        "part_kernel": float(block.part_kernel) if block else 0.0,
        "input_outside": off_chip[0] if off_chip else 0.0,
        "side_outside": max(off_chip[1:], default=0.0),
        "output_outside": float(ofm is scheduled.accelerator.off_chip),
        "staged": float(len(buffering.buffers)) if buffering else 0.0,
        "slices": float(len(buffering.slices)) if buffering else 0.0,
        "cascaded": float(entry.cascade >= 0),
        "stripe_height": float(entry.stripe_height),
        "input_rows": float(any(scheduled.maps[name].nhwc for name in entry.op.ifms)),
        "output_rows": float(bool(entry.op.ofm) and scheduled.maps[entry.op.ofm].nhwc),
        "copied_bytes": float(copied),
    }


def _unit_s(unit: str, table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    cycles: FloatArray = np.maximum(table[f"context:{unit}"], _LEAST_CYCLES) + p["start_cycles"]
    return cycles / (p["clock_mhz"] * 1e6)


def _busiest_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    busiest: FloatArray = np.max([_unit_s(unit, table, p) for unit in _BUSY], axis=0)
    return busiest + table["context:waiting_cycles"] / (p["clock_mhz"] * 1e6)


def _busy(table: KernelTable, p: Mapping[str, float]) -> Terms:
    engine, *memories = (_unit_s(unit, table, p) for unit in _BUSY)
    return Terms(np.where(table["ops"] > 0, engine, 0.0), np.maximum(*memories))


_CONSTANTS: Final = MappingProxyType({"clock_mhz": Range(1000.0, 1.0, 1e5), "start_cycles": Range(0.0, 0.0, 1e4)})

BUSIEST: Final = Formula("ethos-u-busiest", _CONSTANTS, _busiest_s, _busy)
